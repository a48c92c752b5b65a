"""Makes one decision end to end: reads the person, decides, takes the last step, logs, answers."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import msgspec
import redis

from consent.people import decision_log_key, partition_of
from decisioning.arbitration.claims import claimed, claims_of
from decisioning.arbitration.reserve import LOG_HARD_MARK, LastStep, Step, last_step
from decisioning.arbitration.totals import Credit, apply_command, close_command, grant_command
from decisioning.decision_spool import DecisionSpool, Spooled
from decisioning.decisions import decide
from decisioning.enrichment.belonging import asking, note_belonging
from decisioning.held import Held
from decisioning.holder import Current
from decisioning.ingestion.log import LogAway, LogFull, async_event_log
from decisioning.ingestion.records import Record
from decisioning.messages import (
    Ask,
    Decision,
    LogRow,
    Options,
    PersonState,
    PlacementAsk,
    row_encoder,
    without_contents,
)
from decisioning.person_state import Found, find_person, read_accounts, state_of, with_events
from decisioning.profiles.accounts import NO_READS
from decisioning.round_trips import Budget, RedisUnavailable
from decisioning.rules.engine import EngineError
from decisioning.tokens import new_nonce

logger = logging.getLogger("decisioning")

TRIES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One decision asked for, validated."""

    ask: Ask
    given: Mapping[str, Any]  # facts that the request itself brings
    options: Options
    now: datetime  # whole milliseconds, so that a replay has the same
    records: Sequence[Record] = ()  # of the events sent with it
    show_values: bool = True  # in explanations
    reserve: bool = True  # False: decides without taking or logging anything
    preview: str = ""  # id of the preview that is decided under
    under: Current | None = None  # what a preview decides with; None is what the process holds
    degraded: frozenset[str] = frozenset()  # what of the request was left out

    @property
    def now_ms(self) -> int:
        return int(self.now.timestamp() * 1000)

    @property
    def is_dry(self) -> bool:
        """Whether nothing may be touched; what would be at another time, or after a change, never is."""
        elsewhere = self.options.now is not None or bool(self.preview)
        return not self.reserve or self.options.dry_run or elsewhere


@dataclass(slots=True, kw_only=True)
class Made:
    """A decision made, and how."""

    decision: Decision
    state: PersonState
    person: str
    nonce: str
    stream_id: str = "0-0"
    is_logged: bool = False
    degraded: list[str] = field(default_factory=list)


class Sitting:
    """One call on its way to an answer."""

    def __init__(
        self, call: Call, current: Current, held: Held, *, budget: Budget, spool: DecisionSpool
    ) -> None:
        self.call = call
        self.current = current
        self.held = held
        self.budget = budget
        self.spool = spool
        self.nonce = new_nonce()
        self.degraded: set[str] = set(call.degraded)
        self.closed: set[str] = set()
        self.started = time.perf_counter()

    @property
    def took_ms(self) -> float:
        return round((time.perf_counter() - self.started) * 1000, 3)

    async def make(self) -> Made:
        """Read, decide, take the last step; where it fails twice, the fallback."""
        found = await self.find(self.call.ask.person)
        if self.call.records:
            found = await self.take_in(found)
        if self.call.is_dry:
            made = self.decide(found)
            return await self.record(made) if self.call.preview else made
        if not found.redis:
            return self.spool_away(self.decide(found))
        for _ in range(TRIES):
            made = self.decide(found)
            step = await self.take_last_step(made)
            if step.outcome in ("done", "unavailable", "full"):
                break
            found = await self.find_again(found)
        else:
            self.degraded.add("last_step")
            made = self.decide(Found(found.person, redis=False))
            step = await self.take_last_step(made)
        return self.conclude(made, step)

    async def find(self, person: str) -> Found:
        found = await find_person(person, self.budget, now_ms=self.call.now_ms)
        if not found.redis:
            self.degraded.add("redis")
        reads = self.held.accounts
        if reads == NO_READS:
            return found
        return await read_accounts(found, reads, self.budget, now_ms=self.call.now_ms)

    async def find_again(self, found: Found) -> Found:
        """Read the person anew; the profile that the request's own events are in stays.

        A worker may have folded them meanwhile, so they cannot be folded into a newer one.
        """
        again = await self.find(found.person)
        if self.call.records and again.redis and again.person == found.person:
            return replace(again, profile=found.profile, accounts=found.accounts)
        return again

    async def take_in(self, found: Found) -> Found:
        """Append the request's events to the log and fold those that are new into this answer.

        The profile was read before, so it cannot hold them yet.
        """
        records = list(self.call.records)
        if found.redis:
            for record in asking(records, self.held.kept_with_events):
                note_belonging(record, found.profile, self.held.catalogue.segments)
        if not self.call.is_dry:
            try:
                async with asyncio.timeout(max(0.001, self.budget.remaining)):
                    results = await async_event_log(self.budget.ask).accept(records)
                records = [
                    one for one, what in zip(records, results, strict=True) if what == "accepted"
                ]
            except (LogFull, LogAway, RedisUnavailable, TimeoutError, redis.RedisError):
                self.degraded.add("events")
        if not found.redis:
            return found
        return with_events(found, records, self.held.kept)

    def decide(self, found: Found, *, placements: tuple[PlacementAsk, ...] | None = None) -> Made:
        """Return the decision for what was found; `placements` instead of those asked for."""
        asked = self.call.ask.placements if placements is None else placements
        ask = msgspec.structs.replace(self.call.ask, person=found.person, placements=asked)
        closed = self.current.closed | self.closed
        state = state_of(
            found,
            replace(self.current, closed=closed),
            self.held,
            placements=ask.placements,
            given=self.call.given,
            now=self.call.now,
        )
        try:
            decision = decide(ask, state, self.held, policy=self.current.policy, now=self.call.now)
        except EngineError:
            # The engine has loaded its rules anew; what failed once is asked once more.
            logger.exception("rules.failed")
            decision = decide(ask, state, self.held, policy=self.current.policy, now=self.call.now)
        return Made(
            decision=decision,
            state=state,
            person=found.person,
            nonce=self.nonce,
            degraded=sorted(self.degraded),
        )

    async def take_last_step(self, made: Made) -> LastStep:
        """Claim what accounts limit, then reserve and log in one script; a claim is given back where that fails."""
        now_ms, nonce = self.call.now_ms, made.nonce
        claims = claims_of(made.decision, self.held.offers, made.state.belongs, now_ms=now_ms)
        if not claims:
            return await self.reserve(made)
        try:
            replies = await self.budget.ask(
                [one.take(now_ms=now_ms, nonce=nonce) for one in claims]
            )
        except RedisUnavailable as error:
            return LastStep("unavailable", str(error))
        step = claimed(replies)
        if step.outcome == "done":
            step = await self.reserve(made)
        if step.outcome != "done":
            with suppress(RedisUnavailable):  # what is not given back lapses
                await self.budget.ask([one.give_back(now_ms=now_ms, nonce=nonce) for one in claims])
        return step

    async def reserve(self, made: Made) -> LastStep:
        """Reserve and log in one script; for a total without credit ask its slot for some."""
        step = last_step(
            made.person,
            made.decision,
            offers=self.held.offers,
            view=made.state.consent,
            now_ms=self.call.now_ms,
        )
        body = self.row(made)
        try:
            result = step.read(await self.budget.ask(step.commands(body, made.nonce)))
            if result.outcome == "unknown_script":
                whole = step.commands(body, made.nonce, whole=True)
                result = step.read(await self.budget.ask(whole))
            if result.outcome == "credit":
                await self.ask_for_credit(step, result.word)
        except RedisUnavailable as error:
            return LastStep("unavailable", str(error))
        return result

    async def ask_for_credit(self, step: Step, slot: str) -> None:
        """Have a slot grant credit to the person's partition, or note that it has none left."""
        credit: Credit = next(one for one in step.credits if one.slot == slot)
        (grants,) = await self.budget.ask([("HGET", credit.keys[0], "grants")])
        number = int(grants or 0) + 1
        (units,) = await self.budget.ask([grant_command(credit, number=number)])
        if units:
            await self.budget.ask([apply_command(credit, number=number, units=units)])
        else:
            self.closed.add(credit.offer)
            await self.budget.ask([close_command(credit.offer, now_ms=self.call.now_ms)])

    async def record(self, made: Made) -> Made:
        """Log a preview's decision, which reserves nothing and which no report counts."""
        key = decision_log_key(partition_of(made.person))
        body = self.row(made)
        try:
            (length,) = await self.budget.ask([("XLEN", key)])
            if length < LOG_HARD_MARK:
                entry = ("XADD", key, "*", "d", body, "n", made.nonce)
                (stream_id,) = await self.budget.ask([entry])
                made.stream_id, made.is_logged = stream_id.decode(), True
        except RedisUnavailable:
            made.degraded.append("log")
        return made

    def conclude(self, made: Made, step: LastStep) -> Made:
        """Return what is answered after the last step: the decision, or the fallback where it failed."""
        if step.outcome == "done":
            made.stream_id, made.is_logged = step.word, True
            return made
        self.degraded.add("log" if step.outcome == "full" else "redis")
        fallback = self.decide(Found(made.person, redis=False))
        return fallback if step.outcome == "full" else self.spool_away(fallback)

    def spool_away(self, made: Made) -> Made:
        """Log a decision that Redis cannot take now to disk, from where it is sent on."""
        row = Spooled(made.person, made.nonce, self.row(made, unconfirmed=True))
        if not self.spool.add(row):
            made.degraded.append("log")
        return made

    def row(self, made: Made, *, unconfirmed: bool = False) -> bytes:
        """Return the log row: the facts used, not all that were read."""
        policy = self.current.policy
        return row_encoder.encode(
            LogRow(
                nonce=made.nonce,
                at_ms=self.call.now_ms,
                ask=msgspec.structs.replace(self.call.ask, person=made.person),
                state=msgspec.structs.replace(made.state, facts=made.decision.used),
                decision=without_contents(made.decision),
                release_version=self.held.version,
                release_digest=self.held.digest,
                canary=self.held.canary,
                policy_version=policy.version if policy else None,
                policy_digest=policy.digest if policy else "",
                degraded=tuple(made.degraded),
                took_ms=self.took_ms,
                unconfirmed=unconfirmed,
                preview=self.call.preview,
            )
        )
