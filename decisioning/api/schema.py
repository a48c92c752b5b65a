"""Describes the fast paths in the one OpenAPI document: they are not Django's, so it cannot find them by itself."""

from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec import Struct

from decisioning.api.adapters import POSTHOG_PATHS, SNOWPLOW_PATHS
from decisioning.api.decisions import BatchRequest
from decisioning.api.events import BATCH_PATHS
from decisioning.api.feedback import Feedback
from decisioning.api.http import ROUTES
from decisioning.api.ofrep import Evaluation
from decisioning.ingestion.cloudevents import CloudEvent
from decisioning.ingestion.posthog import PostHogEvent
from decisioning.ingestion.snowplow import SnowplowBatch
from decisioning.ingestion.wire import Message
from decisioning.messages import Answer, DecisionRequest

Json = dict[str, Any]
REF = "#/components/schemas/{name}"


class FieldFault(Struct):
    """One wrong field of a request."""

    pointer: str  # JSON pointer
    detail: str


class ProblemDetails(Struct, omit_defaults=True):
    """An error as RFC 9457 has it."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldFault] = []


class RefusedItem(Struct):
    """An event that was refused for what it is."""

    item: int
    message_id: str | None
    pointer: str
    reason: str


class Taken(Struct):
    """What became of the events of a request."""

    accepted: int
    duplicates: int
    refused: list[RefusedItem]


class Answers(Struct):
    """The answers of a batch, in the order asked."""

    decisions: list[Answer]


class Flag(Struct, rename="camel"):
    """One evaluated flag, as OpenFeature's protocol has it."""

    key: str
    value: Any
    reason: str
    variant: str | None = None
    metadata: dict[str, Any] | None = None


class Flags(Struct):
    """All evaluated flags."""

    flags: list[Flag]


class MessageBatch(Struct, rename="camel"):
    """Several messages at once."""

    batch: list[Message]
    sent_at: str | None = None
    context: dict[str, Any] | None = None


class PostHogEvents(Struct):
    """Several events of PostHog's libraries at once."""

    batch: list[PostHogEvent]
    api_key: str
    sent_at: str | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """One fast path as a reader of the document needs it."""

    summary: str
    tag: str
    body: Any = None  # a msgspec type, or None
    answer: Any = None
    media: tuple[str, ...] = ("application/json",)
    statuses: tuple[int, ...] = (400, 401, 403, 413, 415, 422, 429, 503)
    parameters: tuple[Json, ...] = field(default=())
    answer_media: str = "application/json"


def _path_parameter(name: str, words: str) -> Json:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": words,
        "schema": {"type": "string", "minLength": 1, "maxLength": 200},
    }


def _parameter(place: str, name: str, words: str) -> Json:
    described = {"name": name, "in": place, "description": words}
    return {**described, "schema": {"type": "string", "maxLength": 6_500}}


PREVIEW = _parameter("header", "X-RTTS-Preview", "The token of a preview: its change decides.")
TEXT_TOO = ("application/json", "text/plain")  # browser libraries send JSON as text
CALLS = {
    "track": "Something a person did",
    "identify": "What is known of a person; with both ids, that they are the same",
    "page": "A page was viewed",
    "screen": "A screen of an app was viewed",
    "group": "A person belongs to a group",
    "alias": "Two ids are the same person",
}


def _operations() -> dict[tuple[str, str], Operation]:
    known: dict[tuple[str, str], Operation] = {
        ("POST", "/v1/decisions"): Operation(
            "Decide what each placement shows to a person",
            "decisions",
            DecisionRequest,
            Answer,
            parameters=(PREVIEW,),
        ),
        ("POST", "/v1/decisions/batch"): Operation(
            "Decide for up to 100 people",
            "decisions",
            BatchRequest,
            Answers,
            parameters=(PREVIEW,),
        ),
        ("POST", "/v1/feedback"): Operation(
            "Say what came of shown offers, by tracking token", "decisions", Feedback, Taken
        ),
        ("GET", "/v1/stream"): Operation(
            "Follow a person's decisions as their profile changes; each event carries an answer",
            "decisions",
            answer=Answer,
            statuses=(401, 403, 422, 429, 503),
            parameters=(
                _parameter("query", "placements", "1 to 30 placements, with commas between them."),
                _parameter("header", "X-User-Id", "The person's user_id, percent-encoded."),
                _parameter("header", "X-Anonymous-Id", "The person, where no user_id is sent."),
                _parameter("header", "X-Person-Proof", "What a browser key needs for a user_id."),
            ),
            answer_media="text/event-stream",
        ),
        ("POST", "/ofrep/v1/evaluate/flags"): Operation(
            "Evaluate every placement and experiment", "openfeature", Evaluation, Flags
        ),
        ("POST", "/ofrep/v1/evaluate/flags/*"): Operation(
            "Evaluate one placement or experiment",
            "openfeature",
            Evaluation,
            Flag,
            statuses=(400, 401, 403, 404, 413, 429, 503),
            parameters=(_path_parameter("key", "The key of a placement or an experiment."),),
        ),
        ("POST", "/v1/events"): Operation(
            "Take CloudEvents 1.0, structured, batched or binary",
            "events",
            CloudEvent | list[CloudEvent],
            Taken,
            (
                "application/cloudevents+json",
                "application/cloudevents-batch+json",
                "application/json",
            ),
        ),
        ("POST", "/v1/batch"): Operation(
            "Take messages of the Segment tracking API", "events", MessageBatch, Taken, TEXT_TOO
        ),
    }
    for path in BATCH_PATHS:
        known["POST", path] = known["POST", "/v1/batch"]
    known["POST", "/events"] = known["POST", "/v1/events"]
    known |= _adapters()
    for call, words in CALLS.items():
        operation = Operation(words, "events", Message, Taken, TEXT_TOO)
        known["POST", f"/v1/{call}"] = known["POST", f"/v1/{call[0]}"] = operation
    return known


def _adapters() -> dict[tuple[str, str], Operation]:
    """Return the paths of other products' protocols."""
    posthog = Operation(
        "Take events of PostHog's libraries; the API key is their api_key or token",
        "events",
        PostHogEvents,
        Taken,
        TEXT_TOO,
    )
    found = {("POST", path + end): posthog for path in POSTHOG_PATHS for end in ("", "/")}
    for path in SNOWPLOW_PATHS:
        found["POST", path] = Operation(
            "Take payloads of Snowplow's trackers; the API key is their app id, or stands before the path as /k/<key>",
            "events",
            SnowplowBatch,
            Taken,
        )
    found["GET", "/i"] = Operation(
        "Take one payload of a Snowplow tracker in a query",
        "events",
        answer=str,
        parameters=(_parameter("query", "e", "The kind of event: pv, pp, se, ue, tr or ti."),),
        answer_media="image/gif",
    )
    found["GET", "/v1/projects/*"] = Operation(
        "Tell analytics.js, at /v1/projects/<browser key>/settings, to send its events here",
        "events",
        answer=dict[str, Any],
        statuses=(401, 403, 404, 429, 503),
        parameters=(_path_parameter("key", "The browser key, and /settings."),),
    )
    for path in ("/sourceConfig", "/sourceConfig/"):
        found["GET", path] = Operation(
            "Tell RudderStack's browser library to send its events here",
            "events",
            answer=dict[str, Any],
            statuses=(401, 403, 429, 503),
        )
    return found


OPERATIONS = _operations()
OPEN = {"/healthz": "Is the process alive", "/readyz": "Are a verified release and policy loaded"}


def add_fast_paths(result: Json, **_: Any) -> Json:
    """Return the document with the fast paths in it; a postprocessing hook of drf-spectacular."""
    paths, schemas = document()
    result.setdefault("paths", {}).update(paths)
    components = result.setdefault("components", {})
    components.setdefault("schemas", {}).update(schemas)
    components.setdefault("securitySchemes", {})["apiKey"] = {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key; libraries may send it as the user name of Basic authentication.",
    }
    return result


def document() -> tuple[Json, Json]:
    """Return paths and component schemas of every registered fast path."""
    types = _types()
    schemas, components = msgspec.json.schema_components(types, ref_template=REF)
    schema_of = dict(zip(map(repr, types), schemas, strict=True))
    paths: Json = {}
    for (method, path), found in ROUTES.items():
        operation = OPERATIONS.get((method, path))
        if operation is None:
            continue  # a test holds that there is none
        described = _describe(operation, schema_of, scope=found.scope)
        described["operationId"] = _operation_id(method, path)
        paths.setdefault(_public(path), {})[method.lower()] = described
    for path, words in OPEN.items():
        paths[path] = {"get": _open(words, path)}
    return paths, components


def _types() -> list[Any]:
    wanted = [ProblemDetails]
    for operation in OPERATIONS.values():
        wanted += [one for one in (operation.body, operation.answer) if one is not None]
    return list({repr(one): one for one in wanted}.values())


def _public(path: str) -> str:
    return path.replace("/*", "/{key}")


def _operation_id(method: str, path: str) -> str:
    return f"{method.lower()}{path.replace('/*', '_key').replace('/', '_')}"


def _describe(operation: Operation, schema_of: Json, *, scope: str) -> Json:
    described: Json = {
        "summary": operation.summary,
        "description": f"The API key needs the scope `{scope}`.",
        "tags": [operation.tag],
        "security": [{"apiKey": []}],
        "responses": {
            "200": {
                "description": "Done; refused items, where there are some, are inside.",
                "content": {operation.answer_media: {"schema": schema_of[repr(operation.answer)]}},
            },
            **{str(status): _problem(schema_of) for status in operation.statuses},
        },
    }
    if operation.parameters:
        described["parameters"] = list(operation.parameters)
    if operation.body is not None:
        content = {media: {"schema": schema_of[repr(operation.body)]} for media in operation.media}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _problem(schema_of: Json) -> Json:
    return {
        "description": "Not done; `errors` names the field by JSON pointer.",
        "content": {"application/problem+json": {"schema": schema_of[repr(ProblemDetails)]}},
    }


def _open(words: str, path: str) -> Json:
    return {
        "summary": words,
        "operationId": _operation_id("get", path),
        "tags": ["health"],
        "security": [],
        "responses": {"200": {"description": "Yes."}, "503": {"description": "No."}},
    }
