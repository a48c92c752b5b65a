"""The only place where workers decide for a person what no request asked for; caps are reserved as in a request."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final, TypeVar

from django.conf import settings

from consent.people import partition_of
from consent.policy import EVERY_CHANNEL, permits
from consent.state import load_views
from decisioning.answering import Call, Made, Sitting
from decisioning.arbitration.claims import accounts_of_offer
from decisioning.decision_spool import DecisionSpool
from decisioning.held import Held
from decisioning.holder import Current, ReleaseHolder
from decisioning.messages import Ask, Chosen, Options, PlacementAsk
from decisioning.outcomes import Report, count_commands, count_reports
from decisioning.person_state import Found
from decisioning.profiles.profile import Profile
from decisioning.profiles.store import load_profile
from decisioning.profiles.windows import facts
from decisioning.round_trips import Budget, HotLine, RedisUnavailable
from decisioning.rules.phrases import gettext_noop as _
from decisioning.schedules import ZONE_ATTRIBUTE
from decisioning.specs import TriggerSpec
from decisioning.tokens import DecisionId, Shown
from rtts_site.foundation.redis_clients import Breaker, close_clients, redis_client

TIMEOUT_MS: Final = 1_000
QUIET_PAUSE: Final = timedelta(minutes=15)
SOON: Final = timedelta(seconds=30)
T = TypeVar("T")
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
    """Return what a trigger's placement shows a person, with caps reserved; no impression is counted.

    Raises:
        NotSent: no offer, no consent, no address, or too late.
        Later: quiet hours, or a store is away.
    """
    _check_time(question, now)
    return asyncio.run(_at_desk(question, lambda desk: desk.decided(), now=now))


def check_again(question: Question, decided: Decided, *, now: datetime) -> None:
    """Check that what was decided for an earlier try may be sent now; nothing is decided or reserved.

    Raises:
        NotSent: consent is gone, the offer is stopped or no longer live, or it is too late.
        Later: quiet hours, or a store is away.
    """
    _check_time(question, now)
    asyncio.run(_at_desk(question, lambda desk: desk.check_again(decided), now=now))


def count_impression(shown: Shown, message: str, *, at: datetime) -> bool:
    """Count what was sent as shown, once for each message; False where it has to be tried again."""
    held = _newest().held
    if held is None:
        return False
    report = Report("impression", shown, f"sent:{message}", int(at.timestamp() * 1000))
    return asyncio.run(_count(report, held))


def _check_time(question: Question, now: datetime) -> None:
    if now - question.fired_at > LATEST:
        raise NotSent(_("It fired more than 24 hours ago."))


def refusal(person: str, purposes: Sequence[str], *, trigger: str = "", now: datetime) -> str:
    """Return why a person may not be told of now; "" where they permit all purposes.

    Of a trigger that fired also its own purposes count, on its placement's channel; one that is gone is told of
    nobody. Without purposes nobody is asked.
    """
    current = _newest()
    channel = EVERY_CHANNEL
    if trigger:
        spec = _trigger_of(current, trigger)
        if spec is None or current.held is None:
            return "The trigger is no longer live."
        purposes = [*spec.purposes, *purposes]
        placement = current.held.placements.get(spec.placement)
        channel = placement.channel if placement else EVERY_CHANNEL
    return _denied(current, person, purposes, channel, now=now) if purposes else ""


def may_push(trigger: str, person: str, *, now: datetime) -> bool:
    """Return whether a trigger may push a decision to a person now: with consent, and in no quiet hours."""
    current = _newest()
    spec = _trigger_of(current, trigger)
    placement = current.held.placements.get(spec.placement) if spec and current.held else None
    if spec is None or current.held is None or placement is None:
        return False
    if spec.purposes and _denied(current, person, spec.purposes, placement.channel, now=now):
        return False
    quiet = current.held.quiet[placement.channel]
    if spec.in_quiet_hours or not quiet.windows:
        return True
    _owner, profile = load_profile(redis_client(timeout_ms=TIMEOUT_MS), person)
    return not quiet.hold(now, _zone_of(profile, now))


def _newest() -> Current:
    holder = _holder()
    holder.poll()  # consent and release as they are now, not half a second ago
    return holder.current


def _trigger_of(current: Current, key: str) -> TriggerSpec | None:
    triggers = current.held.release.triggers if current.held else ()
    return next((one for one in triggers if one.key == key), None)


def _denied(
    current: Current, person: str, purposes: Sequence[str], channel: str, *, now: datetime
) -> str:
    client = redis_client(timeout_ms=TIMEOUT_MS)
    owner, _profile = load_profile(client, person)
    view = load_views(client, [owner])[owner]
    gate = permits(current.policy, view, sorted({*purposes}), channel=channel, now=now)
    return "" if gate.allowed else f"No consent: {gate.reasons[0].words}"


def _zone_of(profile: Profile | None, now: datetime) -> str:
    return str(facts(profile, [ZONE_ATTRIBUTE], (), now.timestamp()).get(ZONE_ATTRIBUTE, ""))


async def _at_desk(
    question: Question, act: Callable[["_Desk"], Awaitable[T]], *, now: datetime
) -> T:
    line = HotLine(Breaker("dispatching"))
    try:
        return await act(_Desk(question, _newest(), line, now))
    except RedisUnavailable as error:
        raise Later(now + SOON, _("Redis does not answer.")) from error
    finally:
        await line.close()
        await close_clients()


async def _count(report: Report, held: Held) -> bool:
    line = HotLine(Breaker("dispatching"))
    budget = Budget(line, timeout_ms=TIMEOUT_MS)
    now_ms = report.occurred_ms
    try:
        replies = await count_reports([report], held.offers, budget, now_ms=now_ms)
        totals = count_commands(report, held.offers, now_ms=now_ms)
        if totals:
            replies += await budget.ask(totals)
    except RedisUnavailable:
        return False
    finally:
        await line.close()
        await close_clients()
    return not any(isinstance(one, Exception | list) or one == b"full" for one in replies)


class _Desk:
    def __init__(self, question: Question, current: Current, line: HotLine, now: datetime) -> None:
        if current.held is None or current.policy is None:
            raise Later(now + SOON, _("No release is loaded."))
        self.question = question
        self.current = current
        self.held = current.held
        self.line = line
        self.now = now.replace(microsecond=now.microsecond // 1000 * 1000)
        spec = _trigger_of(current, question.trigger)
        if spec is None:
            raise NotSent(_("The trigger is no longer live."))
        self.spec = spec
        placement = self.held.placements.get(self.spec.placement)
        if placement is None:
            raise NotSent(_("The trigger's placement is gone."))
        self.placement = placement

    @property
    def budget(self) -> Budget:
        return Budget(self.line, timeout_ms=TIMEOUT_MS)

    async def decided(self) -> Decided:
        sitting = self._sitting()
        found = await self._find(sitting)
        self._check_consent(found, self.spec.purposes)
        address = self._address(found)
        self._check_quiet(found)
        made = sitting.decide(found)
        chosen = self._chosen(made)
        step = await sitting.take_last_step(made)
        if step.outcome != "done":
            raise Later(self.now + SOON, _("The decision could not be recorded."))
        made.stream_id = step.word
        offer = self.held.offers[chosen.offer]
        return Decided(
            made.person,
            address,
            self.placement.channel,
            tuple(sorted({*self.spec.purposes, *offer.purposes})),
            dict(self.held.content(chosen, made.decision.contents)),
            self._shown(made, chosen),
        )

    async def check_again(self, decided: Decided) -> None:
        found = await self._find(self._sitting())
        self._check_consent(found, decided.purposes)
        self._check_quiet(found)
        shown = decided.shown
        names = (f"offer:{shown.offer}", f"campaign:{shown.campaign}")
        if any(name in self.current.stops.things for name in names):
            raise NotSent(_("The offer was stopped."))
        if shown.offer not in self.held.offers:
            raise NotSent(_("The offer is no longer live."))

    def _sitting(self) -> Sitting:
        call = Call(
            ask=Ask(self.question.person, (PlacementAsk(self.placement.key),)),
            given={},
            options=Options(),
            now=self.now,
        )
        spool = DecisionSpool(settings.RTTS_VAR / "spool", redis_client(timeout_ms=TIMEOUT_MS))
        return Sitting(call, self.current, self.held, budget=self.budget, spool=spool)

    async def _find(self, sitting: Sitting) -> Found:
        found = await sitting.find(self.question.person)
        if not found.redis:
            raise Later(self.now + SOON, _("Redis does not answer."))
        return found

    def _check_consent(self, found: Found, purposes: Sequence[str]) -> None:
        channel = self.placement.channel
        gate = permits(self.current.policy, found.consent, purposes, channel=channel, now=self.now)
        if not gate.allowed:
            raise NotSent(f"No consent: {gate.reasons[0].words}")

    def _address(self, found: Found) -> str:
        if not self.held.may_read(self.question.recipient, self.spec.purposes):
            raise NotSent(_("The address may not be used for the trigger's purposes."))
        known = facts(found.profile, [self.question.recipient], (), self.now.timestamp())
        address = known.get(self.question.recipient)
        if not isinstance(address, str) or "@" not in address or len(address) > 254:
            raise NotSent(_("No address is known."))
        return address

    def _check_quiet(self, found: Found) -> None:
        if self.spec.in_quiet_hours:
            return
        quiet = self.held.quiet[self.placement.channel]
        if quiet.hold(self.now, _zone_of(found.profile, self.now)):
            raise Later(self.now + QUIET_PAUSE, _("Quiet hours."))

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
            accounts_of_offer(self.held.offers[chosen.offer], made.state.belongs),
        )
