"""The floors: the same web server with a constant answer, and with one Redis read and nothing else."""

import os

import redis.asyncio

ANSWER = b'{"placements":[{"key":"web.home.hero","status":"offers","offers":[]}]}'
START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(ANSWER)).encode()),
    ],
}
BODY = {"type": "http.response.body", "body": ANSWER}
_clients: dict[str, redis.asyncio.Redis] = {}


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    await receive()
    if scope["path"] == "/redis":
        await _read()
    await send(START)
    await send(BODY)


async def _read():
    if "one" not in _clients:
        _clients["one"] = redis.asyncio.Redis.from_url(os.environ["FLOOR_REDIS_URL"])
    pipeline = _clients["one"].pipeline(transaction=False)
    for key in ("profile", "caps", "consent"):
        pipeline.get(key)
    await pipeline.execute()
