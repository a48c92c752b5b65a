"""The only place that tells people's profiles anew from the history in PostgreSQL, merges included."""

from collections.abc import Collection, Iterable

import msgspec
from django.conf import settings

from decisioning.ingestion.planning import Delivery, Entry, Plan, plan
from decisioning.ingestion.records import Record, decode_record, stream_order
from decisioning.models import EventRecord
from decisioning.profiles.aggregates import Aggregates
from decisioning.profiles.profile import Profile
from decisioning.profiles.store import MAX_HOPS


class HistoryBehind(Exception):
    """The history lacks what was folded elsewhere just now; try again in a moment."""


class Retelling:
    """What the history of some people says, read once; that of whoever merged into them is read when needed."""

    def __init__(
        self, people: Iterable[str], *, aggregates: Aggregates, tail: Iterable[Entry] = ()
    ) -> None:
        """Read history; `tail` is what is folded and may not be archived yet."""
        self._aggregates = aggregates
        self._entries: dict[str, dict[str, Record]] = {}
        self._told: dict[str, Plan] = {}
        self._read(set(people))
        for stream_id, record in tail:
            if record.person in self._entries:
                self._entries[record.person][stream_id] = record

    def profile(self, person: str) -> Profile | None:
        """Return the profile, or the tombstone; None where nothing is known or it was erased.

        Raises:
            HistoryBehind: a merge is in the history of the one who stayed and not yet of the one who left.
        """
        return self._tell(person).profiles.get(person)

    def missing(self, person: str) -> list[Delivery]:
        """Return what the person's records lead to elsewhere and no history holds: merges and moved events."""
        owed = self._tell(person).deliveries
        return [one for one in owed if one.record is not None and not self._is_told(one.record)]

    def joins(self, person: str) -> list[tuple[str, str]]:
        """Return each (source, target) of the merges that reached this person."""
        return [one.join for one in self._tell(person).deliveries if one.join is not None]

    def _read(self, people: set[str]) -> None:
        while people:
            self._entries |= {person: {} for person in people}
            rows = EventRecord.objects.filter(person_id__in=people)
            for row in rows.only("event_id", "person_id", "body"):
                self._entries[row.person_id][row.event_id[4:]] = decode_record(bytes(row.body))
            people = self._sources(people) - self._entries.keys()

    def _sources(self, people: Iterable[str]) -> set[str]:
        records = (record for person in people for record in self._entries[person].values())
        return {record.other for record in records if _brings(record)}

    def _tell(self, person: str) -> Plan:
        told = self._told.get(person)
        if told is None:
            if person not in self._entries:
                self._read({person})
            found = sorted(self._entries[person].items(), key=lambda entry: stream_order(entry[0]))
            parted = {record.other for _, record in found if record.kind == "part"}
            if parted:
                found = self._as_never_merged(person, found, parted)
            entries = [(stream_id, self._completed(record)) for stream_id, record in found]
            told = plan(
                entries,
                profiles={person: None},
                aggregates=self._aggregates,
                pepper=settings.RTTS_PEPPER,
            )
            self._told[person] = told
        return told

    def _as_never_merged(
        self, person: str, found: list[Entry], parted: Collection[str]
    ) -> list[Entry]:
        """Return a person's entries without what others brought, and with what was sent for them elsewhere."""
        stayed = _without_absences(found)
        own = [entry for entry in stayed if not _came_by(entry[1], parted)]
        elsewhere = [
            (stream_id, _sent_for(person, record))
            for other in self._above(parted)
            for stream_id, record in self._entries[other].items()
            if other != person and person in record.passed
        ]
        return sorted(
            [*own, *elsewhere],
            key=lambda entry: (entry[1].kind != "part", stream_order(entry[0])),
        )

    def _above(self, persons: Collection[str]) -> set[str]:
        """Return people and all whom they were ever asked to join."""
        found, looked_at = set(persons), set[str]()
        while left := found - looked_at:
            looked_at |= left
            self._read(left - self._entries.keys())
            records = (record for one in left for record in self._entries[one].values())
            found |= {record.other for record in records if record.kind == "merge_out"}
        return found

    def _completed(self, record: Record) -> Record:
        """Return a record with the profile that it carried, which history does not keep."""
        if not _brings(record) or record.payload:
            return record
        for delivery in self._tell(record.other).deliveries:
            sent = delivery.record
            if sent is not None and _brings(sent) and sent.other == record.other:
                return msgspec.structs.replace(record, payload=sent.payload)
        raise HistoryBehind(
            f"{record.other} left for {record.person}; their history does not say so."
        )

    def _is_told(self, record: Record) -> bool:
        """Return whether a record is in the history of whom it is for, or of whom they became."""
        owner = record.person
        for _ in range(MAX_HOPS):
            told = self._tell(owner).profiles.get(owner)
            wanted = (record.kind, record.message_id)
            if any((one.kind, one.message_id) == wanted for one in self._entries[owner].values()):
                return True
            if told is None or not told.merged_into:
                return False
            owner = told.merged_into
        return False


def _brings(record: Record) -> bool:
    return record.kind == "merge_in" and not record.refused


def _came_by(record: Record, parted: Collection[str]) -> bool:
    """Return whether one of these brought a record, or came with it."""
    came = _brings(record) and record.other in parted
    return came or (record.kind != "part" and any(one in parted for one in record.passed))


def _without_absences(found: list[Entry]) -> list[Entry]:
    """Return entries without the questions from leaving for somebody up to being parted from them again."""
    gone: set[int] = set()
    for end, (_, record) in enumerate(found):
        if record.kind != "part" or not record.had_left:
            continue
        asked = [place for place in range(end) if found[place][1].kind == "merge_out"]
        left = [place for place in asked if found[place][1].other == record.other]
        gone |= {place for place in asked if left and place >= left[0]}
    return [entry for place, entry in enumerate(found) if place not in gone]


def _sent_for(person: str, record: Record) -> Record:
    """Return a record as it was before it followed the person's merge."""
    passed = record.passed[: record.passed.index(person)]
    return msgspec.structs.replace(record, person=person, passed=passed, forwarded=bool(passed))
