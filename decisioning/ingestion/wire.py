"""The only place that reads the Segment tracking API: messages in, records or reasons out."""

import hashlib
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import msgspec

from consent.people import Identifier, person_id
from decisioning.ingestion.identities import (
    NOBODY,
    RULES,
    Naming,
    Rules,
    Trust,
    name_account,
    name_people,
)
from decisioning.ingestion.records import (
    PAGE_VIEWED,
    SCREEN_VIEWED,
    CallType,
    Record,
    encode_record,
)
from decisioning.ingestion.refusals import (
    NamesNobody,
    Refusal,
    Refused,
    collect,
    read_id,
    wrong_shape,
)
from decisioning.ingestion.times import event_time_ms, in_time
from decisioning.ingestion.traits import TraitRefused, read_traits
from decisioning.specs import AttributeSpec

MAX_EVENT_BYTES: Final = 32 * 1024
MAX_BATCH_EVENTS: Final = 2_500

CALL_TYPES: Final[tuple[CallType, ...]] = (
    "track",
    "identify",
    "page",
    "screen",
    "group",
    "alias",
)
REQUEST_CALLS: Final[tuple[CallType, ...]] = ("track", "page", "screen")  # with a decision request


def _as_it_is(record: Record) -> Record:
    return record


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """Who sends, when it came, and by which catalogue it is read."""

    attributes: Mapping[str, AttributeSpec]
    received_at_ms: int
    pepper: bytes = field(repr=False)
    source: str = ""  # id of the API key
    is_browser: bool = False
    proven: frozenset[str] = frozenset()  # user ids whose proof was verified
    vouched: frozenset[tuple[str, str]] = frozenset()  # user id and account that its proof names
    calls: tuple[CallType, ...] = CALL_TYPES  # that may be sent
    rules: Rules = RULES  # of who is who
    prepare: Callable[[Record], Record] = (
        _as_it_is  # what is done to every record before it is taken
    )
    trust: Trust = field(init=False, repr=False)  # what the sender may say about who is who

    def __post_init__(self) -> None:
        trust = Trust(
            pepper=self.pepper,
            is_browser=self.is_browser,
            proven=self.proven,
            vouched=self.vouched,
            rules=self.rules,
        )
        object.__setattr__(self, "trust", trust)  # made once for a whole batch


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
    # As older libraries and some of the published examples say it.
    action: str | None = None
    snake_user_id: str | int | None = msgspec.field(default=None, name="user_id")
    snake_anonymous_id: str | int | None = msgspec.field(default=None, name="anonymous_id")


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
    shared = context or {}

    def read(raw: msgspec.Raw, place: int) -> Record:
        content = bytes(raw)
        message = _decode(content)
        message.sent_at = message.sent_at or sent_at
        message.context = message.context or shared
        return record_of(message, kind=kind, intake=intake, content=content + b"%d" % place)

    return collect(items, read)


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


def check_size(size: int) -> None:
    """Refuse an event of more than the published bytes."""
    if size > MAX_EVENT_BYTES:
        raise Refused("", f"An event may be at most {MAX_EVENT_BYTES} bytes; this has {size}.")


def _decode(raw: bytes) -> Message:
    check_size(len(raw))
    try:
        message = _message_decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise wrong_shape(error) from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Refused("", f"Not JSON that can be read: {error}"[:200]) from error
    if message.user_id is None:
        message.user_id = message.snake_user_id
    if message.anonymous_id is None:
        message.anonymous_id = message.snake_anonymous_id
    return message


def record_of(
    message: Message,
    *,
    intake: Intake,
    content: bytes,
    kind: CallType | None = None,
    sets: Mapping[str, Any] | None = None,
    may_name_nobody: bool = False,
) -> Record:
    """Return what a message says, as a record.

    `content` stands for a missing message id; `sets` are traits that the message sets by the way.
    What names nobody, where that is allowed, is of kind nobody: it belongs to no profile.

    Raises:
        Refused: it cannot be one, or not yet.
    """
    try:
        call = kind or _call_type(message, intake.calls)
        message_id = _message_id(message, content)
        naming = _naming(message, call, intake, may_name_nobody=may_name_nobody)
        attributes, traits = _attributes(call, message, intake, sets or {})
        account = name_account(message, call=call, trust=intake.trust)
        record = Record(
            kind="event" if naming.identifiers else "nobody",
            message_id=message_id,
            person=person_id(
                naming.identifiers[0]
                if naming.identifiers
                else Identifier("anonymous", message_id),
                pepper=intake.pepper,
            ),
            identifiers=naming.names,
            joins=naming.joins,
            groups=dict([account.value.split(":", 1)]) if account else {},
            account=person_id(account, pepper=intake.pepper) if account else "",
            account_attributes=_told_of_account(call, message, intake) if account else {},
            type=call,
            event=_event_name(call, message),
            properties=_properties(call, message),
            attributes=attributes,
            traits=traits,
            context=_context(message),
            event_time_ms=event_time_ms(
                message.original_timestamp or message.timestamp,
                message.sent_at,
                received_at_ms=intake.received_at_ms,
            ),
            received_at_ms=intake.received_at_ms,
            source=intake.source,
        )
        record = _prepared(record, intake)
        check_packable(record)
        return in_time(record)
    except Refused as refused:
        refused.message_id = message.message_id
        raise


def _naming(message: Message, call: CallType, intake: Intake, *, may_name_nobody: bool) -> Naming:
    try:
        return name_people(message, call=call, trust=intake.trust)
    except NamesNobody:
        if not may_name_nobody:
            raise
        return NOBODY


def _prepared(record: Record, intake: Intake) -> Record:
    try:
        return intake.prepare(record)
    except RecursionError as error:
        raise Refused("", "Nested too deep.") from error


def check_packable(record: Record) -> None:
    """Refuse what JSON can say and a stream cannot hold.

    Raises:
        Refused: a number of more than 64 bits.
    """
    try:
        encode_record(record)
    except (OverflowError, RecursionError) as error:
        raise Refused("/properties", "Whole numbers must fit 64 bits.") from error


def _call_type(message: Message, calls: tuple[CallType, ...]) -> CallType:
    """Return which call a message is: as it says, else the only one that its fields can mean."""
    said = message.type or message.action or _implied(message)
    if said not in calls:
        raise Refused("/type", f"Send one of {', '.join(calls)}.")
    return said


def _implied(message: Message) -> CallType | None:
    if message.event:
        return "track"
    if message.previous_id:
        return "alias"
    if message.group_id:
        return "group"
    return "identify" if message.traits else None


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
    call: CallType, message: Message, intake: Intake, sets: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the traits that set attributes, and the others."""
    traits = message.traits or {}
    if call == "identify":
        in_context = (message.context or {}).get("traits")
        if not traits and isinstance(in_context, dict):
            traits = in_context
    elif not sets:
        return {}, traits
    else:
        traits = dict(sets)
    try:
        return read_traits(traits, attributes=intake.attributes, is_browser=intake.is_browser)
    except TraitRefused as refused:
        raise Refused(f"/traits/{refused.key}", str(refused)) from refused


def _told_of_account(call: CallType, message: Message, intake: Intake) -> dict[str, Any]:
    if call != "group":
        return {}
    traits = message.traits or {}
    try:
        return read_traits(
            traits,
            attributes=intake.attributes,
            is_browser=intake.is_browser,
            sources=("account", "profile"),
        )[0]
    except TraitRefused as refused:
        raise Refused(f"/traits/{refused.key}", str(refused)) from refused


def _context(message: Message) -> dict[str, Any]:
    context = dict(message.context or {})
    context.pop("proof", None)
    context.pop("externalIds", None)  # named already; addresses and numbers stand there in plain
    return context


def _message_id(message: Message, content: bytes) -> str:
    sent = read_id("/messageId", message.message_id)
    if sent is not None:
        return sent
    if message.timestamp is None and message.sent_at is None:
        return str(uuid.uuid4())
    # A retry repeats the bytes, so the content can stand for the missing id.
    return hashlib.sha256(content).hexdigest()[:32]
