"""The only place that reads the Segment tracking API: messages in, records or reasons out."""

import hashlib
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from consent.people import Identifier, Namespace, person_id
from decisioning.ingestion.records import (
    PAGE_VIEWED,
    SCREEN_VIEWED,
    CallType,
    Join,
    Record,
    encode_record,
)
from decisioning.ingestion.traits import TraitRefused, read_traits
from decisioning.specs import AttributeSpec

MAX_EVENT_BYTES: Final = 32 * 1024
MAX_BATCH_EVENTS: Final = 2_500
MAX_ID: Final = 200  # characters of an identifier, a message id, an event name
FUTURE_MS: Final = 5 * 60_000  # an event further ahead is quarantined

CALL_TYPES: Final[tuple[CallType, ...]] = (
    "track",
    "identify",
    "page",
    "screen",
    "group",
    "alias",
)
REQUEST_CALLS: Final[tuple[CallType, ...]] = ("track", "page", "screen")  # with a decision request
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_LOOSE_DAY: Final = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?=T|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """Who sends, when it came, and by which catalogue it is read."""

    attributes: Mapping[str, AttributeSpec]
    received_at_ms: int
    pepper: bytes = field(repr=False)
    source: str = ""  # id of the API key
    is_browser: bool = False
    proven: frozenset[str] = frozenset()  # user ids whose proof was verified
    calls: tuple[CallType, ...] = CALL_TYPES  # that may be sent


@dataclass(frozen=True, slots=True)
class Refusal:
    """An item refused for what it is; sending it again changes nothing."""

    item: int  # its place in the batch, from 0
    pointer: str  # "/userId"
    reason: str
    message_id: str | None = None
    quarantined: Record | None = None  # kept apart because its time lies in the future


class Refused(Exception):
    """What makes one message unacceptable; `pointer` names its field."""

    def __init__(self, pointer: str, reason: str) -> None:
        super().__init__(reason)
        self.pointer = pointer
        self.reason = reason


class Message(msgspec.Struct, kw_only=True, rename="camel"):
    """One message of a Segment library, as far as it is read."""

    type: str | None = None
    user_id: str | int | None = None
    anonymous_id: str | int | None = None
    previous_id: str | int | None = None
    group_id: str | int | None = None
    message_id: str | None = None
    event: str | None = None
    name: str | None = None
    category: str | None = None
    properties: dict[str, Any] | None = None
    traits: dict[str, Any] | None = None
    context: dict[str, Any] | None = None
    timestamp: str | None = None
    original_timestamp: str | None = None
    sent_at: str | None = None


_message_decoder = msgspec.json.Decoder(Message)


def read_messages(
    items: Sequence[msgspec.Raw],
    *,
    intake: Intake,
    kind: CallType | None = None,
    sent_at: str | None = None,
    context: dict[str, Any] | None = None,
) -> tuple[list[Record], list[Refusal]]:
    """Return the records of a batch, in order, and a refusal for each message that has none.

    `kind` is set by the path where it names one; `sent_at` and `context` are the batch's own.
    """
    records: list[Record] = []
    refusals: list[Refusal] = []
    for place, raw in enumerate(items):
        message_id: str | None = None
        try:
            message = _decode(bytes(raw))
            message_id = message.message_id
            message.sent_at = message.sent_at or sent_at
            message.context = message.context or context or {}
            record = _record(message, kind=kind, intake=intake, content=bytes(raw) + b"%d" % place)
            _check_time(record)
            records.append(_clamped(record))
        except _FromTheFuture as ahead:
            refusals.append(Refusal(place, ahead.pointer, ahead.reason, message_id, ahead.record))
        except Refused as refused:
            refusals.append(Refusal(place, refused.pointer, refused.reason, message_id))
    return records, refusals


def claimed_users(items: Sequence[msgspec.Raw]) -> Iterator[tuple[str, str]]:
    """Yield each (user id, proof) that messages of a browser carry in ``context.proof``."""
    for raw in items:
        try:
            message = _decode(bytes(raw))
        except Refused:
            continue  # `read_messages` gives it its reason
        proof = (message.context or {}).get("proof")
        if isinstance(proof, str) and message.user_id is not None:
            yield str(message.user_id), proof


def records_from_request_events(
    events: Sequence[dict[str, Any]], *, identifiers: Sequence[Identifier], intake: Intake
) -> tuple[list[Record], list[Refusal]]:
    """Return the records of events that came with a decision request about `identifiers`.

    Each is a track, page or screen message without a person of its own; the request's person it is.
    """
    named = {f"{one.namespace}Id": one.value for one in identifiers}
    raws = []
    for event in events:
        others = {"userId": None, "anonymousId": None, "previousId": None}
        raws.append(msgspec.Raw(msgspec.json.encode({"type": "track", **event, **others, **named})))
    return read_messages(raws, intake=replace(intake, calls=REQUEST_CALLS))


def _decode(raw: bytes) -> Message:
    if len(raw) > MAX_EVENT_BYTES:
        raise Refused("", f"An event may be at most {MAX_EVENT_BYTES} bytes; this has {len(raw)}.")
    try:
        return _message_decoder.decode(raw)
    except msgspec.ValidationError as error:
        words, _, place = str(error).partition(" - at ")
        pointer = place.strip("`").removeprefix("$").replace(".", "/")
        raise Refused(pointer, words) from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Refused("", f"Not JSON that can be read: {error}"[:200]) from error


def _record(message: Message, *, kind: CallType | None, intake: Intake, content: bytes) -> Record:
    call = kind or _call_type(message.type, intake.calls)
    identifiers = _identifiers(message, intake)
    if not identifiers:
        raise Refused("/userId", "Send userId, anonymousId or both.")
    attributes, traits = _attributes(call, message, intake)
    primary = identifiers[0]
    record = Record(
        message_id=_message_id(message, content),
        person=person_id(primary, pepper=intake.pepper),
        identifiers=tuple(_name(one) for one in identifiers),
        joins=tuple(_joins(call, message, identifiers, intake)),
        type=call,
        event=_event_name(call, message),
        properties=_properties(call, message),
        attributes=attributes,
        traits=traits,
        context=_context(message),
        event_time_ms=event_time_ms(message, received_at_ms=intake.received_at_ms),
        received_at_ms=intake.received_at_ms,
        source=intake.source,
    )
    check_packable(record)
    return record


def check_packable(record: Record) -> None:
    """Refuse what JSON can say and a stream cannot hold.

    Raises:
        Refused: a number of more than 64 bits.
    """
    try:
        encode_record(record)
    except (OverflowError, RecursionError) as error:
        raise Refused("/properties", "Whole numbers must fit 64 bits.") from error


def _call_type(text: str | None, calls: tuple[CallType, ...]) -> CallType:
    found = next((one for one in calls if one == text), None)
    if found is None:
        raise Refused("/type", f"Send one of {', '.join(calls)}.")
    return found


def _identifiers(message: Message, intake: Intake) -> list[Identifier]:
    """Return who the message is about, the user first."""
    named: list[Identifier] = []
    user = read_id("/userId", message.user_id)
    if user is not None:
        _check_proven(user, intake)
        named.append(Identifier("user", user))
    anonymous = read_id("/anonymousId", message.anonymous_id)
    if anonymous is not None:
        named.append(Identifier("anonymous", anonymous))
    return named


def read_id(pointer: str, value: str | int | None) -> str | None:
    """Return an identifier as text; None where it is missing, null or empty.

    Raises:
        Refused: too long, or with control characters.
    """
    if value is None or value == "":
        return None
    text = str(value)
    if len(text) > MAX_ID or _CONTROL.search(text):
        raise Refused(pointer, f"Send at most {MAX_ID} characters, no control characters.")
    return text


def _check_proven(user: str, intake: Intake) -> None:
    if intake.is_browser and user not in intake.proven:
        raise Refused(
            "/userId",
            "A browser key may name a user only with a proof signed by the channel's server, in "
            "context.proof; send anonymousId.",
        )


def _joins(
    call: CallType, message: Message, identifiers: list[Identifier], intake: Intake
) -> Iterator[Join]:
    """Yield whom the call says to be the same person: identify with both ids, or alias."""
    others: list[Identifier] = []
    if call == "identify":
        others = identifiers[1:]
    elif call == "alias":
        previous = read_id("/previousId", message.previous_id)
        if previous is None:
            raise Refused("/previousId", "An alias needs previousId.")
        # A library does not say which kind of id it was before.
        spaces: tuple[Namespace, ...] = (
            ("anonymous",) if intake.is_browser else ("anonymous", "user")
        )
        others = [Identifier(space, previous) for space in spaces]
        others += identifiers[1:]
    for other in others:
        if other != identifiers[0]:
            yield Join(person_id(other, pepper=intake.pepper), _name(other))


def _name(identifier: Identifier) -> str:
    return f"{identifier.namespace}:{identifier.value}"


def _event_name(call: CallType, message: Message) -> str:
    if call == "track":
        name = read_id("/event", message.event)
        if name is None:
            raise Refused("/event", "A track call needs the name of its event.")
        return name
    return {"page": PAGE_VIEWED, "screen": SCREEN_VIEWED}.get(call, "")


def _properties(call: CallType, message: Message) -> dict[str, Any]:
    properties = dict(message.properties or {})
    if call in ("page", "screen"):
        for key in ("name", "category"):
            value = getattr(message, key)
            if value is not None:
                properties.setdefault(key, value)
    if call == "group":
        properties["groupId"] = read_id("/groupId", message.group_id)
    return properties


def _attributes(
    call: CallType, message: Message, intake: Intake
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the traits that set attributes, and the others."""
    traits = message.traits or {}
    if call != "identify":
        return {}, traits
    in_context = (message.context or {}).get("traits")
    if not traits and isinstance(in_context, dict):
        traits = in_context
    try:
        return read_traits(traits, attributes=intake.attributes, is_browser=intake.is_browser)
    except TraitRefused as refused:
        raise Refused(f"/traits/{refused.key}", str(refused)) from refused


def _context(message: Message) -> dict[str, Any]:
    context = dict(message.context or {})
    context.pop("proof", None)
    return context


def _message_id(message: Message, content: bytes) -> str:
    sent = read_id("/messageId", message.message_id)
    if sent is not None:
        return sent
    if message.timestamp is None and message.sent_at is None:
        return str(uuid.uuid4())
    # A retry repeats the bytes, so the content can stand for the missing id.
    return hashlib.sha256(content).hexdigest()[:32]


# Time


class _FromTheFuture(Refused):
    """An event whose time lies more than FUTURE_MS ahead."""

    def __init__(self, record: Record, ahead_ms: int) -> None:
        super().__init__(
            "/timestamp",
            f"The event's time is {ahead_ms // 1000} s in the future; it is kept apart and not used.",
        )
        self.record = record


def _check_time(record: Record) -> None:
    ahead_ms = record.event_time_ms - record.received_at_ms
    if ahead_ms > FUTURE_MS:
        raise _FromTheFuture(record, ahead_ms)


def _clamped(record: Record) -> Record:
    """Return the record no later than it was received, so that the newest event is never ahead of now."""
    if record.event_time_ms <= record.received_at_ms:
        return record
    return msgspec.structs.replace(record, event_time_ms=record.received_at_ms)


def event_time_ms(message: Message, *, received_at_ms: int) -> int:
    """Return received − (sent − stamped) where the sender says when it sent, else the stamp, else received."""
    stamped = parse_time("/timestamp", message.original_timestamp or message.timestamp)
    sent = parse_time("/sentAt", message.sent_at)
    if stamped is None:
        return received_at_ms
    if sent is None:
        return stamped
    return max(0, received_at_ms - (sent - stamped))


def parse_time(pointer: str, text: str | None) -> int | None:
    """Return epoch milliseconds of an ISO 8601 time, UTC where no zone is given.

    Raises:
        Refused: not such a time, or before 1970.
    """
    if text is None or text == "":
        return None
    try:
        moment = datetime.fromisoformat(_LOOSE_DAY.sub(_padded, text.strip()))
        epoch_ms = round(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise Refused(pointer, 'Send a time such as "2026-11-22T09:00:00Z".') from error
    if epoch_ms < 0:
        raise Refused(pointer, "Send a time after 1970.")
    return epoch_ms


def _padded(match: re.Match[str]) -> str:
    year, month, day = match.groups()
    return f"{year}-{month:0>2}-{day:0>2}"
