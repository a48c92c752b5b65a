"""The only place that finds the API key where a client puts it into body, query or path instead of a header."""

import base64
import binascii
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs

import msgspec

from decisioning.ingestion import snowplow

KEY_PATH: Final = "/k/"  # "/k/<key>/v1/batch" is "/v1/batch" with that key


@dataclass(frozen=True, slots=True)
class Sent:
    """What of a request may hold its key."""

    path: str
    query: Mapping[str, str]
    body: bytes


KeyFinder = Callable[[Sent], str | None]


class _Named(msgspec.Struct):
    writeKey: str | None = None
    api_key: str | None = None
    token: str | None = None


_named_decoder = msgspec.json.Decoder(_Named)
_list_decoder = msgspec.json.Decoder(list[msgspec.Raw])
_data_decoder = msgspec.json.Decoder(snowplow.SnowplowBatch)


def split_path(path: str) -> tuple[str | None, str]:
    """Return the key that stands before a path, and the path.

    >>> split_path("/k/rtts_bk_1/com.snowplowanalytics.snowplow/tp2")
    ('rtts_bk_1', '/com.snowplowanalytics.snowplow/tp2')
    >>> split_path("/v1/batch")
    (None, '/v1/batch')
    """
    if not path.startswith(KEY_PATH):
        return None, path
    key, slash, rest = path.removeprefix(KEY_PATH).partition("/")
    return (key or None, f"/{rest}") if slash else (None, path)


def in_segment(sent: Sent) -> str | None:
    """Return the key in ``writeKey`` of body or query."""
    return sent.query.get("writeKey") or _named(sent.body).writeKey


def in_posthog(sent: Sent) -> str | None:
    """Return the key in ``api_key`` or ``token`` of the body, of its first event, or of the query."""
    body = open_posthog(sent.body)
    named = _named(body)
    found = named.api_key or named.token or sent.query.get("api_key") or sent.query.get("token")
    return found or _of_first_event(body)


def in_snowplow(sent: Sent) -> str | None:
    """Return the key in the query, or in app id or tracker namespace of the first payload."""
    if sent.query.get("key"):
        return sent.query["key"]
    if not sent.body:
        return snowplow.key_of(sent.query)
    try:
        payloads = _data_decoder.decode(sent.body).data
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return snowplow.key_of(payloads[0]) if payloads else None


def in_settings_path(sent: Sent) -> str | None:
    """Return the key in ``/v1/projects/<key>/settings``."""
    parts = sent.path.split("/")
    return parts[3] if len(parts) == 5 and parts[4] == "settings" else None


def open_posthog(body: bytes) -> bytes:
    """Return the JSON of a PostHog body; browsers pack it without saying so in a header.

    What cannot be opened is returned as it is: reading it then says what is wrong.
    """
    if body[:2] == b"\x1f\x8b":
        inflate = zlib.decompressobj(wbits=31)
        try:
            plain = inflate.decompress(body, _MAX_OPENED)
        except zlib.error:
            return body
        return plain if not inflate.unconsumed_tail else body
    if body[:5] == b"data=":
        try:
            packed = parse_qs(body.decode("ascii"), max_num_fields=10)["data"][0]
            return base64.b64decode(packed.replace(" ", "+"), validate=True)
        except (binascii.Error, UnicodeDecodeError, KeyError, ValueError):
            return body
    return body


_MAX_OPENED: Final = 512 * 1024


def _named(body: bytes) -> _Named:
    try:
        return _named_decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _NOTHING


_NOTHING: Final = _Named()


def _of_first_event(body: bytes) -> str | None:
    try:
        events = _list_decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        events = [msgspec.Raw(body)]
    if not events:
        return None
    named = _named(bytes(events[0]))
    if named.api_key or named.token:
        return named.api_key or named.token
    try:
        return msgspec.json.decode(bytes(events[0]), type=_First).properties.token
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


class _First(msgspec.Struct):
    properties: _Named
