"""The only place that calls addresses that people wrote: at the number that was judged, and never for long."""

import asyncio
import ssl
from collections.abc import Mapping
from functools import cache
from typing import Final

import httpx

from campaigns.notifying.addresses import Destination

CONNECT_S: Final = 3.0


class NoAnswer(Exception):
    """Nothing answered in time, or not as a server does; the message is a short code."""


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
    try:
        return asyncio.run(_send(method, to, dict(headers), content, seconds))
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError, ssl.SSLError) as error:
        raise NoAnswer(type(error).__name__) from error


async def _send(
    method: str, to: Destination, headers: dict[str, str], content: bytes, seconds: float
) -> int:
    timeout = httpx.Timeout(seconds, connect=min(CONNECT_S, seconds))
    async with (
        asyncio.timeout(seconds),
        httpx.AsyncClient(
            timeout=timeout, follow_redirects=False, trust_env=False, verify=_trust()
        ) as client,
        client.stream(
            method,
            to.url,
            content=content,
            headers=headers | {"Host": to.host},
            extensions={"sni_hostname": to.name},
        ) as answer,
    ):
        return answer.status_code


@cache
def _trust() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)
