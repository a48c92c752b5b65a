"""The wire handlers of events: the Segment tracking API and CloudEvents; they answer 200 item by item."""

import asyncio
import functools
import time
from collections.abc import Sequence
from typing import Any

import msgspec
import redis
from django.conf import settings

from decisioning.api.http import (
    EVENT_BATCH_BODY_BYTES,
    Request,
    Response,
    decode,
    route,
)
from decisioning.api.located import note_belongings, visits_of
from decisioning.api.presented import in_segment
from decisioning.api.process import this_process
from decisioning.enrichment.surroundings import NOTHING, of_browser
from decisioning.ingestion import cloudevents
from decisioning.ingestion.identities import RULES, account_named, rules_of
from decisioning.ingestion.log import (
    HARD_MARK,
    SOFT_MARK,
    LogAway,
    LogFull,
    Result,
    async_event_log,
)
from decisioning.ingestion.records import CallType, Record
from decisioning.ingestion.refusals import Refusal, Refused
from decisioning.ingestion.spool import SpoolFull
from decisioning.ingestion.wire import (
    CALL_TYPES,
    MAX_BATCH_EVENTS,
    Intake,
    claimed_users,
    read_messages,
)
from decisioning.observing import quarantine
from decisioning.observing.schemas import Judged, Schemas, judge
from decisioning.round_trips import RedisUnavailable
from decisioning.specs import AttributeSpec
from rtts_site.foundation import metrics
from rtts_site.foundation.api_keys import KeysUnavailableError, ProofError
from rtts_site.foundation.limits import EVENTS
from rtts_site.foundation.problems import Problem, invalid_field
from rtts_site.foundation.redis_clients import hot_client

NO_SCHEMAS = Schemas()

NO_ATTRIBUTES: dict[str, AttributeSpec] = {}

# Segment's, its browser library's, RudderStack's beacon's, and behind the prefix that some sites put first.
BATCH_PATHS = ("/v1/batch", "/v1/b", "/beacon/v1/batch", "/ingest/v1/batch")

# The browser library of Segment shortens the paths.
SHORT_PATHS: dict[CallType, str] = {
    "track": "t",
    "identify": "i",
    "page": "p",
    "screen": "s",
    "group": "g",
    "alias": "a",
}


class SegmentBatch(msgspec.Struct, rename="camel"):
    """The body of ``POST /v1/batch``."""

    batch: list[msgspec.Raw]
    sent_at: str | None = None
    context: dict[str, Any] | None = None


_batch_decoder = msgspec.json.Decoder(SegmentBatch)
_object_decoder = msgspec.json.Decoder(dict[str, Any])
_objects_decoder = msgspec.json.Decoder(list[Any])


async def receive_message(request: Request, *, kind: CallType) -> Response:
    """Answer one message; its type is the path's."""
    decode(request.body, _object_decoder)
    items = [msgspec.Raw(request.body)]
    intake = await intake_of(request, items)
    records, refusals = read_messages(items, intake=intake, kind=kind)
    return await take(records, refusals, mark=HARD_MARK, items=items, source=intake.source)


async def receive_batch(request: Request) -> Response:
    """Answer ``/v1/batch``."""
    batch = decode(request.body, _batch_decoder)
    check_length("/batch", batch.batch)
    intake = await intake_of(request, batch.batch)
    records, refusals = read_messages(
        batch.batch, intake=intake, sent_at=batch.sent_at, context=batch.context
    )
    return await take(records, refusals, mark=SOFT_MARK, items=batch.batch, source=intake.source)


async def receive_cloudevents(request: Request) -> Response:
    """Answer ``/v1/events`` in all three content modes."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    batched = content_type == cloudevents.BATCHED
    if batched:
        events = decode(request.body, _objects_decoder)
    elif "ce-specversion" in request.headers:
        events = [read_binary(request)]
    else:
        events = [decode(request.body, _object_decoder)]
    check_length("", events)
    proofs = [msgspec.Raw(msgspec.json.encode(one)) for one in map(as_claim, events)]
    intake = await intake_of(request, proofs)
    records, refusals = cloudevents.read_events(events, intake=intake)
    mark = SOFT_MARK if batched else HARD_MARK
    return await take(records, refusals, mark=mark, items=events, source=intake.source)


def read_binary(request: Request) -> dict[str, Any]:
    """Return a binary-mode event as a structured one."""
    try:
        return cloudevents.from_headers(request.headers, request.body)
    except Refused as refused:
        raise invalid_field(refused.pointer, refused.reason) from refused


def as_claim(event: Any) -> dict[str, Any]:
    """Return the user and proof of a CloudEvent as a message has them."""
    if not isinstance(event, dict) or not isinstance(event.get("proof"), str):
        return {}
    user = event.get("userid") or str(event.get("subject", "")).removeprefix("user:")
    return {"userId": str(user), "context": {"proof": event["proof"]}}


def check_length(pointer: str, items: Sequence[object]) -> None:
    """Refuse a batch of too many."""
    if len(items) > MAX_BATCH_EVENTS:
        raise invalid_field(pointer, f"Send at most {MAX_BATCH_EVENTS} events at once.")


async def intake_of(request: Request, items: Sequence[msgspec.Raw]) -> Intake:
    """Return how this request's items are read."""
    held = this_process().holder.current.held
    is_browser = request.key.kind == "browser"
    attributes = held.attributes if held is not None else NO_ATTRIBUTES
    event_types = held.release.event_types if held is not None else ()
    preparing = this_process().intake.preparing(attributes, event_types)
    proven = await proven_users(items) if is_browser else {}
    return Intake(
        attributes=attributes,
        received_at_ms=time.time_ns() // 1_000_000,
        pepper=settings.RTTS_PEPPER,
        source=request.key.id,
        is_browser=is_browser,
        proven=frozenset(proven),
        vouched=frozenset(
            (user, account_named(one).value) for user, named in proven.items() for one in named
        ),
        rules=rules_of(held.release.identity) if held is not None else RULES,
        prepare=functools.partial(
            preparing, around=of_browser(request.headers) if is_browser else NOTHING
        ),
    )


async def proven_users(items: Sequence[msgspec.Raw]) -> dict[str, tuple[str, ...]]:
    """Return the users whom the messages of a browser name with a good proof, and the accounts that it names."""
    proven: dict[str, tuple[str, ...]] = {}
    for user, proof in set(claimed_users(items)):
        try:
            accounts = await this_process().keys.verify_proof(hot_client(), proof, user_id=user)
            proven[user] = (*proven.get(user, ()), *accounts)
        except ProofError:
            continue  # the message is refused for want of one
        except KeysUnavailableError as error:
            raise later(503, str(error)) from error
    return proven


async def take(
    records: list[Record],
    refusals: list[Refusal],
    *,
    mark: int,
    items: Sequence[Any] = (),
    source: str = "",
) -> Response:
    """Judge the records by their schemas, append them and answer for every item.

    `items` are the messages as they came from a `source`: the debugger shows the last of them.

    Raises:
        Problem: 429 or 503 for the whole batch; what was appended already is a repeat next time.
    """
    held = this_process().holder.current.held
    judged = judge(records, refusals, held.schemas if held is not None else NO_SCHEMAS)
    records, refusals = judged.records, judged.refusals
    await note_belongings(records, held)
    told = await visits_of(records)
    # First what was told: a retry after half of it would find the state changed and tell nothing.
    results = (await append([*told, *records], refusals, mark=mark))[len(told) :]
    note(judged, results, items=items, source=source)
    duplicates = results.count("duplicate")
    metrics.EVENTS.labels("accepted").inc(len(results) - duplicates)
    metrics.EVENTS.labels("duplicate").inc(duplicates)
    metrics.EVENTS.labels("refused").inc(len(refusals))
    answer = {
        "accepted": len(results) - duplicates,
        "duplicates": duplicates,
        "refused": [
            {
                "item": one.item,
                "message_id": one.message_id,
                "pointer": one.pointer,
                "reason": one.reason,
            }
            for one in refusals
        ],
    }
    return Response(200, msgspec.json.encode(answer))


def note(judged: Judged, results: Sequence[Result], *, items: Sequence[Any], source: str) -> None:
    """Have what is odd counted, and the items remembered for the debugger; nothing here waits."""
    notes, at_ms = this_process().notes, time.time_ns() // 1_000_000
    if judged.refusals:
        notes.refused(judged.refusals, source=source, at_ms=at_ms)
    if judged.watched:
        notes.wrong(judged.watched)
    if "duplicate" in results:
        pairs = zip(judged.records, results, strict=True)
        notes.repeated([record for record, what in pairs if what == "duplicate"])
    if items:
        notes.came(items, judged.records, judged.refusals, source=source, at_ms=at_ms)


async def append(records: list[Record], refusals: Sequence[Refusal], *, mark: int) -> list[Result]:
    """Append to the log, or to the spool while Redis is away; keep in quarantine what is to be kept."""
    ask = this_process().ask_for_events
    try:
        results = await async_event_log(ask).accept(records, mark=mark)
        if commands := quarantine.commands(refusals):
            await ask(commands)
        return results
    except LogFull as error:
        raise later(429 if mark == SOFT_MARK else 503, str(error)) from error
    except (LogAway, RedisUnavailable, redis.RedisError):
        pass
    try:
        await asyncio.to_thread(this_process().event_spool.append, records)
    except (SpoolFull, OSError) as error:
        raise later(503, "Events cannot be taken now; send the batch again later.") from error
    return ["accepted"] * len(records)


def later(status: int, detail: str) -> Problem:
    """Return the answer to a batch that failed for a passing reason."""
    seconds = "5" if status == 429 else "1"
    return Problem(status, "Try again later", detail, headers=[("Retry-After", seconds)])


def register() -> None:
    """Put the handlers on their paths."""
    take_route = functools.partial(route, scope="events", limit=EVENT_BATCH_BODY_BYTES, rate=EVENTS)
    for kind in CALL_TYPES:
        handler = functools.partial(receive_message, kind=kind)
        for path in (f"/v1/{kind}", f"/v1/{SHORT_PATHS[kind]}"):
            take_route("POST", path, find_key=in_segment)(handler)
    for path in BATCH_PATHS:
        take_route("POST", path, find_key=in_segment)(receive_batch)
    for path in ("/v1/events", "/events"):
        take_route("POST", path, find_key=in_segment)(receive_cloudevents)


register()
