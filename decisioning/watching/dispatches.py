"""The only place that says what workers have to tell others, as it stands in a partition's stream."""

from typing import Any, Final, Literal

import msgspec

Kind = Literal["segment.entered", "segment.left", "trigger.fired"]
FIELD: Final = "d"


class Dispatch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that happened to a person; its place in the stream is its id."""

    kind: Kind
    person: str
    key: str  # of the segment or trigger
    at_ms: int
    event: str = ""  # that started a trigger
    message_id: str = ""  # of that event
    properties: dict[str, Any] = {}
    since_ms: int = 0  # left: when they had entered; absence: when its event was


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Dispatch)


def encode_dispatch(dispatch: Dispatch) -> bytes:
    """Return a dispatch as it stands in a stream."""
    return _encoder.encode(dispatch)


def decode_dispatch(data: bytes) -> Dispatch:
    """Return the dispatch of `encode_dispatch`.

    Raises:
        msgspec.DecodeError: other bytes.
    """
    return _decoder.decode(data)
