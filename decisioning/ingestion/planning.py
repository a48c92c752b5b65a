"""The only place that decides what a run of a partition's records does: folds, forwards, merges. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from decisioning.ingestion.records import Join, Record
from decisioning.profiles.aggregates import Aggregates
from decisioning.profiles.folding import fold
from decisioning.profiles.profile import Profile, encode_profile

Entry = tuple[str, Record]  # stream id, record


class Delivery(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a partition owes others once its batch is committed; doing it twice does no harm."""

    record: Record | None = None  # to append to the stream of its person
    fence: tuple[str, str] | None = None  # (source, target) of a merge: fence the target first
    join: tuple[str, str] | None = None  # (source, target): moved, now their consent
    unfence: tuple[str, str] | None = None  # (source, target) of a merge that was refused


@dataclass(slots=True)
class Plan:
    """Profiles as they are after the records, and what is owed to others."""

    profiles: dict[str, Profile | None]  # of everyone whom the records touch; None: erased
    changed: set[str] = field(default_factory=set)
    deliveries: list[Delivery] = field(default_factory=list)


def plan(
    entries: Sequence[Entry], *, profiles: Mapping[str, Profile | None], aggregates: Aggregates
) -> Plan:
    """Return what a run of records leads to; `profiles` holds everyone they name, tombstones as such."""
    planner = _Planner(Plan(dict(profiles)), aggregates)
    for stream_id, record in entries:
        planner.take(stream_id, record)
    planner.fold_waiting()
    return planner.plan


class _Planner:
    """Goes through a run in order; events of a person wait, so that they are folded at once."""

    def __init__(self, made: Plan, aggregates: Aggregates) -> None:
        self.plan = made
        self._aggregates = aggregates
        self._waiting: dict[str, list[Entry]] = {}

    def take(self, stream_id: str, record: Record) -> None:
        if record.kind == "nobody":
            return
        profile = self.plan.profiles.get(record.person)
        if record.kind == "merge_out":
            self._fold_person(record.person)
            self._leave(stream_id, record)
        elif profile is not None and profile.merged_into:
            self._forward(record, profile.merged_into)
        else:
            self._waiting.setdefault(record.person, []).append((stream_id, record))
            if record.joins:
                self._fold_person(record.person)
                self._ask_to_join(record)
            elif record.kind == "merge_in":
                self._settle(record)

    def fold_waiting(self) -> None:
        for person in list(self._waiting):
            self._fold_person(person)

    def _fold_person(self, person: str) -> None:
        entries = self._waiting.pop(person, None)
        if not entries:
            return
        records = [record for _, record in entries]
        folded = fold(self.plan.profiles.get(person), records, self._aggregates)
        folded.position = entries[-1][0]
        erased = records[-1].kind == "erase"
        self._put(person, None if erased else folded)

    def _put(self, person: str, profile: Profile | None) -> None:
        self.plan.profiles[person] = profile
        self.plan.changed.add(person)

    def _owe(self, delivery: Delivery) -> None:
        self.plan.deliveries.append(delivery)

    def _forward(self, record: Record, owner: str) -> None:
        moved = msgspec.structs.replace(record, person=owner, forwarded=True)
        if record.kind != "merge_in":
            self._owe(Delivery(moved))
        elif record.refused:
            self._owe(Delivery(unfence=(record.other, record.person)))
        else:
            self._owe(Delivery(moved, fence=(record.other, owner)))

    # Merges. The person that stays is the better of the two: one with a user identifier before one
    # without, then the smaller id. Tombstones so lead up an order, and can never form a circle.

    def _ask_to_join(self, record: Record) -> None:
        profile = self.plan.profiles[record.person]
        assert profile is not None  # noqa: S101  # it has just been folded
        for join in record.joins:
            if join.person in profile.absorbed or join.person in profile.awaited:
                continue
            if _stays(record.person, profile, join):
                profile.awaited[join.person] = record.event_time_ms
                self._send_out(record, source=join.person, target=record.person, join=join)
            elif join.person != record.person:
                self._send_out(record, source=record.person, target=join.person, join=None)

    def _send_out(self, record: Record, *, source: str, target: str, join: Join | None) -> None:
        asked = Record(
            kind="merge_out",
            message_id=f"{record.message_id}:{source}>{target}",
            person=source,
            other=target,
            identifiers=(join.identifier,) if join else record.identifiers[:1],
            event_time_ms=record.event_time_ms,
            received_at_ms=record.received_at_ms,
            source=record.source,
        )
        self._owe(Delivery(asked, fence=(source, target)))

    def _leave(self, stream_id: str, record: Record) -> None:
        """Move the person to the one they merge into, unless they already belong to somebody."""
        profile = self.plan.profiles.get(record.person)
        owner = profile.merged_into if profile is not None else ""
        if owner == record.other:
            return
        if owner:
            self._refuse(record)
            if _insists(record):
                self._send_out(record, source=owner, target=record.other, join=None)
        elif _insists(record) and record.person < record.other:
            self._refuse(record)
            self._send_out(record, source=record.other, target=record.person, join=None)
        else:
            self._put(record.person, _tombstone(record.other, stream_id))
            answer = _with_profile(_answer(record), profile)
            self._owe(Delivery(answer, fence=(record.person, record.other)))

    def _refuse(self, record: Record) -> None:
        self._owe(Delivery(msgspec.structs.replace(_answer(record), refused=True)))

    def _settle(self, record: Record) -> None:
        pair = (record.other, record.person)
        self._owe(Delivery(unfence=pair) if record.refused else Delivery(join=pair))


def _stays(person: str, profile: Profile, join: Join) -> bool:
    joins_as_user = join.identifier.startswith("user:")
    if profile.is_known != joins_as_user:
        return profile.is_known
    return person < join.person


def _insists(record: Record) -> bool:
    """Whether two users are said to be one: then those whom they became are one too.

    A browser that somebody else uses now says no such thing: it stays with whom it came to first.
    """
    return record.identifiers[0].startswith("user:")


def _answer(record: Record) -> Record:
    return msgspec.structs.replace(
        record,
        kind="merge_in",
        message_id=f"{record.message_id}:in",
        person=record.other,
        other=record.person,
    )


def _tombstone(owner: str, stream_id: str) -> Profile:
    return Profile(merged_into=owner, merged_at=stream_id, position=stream_id)


def _with_profile(answer: Record, profile: Profile | None) -> Record:
    if profile is None:
        return answer
    moving = msgspec.structs.replace(profile, awaited={}, position="")
    names = tuple(dict.fromkeys((*answer.identifiers, *profile.identifiers)))
    return msgspec.structs.replace(answer, identifiers=names, payload=encode_profile(moving))
