"""The only place that reads CloudEvents 1.0 over HTTP: structured, batched and binary mode.

Source: cloudevents.io, HTTP protocol binding 1.0.2.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from decisioning.ingestion.records import Record
from decisioning.ingestion.refusals import MAX_ID, Refusal, Refused, collect, wrong_shape
from decisioning.ingestion.wire import Intake, Message, check_size, record_of

STRUCTURED: Final = "application/cloudevents+json"
BATCHED: Final = "application/cloudevents-batch+json"
_REQUIRED: Final = ("id", "source", "specversion", "type")


class CloudEvent(msgspec.Struct, kw_only=True):
    """One CloudEvent as far as it is read.

    The person is `userid` or `anonymousid` (extension attributes), else `subject`: ``user:c-42``,
    ``anonymous:d-9``, or a user id as it is.
    """

    specversion: str | None = None
    id: str | None = None
    source: str | None = None
    type: str | None = None
    subject: str | None = None
    time: str | None = None
    datacontenttype: str | None = None
    dataschema: str | None = None
    userid: str | None = None
    anonymousid: str | None = None
    proof: str | None = None
    data: Any = None
    data_base64: str | None = None


def read_events(items: Sequence[Any], *, intake: Intake) -> tuple[list[Record], list[Refusal]]:
    """Return the records of CloudEvents as JSON objects, in order, and a refusal for each without one."""

    def read(item: Any, place: int) -> Record:
        message = _as_message(item)
        check_size(len(msgspec.json.encode(item)))
        return record_of(message, intake=intake, content=b"", may_name_nobody=True)

    return collect(items, read, own=_own)


def from_headers(headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """Return a binary-mode event as a structured one; data that is not JSON becomes text, or base64."""
    event: dict[str, Any] = {
        name[3:]: unquote(value.strip('"'))
        for name, value in headers.items()
        if name.startswith("ce-")
    }
    content_type = headers.get("content-type", "")
    if content_type:
        event["datacontenttype"] = content_type
    if body:
        event |= _data(content_type, body)
    return event


def _data(content_type: str, body: bytes) -> dict[str, Any]:
    if content_type == "" or "json" in content_type:
        try:
            return {"data": msgspec.json.decode(body)}
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            if content_type:
                raise Refused("/data", f"The data is not JSON: {error}"[:200]) from error
    try:
        return {"data": body.decode()}
    except UnicodeDecodeError:
        return {"data_base64": base64.b64encode(body).decode()}


def message_id(source: str, event_id: str) -> str:
    """Return what identifies an event: source and id together."""
    joined = f"{source} {event_id}"
    return joined if len(joined) <= MAX_ID else hashlib.sha256(joined.encode()).hexdigest()


def _as_message(item: Any) -> Message:
    """Return the event as a track message."""
    try:
        event = msgspec.convert(item, CloudEvent)
    except msgspec.ValidationError as error:
        raise wrong_shape(error) from error
    for name in _REQUIRED:
        if not getattr(event, name):
            raise Refused(f"/{name}", f"A CloudEvent needs {name}.")
    if event.specversion != "1.0":
        raise Refused("/specversion", "Send specversion 1.0.")
    user, anonymous = _person(event)
    context: dict[str, Any] = {"cloudevent": _described(event)}
    if event.proof:
        context["proof"] = event.proof
    return Message(
        type="track",
        event=event.type,
        message_id=message_id(str(event.source), str(event.id)),
        user_id=user,
        anonymous_id=anonymous,
        timestamp=event.time,
        properties=_properties(event),
        context=context,
    )


def _described(event: CloudEvent) -> dict[str, str]:
    """Return what the event says of itself and no field of a record holds."""
    said = {
        "source": event.source,
        "subject": event.subject,
        "datacontenttype": event.datacontenttype,
        "dataschema": event.dataschema,
    }
    return {name: value for name, value in said.items() if value}


def _person(event: CloudEvent) -> tuple[str | None, str | None]:
    if event.userid or event.anonymousid:
        return event.userid, event.anonymousid
    namespace, colon, value = (event.subject or "").partition(":")
    if colon and namespace == "anonymous":
        return None, value
    return (value if colon and namespace == "user" else event.subject), None


def _properties(event: CloudEvent) -> dict[str, Any]:
    if isinstance(event.data, dict):
        return event.data
    if event.data is not None:
        return {"data": event.data}
    return {"data_base64": event.data_base64} if event.data_base64 else {}


def _own(pointer: str) -> str:
    """Return the CloudEvents name of a field that a message has under another."""
    names = {
        "/userId": "/subject",
        "/anonymousId": "/subject",
        "/event": "/type",
        "/messageId": "/id",
        "/timestamp": "/time",
    }
    return names.get(pointer, pointer.replace("/properties", "/data", 1))
