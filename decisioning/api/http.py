"""The toolkit of the fast paths over raw ASGI: routes, reading, authentication, limits, problem answers."""

import re
import zlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec

from decisioning.api.presented import KeyFinder
from rtts_site.foundation import limits
from rtts_site.foundation.api_keys import KeyRecord
from rtts_site.foundation.problems import Problem, invalid_field

# Published limits; README and the schema name them.
DECISION_BODY_BYTES = 64 * 1024
DECISION_BATCH_BODY_BYTES = 1024 * 1024
EVENT_BATCH_BODY_BYTES = 512 * 1024
FEEDBACK_BODY_BYTES = 256 * 1024
MAX_PLACEMENTS = 30
MAX_COUNT = 30  # offers of one placement
MAX_REQUEST_EVENTS = 50
MAX_BATCH_PEOPLE = 100
MAX_FEEDBACK = 500
MAX_STREAMS = 500  # open at once in a process
MAX_KEY_STREAMS = 200  # of those, of one key
MAX_ATTRIBUTES = 100

JSON = b"application/json"
PROBLEM_JSON = b"application/problem+json"

T = TypeVar("T")
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Headers = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a fast path, read and authenticated."""

    method: str
    path: str
    headers: Mapping[str, str]  # names in lower case
    query: Mapping[str, str]
    body: bytes  # decompressed
    key: KeyRecord
    secret: str = field(default="", repr=False)  # the key as it was presented
    scheme: str = "http"


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer."""

    status: int
    body: bytes
    headers: Headers = ()
    content_type: bytes = JSON


@dataclass(frozen=True, slots=True)
class Wire:
    """What a handler that writes its own answer needs beside the request."""

    receive: Receive
    send: Send
    headers: Headers  # that its answer must carry
    authenticate: Callable[[], Awaitable[KeyRecord]]  # again; raises a Problem once the key is gone


Handler = Callable[[Request], Awaitable[Response]]
Streaming = Callable[[Request, Wire], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Route:
    """A fast path: its handler, the scope that its key needs, the largest body (decompressed)."""

    path: str
    handler: Handler
    scope: str
    limit: int
    find_key: KeyFinder | None = field(default=None)  # where clients put the key but in a header
    streaming: Streaming | None = field(default=None)  # writes its own answer
    rate: limits.Rate = field(default=limits.DECISIONS)  # of secret keys


ROUTES: dict[tuple[str, str], Route] = {}
PREFIXES: list[tuple[str, str]] = []  # (method, path prefix) whose route is ROUTES[method, prefix]


def route(
    method: str,
    path: str,
    *,
    scope: str,
    limit: int,
    find_key: KeyFinder | None = None,
    rate: limits.Rate = limits.DECISIONS,
) -> Callable[[Handler], Handler]:
    """Register a handler; a path that ends in ``/*`` takes every path below it."""

    def register(handler: Handler) -> Handler:
        ROUTES[method, path] = Route(path, handler, scope, limit, find_key, rate=rate)
        if path.endswith("/*"):
            PREFIXES.append((method, path))
        return handler

    return register


def route_stream(path: str, *, scope: str) -> Callable[[Streaming], Streaming]:
    """Register a GET whose handler writes its own answer, for as long as it likes."""

    def register(streaming: Streaming) -> Streaming:
        ROUTES["GET", path] = Route(path, _never, scope, 0, streaming=streaming)
        return streaming

    return register


async def _never(request: Request) -> Response:
    raise LookupError(f"{request.path} writes its own answer")


def find_route(method: str, path: str) -> Route | None:
    """Return the route of a path, or None where Django answers."""
    found = ROUTES.get((method, path))
    if found is not None:
        return found
    for wanted, prefix in PREFIXES:
        if wanted == method and path.startswith(prefix[:-1]) and len(path) >= len(prefix):
            return ROUTES[wanted, prefix]
    return None


def methods_of(path: str) -> list[str]:
    """Return the methods that a fast path knows, sorted; empty where Django answers."""
    exact = {method for method, known in ROUTES if known == path}
    below = {
        method
        for method, prefix in PREFIXES
        if path.startswith(prefix[:-1]) and len(path) >= len(prefix)
    }
    return sorted(exact | below)


def read_headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return the headers of an ASGI scope; of a name that is sent again the values stand in a list.

    >>> read_headers([(b"sec-gpc", b"1"), (b"host", b"shop"), (b"sec-gpc", b"0")])
    {'sec-gpc': '1, 0', 'host': 'shop'}
    """
    headers: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


async def read_body(receive: Receive, headers: Mapping[str, str], *, limit: int) -> bytes:
    """Return the request's body, decompressed.

    Raises:
        Problem: 413 past `limit` bytes, 400 where gzip is broken, 415 for another encoding.
    """
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Problem(status=400, title="Body incomplete", detail="The client went away.")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise too_large(limit)
        chunks.append(chunk)
        if not message.get("more_body", False):
            break
    body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
    return decompress(body, headers.get("content-encoding", ""), limit=limit)


def decompress(body: bytes, encoding: str, *, limit: int) -> bytes:
    """Return a body as sent before its Content-Encoding; never inflates past `limit` bytes."""
    if encoding in ("", "identity"):
        return body
    if encoding != "gzip":
        raise Problem(
            status=415,
            title="Encoding not supported",
            detail=f"Send the body plain or as gzip, not {encoding[:40]}.",
        )
    inflate = zlib.decompressobj(wbits=31)
    try:
        plain = inflate.decompress(body, limit + 1)
    except zlib.error as error:
        raise Problem(
            status=400, title="Broken gzip", detail="The body is not valid gzip."
        ) from error
    if len(plain) > limit:
        raise too_large(limit)
    return plain


def too_large(limit: int) -> Problem:
    """Return the answer to a body past its limit, bytes."""
    return Problem(
        status=413, title="Body too large", detail=f"This path takes at most {limit} bytes."
    )


def decode(body: bytes, decoder: "msgspec.json.Decoder[T]") -> T:
    """Return the validated body.

    Raises:
        Problem: 400 where it is not JSON, 422 for a wrong field; `errors` name the field by JSON pointer.
    """
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise invalid_field(*pointer_and_words(str(error))) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(
            status=400, title="Not JSON", detail=f"Send one JSON object: {error}"[:300]
        ) from error


FIELD = re.compile(r"(?:unknown|required) field `([^`]*)`")
STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\[\.\.\.\]")


def pointer_and_words(message: str) -> tuple[str, str]:
    """Translate what msgspec says about a wrong body.

    >>> pointer_and_words("Expected `int`, got `str` - at `$.placements[0].count`")
    ('/placements/0/count', 'Expected `int`, got `str`')
    """
    words, _, place = message.partition(" - at ")
    pointer = "".join(f"/{name or index or '*'}" for name, index in STEP.findall(place.strip("`")))
    named = FIELD.search(words)
    if named is not None:
        pointer += f"/{named.group(1)}"
    return pointer, words


def parse_query(raw: bytes) -> dict[str, str]:
    """Return the query as name -> last value.

    Raises:
        Problem: 400 with more than 50 names.
    """
    if not raw:
        return {}
    try:
        return dict(parse_qsl(raw.decode("latin-1"), keep_blank_values=True, max_num_fields=50))
    except ValueError as error:
        raise Problem(400, "Query not valid", "Send at most 50 query parameters.") from error


async def respond(send: Send, response: Response, *, extra: Headers = ()) -> None:
    """Write a whole answer."""
    headers = [
        (b"content-type", response.content_type),
        (b"content-length", b"%d" % len(response.body)),
        *response.headers,
        *extra,
    ]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})
