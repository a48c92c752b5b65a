"""The only place that turns records into profiles: pure, and a function of the set of records."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec

from decisioning.ingestion.records import Record
from decisioning.profiles import series, sketch, views
from decisioning.profiles.aggregates import CART, SESSIONS, Aggregates, Family
from decisioning.profiles.bonds import NONE
from decisioning.profiles.cells import Attributes, Cell, message_digest
from decisioning.profiles.profile import (
    ACTIVITY_GRAIN_MS,
    ACTIVITY_HORIZON_MS,
    MAX_CART_EVENTS,
    MAX_IDENTIFIERS,
    MAX_LAST_BUCKETS,
    MAX_MEMBERS,
    MAX_PAGE_BUCKETS,
    MAX_QUARTERS,
    Profile,
    decode_profile,
)
from decisioning.rules.properties import read_property
from decisioning.rules.values import conform

DAY_MS: Final = 86_400_000
MAX_KEPT_TEXT: Final = 200  # characters; a longer first or last value counts as missing
_NOBODY: Final = Profile()
# Buckets that are kept, by what a series holds, else by window.
_MOST: Final = {
    "view": views.MAX_VIEWS,
    "last": MAX_LAST_BUCKETS,
    "page": MAX_PAGE_BUCKETS,
    CART: MAX_CART_EVENTS,
    SESSIONS: MAX_QUARTERS,
}


def fold(profile: Profile | None, records: Iterable[Record], aggregates: Aggregates) -> Profile:
    """Return the profile with records folded in; the one given is left as it was.

    Any order and any partition into batches of the same records gives the same content. A record must
    not be given twice: acceptance removes repeats.
    """
    folding = _Folding(profile or _NOBODY, aggregates)
    for record in records:
        _FOLDS[record.kind](folding, record)
    return folding.done()


def merge(one: Profile, other: Profile, aggregates: Aggregates) -> Profile:
    """Return what folding the records of both gives; the order of the two does not matter."""
    folding = _Folding(one, aggregates)
    folding.absorb(other)
    return folding.done()


class _Folding:
    """A profile that is being changed: only what is touched is unpacked and copied."""

    def __init__(self, profile: Profile, aggregates: Aggregates) -> None:
        self.aggregates = aggregates
        self.begin(profile)

    def begin(self, profile: Profile) -> None:
        """Start from a profile."""
        self.profile = msgspec.structs.replace(
            profile,
            series=dict(profile.series),
            identifiers=dict(profile.identifiers),
            absorbed=dict(profile.absorbed),
            given_up=dict(profile.given_up),
            awaited=dict(profile.awaited),
            groups=dict(profile.groups),
            member_of=dict(profile.member_of),
            members=dict(profile.members),
        )
        self._since_ms = profile.newest_ms
        self._has_absorbed = False
        self._activity: series.Series | None = None
        self._own: set[str] = set()  # families whose series are ours to change

    def done(self) -> Profile:
        """Return the profile without what is retired or past."""
        profile = self.profile
        if profile.swept != self.aggregates.version:
            self._drop_retired()
        self._expire_activity()
        self._expire()
        _keep_first(profile.identifiers)
        _keep_first(profile.absorbed)
        _keep_last(profile.members)
        return profile

    # Events

    def see(self, at_ms: int) -> None:
        """Take note of a time at which something happened."""
        profile = self.profile
        profile.newest_ms = max(profile.newest_ms, at_ms)
        profile.first_seen_ms = min(profile.first_seen_ms or at_ms, at_ms)

    def be_active(self, at_ms: int) -> None:
        """Take note of activity, which tells sessions."""
        if self._activity is None:
            self._activity = series.fresh(self.profile.activity)
        index, offset = divmod(at_ms, ACTIVITY_GRAIN_MS)
        if index >= _activity_from(self.profile.newest_ms):
            series.add(self._activity, index, offset)

    def name(self, identifier: str, at_ms: int) -> None:
        """Take note of an identifier."""
        known = self.profile.identifiers.get(identifier, at_ms)
        self.profile.identifiers[identifier] = min(known, at_ms)

    def set_attributes(self, cells: Mapping[str, Cell]) -> None:
        """Set attributes where nothing newer is known."""
        known = self.profile.attributes
        newer = {key: cell for key, cell in cells.items() if _is_newer(cell, known.get(key))}
        if newer:
            held = known if isinstance(known, Attributes) else Attributes(known)
            self.profile.attributes = held.having(newer)

    def set_groups(self, cells: Mapping[str, Cell]) -> None:
        """Set the accounts that the person belongs to, where nothing newer is known."""
        known = self.profile.groups
        known |= {key: cell for key, cell in cells.items() if _is_newer(cell, known.get(key))}

    def count(self, family: Family, record: Record) -> None:
        """Add an event to the series of a family."""
        generation = self.aggregates.generations[family.key]
        if self.profile.given_up.get(family.key, -1) >= generation:
            return
        if family.index(record.event_time_ms) < family.kept_from(self.profile.newest_ms):
            return
        value = _value(family, record)
        if value is None and not family.is_told_again:
            return
        known = self._changeable(family.key)
        if known is None or series.generation_of(known) < generation:
            known = self.profile.series[family.key] = series.empty(family.stored, generation)
            self._own.add(family.key)
        _add(known, family, record, value)

    def _changeable(self, key: str) -> series.Series | None:
        known = self.profile.series.get(key)
        if known is None:
            return None
        if key not in self._own or not isinstance(known, list):
            known = self.profile.series[key] = series.fresh(known)
            self._own.add(key)
        return known

    # Merges and backfills

    def absorb(self, other: Profile) -> None:
        """Add all that another profile holds."""
        profile = self.profile
        self.set_attributes(other.attributes)
        self.set_groups(other.groups)
        if self._activity is None:
            self._activity = series.unpacked(profile.activity)
        self._activity = series.merged(self._activity, series.unpacked(other.activity))
        for identifier, at_ms in other.identifiers.items():
            self.name(identifier, at_ms)
        _keep_earlier(profile.absorbed, other.absorbed)
        _keep_earlier(profile.member_of, other.member_of)
        self._keep_apart(other)
        if other.newest_ms:
            self.see(other.newest_ms)
            self.see(other.first_seen_ms)
        profile.page_ms = max(profile.page_ms, other.page_ms)
        self.absorb_series(other)

    def _keep_apart(self, other: Profile) -> None:
        apart = other.bonds.apart if other.bonds is not None else {}
        if apart:
            own = self.profile.bonds or NONE
            self.profile.bonds = msgspec.structs.replace(own, apart={**apart, **own.apart})

    def absorb_series(self, other: Profile) -> None:
        """Add what another profile holds of families of events."""
        profile = self.profile
        for key, generation in other.given_up.items():
            profile.given_up[key] = max(profile.given_up.get(key, 0), generation)
        for key, packed in other.series.items():
            theirs, ours = series.unpacked(packed), self._changeable(key)
            if ours is None or series.generation_of(ours) < series.generation_of(theirs):
                profile.series[key] = list(theirs)
            elif series.generation_of(ours) == series.generation_of(theirs):
                profile.series[key] = _merged(ours, theirs)
            self._own.add(key)
        for key, generation in profile.given_up.items():
            known = profile.series.get(key)
            if known is not None and series.generation_of(series.unpacked(known)) <= generation:
                del profile.series[key]
        self._since_ms, self._has_absorbed = -1, True  # anything of theirs may be past
        profile.swept = -1

    # What is past or no longer kept

    def _drop_retired(self) -> None:
        """Drop families that are no longer kept; one newer than this set of aggregates is left alone."""
        profile, aggregates = self.profile, self.aggregates
        for key, packed in list(profile.series.items()):
            generation = series.generation_of(series.unpacked(packed))
            wanted = aggregates.generations.get(key)
            if generation < wanted if wanted is not None else generation <= aggregates.version:
                del profile.series[key]
        for key, generation in list(profile.given_up.items()):
            if generation < aggregates.generations.get(key, 0):
                del profile.given_up[key]
        profile.swept = aggregates.version

    def _expire_activity(self) -> None:
        profile, activity = self.profile, self._activity
        floor = _activity_from(profile.newest_ms)
        has_passed = floor != _activity_from(self._since_ms)
        if activity is None and not has_passed:
            return
        activity = series.fresh(profile.activity) if activity is None else activity
        if has_passed:
            series.drop_below(activity, floor)
        series.keep_newest(activity, MAX_QUARTERS)
        profile.activity = activity

    def _expire(self) -> None:
        """Drop what windows left behind: relative to the newest event time, which only grows."""
        passed = self.aggregates.passed(self._since_ms, self.profile.newest_ms)
        for key in list(self.profile.series):
            if key in self._own or key in passed:
                family = self.aggregates.families.get(key)
                if family is not None:
                    self._expire_family(family, has_passed=key in passed)

    def _expire_family(self, family: Family, *, has_passed: bool) -> None:
        known = self._changeable(family.key)
        if known is None:
            return
        if has_passed:
            series.drop_below(known, family.kept_from(self.profile.newest_ms))
        if family.stored == "distinct":
            if self._has_absorbed:
                sketch.keep_bounded(known)
        elif most := _MOST.get(family.stored) or _MOST.get(family.within):
            series.keep_newest(known, most)
        if series.is_empty(known):
            del self.profile.series[family.key]


def _activity_from(newest_ms: int) -> int:
    """Return the oldest quarter of an hour that is kept; it moves once a day."""
    return (newest_ms // DAY_MS * DAY_MS - ACTIVITY_HORIZON_MS) // ACTIVITY_GRAIN_MS


def _is_newer(cell: Cell, known: Cell | None) -> bool:
    return known is None or (cell.event_time_ms, cell.message) > (
        known.event_time_ms,
        known.message,
    )


def _keep_earlier(known: dict[str, int], other: Mapping[str, int]) -> None:
    for key, at_ms in other.items():
        known[key] = min(known.get(key, at_ms), at_ms)


def _keep_first(identifiers: dict[str, int]) -> None:
    if len(identifiers) > MAX_IDENTIFIERS:
        ordered = sorted(
            identifiers, key=lambda one: (not one.startswith("user:"), identifiers[one], one)
        )
        for identifier in ordered[MAX_IDENTIFIERS:]:
            del identifiers[identifier]


def _keep_last(members: dict[str, int]) -> None:
    if len(members) > MAX_MEMBERS:
        ordered = sorted(members, key=lambda one: (members[one], one))
        for member in ordered[:-MAX_MEMBERS]:
            del members[member]


def _value(family: Family, record: Record) -> Any:
    """Return what an event adds; None where it is filtered out, or has no such property."""
    if not family.takes(record.properties, record.context, at=record.event_time_ms / 1000):
        return None
    if family.kind == "tally":
        return 1
    value = read_property(record.properties, family.property)
    if family.kind == "distinct":
        return None if value is None else _hash(value)
    found = conform(value, "number" if family.kind == "number" else family.type)
    if isinstance(found, float) and found.is_integer():
        return int(found)  # 5 and 5.0 are packed alike
    return None if isinstance(found, str) and len(found) > MAX_KEPT_TEXT else found


def _add(known: series.Series, family: Family, record: Record, value: Any) -> None:
    at_ms = record.event_time_ms
    index = family.index(at_ms)
    match family.stored:
        case "view":
            views.add(known, views.view_of(record), (at_ms, views.sequence_of(record), value))
        case "distinct":
            sketch.add(known, index, value)
        case "tally":
            series.add(known, index, at_ms - index * family.grain_ms)
        case "number":
            series.add(known, index, value)
        case _:
            series.add(known, index, [at_ms - index * family.grain_ms, value])


def _merged(one: series.Series, other: series.Series) -> series.Series:
    match series.kind_of(one):
        case "view":
            return views.merged(one, other)
        case "distinct":
            return sketch.merged(one, other)
        case _:
            return series.merged(one, other)


def _hash(value: Any) -> int:
    content = msgspec.json.encode(value, order="sorted")
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest()[:4])


# Records by kind


def _fold_event(folding: _Folding, record: Record) -> None:
    at_ms = record.event_time_ms
    if not record.by_time:
        folding.see(at_ms)
        folding.be_active(at_ms)
    if record.identifiers:
        folding.name(record.identifiers[0], at_ms)
    _set_attributes(folding, record)
    if record.groups:
        message = message_digest(record.message_id)
        folding.set_groups(
            {kind: Cell(one, at_ms, message, record.source) for kind, one in record.groups.items()}
        )
    if record.member:
        members = folding.profile.members
        members[record.member] = max(at_ms, members.get(record.member, 0))
    if record.type in ("page", "screen"):
        folding.profile.page_ms = max(folding.profile.page_ms, at_ms)
    for family in folding.aggregates.by_event.get(record.event, ()):
        folding.count(family, record)


def _set_attributes(folding: _Folding, record: Record) -> None:
    if record.attributes:
        message, at_ms = message_digest(record.message_id), record.event_time_ms
        folding.set_attributes(
            {
                key: Cell(value, at_ms, message, record.source)
                for key, value in record.attributes.items()
            }
        )


def _fold_merge_in(folding: _Folding, record: Record) -> None:
    profile = folding.profile
    _await_no_more(profile, record)
    if record.refused or record.other in profile.absorbed:
        return
    folding.absorb(decode_profile(record.payload or None) or _NOBODY)
    profile.absorbed[record.other] = record.event_time_ms
    for identifier in record.identifiers:
        folding.name(identifier, record.event_time_ms)


def _await_no_more(profile: Profile, record: Record) -> None:
    for person in (record.other, record.ask.named if record.ask else ""):
        profile.awaited.pop(person, None)
        own = profile.bonds
        if record.refused and own is not None and person in own.sought:
            sought = {who: name for who, name in own.sought.items() if who != person}
            profile.bonds = msgspec.structs.replace(own, sought=sought)


def _fold_backfill(folding: _Folding, record: Record) -> None:
    folding.absorb_series(decode_profile(record.payload) or _NOBODY)


def _fold_erase(folding: _Folding, record: Record) -> None:
    folding.begin(Profile())


def _keep(folding: _Folding, record: Record) -> None:
    """Leave the profile as it is: a merge_out or a part is the drain's to carry out."""


_FOLDS: dict[str, Callable[[_Folding, Record], None]] = {
    "event": _fold_event,
    "merge_in": _fold_merge_in,
    "merge_out": _keep,
    "backfill": _fold_backfill,
    "erase": _fold_erase,
    "part": _keep,
    "look": _keep,
    "forget": _set_attributes,
}
