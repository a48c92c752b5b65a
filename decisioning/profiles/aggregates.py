"""The only place that knows which event aggregates are kept, and in which families of buckets."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import msgspec

from decisioning.profiles.profile import (
    ACTIVITY_GRAIN_MS,
    ACTIVITY_HORIZON_MS,
    SESSION_HORIZON_MS,
)
from decisioning.profiles.series import Kind
from decisioning.profiles.views import TOLD_AGAIN
from decisioning.rules.durations import grain_seconds, parse_duration
from decisioning.rules.limits import MAX_WINDOW_S
from decisioning.rules.tree import Node, load, property_facts
from decisioning.rules.truth import Truth, evaluate
from decisioning.specs import AggregateSpec, Condition

_KINDS: Final[dict[str, Kind]] = {
    "count": "tally",
    "since_first": "tally",
    "since_last": "tally",
    "days_since": "tally",
    "sessions": "tally",
    "sum": "number",
    "min": "number",
    "max": "number",
    "average": "number",
    "recent_average": "number",
    "distinct": "distinct",
    "first": "first",
    "last": "last",
}
CART: Final = "cart"  # a window whose events are told apart to the millisecond, the newest ones
SESSIONS: Final = "sessions"  # quarters of an hour, the newest ones, as activity is kept
CART_HORIZON_MS: Final = 30 * 86_400_000
_STEPS_KEPT: Final = 8  # a window drops what it left behind at every eighth of its length
_PASSED_END: Final = {
    "attribute": "scroll_depth_percent", "family": "number", "is": "gt", "value": 90,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Family:
    """Buckets that several functions share: same event, filter, property and window."""

    key: str
    kind: Kind  # of what an event adds
    event: str
    property: str
    within: str  # "30d", "page", "session", "cart", "sessions", "" for ever
    where: Node | None
    grain_ms: int  # 0: one bucket for ever
    span_ms: int  # 0: for ever
    type: str  # of the property, for first and last
    is_told_again: bool  # the newest event of each page view counts
    stored: Kind  # of what the series holds
    step_ms: int  # how far time goes on before something is dropped

    def takes(
        self, properties: Mapping[str, Any], context: Mapping[str, Any], *, at: float
    ) -> bool:
        """Return whether an event that says this, at this epoch second, passes the filter."""
        if self.where is None:
            return True
        known = property_facts(self.where, properties, context)
        return evaluate(self.where, known, at) is Truth.TRUE

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


def families_of(spec: AggregateSpec) -> tuple[Family, ...]:
    """Return the families that an aggregate reads; two for a sequence, first A, then B."""
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
    match spec.function:
        case "sequence" | "share":
            later = _family("tally", spec.then, "", spec.within, spec.then_where)
            return (_family("tally", spec.event, "", spec.within, spec.where), later)
        case "sessions":
            return (_family("tally", spec.event, "", SESSIONS, spec.where),)
        case "session_number" | "session_duration":
            return ()  # told by activity
        case "session_intent":
            return (
                _family("tally", spec.event, "", "session"),
                _family("tally", "Page Engaged", "", "session", _PASSED_END),
                _family("tally", spec.then, "", "session"),
            )
        case "cart_value" | "cart_age":
            return (
                _family("number", "Product Added", spec.property, CART),
                _family("number", "Product Removed", spec.property, CART),
                _family("tally", spec.then, "", ""),
            )
        case _:
            kind = _KINDS[spec.function]
            read = "" if kind == "tally" else spec.property
            return (_family(kind, spec.event, read, spec.within, spec.where, spec.type),)


def _family(
    kind: Kind, event: str, read: str, within: str, where: Condition | None = None, type_: str = ""
) -> Family:
    is_told_again = event in TOLD_AGAIN
    more = [part for part in (type_, "told again" if is_told_again else "") if part]
    content = msgspec.json.encode([kind, event, read, within, where, *more], order="sorted")
    digest = hashlib.blake2b(content, digest_size=6).hexdigest()
    grain_ms, span_ms = _grain_and_span(within)
    if is_told_again:
        grain_ms, span_ms = 1, span_ms or MAX_WINDOW_S * 1_000
    node = None if where is None else load(where)
    return Family(
        key=digest,
        kind=kind,
        event=event,
        property=read,
        within=within,
        where=node,
        grain_ms=grain_ms,
        span_ms=span_ms,
        type=type_,
        is_told_again=is_told_again,
        stored="view" if is_told_again else kind,
        step_ms=max(grain_ms, span_ms // _STEPS_KEPT, 1),
    )


def _grain_and_span(within: str) -> tuple[int, int]:
    match within:
        case "":
            return 0, 0
        case "page":
            return 1_000, SESSION_HORIZON_MS
        case "session":
            return ACTIVITY_GRAIN_MS, SESSION_HORIZON_MS
        case "sessions":
            return ACTIVITY_GRAIN_MS, ACTIVITY_HORIZON_MS
        case "cart":
            return 1, CART_HORIZON_MS
        case _:
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
