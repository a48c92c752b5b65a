"""The only place that reads the capture API of PostHog's libraries: events in, records or reasons out.

Source: posthog.com/docs/api/capture; posthog-python 7, posthog-node 5.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from decisioning.ingestion.records import Record
from decisioning.ingestion.refusals import Refusal, Refused, collect, wrong_shape
from decisioning.ingestion.wire import Intake, Message, check_size, record_of

# What a page or screen says under PostHog's names -> ours.
_VIEW_PROPERTIES: Final = {
    "$current_url": "url",
    "$pathname": "path",
    "$referrer": "referrer",
    "$search": "search",
    "title": "title",
    "$screen_name": "name",
}
_PAGE_CONTEXT: Final = {"$current_url": "url", "$pathname": "path", "$referrer": "referrer"}
_TEXT_CONTEXT: Final = {
    "$ip": "ip",
    "$raw_user_agent": "userAgent",
    "$timezone": "timezone",
    "$session_id": "session_id",
    "proof": "proof",
}
_NOT_PROPERTIES: Final = {
    "$set",
    "$set_once",
    "$unset",
    "$anon_distinct_id",
    "$ip",
    "$raw_user_agent",
    "$groups",
    "token",
    "api_key",
    "proof",
}


class PostHogEvent(msgspec.Struct, kw_only=True):
    """One event as far as it is read."""

    event: str | None = None
    distinct_id: str | int | None = None
    properties: dict[str, Any] | None = None
    uuid: str | None = None
    timestamp: str | None = None
    sent_at: str | None = None
    sets: dict[str, Any] | None = msgspec.field(default=None, name="$set")
    sets_once: dict[str, Any] | None = msgspec.field(default=None, name="$set_once")


class PostHogBody(msgspec.Struct, kw_only=True):
    """The body of ``POST /batch/``; without `batch` it is one event."""

    batch: list[msgspec.Raw] | None = None
    sent_at: str | None = None


_event_decoder = msgspec.json.Decoder(PostHogEvent)


def read_events(
    items: Sequence[msgspec.Raw], *, intake: Intake, sent_at: str | None = None
) -> tuple[list[Record], list[Refusal]]:
    """Return the records of events, in order, and a refusal for each that has none."""

    def read(raw: msgspec.Raw, place: int) -> Record:
        content = bytes(raw)
        check_size(len(content))
        try:
            event = _event_decoder.decode(content)
        except msgspec.ValidationError as error:
            raise wrong_shape(error) from error
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise Refused("", f"Not JSON that can be read: {error}"[:200]) from error
        message = _as_message(event)
        message.sent_at = event.sent_at or sent_at
        sets = {} if message.type in ("identify", "group") else _sets(event)
        return record_of(
            message,
            intake=intake,
            content=content + b"%d" % place,
            sets=sets,
            may_name_nobody=message.type == "group",
        )

    return collect(items, read, own=_own)


def as_claim(raw: msgspec.Raw) -> dict[str, Any]:
    """Return the user and proof of an event as a message has them."""
    try:
        event = _event_decoder.decode(bytes(raw))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return {}  # `read_events` gives it its reason
    proof = (event.properties or {}).get("proof")
    return {"userId": event.distinct_id, "context": {"proof": proof}} if proof else {}


def _as_message(event: PostHogEvent) -> Message:
    if not event.event:
        raise Refused("/event", "An event needs its name in event.")
    said = event.properties or {}
    message = Message(
        message_id=event.uuid or _text(said.get("$insert_id")),
        timestamp=event.timestamp,
        context=_context(said),
        properties={key: value for key, value in said.items() if key not in _NOT_PROPERTIES},
    )
    _name_person(message, event, said)
    _MEANINGS.get(event.event, _as_track)(message, event, said)
    return message


def _name_person(message: Message, event: PostHogEvent, said: Mapping[str, Any]) -> None:
    """A distinct id is a user's unless the library says that nobody has signed in yet."""
    distinct = event.distinct_id if event.distinct_id is not None else said.get("distinct_id")
    unknown = (
        said.get("$is_identified") is False
        or said.get("$user_state") == "anonymous"
        or said.get("$process_person_profile") is False
        or (distinct is not None and distinct == said.get("$device_id"))
    )
    if unknown:
        message.anonymous_id = _id(distinct)
    else:
        message.user_id = _id(distinct)


def _as_track(message: Message, event: PostHogEvent, said: Mapping[str, Any]) -> None:
    message.type, message.event = "track", event.event


def _as_view(message: Message, event: PostHogEvent, said: Mapping[str, Any]) -> None:
    message.type = "screen" if event.event == "$screen" else "page"
    named = {ours: said[theirs] for theirs, ours in _VIEW_PROPERTIES.items() if theirs in said}
    message.properties = {**(message.properties or {}), **named}


def _as_identify(message: Message, event: PostHogEvent, said: Mapping[str, Any]) -> None:
    message.type = "identify"
    message.traits = _sets(event)
    before = said.get("$anon_distinct_id")
    if before is not None:
        message.anonymous_id = _id(before)


def _as_alias(message: Message, event: PostHogEvent, said: Mapping[str, Any]) -> None:
    """Join both ids, each as a user and as a browser: libraries disagree which of them is the older."""
    one = said.get("distinct_id", event.distinct_id)
    message.type = "alias"
    message.user_id = message.anonymous_id = _id(one)
    message.previous_id = _id(said.get("alias"))


def _as_group(message: Message, event: PostHogEvent, said: Mapping[str, Any]) -> None:
    """Tell about a group, and of nobody in it: who belongs to it their own events say."""
    sets = said.get("$group_set")
    message.user_id = message.anonymous_id = None
    message.type = "group"
    message.group_id = _id(said.get("$group_key"))
    message.traits = dict(sets) if isinstance(sets, dict) else {}
    kind = _text(said.get("$group_type"))
    message.properties = {"groupType": kind} if kind else {}


_MEANINGS: Final = {
    "$pageview": _as_view,
    "$screen": _as_view,
    "$identify": _as_identify,
    "$set": _as_identify,
    "$create_alias": _as_alias,
    "$groupidentify": _as_group,
}


def _sets(event: PostHogEvent) -> dict[str, Any]:
    """Return what the event sets about its person; null removes."""
    said = event.properties or {}
    found: dict[str, Any] = {}
    for one in (event.sets_once, said.get("$set_once"), event.sets, said.get("$set")):
        if isinstance(one, dict):
            found |= one
    removed = said.get("$unset")
    if isinstance(removed, list):
        found |= {key: None for key in removed if isinstance(key, str)}
    return found


def _context(said: Mapping[str, Any]) -> dict[str, Any]:
    context: dict[str, Any] = {
        ours: said[theirs] for theirs, ours in _TEXT_CONTEXT.items() if _text(said.get(theirs))
    }
    if _text(said.get("$lib")):
        context["library"] = {"name": said["$lib"], "version": said.get("$lib_version")}
    page = {ours: said[theirs] for theirs, ours in _PAGE_CONTEXT.items() if _text(said.get(theirs))}
    if page:
        context["page"] = page
    if isinstance(said.get("$groups"), dict):
        context["groups"] = said["$groups"]
    return context


def _id(value: Any) -> str | int | None:
    return value if isinstance(value, str | int) and not isinstance(value, bool) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _own(pointer: str) -> str:
    names = {
        "/userId": "/distinct_id",
        "/anonymousId": "/distinct_id",
        "/messageId": "/uuid",
        "/sentAt": "/sent_at",
        "/groupId": "/properties/$group_key",
        "/previousId": "/properties/alias",
    }
    return names.get(pointer, pointer.replace("/traits", "/properties/$set", 1))
