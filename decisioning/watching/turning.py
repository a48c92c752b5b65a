"""The only place that knows when a condition may turn by time alone, so that somebody is looked at again then; pure."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from decisioning.profiles import series
from decisioning.profiles.accounts import NO_ACCOUNTS, Accounts
from decisioning.profiles.aggregates import Family, families_of
from decisioning.profiles.profile import SESSION_SILENCE_MS, Profile
from decisioning.profiles.sessions import session_at
from decisioning.rules.membership import MEMBER
from decisioning.rules.substitutes import edges_in_time
from decisioning.rules.tree import Leaf
from decisioning.specs import AggregateSpec

DAY_MS: Final = 86_400_000
POLL_MS: Final = 60_000  # for what changes all the time, such as a weighted mean
_ROLLING: Final = ("count", "sum", "min", "max", "average", "distinct", "sequence")
_NOBODY: Final = Profile()
_SINCE: Final = ("since_first", "since_last")


def next_turn(
    profile: Profile,
    leaves: Iterable[Leaf],
    aggregates: Iterable[AggregateSpec],
    facts: dict[str, Any],
    *,
    now_ms: int,
    accounts: Accounts = NO_ACCOUNTS,
) -> int | None:
    """Return the first moment after `now_ms`, ms, at which a comparison may turn though nothing happens."""
    specs = {one.key: one for one in aggregates}
    found = (
        at_ms
        for leaf, spec in ((one, specs.get(one.fact)) for one in leaves)
        for at_ms in _turns(_counted(profile, spec, accounts), leaf, spec, facts, now_ms=now_ms)
    )
    return min((at_ms for at_ms in found if at_ms > now_ms), default=None)


def _counted(profile: Profile, spec: AggregateSpec | None, accounts: Accounts) -> Profile:
    """Return whose events an aggregate counts."""
    of = spec.of if spec is not None else ""
    return accounts.profiles.get(of, _NOBODY) if of else profile


def _turns(
    profile: Profile,
    leaf: Leaf,
    spec: AggregateSpec | None,
    facts: dict[str, Any],
    *,
    now_ms: int,
) -> Iterator[int]:
    if spec is not None:
        yield from _rolls(profile, spec, now_ms=now_ms)
        if spec.function in _SINCE:
            yield from _passes(leaf, facts.get(leaf.fact), now_ms=now_ms)
    elif leaf.fact.startswith(MEMBER):
        yield from _passes(leaf, facts.get(leaf.fact), now_ms=now_ms)
    elif leaf.family == "date" and isinstance(facts.get(leaf.fact), int | float):
        edges = [int(edge * 1000) for edge in edges_in_time(leaf, facts[leaf.fact])]
        yield from edges or [(now_ms // DAY_MS + 1) * DAY_MS]


def _passes(leaf: Leaf, fact: Any, *, now_ms: int) -> Iterator[int]:
    """Yield when a time that grows by itself reaches a threshold."""
    if isinstance(fact, int | float) and leaf.operator.native is not None:
        for _symbol, edge in leaf.operator.native(leaf.value):
            at_ms = now_ms + round((edge - fact) * 1000)
            yield from (at_ms, at_ms + 1)


def _rolls(profile: Profile, spec: AggregateSpec, *, now_ms: int) -> Iterator[int]:
    if spec.within == "session" or spec.function not in (*_ROLLING, *_SINCE):
        session = session_at(profile, now_ms)
        if session is not None:
            yield session[1] + SESSION_SILENCE_MS
    if spec.function not in (*_ROLLING, *_SINCE) and now_ms - profile.newest_ms < DAY_MS:
        yield now_ms + POLL_MS
    for family in families_of(spec):
        yield from _bucket_turns(profile, family, now_ms=now_ms)


def _bucket_turns(profile: Profile, family: Family, *, now_ms: int) -> Iterator[int]:
    """Yield when the oldest bucket leaves a rolling window, and when one of the future enters it."""
    packed = profile.series.get(family.key)
    if packed is None or not family.grain_ms:
        return
    lowest, newest = family.floor(now_ms), family.index(now_ms)
    for index, _cell in series.buckets(series.unpacked(packed)):
        if index > newest:
            yield index * family.grain_ms
            return
        if index >= lowest:
            yield (index + 1) * family.grain_ms + family.span_ms
            lowest = newest + 1  # only the first one leaves next
