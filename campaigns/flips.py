"""The only place that looks for what would show an offer that is not shown, or lose one that is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from campaigns.stages import Stage
from consent.policy import ConsentView, State, Status
from decisioning.arbitration import reasons
from decisioning.arbitration.caps import MEMBERS, NO_MEMBERS, RESERVATION_MS, Shown, counter
from decisioning.arbitration.weighing import Passed, Weighing
from decisioning.decisions import decide
from decisioning.held import Candidate
from decisioning.messages import Ask, Considered, Explained, PersonState, PlacementAsk, signals_of
from decisioning.rules.conditions import Facts, Group, Node
from decisioning.rules.nearest import Change, applied, nearest, nearest_time
from decisioning.specs import CapSpec, OfferSpec, PlacementSpec

MOST_STEPS: Final = 5
MINUTE: Final = timedelta(minutes=1)
QUARTER: Final = timedelta(minutes=15)
WEEK_OF_QUARTERS: Final = 8 * 96  # a week and a day: local dates differ by up to a day
_SIGNALS: Final = {"GPC": "gpc", "TCF": "tcf", "GPP": "gpp"}
_BEYOND_HELP: Final = ("PURPOSE_UNKNOWN", "PURPOSE_RETIRED")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that would have to be otherwise."""

    changes: tuple[Change, ...] = ()  # of what is known
    at: datetime | None = None  # the time
    consents: tuple[str, ...] = ()  # purposes whose consent would have to be given
    signals: tuple[
        str, ...
    ] = ()  # of the request, that would have to be absent: "gpc", "denied:ads"


@dataclass(frozen=True, slots=True)
class Flip:
    """Steps after which an offer is shown, or at least passes every check."""

    steps: tuple[Step, ...]
    then: Considered | None = None  # what becomes of it then; None where it is lost
    to_beat: float | None = None  # the score of the last one that is shown instead


@dataclass(frozen=True, slots=True)
class _Situation:
    ask: Ask
    state: PersonState
    now: datetime
    changes: tuple[Change, ...] = ()


class Flipping:
    """Looks for flips of one trial; every flip was tried out with the real read path."""

    def __init__(
        self,
        stage: Stage,
        ask: Ask,
        state_at: Callable[[datetime], PersonState],
        now: datetime,
    ) -> None:
        self.stage = stage
        self.state_at = state_at
        self.start = _Situation(ask, state_at(now), now)

    def showing(self, told: Explained, placement: PlacementSpec) -> tuple[Flip, ...]:
        """Return the nearest change of what is known, and of the time, after which an offer is shown."""
        candidate = self._candidate(told)
        if candidate is None:
            return ()
        now, later = (
            self._flip(candidate, placement, by_time=by_time) for by_time in (False, True)
        )
        return tuple(flip for flip in (now, later if later != now else None) if flip is not None)

    def losing(self, told: Explained, placement: PlacementSpec) -> tuple[Flip, ...]:
        """Return the nearest change of what is known after which the conditions of a shown offer do not hold."""
        candidate = self._candidate(told)
        if candidate is None:
            return ()
        weighing = self._weighing(self.start)
        visible = weighing.visible(candidate.group)
        now = self.start.now.timestamp()
        changes = nearest(_tree(candidate), visible, now, untrue=True)
        return (Flip((Step(changes=changes),)),) if changes else ()

    def _candidate(self, told: Explained) -> Candidate | None:
        candidates = self.stage.held.candidates.get(told.placement, ())
        name = (told.campaign, told.offer)
        return next((one for one in candidates if (one.campaign.key, one.offer.key) == name), None)

    def _weighing(self, situation: _Situation) -> Weighing:
        return Weighing(
            ask=situation.ask,
            state=situation.state,
            held=self.stage.held,
            policy=self.stage.policy,
            now=situation.now,
        )

    def _flip(
        self, candidate: Candidate, placement: PlacementSpec, *, by_time: bool
    ) -> Flip | None:
        situation, steps = self.start, list[Step]()
        while len(steps) <= MOST_STEPS:
            weighing = self._weighing(situation)
            result = weighing.weigh(candidate, placement)
            if isinstance(result, Passed):
                return self._ranked(candidate, placement, situation, steps)
            attempt = _Attempt(self, candidate, placement, situation, weighing, by_time)
            step = attempt.step(result[0])
            if step is None:
                return None
            steps.append(step)
            situation = self._after(situation, step)
        return None

    def _after(self, situation: _Situation, step: Step) -> _Situation:
        changes = (*situation.changes, *step.changes)
        now = step.at or situation.now
        consent = _given(situation.state.consent, step.consents, since=now.timestamp())
        shown = situation.state.shown
        if step.at is not None and step.at - situation.now >= timedelta(
            milliseconds=RESERVATION_MS
        ):
            shown = Shown(shown.times, {})  # what is reserved now has lapsed by then
        state = self.state_at(now)
        state = msgspec.structs.replace(
            state, facts=applied(state.facts, changes), consent=consent, shown=shown
        )
        return _Situation(_without(situation.ask, step.signals, now=now), state, now, changes)

    def _ranked(
        self,
        candidate: Candidate,
        placement: PlacementSpec,
        situation: _Situation,
        steps: list[Step],
    ) -> Flip:
        """Return the flip with what becomes of the offer in the end, its placement asked for alone."""
        counts = {one.key: one.count for one in self.start.ask.placements}
        alone = (PlacementAsk(placement.key, counts.get(placement.key, 1)),)
        ask = msgspec.structs.replace(situation.ask, placements=alone)
        held, policy = self.stage.held, self.stage.policy
        decision = decide(ask, situation.state, held, policy=policy, now=situation.now)
        name = (candidate.campaign.key, candidate.offer.key)
        then = next(one for one in decision.considered if (one.campaign, one.offer) == name)
        scores = [one.score for one in decision.placed[0].chosen if one.score is not None]
        to_beat = min(scores, default=None) if then.code == reasons.OUTRANKED else None
        return Flip(tuple(steps), then, to_beat)


@dataclass(frozen=True, slots=True)
class _Attempt:
    flipping: Flipping
    candidate: Candidate
    placement: PlacementSpec
    situation: _Situation
    weighing: Weighing
    by_time: bool

    def step(self, code: str) -> Step | None:
        """Return what would take away the first thing that speaks against an offer; None: nothing would."""
        ways: Mapping[str, Callable[[], Step | None]] = {
            reasons.NOT_RUNNING: self.opening,
            reasons.QUIET_HOURS: self.opening,
            reasons.CONSENT: self.consent,
            reasons.NOT_ELIGIBLE: self.conditions,
            reasons.CAP_REACHED: self.cap,
        }
        way = ways.get(code)
        return way() if way else None

    def opening(self) -> Step | None:
        """Return the next time at which the dates, hours and quiet hours let it be shown."""
        starts = (self.candidate.offer.starts_at, self.candidate.campaign.starts_at)
        now = self.situation.now
        later = sorted(one for one in starts if one is not None and one > now)
        for begin in (*reversed(later), now):
            at = self._open_from(begin)
            if at is not None:
                return Step(at=at)
        return None

    def _open_from(self, begin: datetime) -> datetime | None:
        """Return the first time from `begin` on, within a week and to the minute, at which it runs."""
        if begin > self.situation.now and self._runs(begin):
            return begin
        for quarter in range(1, WEEK_OF_QUARTERS + 1):
            at = begin + quarter * QUARTER
            if self._runs(at):
                before = at - QUARTER
                minutes = (_whole_minute(before) + n * MINUTE for n in range(1, 16))
                return next((one for one in minutes if one > before and self._runs(one)), at)
        return None

    def _runs(self, at: datetime) -> bool:
        then = self.flipping._weighing(replace(self.situation, now=at))
        return then.not_running(self.candidate) is None

    def consent(self) -> Step | None:
        if not self.situation.state.consent.usable or self.situation.state.consent.restricted:
            return None
        purposes = self.candidate.offer.purposes
        gate, _ = self.weighing.gate(purposes, self.placement.channel)
        consents, signals = [], []
        for reason in gate.reasons:
            if not reason.purpose or reason.code in _BEYOND_HELP:
                return None
            if reason.code in _SIGNALS:
                signals.append(_SIGNALS[reason.code])
            elif reason.code == "REQUEST_DENIED":
                signals.append(f"denied:{reason.purpose}")
            else:
                consents.append(reason.purpose)
        return Step(consents=tuple(consents), signals=tuple(dict.fromkeys(signals)))

    def conditions(self) -> Step | None:
        tree, now = _tree(self.candidate), self.situation.now.timestamp()
        if self.by_time:
            moment = nearest_time(tree, self.visible_at, now)
            if moment is not None:
                return Step(at=datetime.fromtimestamp(moment, UTC))
        changes = nearest(tree, self.weighing.visible(self.candidate.group), now)
        return Step(changes=changes) if changes else None

    def visible_at(self, moment: float) -> Facts:
        state = self.flipping.state_at(datetime.fromtimestamp(moment, UTC))
        later = replace(
            self.situation,
            state=msgspec.structs.replace(
                self.situation.state, facts=applied(state.facts, self.situation.changes)
            ),
        )
        return self.flipping._weighing(later).visible(self.candidate.group)

    def cap(self) -> Step | None:
        state, channel = self.situation.state, self.placement.channel
        now_ms = int(self.situation.now.timestamp() * 1000)
        at_ms = frees_at(
            self.candidate.offer, channel, state.shown, now_ms=now_ms, members=state.shown_to
        )
        if at_ms is None or at_ms <= now_ms:
            return None
        return Step(at=datetime.fromtimestamp(at_ms / 1000, UTC))


def frees_at(
    offer: OfferSpec,
    channel: str,
    shown: Shown,
    *,
    now_ms: int,
    members: Mapping[str, Shown] = NO_MEMBERS,
) -> int | None:
    """Return when the caps of a person, and of their accounts, leave room again, epoch ms; None: never."""
    due = now_ms
    for cap in offer.caps:
        if cap.scope == "total":
            continue
        where = channel if cap.scope == "channel" else ""
        counted = [(shown, where)]
        if cap.scope == "account" and cap.of in members:
            counted.append((members[cap.of], MEMBERS))
        for known, at in counted:
            freed = _freed(cap, offer, at, known, now_ms=now_ms)
            if freed is None:
                return None
            due = max(due, freed)
    return due


def _freed(cap: CapSpec, offer: OfferSpec, where: str, shown: Shown, *, now_ms: int) -> int | None:
    moments = sorted(shown.times.get(counter(cap.counts, offer.key, where), ()), reverse=True)
    reserved = shown.reserved.get(f"{offer.key}@{where}" if where else offer.key, 0)
    due = now_ms + RESERVATION_MS if cap.counts == "impression" and reserved else now_ms
    if cap.limit == 0 or (len(moments) >= cap.limit and cap.window_s is None):
        return None
    if len(moments) >= cap.limit and cap.window_s is not None:
        due = max(due, moments[cap.limit - 1] + cap.window_s * 1000)
    return due


def _whole_minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def _tree(candidate: Candidate) -> Node:
    return Group("all", (candidate.offer_tree, candidate.campaign_tree))


def _given(view: ConsentView, purposes: tuple[str, ...], *, since: float) -> ConsentView:
    states = {place: state for place, state in view.states.items() if place[0] not in purposes}
    states |= {(purpose, "*"): State(Status.GIVEN, since) for purpose in purposes}
    return replace(view, states=states)


def _without(ask: Ask, signals: tuple[str, ...], *, now: datetime) -> Ask:
    said = signals_of(ask, now=now)
    denied = frozenset(one for one in said.denied if f"denied:{one}" not in signals)
    fields: dict[str, Any] = {"denied": denied}
    fields |= {"gpc": False} if "gpc" in signals else {}
    fields |= {name: None for name in ("tcf", "gpp") if name in signals}
    return msgspec.structs.replace(ask, signals=replace(said, **fields))
