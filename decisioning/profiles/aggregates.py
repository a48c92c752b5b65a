"""The only place that knows which event aggregates are kept, and in which families of buckets."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import msgspec

from decisioning.profiles.profile import ACTIVITY_GRAIN_MS, SESSION_HORIZON_MS
from decisioning.profiles.series import Kind
from decisioning.rules.durations import grain_seconds, parse_duration
from decisioning.rules.tree import Node, load, property_facts
from decisioning.rules.truth import Truth, evaluate
from decisioning.specs import AggregateSpec, Condition

_KINDS: dict[str, Kind] = {
    "count": "tally",
    "since_first": "tally",
    "since_last": "tally",
    "sequence": "tally",
    "sum": "number",
    "min": "number",
    "max": "number",
    "average": "number",
    "distinct": "distinct",
}
_STEPS_KEPT: Final = 8  # a window drops what it left behind at every eighth of its length


@dataclass(frozen=True, slots=True)
class Family:
    """Buckets that several functions share: same event, filter, property and window."""

    key: str
    kind: Kind
    event: str
    property: str
    within: str  # "30d", "page", "session", "" for ever
    where: Node | None
    grain_ms: int  # 0: one bucket for ever
    span_ms: int  # 0: for ever

    def takes(self, properties: dict[str, Any], *, at: float) -> bool:
        """Return whether an event with these properties, at this epoch second, passes the filter."""
        if self.where is None:
            return True
        return evaluate(self.where, property_facts(self.where, properties), at) is Truth.TRUE

    def index(self, at_ms: int) -> int:
        """Return the bucket of a moment."""
        return at_ms // self.grain_ms if self.grain_ms else 0

    def floor(self, newest_ms: int) -> int:
        """Return the oldest bucket that a window ending at `newest_ms` or later can reach."""
        return (newest_ms - self.span_ms) // self.grain_ms if self.grain_ms else 0

    def kept_from(self, newest_ms: int) -> int:
        """Return the oldest bucket that is kept once there is an event of this time.

        It moves in steps, so that most events leave other series as they are packed.
        """
        return self.floor(newest_ms // self.step_ms * self.step_ms)

    @property
    def step_ms(self) -> int:
        """How far time goes on before something is dropped."""
        return max(self.grain_ms, self.span_ms // _STEPS_KEPT, 1)


def families_of(spec: AggregateSpec) -> tuple[Family, ...]:
    """Return the families that an aggregate reads: two for a sequence (first A, then B), else one."""
    return _families(spec.key, _Hashable(spec))


class _Hashable:
    """Lets the cache take a specification whose conditions are dicts; its key stands for all of it."""

    def __init__(self, spec: AggregateSpec) -> None:
        self.spec = spec

    def __hash__(self) -> int:
        return hash(self.spec.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Hashable) and self.spec == other.spec


@lru_cache(maxsize=4096)
def _families(key: str, hashable: _Hashable) -> tuple[Family, ...]:
    spec = hashable.spec
    kind = _KINDS[spec.function]
    read = "" if kind == "tally" else spec.property
    first = _family(kind, spec.event, read, spec.within, spec.where)
    if spec.function != "sequence":
        return (first,)
    return (first, _family(kind, spec.then, "", spec.within, spec.then_where))


def _family(kind: Kind, event: str, read: str, within: str, where: Condition | None) -> Family:
    content = msgspec.json.encode([kind, event, read, within, where], order="sorted")
    digest = hashlib.blake2b(content, digest_size=6).hexdigest()
    grain_ms, span_ms = _grain_and_span(within)
    node = None if where is None else load(where)
    return Family(digest, kind, event, read, within, node, grain_ms, span_ms)


def _grain_and_span(within: str) -> tuple[int, int]:
    if within == "":
        return 0, 0
    if within == "page":
        return 1_000, SESSION_HORIZON_MS
    if within == "session":
        return ACTIVITY_GRAIN_MS, SESSION_HORIZON_MS
    return grain_seconds(within) * 1_000, parse_duration(within) * 1_000


class LiveSet(msgspec.Struct, frozen=True, array_like=True):
    """What workers keep: aggregates of live releases and of candidates being prepared."""

    version: int = 0
    specs: tuple[AggregateSpec, ...] = ()
    generations: dict[str, int] = {}  # family key -> version in which it was taken up (again)


class Aggregates:
    """A LiveSet ready for folding."""

    def __init__(self, live: LiveSet) -> None:
        """Compile the filters once."""
        self.version = live.version
        self.families = {family.key: family for spec in live.specs for family in families_of(spec)}
        self.generations = {key: live.generations.get(key, 0) for key in self.families}
        self.by_event: dict[str, list[Family]] = {}
        for family in self.families.values():
            self.by_event.setdefault(family.event, []).append(family)
        self._by_step: dict[int, set[str]] = {}
        for family in self.families.values():
            if family.grain_ms:
                self._by_step.setdefault(family.step_ms, set()).add(family.key)

    def passed(self, since_ms: int, until_ms: int) -> set[str]:
        """Return the families that drop something when the newest event time moves on so far."""
        found: set[str] = set()
        if since_ms != until_ms:
            for step_ms, keys in self._by_step.items():
                if since_ms // step_ms != until_ms // step_ms:
                    found |= keys
        return found

    @classmethod
    def of(cls, specs: Iterable[AggregateSpec], *, version: int = 0) -> "Aggregates":
        """Return a set in which everything is of one generation."""
        kept = tuple(specs)
        keys = {family.key for spec in kept for family in families_of(spec)}
        return cls(LiveSet(version, kept, dict.fromkeys(keys, version)))
