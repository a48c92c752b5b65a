"""The only place that says what a partition's stream holds: accepted events, merges, backfills, erasures."""

from typing import Any, Literal

import msgspec

Kind = Literal[
    "event", "nobody", "merge_out", "merge_in", "backfill", "erase", "part", "forget", "look"
]
CallType = Literal["track", "identify", "page", "screen", "group", "alias"]

# The event names under which views count in conditions.
PAGE_VIEWED = "Page Viewed"
SCREEN_VIEWED = "Screen Viewed"


class Join(msgspec.Struct, frozen=True, array_like=True):
    """Another person that an identify or alias call says is the same one."""

    person: str
    identifier: str  # "anonymous:d-9"
    people: int = 0  # these three are the rule of IdentitySpec as it was at acceptance
    users: int = 0
    unique: bool = False


class Ask(msgspec.Struct, frozen=True, array_like=True):
    """Why a merge is asked for, while the question goes up to who the two have become."""

    evidence: str  # id of the message that said so
    asker: str  # the person of the message
    named: str  # the person of the identifier that it named
    kind: str  # namespace of the record's person
    other_kind: str
    people: int = 0
    users: int = 0
    insists: bool = False  # two users are said to be one; then those whom they became are one too


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entry of a stream; everything in it is fixed at acceptance except `person`, which follows merges."""

    kind: Kind = "event"  # nobody: an event about nobody, which history alone keeps
    # forget: attributes that are removed, which is nothing that anybody did
    # look: an account's event may have changed which segments its member is in; nothing is folded or kept
    message_id: str  # the sender's; 1..200 characters
    person: str  # whose stream it is in
    identifiers: tuple[str, ...] = ()  # as sent: "user:c-42"; the first names the person
    joins: tuple[Join, ...] = ()
    type: CallType = "track"
    event: str = ""  # "Order Completed"; empty for identify, group and alias
    properties: dict[str, Any] = {}
    attributes: dict[str, Any] = {}  # traits of the catalogue as facts; None removes
    traits: dict[str, Any] = {}  # the other traits: history keeps them, the profile does not
    context: dict[str, Any] = {}
    groups: dict[str, str] = {}  # type of group -> the account that the person belongs to: "c-7"
    account: str = ""  # the person id under which that account's own profile is kept
    account_attributes: dict[str, Any] = {}  # what a group call says of the account, as facts
    event_time_ms: int
    received_at_ms: int
    source: str = ""  # id of the API key
    other: str = ""  # merge_out: whom to join; merge_in: the person that left; part: from whom
    payload: bytes = b""  # merge_in, backfill: a packed profile
    refused: bool = False  # merge_in: nothing moves, the person already belongs to another
    forwarded: bool = False  # followed a merge from another stream
    passed: tuple[str, ...] = ()  # whom it was for, on its way from merge to merge
    ask: Ask | None = None  # of merges; None in those of older versions
    had_left: bool = False  # part: it is the person who had left for the other
    member: str = ""  # of an account's event: the person who did it

    by_time: bool = False  # an event that nobody did: time passed, which is no activity

    @property
    def sent_for(self) -> str:
        """The person of the identifier that it was sent with, whoever they have become."""
        return self.passed[0] if self.passed else self.person

    @property
    def dedupe_id(self) -> str:
        """What a partition takes once; a forwarded record may land in the partition it was sent to."""
        return f"{self.message_id}>{self.person}" if self.forwarded else self.message_id


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Record)


def encode_record(record: Record) -> bytes:
    """Return the record as it stands in a stream and in history."""
    return _encoder.encode(record)


def decode_record(data: bytes) -> Record:
    """Return the record of a stream entry.

    Raises:
        msgspec.DecodeError: not written by `encode_record`.
    """
    return _decoder.decode(data)


def stream_order(stream_id: str) -> tuple[int, int]:
    """Return a key that orders stream ids as the server does; "" stands before all.

    >>> stream_order("1763-2") < stream_order("1763-10")
    True
    """
    milliseconds, _, sequence = stream_id.partition("-")
    return int(milliseconds or 0), int(sequence or 0)
