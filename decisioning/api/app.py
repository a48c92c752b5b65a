"""The ASGI callable that answers the fast paths; everything else is left to Django."""

import logging
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from decisioning.api.http import (
    PROBLEM_JSON,
    Headers,
    Receive,
    Request,
    Response,
    Route,
    Send,
    Wire,
    find_route,
    methods_of,
    parse_query,
    read_body,
    read_headers,
    respond,
)
from decisioning.api.presented import Sent, split_path
from decisioning.api.process import this_process
from rtts_site.foundation import metrics
from rtts_site.foundation.api_keys import KeyRecord, KeysUnavailableError, presented_secret
from rtts_site.foundation.limits import BROWSER
from rtts_site.foundation.problems import Problem, problem_body
from rtts_site.foundation.redis_clients import hot_client

logger = logging.getLogger("decisioning")

for name in (
    "decisions",
    "feedback",
    "ofrep",
    "stream",
    "events",
    "adapters",
):  # they register their routes
    import_module(f"decisioning.api.{name}")

PREFLIGHT: Headers = (
    (b"access-control-allow-methods", b"GET, POST, OPTIONS"),
    (
        b"access-control-allow-headers",
        b"authorization, content-type, x-api-key, idempotency-key, if-none-match, x-retry-count, "
        b"x-user-id, x-anonymous-id, x-person-proof, x-rtts-preview, anonymousid, sp-anonymous",
    ),
    (b"access-control-allow-credentials", b"true"),  # some libraries insist; nothing reads cookies
    (b"access-control-allow-private-network", b"true"),
    (b"access-control-max-age", b"600"),
    (b"vary", b"origin"),
)


async def app(scope: Any, receive: Receive, send: Send) -> bool:
    """Answer a fast path; return False, with nothing read or sent, where the path is Django's."""
    if scope["type"] == "lifespan":
        await live(receive, send)
        return True
    method = scope["method"]
    key_before, path = split_path(scope["path"])
    found = find_route(method, path)
    if found is not None and key_before is not None and found.find_key is None:
        return False  # only what clients send without headers has its key in the path
    if found is not None:
        await answer(found, scope, receive, send, key_before=key_before, path=path)
        return True
    open_page = OPEN_PAGES.get(path)
    if open_page is not None and method in ("GET", "HEAD"):
        await respond(send, open_page())
        return True
    known = methods_of(path)
    if not known:
        return False
    await respond(send, refuse_method(method, known, origin_of(scope)))
    return True


async def live(receive: Receive, send: Send) -> None:
    """Load the release before the first request; end the threads after the last."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await this_process().warm_up()
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            this_process().stop()
            await this_process().close_connections()
            await send({"type": "lifespan.shutdown.complete"})
            return


async def answer(
    found: Route, scope: Any, receive: Receive, send: Send, *, key_before: str | None, path: str
) -> None:
    """Read, authenticate, call the handler and write; a Problem becomes its answer.

    `path` is the request's without `key_before`, the key that stood before it.
    """
    started = time.perf_counter()
    headers = read_headers(scope["headers"])
    extra: Headers = ()
    try:
        body = await read_body(receive, headers, limit=found.limit)
        query = parse_query(scope["query_string"])
        secret = secret_of(found, headers, Sent(path, query, body), key_before)
        key = await authenticate(found, headers, secret)
        extra = allow_origin(key, headers.get("origin", ""))
        extra += take_from_rate(found, key)
        scheme = scope.get("scheme", "http")
        request = Request(scope["method"], path, headers, query, body, key, secret, scheme)
        if found.streaming is not None:
            again = partial(authenticate, found, headers, secret)
            await found.streaming(request, Wire(receive, send, extra, again))
            return
        response = await found.handler(request)
    except Problem as problem:
        response = problem_response(problem)
    except Exception:
        logger.exception("request.failed path=%s", found.path)
        response = problem_response(
            Problem(500, "Internal error", "It is in the server's log; try again.")
        )
    await respond(send, response, extra=extra)
    metrics.HTTP_REQUESTS.labels(found.path, response.status).inc()
    metrics.HTTP_SECONDS.labels(found.path).observe(time.perf_counter() - started)


def secret_of(found: Route, headers: dict[str, str], sent: Sent, before: str | None) -> str:
    """Return the secret that a request presents, in a header or where its client puts it.

    Raises:
        Problem: 401 where there is none.
    """
    write_key = before
    if write_key is None and found.find_key is not None and "authorization" not in headers:
        write_key = found.find_key(sent)
    secret = presented_secret(headers, write_key=write_key)
    if secret is None:
        raise unauthorised("Send an API key: Authorization: Bearer rtts_…")
    return secret


async def authenticate(found: Route, headers: dict[str, str], secret: str) -> KeyRecord:
    """Return the key of a secret.

    Raises:
        Problem: 401 without a live key, 403 without the scope or from another origin, 503 while keys
            cannot be read.
    """
    try:
        key = await this_process().keys.find(hot_client(), secret)
    except KeysUnavailableError as error:
        raise Problem(
            503, "Keys unavailable", str(error), headers=[("Retry-After", "1")]
        ) from error
    if key is None:
        raise unauthorised("This API key is not known, or was revoked or replaced.")
    if not key.allows(found.scope):
        raise Problem(403, "Not allowed", f"This API key lacks the scope {found.scope}.")
    if not any(map(key.allows_origin, origins_said(headers))):
        raise Problem(403, "Not allowed", "This browser key may not be used from this origin.")
    return key


def origins_said(headers: dict[str, str]) -> tuple[str | None, ...]:
    """Return where the page of a request may be from; a GET to the page's own server has no Origin header."""
    if "origin" not in headers and headers.get("sec-fetch-site") == "same-origin":
        host = headers.get("host", "")
        return f"https://{host}", f"http://{host}"
    if "origin" not in headers and headers.get("sec-fetch-dest") == "image":
        return (origin_of_address(headers.get("referer", "")),)  # a pixel's request has no Origin
    return (headers.get("origin"),)


def origin_of_address(address: str) -> str:
    """Return the origin of a page's address.

    >>> origin_of_address("https://shop.example/hats?x=1")
    'https://shop.example'
    """
    scheme, _, rest = address.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"


def unauthorised(detail: str) -> Problem:
    """Return the answer to a request without a live key."""
    return Problem(401, "Not authorised", detail, headers=[("WWW-Authenticate", "Bearer")])


def allow_origin(key: KeyRecord, origin: str) -> Headers:
    """Return the headers that let a page of an allowed origin read the answer."""
    if key.kind != "browser" or not origin:
        return ()
    return (
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"access-control-allow-credentials", b"true"),
        (b"access-control-expose-headers", b"etag, retry-after, ratelimit, ratelimit-policy"),
        (b"vary", b"origin"),
    )


def take_from_rate(found: Route, key: KeyRecord) -> Headers:
    """Count a request against its key's rate in this process and return the headers that say what is left.

    Raises:
        Problem: 429 past the rate.
    """
    rate = BROWSER if key.kind == "browser" else found.rate
    allowance = this_process().limiter.take_locally(rate, key.id)
    if not allowance.allowed:
        detail = f"This key may make {rate.quota:,} requests in {rate.window_s} s here."
        raise Problem(429, "Too many requests", detail, headers=allowance.headers())
    return tuple((name.encode(), value.encode()) for name, value in allowance.headers())


def origin_of(scope: Any) -> bytes:
    """Return the Origin header, b"" without one."""
    return next((value for name, value in scope["headers"] if name == b"origin"), b"")


def refuse_method(method: str, known: list[str], origin: bytes) -> Response:
    """Answer another method than a path knows: a preflight, or 405.

    A preflight names no key, so it promises every origin; the request itself is checked.
    """
    if method == "OPTIONS" and origin:
        return Response(204, b"", ((b"access-control-allow-origin", origin), *PREFLIGHT))
    allowed = ", ".join(known)
    return problem_response(
        Problem(
            405, "Method not allowed", f"This path takes {allowed}.", headers=[("Allow", allowed)]
        )
    )


def problem_response(problem: Problem) -> Response:
    """Return a problem as the answer that goes out."""
    headers = tuple((name.encode(), value.encode()) for name, value in problem.headers)
    return Response(problem.status, problem_body(problem), headers, PROBLEM_JSON)


def health() -> Response:
    """Answer that the process lives."""
    return Response(200, b'{"status":"ok"}')


def ready() -> Response:
    """Answer whether a verified release and policy are loaded; says nothing about the stores."""
    holder = this_process().holder
    body = msgspec.json.encode(holder.describe())
    return Response(200 if holder.is_ready else 503, body)


def exposition() -> Response:
    """Answer the metrics of this process."""
    return Response(200, generate_latest(), content_type=CONTENT_TYPE_LATEST.encode())


OPEN_PAGES: dict[str, Callable[[], Response]] = {
    "/healthz": health,
    "/readyz": ready,
    "/metrics": exposition,
}
