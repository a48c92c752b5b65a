"""The only place where workers decide for a person what no request asked for; caps are reserved as in a request."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

from django.conf import settings

from consent.people import partition_of
from consent.policy import EVERY_CHANNEL, permits
from consent.state import load_views
from decisioning.answering import Call, Made, Sitting
from decisioning.decision_spool import DecisionSpool
from decisioning.holder import Current, ReleaseHolder
from decisioning.messages import Ask, Chosen, Options, PlacementAsk
from decisioning.outcomes import Report, count_commands, count_reports
from decisioning.person_state import Found
from decisioning.profiles.store import load_profile
from decisioning.profiles.windows import facts
from decisioning.round_trips import Budget, HotLine, RedisUnavailable
from decisioning.schedules import ZONE_ATTRIBUTE
from decisioning.specs import TriggerSpec
from decisioning.tokens import DecisionId, Shown
from rtts_site.foundation.redis_clients import Breaker, close_clients, redis_client

TIMEOUT_MS: Final = 1_000
QUIET_PAUSE: Final = timedelta(minutes=15)
SOON: Final = timedelta(seconds=30)
LATEST: Final = timedelta(hours=24)  # after the trigger fired; later nothing is sent


class NotSent(Exception):
    """Nothing may or can be sent; the message says why."""


class Later(Exception):
    """It is to be tried again at `at`; the message says why."""

    def __init__(self, at: datetime, message: str) -> None:
        super().__init__(message)
        self.at = at


@dataclass(frozen=True, slots=True)
class Decided:
    """The offer for one person, ready to be worded."""

    person: str  # by now, after merges
    address: str
    channel: str
    purposes: tuple[str, ...]  # all that it rests on
    content: dict[str, Any]
    shown: Shown


@dataclass(frozen=True, slots=True)
class Question:
    """What a trigger asks for one person."""

    trigger: str
    person: str
    recipient: str  # attribute that holds the address
    fired_at: datetime


@cache
def _holder() -> ReleaseHolder:
    """Return this process's release holder, started by the first who decides here."""
    client = redis_client(timeout_ms=TIMEOUT_MS)
    holder = ReleaseHolder(client, settings.RTTS_VAR / "releases")
    holder.start()
    return holder


def decide_for(question: Question, *, now: datetime) -> Decided:
    """Return what a trigger's placement shows a person, with caps reserved and an impression counted.

    Raises:
        NotSent: no offer, no consent, no address, or too late.
        Later: quiet hours, or a store is away.
    """
    if now - question.fired_at > LATEST:
        raise NotSent("It fired more than 24 hours ago.")
    holder = _holder()
    holder.poll()  # consent and release as they are now, not half a second ago
    return asyncio.run(_decide(question, holder.current, now=now))


def refusal(trigger: str, person: str, *, now: datetime) -> str:
    """Return why a person's consent keeps a trigger from being told of them now; "" where it does not.

    A trigger without purposes asks for no consent; one that is gone is told of nobody.
    """
    holder = _holder()
    holder.poll()
    held = holder.current.held
    spec = (
        next((one for one in held.release.triggers if one.key == trigger), None) if held else None
    )
    if held is None or spec is None:
        return "The trigger is no longer live."
    if not spec.purposes:
        return ""
    client = redis_client(timeout_ms=TIMEOUT_MS)
    owner, _ = load_profile(client, person)
    view = load_views(client, [owner])[owner]
    placement = held.placements.get(spec.placement)
    channel = placement.channel if placement else EVERY_CHANNEL
    gate = permits(holder.current.policy, view, spec.purposes, channel=channel, now=now)
    return "" if gate.allowed else f"No consent: {gate.reasons[0].words}"


async def _decide(question: Question, current: Current, *, now: datetime) -> Decided:
    line = HotLine(Breaker("dispatching"))
    try:
        return await _Desk(question, current, line, now).decided()
    except RedisUnavailable as error:
        raise Later(now + SOON, "Redis does not answer.") from error
    finally:
        await line.close()
        await close_clients()


class _Desk:
    def __init__(self, question: Question, current: Current, line: HotLine, now: datetime) -> None:
        if current.held is None or current.policy is None:
            raise Later(now + SOON, "No release is loaded.")
        self.question = question
        self.current = current
        self.held = current.held
        self.line = line
        self.now = now.replace(microsecond=now.microsecond // 1000 * 1000)
        self.spec = self._trigger()
        placement = self.held.placements.get(self.spec.placement)
        if placement is None:
            raise NotSent("The trigger's placement is gone.")
        self.placement = placement

    def _trigger(self) -> TriggerSpec:
        for one in self.held.release.triggers:
            if one.key == self.question.trigger:
                return one
        raise NotSent("The trigger is no longer live.")

    @property
    def budget(self) -> Budget:
        return Budget(self.line, timeout_ms=TIMEOUT_MS)

    async def decided(self) -> Decided:
        call = Call(
            ask=Ask(self.question.person, (PlacementAsk(self.placement.key),)),
            given={},
            options=Options(),
            now=self.now,
        )
        spool = DecisionSpool(settings.RTTS_VAR / "spool", redis_client(timeout_ms=TIMEOUT_MS))
        sitting = Sitting(call, self.current, self.held, budget=self.budget, spool=spool)
        found = await sitting.find(self.question.person)
        if not found.redis:
            raise Later(self.now + SOON, "Redis does not answer.")
        self._check_consent(found)
        address = self._address(found)
        self._check_quiet(found)
        made = sitting.decide(found)
        chosen = self._chosen(made)
        step = await sitting.take_last_step(made)
        if step.outcome != "done":
            raise Later(self.now + SOON, "The decision could not be recorded.")
        made.stream_id = step.word
        shown = self._shown(made, chosen)
        await self._count(shown)
        offer = self.held.offers[chosen.offer]
        return Decided(
            made.person,
            address,
            self.placement.channel,
            tuple(sorted({*self.spec.purposes, *offer.purposes})),
            dict(self.held.content(chosen, made.decision.contents)),
            shown,
        )

    def _check_consent(self, found: Found) -> None:
        gate = permits(
            self.current.policy,
            found.consent,
            self.spec.purposes,
            channel=self.placement.channel,
            now=self.now,
        )
        if not gate.allowed:
            raise NotSent(f"No consent: {gate.reasons[0].words}")

    def _address(self, found: Found) -> str:
        if not self.held.may_read(self.question.recipient, self.spec.purposes):
            raise NotSent("The address may not be used for the trigger's purposes.")
        known = facts(found.profile, [self.question.recipient], (), self.now.timestamp())
        address = known.get(self.question.recipient)
        if not isinstance(address, str) or "@" not in address or len(address) > 254:
            raise NotSent("No address is known.")
        return address

    def _check_quiet(self, found: Found) -> None:
        if self.spec.in_quiet_hours:
            return
        zone = facts(found.profile, [ZONE_ATTRIBUTE], (), self.now.timestamp())
        quiet = self.held.quiet[self.placement.channel]
        if quiet.hold(self.now, str(zone.get(ZONE_ATTRIBUTE, ""))):
            raise Later(self.now + QUIET_PAUSE, "Quiet hours.")

    def _chosen(self, made: Made) -> Chosen:
        (placed,) = made.decision.placed
        if placed.status != "offers" or not placed.chosen:
            raise NotSent(f"No offer: {placed.reason}")
        return placed.chosen[0]

    def _shown(self, made: Made, chosen: Chosen) -> Shown:
        decision_id = DecisionId(partition_of(made.person), made.stream_id, made.nonce)
        return Shown(
            str(decision_id),
            made.person,
            self.placement.key,
            self.placement.channel,
            chosen.offer,
            chosen.variant,
            chosen.campaign,
            chosen.experiment,
            chosen.arm,
        )

    async def _count(self, shown: Shown) -> None:
        """Count the impression: what is sent is taken to be shown, so that caps hold."""
        now_ms = int(self.now.timestamp() * 1000)
        report = Report("impression", shown, f"sent:{shown.decision_id}", now_ms)
        offers = self.held.offers
        replies = await count_reports([report], offers, self.budget, now_ms=now_ms)
        totals = count_commands(report, offers, now_ms=now_ms)
        if totals:
            replies += await self.budget.ask(totals)
        if any(isinstance(one, Exception | list) for one in replies):
            raise RedisUnavailable("the impression was not counted")
