"""The only place that reads facts out of a profile: windows over buckets, sessions, attributes."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from decisioning.profiles import series
from decisioning.profiles.accounts import NO_ACCOUNTS, Accounts
from decisioning.profiles.aggregates import Family, families_of
from decisioning.profiles.measures import Buckets, Windows, measured
from decisioning.profiles.profile import Profile
from decisioning.profiles.sessions import session_at
from decisioning.rules.membership import MEMBER
from decisioning.rules.values import Value
from decisioning.specs import AggregateSpec

_NOBODY = Profile()


def facts(
    profile: Profile | None,
    attributes: Iterable[str],
    aggregates: Iterable[AggregateSpec],
    now: float,
    accounts: Accounts = NO_ACCOUNTS,
) -> dict[str, Value]:
    """Return the facts asked for, by attribute key and aggregate key; what is unknown is absent.

    `now` is in epoch seconds. Of a person never seen counts, sums and distinct are 0; of an account that they do not
    belong to, everything is unknown.
    """
    known = profile or _NOBODY
    found: dict[str, Value] = {}
    for key in attributes:
        if key in accounts.attributes:
            _tell_account(found, accounts, key)
            continue
        if key.startswith(MEMBER):
            _tell_membership(found, known, key, now)
            continue
        cell = known.attributes.get(key)
        if cell is not None and cell.value is not None:
            found[key] = cell.value
    for spec in aggregates:
        counted = accounts.profiles.get(spec.of) if spec.of else known
        value = None if counted is None else aggregate_value(counted, spec, now)
        if value is not None:
            found[spec.key] = value
    return found


def _tell_account(found: dict[str, Value], accounts: Accounts, key: str) -> None:
    value = accounts.value(key)
    if value is not None:
        found[key] = value


def _tell_membership(found: dict[str, Value], profile: Profile, key: str, now: float) -> None:
    entered_ms = profile.member_of.get(key.removeprefix(MEMBER))
    if entered_ms is not None:
        found[key] = max(0.0, now - entered_ms / 1000)


def aggregate_value(profile: Profile, spec: AggregateSpec, now: float) -> Value | None:
    """Return an aggregate at `now`, epoch seconds; None is unknown.

    Times since are in seconds. A window begins with the bucket that its first moment lies in, so it is
    up to one grain longer than its name says.
    """
    now_ms = int(now * 1000)
    families = families_of(spec)
    if any(family.key in profile.given_up for family in families):
        return None
    found = [_buckets(profile, family, now_ms) for family in families]
    return measured(Windows(spec, profile, found, now_ms))


def _buckets(profile: Profile, family: Family, now_ms: int) -> Buckets:
    packed = profile.series.get(family.key)
    if packed is None:
        return []
    lowest = _lowest(profile, family, now_ms)
    if lowest is None:
        return []
    highest = family.index(now_ms)
    inside = [
        (index * family.grain_ms, cell)
        for index, cell in series.buckets(series.unpacked(packed))
        if lowest <= index <= highest
    ]
    return list(_of_views(inside, family)) if family.is_told_again else inside


def _of_views(entries: Buckets, family: Family) -> Iterator[tuple[int, Any]]:
    """Yield a cell for each view that adds something."""
    for at_ms, (_view, _sequence, value) in entries:
        if value is not None:
            yield at_ms, _CELLS.get(family.kind, _as_it_is)(value)


def _as_it_is(value: Any) -> Any:
    return value


_CELLS: Final[dict[str, Callable[[Any], Any]]] = {
    "tally": lambda _value: 0,  # at the very start of its bucket
    "first": lambda value: [0, value],
    "last": lambda value: [0, value],
}


def _lowest(profile: Profile, family: Family, now_ms: int) -> int | None:
    """Return the first bucket of the window; None where there is no page view or session."""
    if family.within == "page":
        return family.index(profile.page_ms) if 0 < profile.page_ms <= now_ms else None
    if family.within == "session":
        session = session_at(profile, now_ms)
        return None if session is None else family.index(session[0])
    return family.floor(now_ms)
