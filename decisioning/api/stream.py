"""``GET /v1/stream``: server-sent events with a person's new decision whenever their profile changes."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import msgspec
from django.conf import settings

from consent.people import Identifier, changed_channel, person_id
from decisioning.answering import Call
from decisioning.api.decisions import forbidden, prove, settle
from decisioning.api.http import MAX_PLACEMENTS, Headers, Receive, Request, Send, route_stream
from decisioning.messages import Ask, Options, PlacementAsk
from rtts_site.foundation.problems import Problem, invalid_field
from rtts_site.foundation.redis_clients import Down, hot_client

HEARTBEAT_SECONDS: Final = 15.0
LONGEST_SECONDS: Final = 600.0  # then the client connects again, with a key that must still be good
HEADERS: Final = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
)
encoder = msgspec.json.Encoder()


@route_stream("/v1/stream", scope="decisions")
async def get_stream(request: Request, receive: Receive, send: Send, cors: Headers) -> None:
    """Send a decision at once, then one after each change of the profile, until the client leaves."""
    call = await read_request(request)
    await send({"type": "http.response.start", "status": 200, "headers": [*HEADERS, *cors]})
    sender = asyncio.create_task(send_decisions(call, send))
    leaving = asyncio.create_task(client_left(receive))
    done, waiting = await asyncio.wait({sender, leaving}, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    if sender in done:
        sender.result()
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def read_request(request: Request) -> Call:
    """Return the call to answer again and again; streamed decisions reserve and log nothing.

    Raises:
        Problem: 422 or 403, naming the parameter.
    """
    names = [one for one in request.query.get("placements", "").split(",") if one]
    if not 0 < len(names) <= MAX_PLACEMENTS:
        raise invalid_field("/placements", "Name 1 to 30 placements, with commas between them.")
    for name in names:
        if not request.key.allows_placement(name):
            raise forbidden("/placements", f"This API key may not ask for {name}.")
    person = person_id(await identify(request), pepper=settings.RTTS_PEPPER)
    return Call(
        ask=Ask(person, tuple(PlacementAsk(name) for name in names)),
        given={},
        options=Options(),
        now=this_moment(),
        show_values=request.key.kind == "secret",
        reserve=False,
    )


async def identify(request: Request) -> Identifier:
    """Return whom the query names; for a browser key a user needs a proof.

    Raises:
        Problem: 422 without anybody, 403 without a proof.
    """
    user, anonymous = request.query.get("user_id"), request.query.get("anonymous_id")
    if user is not None and 0 < len(user) <= 200:
        if request.key.kind == "browser":
            await prove(user, request.query.get("proof"))
        return Identifier("user", user)
    if anonymous is not None and 0 < len(anonymous) <= 200:
        return Identifier("anonymous", anonymous)
    raise invalid_field("/user_id", "Send user_id or anonymous_id, 1 to 200 characters.")


async def send_decisions(call: Call, send: Send) -> None:
    """Send decisions for as long as a stream may last."""
    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            async for is_news in changes(call.ask.person):
                await send(
                    {
                        "type": "http.response.body",
                        "body": await event(call, is_news),
                        "more_body": True,
                    }
                )
    except (TimeoutError, Problem):
        return


async def event(call: Call, is_news: bool) -> bytes:
    """Return a decision as an event, or a comment that keeps the connection open."""
    if not is_news:
        return b": still here\n\n"
    answer = await settle(replace(call, now=this_moment()))
    return b"event: decision\ndata: " + encoder.encode(answer) + b"\n\n"


async def changes(person: str) -> AsyncIterator[bool]:
    """Yield True at once and after each change of the profile, False when nothing came for a while."""
    async with hot_client().pubsub() as subscription:
        try:
            await subscription.subscribe(changed_channel(person))
            yield True
            quiet_since = time.monotonic()
            while True:
                # None also stands for the subscription's own confirmation.
                message = await subscription.get_message(
                    ignore_subscribe_messages=True, timeout=HEARTBEAT_SECONDS
                )
                is_quiet = time.monotonic() - quiet_since >= HEARTBEAT_SECONDS
                if message is not None or is_quiet:
                    yield message is not None
                    quiet_since = time.monotonic()
        except Down:
            yield True  # the client connects again, to whatever is left


async def client_left(receive: Receive) -> None:
    """Return when the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


def this_moment() -> datetime:
    """Return the time in whole milliseconds."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)
