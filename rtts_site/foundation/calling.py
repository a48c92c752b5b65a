"""The only place that calls addresses that people wrote: at the number that was judged, and never for long."""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

import httpx

from rtts_site.foundation.addresses import Destination

CONNECT_S: Final = 3.0
UNREADABLE: Final = (
    httpx.HTTPError,
    httpx.InvalidURL,
    TimeoutError,
    ValueError,
    ssl.SSLError,
)


class NoAnswer(Exception):
    """Nothing answered in time, or not as a server does; the message is a short code."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What is sent."""

    method: str
    headers: Mapping[str, str]
    content: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever its status."""

    status: int
    headers: httpx.Headers
    body: bytes  # decompressed; b"" where it was not asked for


def call(
    method: str,
    to: Destination,
    *,
    headers: Mapping[str, str],
    content: bytes = b"",
    seconds: float,
) -> int:
    """Return the status of an answer, whose text is not read; redirects are not followed.

    `seconds` bound the whole call, however slowly the other side speaks.

    Raises:
        NoAnswer: no answer in time, or none that can be read.
    """
    return fetch(Sent(method, headers, content), to, seconds=seconds, limit=0).status


def fetch(sent: Sent, to: Destination, *, seconds: float, limit: int) -> Answer:
    """Return an answer with its text, of which at most `limit` bytes are taken; redirects are not followed.

    Raises:
        NoAnswer: no answer in time, none that can be read, or a longer one ("TooLong").
    """
    try:
        return asyncio.run(_send(sent, to, seconds, limit))
    except UNREADABLE as error:
        raise NoAnswer(type(error).__name__) from error


async def _send(sent: Sent, to: Destination, seconds: float, limit: int) -> Answer:
    timeout = httpx.Timeout(seconds, connect=min(CONNECT_S, seconds))
    async with (
        asyncio.timeout(seconds),
        httpx.AsyncClient(
            timeout=timeout, follow_redirects=False, trust_env=False, verify=_trust()
        ) as client,
        client.stream(
            sent.method,
            to.url,
            content=sent.content,
            headers={**sent.headers, "Host": to.host},
            extensions={"sni_hostname": to.name},
        ) as answer,
    ):
        body = await _body(answer, limit) if limit else b""
        return Answer(answer.status_code, answer.headers, body)


async def _body(answer: httpx.Response, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in answer.aiter_bytes(65_536):
        size += len(part)
        if size > limit:
            raise NoAnswer("TooLong")
        parts.append(part)
    return b"".join(parts)


@cache
def _trust() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)
