"""``POST /v1/decisions`` and its batch: translates a request, has it answered, translates back."""

import asyncio
import functools
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
import redis
from django.conf import settings
from msgspec import Meta, Struct

from consent.people import Identifier, person_id
from consent.signals.headers import gpc_header
from consent.signals.house import this_house
from decisioning.answering import Call, Sitting
from decisioning.api.answers import compose, unready
from decisioning.api.http import (
    DECISION_BATCH_BODY_BYTES,
    DECISION_BODY_BYTES,
    MAX_BATCH_PEOPLE,
    Request,
    Response,
    decode,
    route,
)
from decisioning.api.located import visits_of
from decisioning.api.previewing import previewed
from decisioning.api.process import this_process
from decisioning.content import fitting
from decisioning.enrichment.surroundings import NOTHING, Surroundings, of_browser
from decisioning.held import Held
from decisioning.holder import Current
from decisioning.ingestion.identities import account_named
from decisioning.ingestion.refusals import Refusal
from decisioning.ingestion.wire import Intake, records_from_request_events
from decisioning.messages import (
    Answer,
    Ask,
    ConsentAsk,
    DecisionRequest,
    PersonRef,
    read_consent,
    request_decoder,
)
from decisioning.observing import quarantine
from decisioning.observing.schemas import Judged, judge
from decisioning.round_trips import RedisUnavailable
from decisioning.rules.conditions import conform
from decisioning.rules.moment import MOMENT, read_moment
from rtts_site.foundation import metrics
from rtts_site.foundation.api_keys import KeyRecord, KeysUnavailableError, ProofError
from rtts_site.foundation.limits import BATCH
from rtts_site.foundation.problems import Problem, invalid_field
from rtts_site.foundation.redis_clients import hot_client

encoder = msgspec.json.Encoder()
PREVIEW_HEADER = "x-rtts-preview"
AT_ONCE = 4  # decisions of a batch: hides the waits; more would eat each other's time for Redis


@route("POST", "/v1/decisions", scope="decisions", limit=DECISION_BODY_BYTES)
async def post_decision(request: Request) -> Response:
    """Answer one decision."""
    asked = with_headers(decode(request.body, request_decoder), request.headers)
    return Response(200, encoder.encode(await answer(asked, request.key, around_of(request))))


def around_of(request: Request) -> Surroundings:
    """Return what a browser's request says of the person beside its body; a server's says nothing of them."""
    return of_browser(request.headers) if request.key.kind == "browser" else NOTHING


def with_headers(asked: DecisionRequest, headers: Mapping[str, str]) -> DecisionRequest:
    """Return the request with what its headers say: about consent, and which preview it is for."""
    asked = narrowed(asked, headers)
    token = headers.get(PREVIEW_HEADER, "")
    if not token or asked.options.preview:
        return asked
    options = msgspec.structs.replace(asked.options, preview=token)
    return msgspec.structs.replace(asked, options=options)


def narrowed(asked: DecisionRequest, headers: Mapping[str, str]) -> DecisionRequest:
    """Return the request with what its headers say about consent."""
    if asked.consent.gpc or not signalled(headers).gpc:
        return asked
    consent = msgspec.structs.replace(asked.consent, gpc=True)
    return msgspec.structs.replace(asked, consent=consent)


def signalled(headers: Mapping[str, str]) -> ConsentAsk:
    """Return what headers alone say about consent."""
    return ConsentAsk(gpc=gpc_header(headers.get("sec-gpc", "").split(",")))


class BatchRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of ``POST /v1/decisions/batch``."""

    decisions: Annotated[
        tuple[DecisionRequest, ...], Meta(min_length=1, max_length=MAX_BATCH_PEOPLE)
    ]


batch_decoder = msgspec.json.Decoder(BatchRequest)


@route(
    "POST", "/v1/decisions/batch", scope="decisions", limit=DECISION_BATCH_BODY_BYTES, rate=BATCH
)
async def post_decisions(request: Request) -> Response:
    """Answer up to 100 decisions, in the order asked, some at a time; each has the time of its own."""
    calls = []
    for number, one in enumerate(decode(request.body, batch_decoder).decisions):
        try:
            asked = with_headers(one, request.headers)
            calls.append(await translate(asked, request.key, around_of(request)))
        except Problem as problem:
            raise within(problem, f"/decisions/{number}") from problem
    answers: list[Answer] = []
    for start in range(0, len(calls), AT_ONCE):
        answers += await asyncio.gather(*map(settle, calls[start : start + AT_ONCE]))
    return Response(200, encoder.encode({"decisions": answers}))


def within(problem: Problem, prefix: str) -> Problem:
    """Return a problem whose pointers begin with `prefix`."""
    errors = [
        {"pointer": prefix + error["pointer"], "detail": error["detail"]}
        for error in problem.errors
    ]
    detail = f"{prefix}{problem.detail}" if errors else problem.detail
    return Problem(problem.status, problem.title, detail, errors=errors, headers=problem.headers)  # type: ignore[arg-type]  # a TypedDict's shape


async def answer(asked: DecisionRequest, key: KeyRecord, around: Surroundings = NOTHING) -> Answer:
    """Return the answer to a request that a key makes.

    Raises:
        Problem: the key may not ask this, or a field is wrong.
    """
    return await settle(await translate(asked, key, around))


async def settle(call: Call) -> Answer:
    """Have one call answered."""
    process = this_process()
    current = call.under or process.holder.current
    if current.held is None:
        return unready(call, current)
    budget = process.budget(deadline_ms=call.options.deadline_ms)
    sitting = Sitting(call, current, current.held, budget=budget, spool=process.spool)
    made = await sitting.make()
    for placed in made.decision.placed:
        metrics.DECISIONS.labels(placed.status).inc()
    for part in made.degraded:
        metrics.DEGRADED.labels(part).inc()
    took_ms = sitting.took_ms
    metrics.DECISION_SECONDS.observe(took_ms / 1000)
    return compose(
        call, made, current, current.held, took_ms=took_ms, tracking_key=process.tracking_key
    )


async def translate(asked: DecisionRequest, key: KeyRecord, around: Surroundings) -> Call:
    """Return the call that a request stands for.

    Raises:
        Problem: 403 where the key may not ask this, 422 naming a wrong field.
    """
    check_scopes(asked, key)
    identifier = await identify(asked.person, key)
    person = person_id(identifier, pepper=settings.RTTS_PEPPER)
    current = this_process().holder.current
    preview = ""
    if asked.options.preview:
        preview, current = await previewed(asked.options.preview, current, person=person)
    now = asked.options.now or datetime.now(UTC)
    judged = request_records(asked, identifier, key, current, around)
    call = Call(
        ask=Ask(
            person,
            asked.placements,
            asked.consent,
            asked.options.explain,
            read_consent(asked.consent, house=this_house(), now=now),
        ),
        given=_given(asked, current.held, around, now) if current.held else {},
        options=asked.options,
        now=now.replace(microsecond=now.microsecond // 1000 * 1000),
        records=[*await visits_of(judged.records), *judged.records],
        show_values=key.kind == "secret",
        preview=preview,
        under=current if preview else None,
        degraded=frozenset({"events"} if judged.refusals else ()),
    )
    if judged.refusals and not call.is_dry:
        await set_apart(judged.refusals, source=key.id)
    return call


async def set_apart(refusals: Sequence[Refusal], *, source: str) -> None:
    """Count and quarantine what enforced schemas refuse; while Redis is away it is counted alone."""
    process = this_process()
    process.notes.refused(refusals, source=source, at_ms=time.time_ns() // 1_000_000)
    metrics.EVENTS.labels("refused").inc(len(refusals))
    try:
        await process.ask_for_events(quarantine.commands(refusals))
    except (RedisUnavailable, redis.RedisError):
        return


def check_scopes(asked: DecisionRequest, key: KeyRecord) -> None:
    """Refuse what this key may not ask.

    Raises:
        Problem: 403, naming the field.
    """
    options = asked.options
    wanted = (
        ("/options/explain", "decisions:trace", options.explain == "trace"),
        ("/options/now", "decisions:now", options.now is not None),
        ("/events", "events", bool(asked.events)),
    )
    for pointer, scope, is_wanted in wanted:
        if is_wanted and not key.allows(scope):
            raise forbidden(pointer, f"This API key lacks the scope {scope}.")
    if key.kind == "browser":
        if asked.attributes:
            raise forbidden("/attributes", "A browser key may not set attributes.")
        if options.now is not None or options.explain == "trace":
            raise forbidden("/options", "A browser key may ask neither now nor trace.")
    for number, placement in enumerate(asked.placements):
        if not key.allows_placement(placement.key):
            raise forbidden(
                f"/placements/{number}/key", f"This API key may not ask for {placement.key}."
            )


def forbidden(pointer: str, detail: str) -> Problem:
    """Return the answer to a field that the key may not send."""
    return Problem(403, "Not allowed", detail, errors=[{"pointer": pointer, "detail": detail}])


async def identify(person: PersonRef, key: KeyRecord) -> Identifier:
    """Return the identifier that a request names; the user wins.

    Raises:
        Problem: 422 without one, 403 where a browser cannot prove it.
    """
    if person.user_id is not None:
        if key.kind == "browser":
            await prove(person.user_id, person.proof)
        return Identifier("user", person.user_id)
    if person.anonymous_id is not None:
        return Identifier("anonymous", person.anonymous_id)
    if person.account_id is not None:
        if key.kind == "browser":
            raise forbidden("/person/account_id", "A browser key may not ask for an account.")
        return account_named(person.account_id)
    raise invalid_field("/person", "Send user_id, anonymous_id or both.")


async def prove(user_id: str, proof: str | None) -> None:
    """Check that a channel's server vouches for a user.

    Raises:
        Problem: 403 where it does not, 503 while keys cannot be read.
    """
    if proof is None:
        raise forbidden(
            "/person/proof", "A browser key needs a proof from your server for a user_id."
        )
    try:
        await this_process().keys.verify_proof(hot_client(), proof, user_id=user_id)
    except ProofError as error:
        raise forbidden("/person/proof", str(error)) from error
    except KeysUnavailableError as error:
        raise Problem(
            503, "Keys unavailable", str(error), headers=[("Retry-After", "1")]
        ) from error


def _given(
    asked: DecisionRequest, held: Held, around: Surroundings, now: datetime
) -> dict[str, Any]:
    return moment_facts(asked.context, held, around, now=now) | given_facts(asked, held)


def moment_facts(
    context: Mapping[str, Any], held: Held, around: Surroundings, *, now: datetime
) -> dict[str, Any]:
    """Return what a request tells of its moment without saying it: device, region, time of day, weather.

    By the same steps, and so in the same words, as events are enriched.
    """
    preparing = this_process().intake.preparing(held.attributes, held.release.event_types)
    told = preparing.moment(context, around, now_ms=int(now.timestamp() * 1000))
    found = {
        key: conform(read_moment(told, key), spec.type)
        for key, spec in held.attributes.items()
        if spec.source == "context"
    }
    return {key: value for key, value in found.items() if value is not None}


def given_facts(asked: DecisionRequest, held: Held) -> dict[str, Any]:
    """Return the facts that a request brings: its context, its overriding attributes, the placement's channel.

    Context that the catalogue does not know is left out; it can decide nothing.

    Raises:
        Problem: 422 for a value of another type than the catalogue's, or an unknown attribute.
    """
    facts: dict[str, Any] = {}
    for key, value in asked.context.items():
        spec = held.attributes.get(key)
        if spec is not None and spec is MOMENT.get(key):
            # Nobody declared it: libraries call other things by these names.
            if (fact := conform(value, spec.type)) is not None:
                facts[key] = fact
        elif spec is not None and spec.source == "context":
            facts[key] = typed(f"/context/{key}", value, spec.type)
        elif spec is None and (fact := fitting.context_fact(key, value)) is not None:
            facts[key] = fact
    for key, value in asked.attributes.items():
        spec = held.attributes.get(key)
        if spec is None:
            raise invalid_field(f"/attributes/{key}", "The catalogue has no such attribute.")
        facts[key] = typed(f"/attributes/{key}", value, spec.type)
    return facts


def typed(pointer: str, value: Any, kind: str) -> Any:
    """Return a JSON value as a fact.

    Raises:
        Problem: 422, it is of another type.
    """
    fact = conform(value, kind)
    if fact is None:
        raise invalid_field(pointer, f"This must be a {kind}.")
    return fact


def request_records(
    asked: DecisionRequest,
    identifier: Identifier,
    key: KeyRecord,
    current: Current,
    around: Surroundings,
) -> Judged:
    """Return the events sent with a request as records, and apart those that an enforced schema refuses.

    Raises:
        Problem: 422 naming the first event that is not valid.
    """
    if not asked.events:
        return Judged([], [])
    attributes: Mapping[str, Any] = current.held.attributes if current.held else {}
    intake = Intake(
        attributes=attributes,
        received_at_ms=int(time.time() * 1000),
        pepper=settings.RTTS_PEPPER,
        source=key.id,
        is_browser=key.kind == "browser",
        proven=frozenset({identifier.value} if identifier.namespace == "user" else ()),
        prepare=functools.partial(
            this_process().intake.preparing(
                attributes, current.held.release.event_types if current.held else ()
            ),
            around=around,
        ),
    )
    records, refusals = records_from_request_events(
        asked.events, identifiers=[identifier], intake=intake
    )
    if refusals:
        first = refusals[0]
        raise invalid_field(f"/events/{first.item}{first.pointer}", first.reason)
    return judge(records, [], current.held.schemas) if current.held else Judged(records, [])
