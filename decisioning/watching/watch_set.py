"""The only place that says which segments and triggers of a release workers watch; pure."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import reduce
from operator import or_
from typing import Any, Final

import msgspec

from decisioning.profiles.accounts import NO_READS, Reads
from decisioning.rules.catalogue import Catalogue
from decisioning.rules.conditions import Node, aggregates, load, parse, to_plain
from decisioning.rules.durations import parse_duration
from decisioning.rules.membership import MEMBER, meaning, member_fact, remembers
from decisioning.rules.moment import kept_with_events
from decisioning.rules.signals import events_read
from decisioning.rules.tree import Leaf, leaves, said_by_accounts
from decisioning.rules.triggers import awaited, filter_of
from decisioning.specs import AggregateSpec, Condition, ReleaseSpec, TriggerSpec

EVERY: Final = "*"  # in place of a segment's key: all segments
FIRED: Final = "trigger:"  # before a trigger's key in `member_of`: when it last fired
WAITED: Final = "waited:"  # …: of which event an absence was judged last


class WatchedSegment(msgspec.Struct, frozen=True, array_like=True):
    """One segment, with the whole condition of who is in it."""

    key: str
    tree: Condition  # of `to_plain`


class WatchedTrigger(msgspec.Struct, frozen=True, array_like=True):
    """One trigger, ready to be judged."""

    spec: TriggerSpec
    condition: Condition  # of `to_plain`
    where: Condition | None  # of `to_plain`; filter on its event
    first: str  # absence: the fact how long ago its event was
    then: str  # absence: the fact how long ago the one that ends the wait was
    since_ms: int  # events before it was published start nothing


class WatchSet(msgspec.Struct, frozen=True, array_like=True):
    """What workers watch, as it is published in Redis."""

    version: int = 0
    segments: tuple[WatchedSegment, ...] = ()  # one that another rests on stands before it
    triggers: tuple[WatchedTrigger, ...] = ()
    aggregates: tuple[AggregateSpec, ...] = ()


def watch_set(
    release: ReleaseSpec, *, named: Iterable[str], before: WatchSet, now_ms: int
) -> WatchSet:
    """Return what is to be watched: segments that remember, that triggers or `named` ask for, and triggers.

    Equal to `before`, version included, where nothing changed.

    Raises:
        ConditionError: a condition cannot be read.
    """
    catalogue = Catalogue.of(release)
    wanted = {one.segment for one in release.triggers if one.segment} | set(named)
    wanted |= frozenset().union(*kept_with_events(asdict(release)).values())
    trees = {
        one.key: parse(meaning(one), catalogue)
        for one in release.segments
        if remembers(one) or one.key in wanted or EVERY in wanted
    }
    rests = {key: _rests_on(tree) for key, tree in trees.items()}
    order = sorted(trees, key=lambda key: (len(rests[key]), key))
    since = {one.spec.key: one for one in before.triggers}
    triggers = [_trigger(one, catalogue, since, now_ms=now_ms) for one in release.triggers]
    kept = {one for tree in trees.values() for one in aggregates(tree)}
    for one in release.triggers:
        kept |= _needed(one, catalogue)
    following = WatchSet(
        before.version,
        tuple(WatchedSegment(key, to_plain(trees[key])) for key in order),
        tuple(triggers),
        tuple(sorted(kept, key=lambda spec: spec.key)),
    )
    if following == before:
        return before
    return msgspec.structs.replace(following, version=before.version + 1)


def _rests_on(tree: Node) -> frozenset[str]:
    return frozenset(leaf.fact for leaf in leaves(tree) if leaf.fact.startswith(MEMBER))


def _needed(spec: TriggerSpec, catalogue: Catalogue) -> set[AggregateSpec]:
    kept = set(aggregates(parse(spec.condition, catalogue)))
    return kept | set(awaited(spec, catalogue)) if spec.on == "absence" else kept


def _trigger(
    spec: TriggerSpec,
    catalogue: Catalogue,
    before: Mapping[str, WatchedTrigger],
    *,
    now_ms: int,
) -> WatchedTrigger:
    known = before.get(spec.key)
    since_ms = known.since_ms if known is not None and _starts_alike(known.spec, spec) else now_ms
    first = then = ""
    if spec.on == "absence":
        first, then = (one.key for one in awaited(spec, catalogue))
    where = filter_of(spec.event, spec.where, catalogue) if spec.on == "event" else None
    return WatchedTrigger(
        spec,
        to_plain(parse(spec.condition, catalogue)),
        None if where is None else to_plain(where),
        first,
        then,
        since_ms,
    )


def _starts_alike(one: TriggerSpec, other: TriggerSpec) -> bool:
    names = ("on", "segment", "event", "where", "then", "then_where", "within")
    return all(getattr(one, name) == getattr(other, name) for name in names)


@dataclass(frozen=True, slots=True)
class Segment:
    """A watched segment as it is judged."""

    key: str
    tree: Node
    leaves: tuple[Leaf, ...]
    attributes: frozenset[str]  # keys of facts that are no aggregates
    aggregates: tuple[AggregateSpec, ...]
    events: frozenset[str]
    follows_views: bool  # it counts in a page view or session: any event may change it
    reads: Reads  # of accounts


@dataclass(frozen=True, slots=True)
class Trigger:
    """A trigger as it is judged."""

    watched: WatchedTrigger
    condition: Node
    attributes: frozenset[str]
    aggregates: tuple[AggregateSpec, ...]
    where: Node | None
    wait_ms: int  # absence
    reads: Reads  # of accounts

    @property
    def spec(self) -> TriggerSpec:
        return self.watched.spec

    @property
    def events(self) -> frozenset[str]:
        return frozenset((self.spec.event, self.spec.then))


@dataclass(slots=True)
class Watch:
    """A WatchSet with its trees loaded."""

    version: int = 0
    segments: tuple[Segment, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    by_event: dict[str, list[Trigger]] = field(default_factory=dict)
    by_segment: dict[tuple[str, str], list[Trigger]] = field(default_factory=dict)  # (on, segment)
    absences: tuple[Trigger, ...] = ()
    keys: frozenset[str] = frozenset()  # of segments
    marks: frozenset[str] = frozenset()  # what `member_of` may hold
    reads: Reads = NO_READS  # of accounts
    of_accounts: frozenset[str] = frozenset()  # events of accounts that segments rest on

    @property
    def is_empty(self) -> bool:
        return not (self.segments or self.triggers)

    @classmethod
    def of(cls, live: WatchSet) -> "Watch":
        """Return a set ready for judging."""
        specs = {one.key: one for one in live.aggregates}
        segments = tuple(_segment(one, specs) for one in live.segments)
        triggers = tuple(_judged(one, specs) for one in live.triggers)
        found = cls(live.version, segments, triggers)
        for one in triggers:
            if one.spec.on == "event":
                found.by_event.setdefault(one.spec.event, []).append(one)
            elif one.spec.on != "absence":
                found.by_segment.setdefault((one.spec.on, one.spec.segment), []).append(one)
        found.absences = tuple(one for one in triggers if one.spec.on == "absence")
        found.keys = frozenset(one.key for one in segments)
        read = [*(one.reads for one in segments), *(one.reads for one in triggers)]
        found.reads = reduce(or_, read, NO_READS)
        found.of_accounts = frozenset(
            name
            for one in segments
            for spec in one.aggregates
            if spec.of
            for name in events_read(spec)
        )
        found.marks = found.keys | {
            mark + one.spec.key for one in triggers for mark in (FIRED, WAITED)
        }
        return found


def _segment(watched: WatchedSegment, specs: Mapping[str, AggregateSpec]) -> Segment:
    tree = load(watched.tree)
    read = {leaf.fact for leaf in leaves(tree)}
    own = tuple(specs[key] for key in sorted(read & specs.keys()))
    return Segment(
        watched.key,
        tree,
        tuple(leaves(tree)),
        frozenset(read - specs.keys() | {member_fact(watched.key)}),
        own,
        frozenset(name for spec in own for name in events_read(spec)),
        any(spec.within in ("page", "session") for spec in own),
        _reads(tree, own),
    )


def _judged(watched: WatchedTrigger, specs: Mapping[str, AggregateSpec]) -> Trigger:
    condition = load(watched.condition)
    read: set[Any] = {leaf.fact for leaf in leaves(condition)}
    named = read | {watched.first, watched.then}
    spec = watched.spec
    counted = tuple(specs[key] for key in sorted(named & specs.keys()))
    return Trigger(
        watched,
        condition,
        frozenset(read - specs.keys()),
        counted,
        None if watched.where is None else load(watched.where),
        parse_duration(spec.within) * 1_000 if spec.on == "absence" else 0,
        _reads(condition, counted),
    )


def _reads(tree: Node, counted: Iterable[AggregateSpec]) -> Reads:
    return Reads(said_by_accounts(tree), frozenset(one.of for one in counted if one.of))
