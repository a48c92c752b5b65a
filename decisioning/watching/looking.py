"""The only place that judges what changed for a person: segments entered and left, triggers fired; pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from decisioning.ingestion.records import Record
from decisioning.profiles.accounts import NO_ACCOUNTS, NO_READS, Accounts
from decisioning.profiles.profile import Profile
from decisioning.profiles.windows import facts
from decisioning.rules.conditions import Truth, evaluate, property_facts
from decisioning.watching.dispatches import Dispatch, Kind
from decisioning.watching.turning import next_turn
from decisioning.watching.watch_set import FIRED, WAITED, Segment, Trigger, Watch

LATEST_MS: Final = 24 * 3_600_000  # what should have started longer ago starts nothing any more
_TOUCHES_ALL: Final = frozenset({"merge_in", "backfill", "erase"})


@dataclass(frozen=True, slots=True)
class Look:
    """One person to be looked at."""

    person: str
    before: Profile | None  # as it was before `records`
    after: Profile
    records: Sequence[Record] = ()
    is_due: bool = False  # time alone may have changed something
    accounts: Accounts = NO_ACCOUNTS  # that they belong to


@dataclass(slots=True)
class Seen:
    """What a look found."""

    profile: Profile  # with its memberships as they are now
    due_ms: int | None = (
        None  # when to look again; of who was not due, for what the records touched
    )
    dispatches: list[Dispatch] = field(default_factory=list)


def look(one: Look, watch: Watch, *, known: frozenset[str], now_ms: int) -> Seen:
    """Return what is to be told of a person, who is watched from now on.

    `known` are segments for which this person was looked at before: who is found in another one has been
    in it, unless the records brought them there.
    """
    return _Looking(one, watch, known, now_ms).seen()


class _Looking:
    def __init__(self, one: Look, watch: Watch, known: frozenset[str], now_ms: int) -> None:
        self.one = one
        self.watch = watch
        self.known = known
        self.now_ms = now_ms
        self.members = dict(one.after.member_of)
        self.found: list[Dispatch] = []
        self.due: list[int] = []

    def seen(self) -> Seen:
        self._forget_unwatched()
        for segment in self.watch.segments:
            self._judge(segment)
        for record in self.one.records:
            self._start(record)
        for trigger in self.watch.absences:
            if self.one.is_due or self._is_touched(trigger.events):
                self._await(trigger)
        profile = self._now()
        due_ms = min(self.due, default=None)
        return Seen(profile, due_ms, self.found)

    def _now(self) -> Profile:
        if self.members == self.one.after.member_of:
            return self.one.after
        return msgspec.structs.replace(self.one.after, member_of=self.members)

    def _forget_unwatched(self) -> None:
        for key in self.members.keys() - self.watch.marks:
            del self.members[key]

    # Segments

    def _judge(self, segment: Segment) -> None:
        if not self._may_have_changed(segment):
            return
        now = self.now_ms / 1000
        held = facts(self._now(), segment.attributes, segment.aggregates, now, self.one.accounts)
        inside = evaluate(segment.tree, held, now) is Truth.TRUE
        entered_ms = self.members.get(segment.key)
        if inside != (entered_ms is not None):
            if entered_ms is None:
                self._enter(segment)
            else:
                self._leave(segment, entered_ms)
            held = facts(
                self._now(), segment.attributes, segment.aggregates, now, self.one.accounts
            )
        turn = next_turn(
            self.one.after,
            segment.leaves,
            segment.aggregates,
            held,
            now_ms=self.now_ms,
            accounts=self.one.accounts,
        )
        if turn is not None:
            self.due.append(turn)

    def _may_have_changed(self, segment: Segment) -> bool:
        if self.one.is_due or segment.key not in self.known or segment.follows_views:
            return True
        if self.one.before is None or self.one.before.member_of != self.members:
            return True
        if self._is_touched(segment.events):
            return True
        if segment.reads != NO_READS and any(_is_of_account(one) for one in self.one.records):
            return True
        return any(record.attributes.keys() & segment.attributes for record in self.one.records)

    def _is_touched(self, events: frozenset[str]) -> bool:
        return any(
            record.kind in _TOUCHES_ALL or record.event in events for record in self.one.records
        )

    def _enter(self, segment: Segment) -> None:
        self.members[segment.key] = self.now_ms
        if segment.key in self.known or not self._was_inside(segment):
            self._tell("segment.entered", segment.key)
            self._fire_all("entered", segment.key)

    def _was_inside(self, segment: Segment) -> bool:
        if self.one.before is None:
            return False
        now = self.now_ms / 1000
        held = facts(
            self.one.before, segment.attributes, segment.aggregates, now, self.one.accounts
        )
        return evaluate(segment.tree, held, now) is Truth.TRUE

    def _leave(self, segment: Segment, entered_ms: int) -> None:
        del self.members[segment.key]
        self._tell("segment.left", segment.key, since_ms=entered_ms)
        self._fire_all("left", segment.key)

    def _tell(self, kind: Kind, key: str, *, since_ms: int = 0) -> None:
        self.found.append(
            Dispatch(
                kind=kind, person=self.one.person, key=key, at_ms=self.now_ms, since_ms=since_ms
            )
        )

    # Triggers

    def _fire_all(self, on: str, segment: str) -> None:
        for trigger in self.watch.by_segment.get((on, segment), ()):
            self._fire(trigger)

    def _start(self, record: Record) -> None:
        """Fire the triggers of an event that is not long gone."""
        if record.kind != "event" or self.now_ms - record.event_time_ms > LATEST_MS:
            return
        for trigger in self.watch.by_event.get(record.event, ()):
            if record.event_time_ms >= trigger.watched.since_ms and _takes(trigger, record):
                self._fire(trigger, record)

    def _await(self, trigger: Trigger) -> None:
        """Fire where the time is over, and look again where it is not."""
        now = self.now_ms / 1000
        held = facts(self.one.after, (), trigger.aggregates, now, self.one.accounts)
        ago, then_ago = (held.get(fact) for fact in (trigger.watched.first, trigger.watched.then))
        if not isinstance(ago, int | float):
            return
        at_ms = self.now_ms - round(ago * 1000)
        answered = isinstance(then_ago, int | float) and then_ago <= ago
        judged_ms = -self.members.get(WAITED + trigger.spec.key, 0)
        if answered or at_ms <= judged_ms or at_ms < trigger.watched.since_ms:
            return
        due_ms = at_ms + trigger.wait_ms
        if due_ms > self.now_ms:
            self.due.append(due_ms)
            return
        self.members[WAITED + trigger.spec.key] = -at_ms
        if self.now_ms - due_ms <= LATEST_MS:
            self._fire(trigger, since_ms=at_ms)

    def _fire(self, trigger: Trigger, record: Record | None = None, *, since_ms: int = 0) -> None:
        spec, mark = trigger.spec, FIRED + trigger.spec.key
        # Negated, so that a merge that keeps the smaller number keeps the later firing.
        last_ms = -self.members.get(mark, 0)
        if last_ms and self.now_ms - last_ms < spec.every_s * 1000:
            return
        now = self.now_ms / 1000
        held = facts(self._now(), trigger.attributes, trigger.aggregates, now, self.one.accounts)
        if evaluate(trigger.condition, held, now) is not Truth.TRUE:
            return
        self.members[mark] = -self.now_ms
        self.found.append(
            Dispatch(
                kind="trigger.fired",
                person=self.one.person,
                key=spec.key,
                at_ms=self.now_ms,
                event=spec.event if record is None else record.event,
                message_id="" if record is None else record.message_id,
                properties={} if record is None else record.properties,
                since_ms=since_ms,
            )
        )


def _is_of_account(record: Record) -> bool:
    return record.kind == "look" or bool(record.groups)


def _takes(trigger: Trigger, record: Record) -> bool:
    if trigger.where is None:
        return True
    known = property_facts(trigger.where, record.properties, record.context)
    return evaluate(trigger.where, known, record.event_time_ms / 1000) is Truth.TRUE


def records_by_person(records: Iterable[Record]) -> dict[str, list[Record]]:
    """Return records by whom they are about, in order."""
    found: dict[str, list[Record]] = {}
    for record in records:
        found.setdefault(record.person, []).append(record)
    return found
