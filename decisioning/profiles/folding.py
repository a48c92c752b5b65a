"""The only place that turns records into profiles: pure, and a function of the set of records."""

import hashlib
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from decisioning.ingestion.records import Record
from decisioning.profiles.aggregates import Aggregates, Family
from decisioning.profiles.profile import (
    ACTIVITY_GRAIN_MS,
    MAX_DISTINCT,
    MAX_IDENTIFIERS,
    MAX_PAGE_BUCKETS,
    SESSION_HORIZON_MS,
    Cell,
    Profile,
    Series,
    decode_profile,
)
from decisioning.rules.values import conform

_BASE = 10**9  # of the two digits of a sum


def fold(profile: Profile | None, records: Iterable[Record], aggregates: Aggregates) -> Profile:
    """Return the profile with records folded in; the one given is left as it was.

    Any order and any partition into batches of the same records gives the same content. A record must
    not be given twice: acceptance removes repeats.
    """
    folded = _copy(profile or Profile())
    for record in records:
        _FOLDS[record.kind](folded, record, aggregates)
    _drop_retired(folded, aggregates)
    _expire(folded, aggregates)
    return folded


def merge(one: Profile, other: Profile, aggregates: Aggregates) -> Profile:
    """Return what folding the records of both gives; the order of the two does not matter."""
    merged = _copy(one)
    _absorb(merged, other, aggregates)
    _expire(merged, aggregates)
    return merged


def _copy(profile: Profile) -> Profile:
    return msgspec.structs.replace(
        profile,
        attributes=dict(profile.attributes),
        series={
            key: Series(series.generation, dict(series.buckets))  # cells are replaced, not changed
            for key, series in profile.series.items()
        },
        activity=dict(profile.activity),
        identifiers=dict(profile.identifiers),
        absorbed=dict(profile.absorbed),
        given_up=dict(profile.given_up),
        awaited=dict(profile.awaited),
    )


# Events


def _fold_event(profile: Profile, record: Record, aggregates: Aggregates) -> None:
    at_ms = record.event_time_ms
    _see(profile, at_ms)
    if record.identifiers:
        _name(profile, record.identifiers[0], at_ms)
    for key, value in record.attributes.items():
        _set_attribute(profile, key, Cell(value, at_ms, record.message_id, record.source))
    if record.type in ("page", "screen"):
        profile.page_ms = max(profile.page_ms, at_ms)
    index, offset = divmod(at_ms, ACTIVITY_GRAIN_MS)
    _widen(profile.activity, index, [offset, offset])
    for family in aggregates.by_event.get(record.event, ()):
        if family.takes(record.properties, at=at_ms / 1000):
            _count(profile, family, record, aggregates.generations[family.key])


def _see(profile: Profile, at_ms: int) -> None:
    profile.newest_ms = max(profile.newest_ms, at_ms)
    profile.first_seen_ms = min(profile.first_seen_ms or at_ms, at_ms)


def _name(profile: Profile, identifier: str, at_ms: int) -> None:
    known = profile.identifiers.get(identifier, at_ms)
    profile.identifiers[identifier] = min(known, at_ms)


def _set_attribute(profile: Profile, key: str, cell: Cell) -> None:
    known = profile.attributes.get(key)
    if known is None or _order(cell) > _order(known):
        profile.attributes[key] = cell


def _order(cell: Cell) -> tuple[int, str]:
    return cell.event_time_ms, cell.message_id


def _widen(activity: dict[int, list[int]], index: int, times: list[int]) -> None:
    first, last = activity.get(index, times)
    activity[index] = [min(first, times[0]), max(last, times[1])]


def _count(profile: Profile, family: Family, record: Record, generation: int) -> None:
    if profile.given_up.get(family.key, -1) >= generation:
        return
    found = _entry(family, record)
    if found is None:
        return
    series = profile.series.get(family.key)
    if series is None or series.generation < generation:
        series = profile.series[family.key] = Series(generation, {})
    key, cell = found
    _combine(series.buckets, key, cell, family.kind)


def _entry(family: Family, record: Record) -> tuple[int, Any] | None:
    """Return what one event adds, as (key, cell); None where the property is missing."""
    at_ms = record.event_time_ms
    index = family.index(at_ms)
    if family.kind == "tally":
        offset = at_ms - index * family.grain_ms
        return index, [1, offset, offset]
    value = record.properties.get(family.property)
    if family.kind == "distinct":
        return None if value is None else (_hash(value), index)
    number = conform(value, "number")
    if number is None:
        return None
    return index, [1, *divmod(round(number * 1_000_000), _BASE), float(number), float(number)]


def _hash(value: Any) -> int:
    content = msgspec.json.encode(value, order="sorted")
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest()) >> 1


def _combine(buckets: dict[int, Any], key: int, cell: Any, kind: str) -> None:
    known = buckets.get(key)
    buckets[key] = cell if known is None else _COMBINE[kind](known, cell)


def _add_tally(one: list[int], two: list[int]) -> list[int]:
    return [one[0] + two[0], min(one[1], two[1]), max(one[2], two[2])]


def _add_number(one: list[Any], two: list[Any]) -> list[Any]:
    carry, low = divmod(one[2] + two[2], _BASE)
    return [
        one[0] + two[0],
        one[1] + two[1] + carry,
        low,
        min(one[3], two[3]),
        max(one[4], two[4]),
    ]


_COMBINE: dict[str, Callable[[Any, Any], Any]] = {
    "tally": _add_tally,
    "number": _add_number,
    "distinct": max,
}


# Merges, backfills, erasures


def _absorb(profile: Profile, other: Profile, aggregates: Aggregates) -> None:
    for key, cell in other.attributes.items():
        _set_attribute(profile, key, cell)
    for index, times in other.activity.items():
        _widen(profile.activity, index, times)
    for identifier, at_ms in other.identifiers.items():
        _name(profile, identifier, at_ms)
    for person, at_ms in other.absorbed.items():
        profile.absorbed[person] = min(profile.absorbed.get(person, at_ms), at_ms)
    for key, generation in other.given_up.items():
        profile.given_up[key] = max(profile.given_up.get(key, 0), generation)
    if other.newest_ms:
        _see(profile, other.newest_ms)
        _see(profile, other.first_seen_ms)
    profile.page_ms = max(profile.page_ms, other.page_ms)
    _absorb_series(profile, other, aggregates)


def _absorb_series(profile: Profile, other: Profile, aggregates: Aggregates) -> None:
    for key, series in other.series.items():
        known = profile.series.get(key)
        if known is None or known.generation < series.generation:
            profile.series[key] = Series(series.generation, dict(series.buckets))
        elif known.generation == series.generation:
            kind = _kind(key, series, aggregates)
            for index, cell in series.buckets.items():
                _combine(known.buckets, index, cell, kind)
    for key, generation in profile.given_up.items():
        if key in profile.series and profile.series[key].generation <= generation:
            del profile.series[key]


def _kind(key: str, series: Series, aggregates: Aggregates) -> str:
    """Return the kind of a family; of one that this partition has not taken up, by the cells' shape."""
    family = aggregates.families.get(key)
    if family is not None:
        return family.kind
    cell = next(iter(series.buckets.values()), 0)
    if not isinstance(cell, list):
        return "distinct"
    return "tally" if len(cell) == 3 else "number"


def _fold_merge_in(profile: Profile, record: Record, aggregates: Aggregates) -> None:
    profile.awaited.pop(record.other, None)
    if record.refused or record.other in profile.absorbed:
        return
    moved = decode_profile(record.payload or None) or Profile()
    _absorb(profile, moved, aggregates)
    profile.absorbed[record.other] = record.event_time_ms
    for identifier in record.identifiers:
        _name(profile, identifier, record.event_time_ms)


def _fold_backfill(profile: Profile, record: Record, aggregates: Aggregates) -> None:
    history = decode_profile(record.payload) or Profile()
    for key, generation in history.given_up.items():
        profile.given_up[key] = max(profile.given_up.get(key, 0), generation)
    _absorb_series(profile, history, aggregates)


def _fold_erase(profile: Profile, record: Record, aggregates: Aggregates) -> None:
    empty = Profile()
    for name in Profile.__struct_fields__:
        setattr(profile, name, getattr(empty, name))


def _keep(profile: Profile, record: Record, aggregates: Aggregates) -> None:
    """Leave the profile as it is: a merge_out is the drain's to carry out."""


_FOLDS: dict[str, Callable[[Profile, Record, Aggregates], None]] = {
    "event": _fold_event,
    "merge_in": _fold_merge_in,
    "merge_out": _keep,
    "backfill": _fold_backfill,
    "erase": _fold_erase,
}


# Expiry: relative to the newest event time, which only grows, so what is dropped early would be dropped late


def _expire(profile: Profile, aggregates: Aggregates) -> None:
    newest_ms = profile.newest_ms
    floor = (newest_ms - SESSION_HORIZON_MS) // ACTIVITY_GRAIN_MS
    _drop_below(profile.activity, floor)
    for key, series in profile.series.items():
        family = aggregates.families.get(key)
        if family is not None:
            _expire_series(series, family, family.floor(newest_ms))
    _keep_first(profile.identifiers)
    _keep_first(profile.absorbed)


def _expire_series(series: Series, family: Family, floor: int) -> None:
    if family.kind == "distinct":
        series.buckets = _newest_values(series.buckets, floor)
        return
    _drop_below(series.buckets, floor)
    if family.within == "page" and len(series.buckets) > MAX_PAGE_BUCKETS:
        _drop_below(series.buckets, sorted(series.buckets)[-MAX_PAGE_BUCKETS])


def _drop_below(buckets: dict[int, Any], floor: int) -> None:
    if buckets and min(buckets) < floor:
        for index in [one for one in buckets if one < floor]:
            del buckets[index]


def _newest_values(values: dict[int, int], floor: int) -> dict[int, int]:
    kept = values
    if values and min(values.values()) < floor:
        kept = {value: index for value, index in values.items() if index >= floor}
    if len(kept) <= MAX_DISTINCT:
        return kept
    newest = sorted(kept, key=lambda value: (kept[value], value))[-MAX_DISTINCT:]
    return {value: kept[value] for value in newest}


def _keep_first(identifiers: dict[str, int]) -> None:
    if len(identifiers) > MAX_IDENTIFIERS:
        ordered = sorted(
            identifiers, key=lambda one: (not one.startswith("user:"), identifiers[one], one)
        )
        for identifier in ordered[MAX_IDENTIFIERS:]:
            del identifiers[identifier]


def _drop_retired(profile: Profile, aggregates: Aggregates) -> None:
    """Drop families that are no longer kept; one newer than this set of aggregates is left alone."""
    for key, series in list(profile.series.items()):
        wanted = aggregates.generations.get(key)
        retired = (
            series.generation <= aggregates.version
            if wanted is None
            else series.generation < wanted
        )
        if retired:
            del profile.series[key]
    for key, generation in list(profile.given_up.items()):
        if generation < aggregates.generations.get(key, 0):
            del profile.given_up[key]
