"""What the benchmarks of intake share: a Valkey and web processes of their own, and batches as libraries send them."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import redis as redis_py

from rtts_site import embedded, stack
from tests.product import free_port

ROOT = Path(__file__).resolve().parents[2]
BATCH = 100
PEOPLE = 5_000
PEPPER_KEY = "for benchmarks only, and long enough to be taken for a real secret key"


@dataclass(frozen=True, slots=True)
class Site:
    """A Valkey and the web processes in front of it; no worker drains."""

    var: Path
    url: str
    redis: "redis_py.Redis"


@contextmanager
def site(*, processes=1):
    """Run Valkey as `make up` does, and `processes` of the decision and event paths."""
    var = Path(tempfile.mkdtemp(prefix="rtts-intake-"))
    port = free_port()
    env = {
        **os.environ,
        "RTTS_VAR": str(var),
        "RTTS_ROLE": "decisions",
        "RTTS_SECRET_KEY": PEPPER_KEY,
        "DJANGO_SETTINGS_MODULE": "rtts_site.settings",
        "RTTS_REDIS_TIMEOUT_MS": "2000",
    }
    for name in ("DATABASE_URL", "REDIS_URL"):
        env.pop(name, None)
    embedded.start(embedded.REDIS, var, dies_with_parent=True)
    program = [sys.executable, "-m", "uvicorn", "rtts_site.asgi:application", "--port", str(port)]
    many = ["--workers", str(processes)] if processes > 1 else []
    web = subprocess.Popen(
        embedded.tie_to_parent([*program, *stack.UVICORN_FLAGS, *many], "TERM"), cwd=ROOT, env=env
    )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_up(web, url)
        client = redis_py.Redis.from_url(embedded.redis_url(var))
        yield Site(var, url, client)
        client.close()
    finally:
        web.terminate()
        web.wait(timeout=20)
        embedded.stop(embedded.REDIS, var)
        shutil.rmtree(var, ignore_errors=True)


def _wait_until_up(web, url):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        assert web.poll() is None
        try:
            with urllib.request.urlopen(url + "/healthz", timeout=2):  # noqa: S310 - our own
                return
        except (OSError, urllib.error.URLError):
            time.sleep(0.05)
    raise AssertionError("the web processes did not start")


def message(number, people=PEOPLE):
    """Return one message as Segment's Python library sends it."""
    return {
        "type": "track",
        "event": ("Product Viewed", "Product Added", "Order Completed")[number % 3],
        "messageId": f"ajs-next-{number:012d}-5f2d7a9c",
        "userId": f"customer-{number * 7919 % people}",
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S.123Z", time.gmtime()),
        "properties": {
            "product_id": f"sku-{number % 977}",
            "category": ("outdoor", "garden", "kitchen")[number % 3],
            "price": number % 10_000 / 100,
            "quantity": 1 + number % 3,
            "currency": "EUR",
        },
        "context": {"library": {"name": "analytics-python", "version": "2.4.0"}},
    }


def batch_body(first):
    """Return the body of ``POST /v1/batch`` with the messages from `first` on."""
    batch = [message(number) for number in range(first, first + BATCH)]
    return json.dumps({"batch": batch, "sentAt": batch[0]["timestamp"]}).encode()


def requests_of(site_url, key, *, batches, first=0):
    """Return whole HTTP requests, ready to be written."""
    parts = urlsplit(site_url)
    made = []
    for number in range(batches):
        body = batch_body(first + number * BATCH)
        head = (
            f"POST /v1/batch HTTP/1.1\r\nhost: {parts.netloc}\r\nauthorization: Bearer {key}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        made.append(head.encode() + body)
    return made


async def _send(url, requests, answers):
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    while requests:
        writer.write(requests.pop())
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0])
        body = await reader.readexactly(length)
        assert head.startswith(b"HTTP/1.1 200"), head + body
        answers.append(body)
    writer.close()
    await writer.wait_closed()


def send_all(url, requests, *, connections):
    """Send requests over keep-alive connections, and return the seconds taken and the accepted events."""

    async def whole():
        waiting, answers = list(reversed(requests)), []
        began = time.perf_counter()
        await asyncio.gather(*(_send(url, waiting, answers) for _ in range(connections)))
        return time.perf_counter() - began, answers

    seconds, answers = asyncio.run(whole())
    return seconds, sum(json.loads(answer)["accepted"] for answer in answers)
