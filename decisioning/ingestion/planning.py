"""The only place that decides what a run of a partition's records does: folds, forwards, merges. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from decisioning.ingestion.closing import closed, is_turned_away
from decisioning.ingestion.for_accounts import told_to_accounts
from decisioning.ingestion.merging import (
    answer,
    awaiting,
    claim,
    joins_wanted,
    question,
    refusal,
    sent_back,
    stays,
    taken_up,
    turned,
    without_owner,
)
from decisioning.ingestion.records import Ask, Record
from decisioning.profiles.aggregates import Aggregates
from decisioning.profiles.bonds import NONE, Bonds
from decisioning.profiles.cells import Cell
from decisioning.profiles.folding import fold
from decisioning.profiles.profile import Profile, encode_profile

Entry = tuple[str, Record]  # stream id, record


class Delivery(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a partition owes others once its batch is committed; doing it twice does no harm."""

    record: Record | None = None  # to append to the stream of its person
    fence: tuple[str, str] | None = None  # (source, target) of a merge: fence the target first
    join: tuple[str, str] | None = None  # (source, target): moved, now their consent
    unfence: tuple[str, str] | None = None  # (source, target) of a merge that was refused
    part: tuple[str, str] | None = (
        None  # (source, target): merged once and no longer, their consent too
    )
    moved: tuple[str, str] | None = None  # (source, target): what was counted for the source
    caps: dict[str, str] = {}  # with `moved`
    arms: dict[str, str] = {}  # with `moved`


@dataclass(slots=True)
class Plan:
    """Profiles as they are after the records, and what is owed to others."""

    profiles: dict[str, Profile | None]  # of everyone whom the records touch; None: unknown
    changed: set[str] = field(default_factory=set)
    deliveries: list[Delivery] = field(default_factory=list)
    turned_away: int = 0  # records for somebody who was erased


def plan(
    entries: Sequence[Entry],
    *,
    profiles: Mapping[str, Profile | None],
    aggregates: Aggregates,
    pepper: bytes,
) -> Plan:
    """Return what a run of records leads to; `profiles` holds everyone they name, tombstones as such."""
    planner = _Planner(Plan(dict(profiles)), aggregates, pepper)
    for stream_id, record in entries:
        planner.take(stream_id, record)
    planner.fold_waiting()
    return planner.plan


class _Planner:
    """Goes through a run in order; events of a person wait, so that they are folded at once."""

    def __init__(self, made: Plan, aggregates: Aggregates, pepper: bytes) -> None:
        self.plan = made
        self._aggregates = aggregates
        self._pepper = pepper
        self._waiting: dict[str, list[Entry]] = {}
        self._regrouped: set[str] = set()  # whose accounts waiting records may change

    def take(self, stream_id: str, record: Record) -> None:
        profile = self.plan.profiles.get(record.person)
        owner = profile.merged_into if profile is not None else ""
        if record.kind == "nobody":
            self._tell_accounts(record, {})
        elif record.kind == "erase":
            self._waiting.pop(record.person, None)
            self._put(record.person, closed(record, at=stream_id))
        elif is_turned_away(profile, record):
            self._turn_away(record)
        elif record.kind == "merge_out":
            self._fold_person(record.person)
            self._answer(stream_id, record)
        elif record.kind == "part" and owner in ("", record.other):
            self._fold_person(record.person)
            self._part(stream_id, record)
        elif owner:
            self._forward(record, owner)
        elif sent_back(profile, record)[0]:
            self._send_back(record, sent_back(profile, record)[0])
        else:
            self._take_in(stream_id, record)

    def _take_in(self, stream_id: str, record: Record) -> None:
        if record.kind == "look":
            return
        self._waiting.setdefault(record.person, []).append((stream_id, record))
        if record.groups or record.kind == "merge_in":
            self._regrouped.add(record.person)
        self._tell_accounts(record, self._groups_of(record.person))
        if record.joins:
            self._fold_person(record.person)
            self._ask_to_join(record)
        elif record.kind == "merge_in":
            self._settle(record)

    def _tell_accounts(self, record: Record, groups: Mapping[str, Cell]) -> None:
        for _kind, told in told_to_accounts(record, groups, pepper=self._pepper):
            self._owe(Delivery(told))

    def _groups_of(self, person: str) -> Mapping[str, Cell]:
        """Return the accounts that a person belongs to, after what was taken so far."""
        if person in self._regrouped:
            self._fold_person(person)
        profile = self.plan.profiles.get(person)
        return profile.groups if profile is not None else {}

    def fold_waiting(self) -> None:
        for person in list(self._waiting):
            self._fold_person(person)

    def _fold_person(self, person: str) -> None:
        entries = self._waiting.pop(person, None)
        self._regrouped.discard(person)
        if not entries:
            return
        records = [record for _, record in entries]
        folded = fold(self.plan.profiles.get(person), records, self._aggregates)
        folded.position = entries[-1][0]
        self._put(person, folded)

    def _turn_away(self, record: Record) -> None:
        """Keep nothing for somebody erased, and let nobody wait for an answer."""
        self.plan.turned_away += 1
        if record.kind == "merge_out":
            self._refuse(record)
        elif record.kind == "merge_in":
            self._settle(record)

    def _put(self, person: str, profile: Profile | None) -> None:
        self.plan.profiles[person] = profile
        self.plan.changed.add(person)

    def _owe(self, delivery: Delivery) -> None:
        self.plan.deliveries.append(delivery)

    def _forward(self, record: Record, owner: str) -> None:
        passed = (*record.passed, record.person)
        moved = msgspec.structs.replace(record, person=owner, forwarded=True, passed=passed)
        brings = record.kind == "merge_in" and not record.refused
        self._owe(Delivery(moved, fence=(record.other, owner) if brings else None))

    def _send_back(self, record: Record, whose: str) -> None:
        """Let go what came by a merge that was undone meanwhile."""
        passed = record.passed[: record.passed.index(whose)]
        self._owe(
            Delivery(msgspec.structs.replace(record, person=whose, forwarded=True, passed=passed))
        )

    # Merges: an event asks the owner of the identifier that it names, who leaves, has the asker leave, refuses,
    # or passes the question on to whom they have become.

    def _ask_to_join(self, record: Record) -> None:
        profile = self.plan.profiles[record.person]
        assert profile is not None  # noqa: S101  # it has just been folded
        for join in joins_wanted(record, profile):
            awaiting(profile, join, at_ms=record.event_time_ms)
            self._question(question(record, join))

    def _question(self, asked: Record) -> None:
        self._owe(Delivery(asked, fence=_fence(asked)))

    def _answer(self, stream_id: str, record: Record) -> None:
        profile = self.plan.profiles.get(record.person)
        if record.ask is None:
            return self._answer_older(stream_id, record, profile)
        known = profile or Profile()
        if record.other in (known.merged_into, record.person) or record.other in known.absorbed:
            return None  # they are one, or just about to be
        own, verdict = known.bonds or NONE, "admitted"
        if record.person == record.ask.named:
            own, verdict = claim(own, record, record.ask)
        if verdict == "shared":
            self._become_shared(stream_id, record, known, own)
        elif verdict == "refused" or record.other in own.apart:
            self._refuse(record)
        elif known.merged_into:
            self._note(stream_id, record, profile, own)
            self._pass_on(record, record.ask, owner=known.merged_into, owner_kind=own.owner_kind)
        else:
            self._leave_or_stay(stream_id, record, profile, own)
        return None

    def _leave_or_stay(
        self, stream_id: str, record: Record, profile: Profile | None, own: Bonds
    ) -> None:
        ask = record.ask
        assert ask is not None  # noqa: S101  # `_answer` has looked
        if ask.kind == ask.other_kind == "user" and not ask.insists:
            self._refuse(record)
        elif stays(record.person, ask.kind, before=(record.other, ask.other_kind)):
            self._note(stream_id, record, profile, own)
            self._question(turned(record, ask))
        else:
            self._leave(stream_id, record, profile, own)

    def _note(self, stream_id: str, record: Record, profile: Profile | None, own: Bonds) -> None:
        """Keep who named an identifier."""
        if own != ((profile.bonds if profile else None) or NONE):
            changed = msgspec.structs.replace(profile or Profile(), bonds=own)
            if not changed.merged_into:
                changed.position = stream_id
            self._put(record.person, changed)

    def _pass_on(self, record: Record, ask: Ask, *, owner: str, owner_kind: str) -> None:
        up = taken_up(record, ask, owner=owner, owner_kind=owner_kind)
        if up is None:
            self._refuse(record)
            return
        self._lower_fence(record)
        self._question(up)

    def _leave(
        self, stream_id: str, record: Record, profile: Profile | None, own: Bonds = NONE
    ) -> None:
        """Move the person to the one they merge into."""
        kind = record.ask.other_kind if record.ask else ""
        own = msgspec.structs.replace(own, owner_kind=kind, sought={})
        left = _tombstone(record.other, stream_id, own)
        if profile is not None:  # what others were told of them, should they ever be parted
            left.member_of = profile.member_of
        self._put(record.person, left)
        moving = _with_profile(answer(record), profile)
        self._owe(Delivery(moving, fence=(record.person, record.other)))

    def _refuse(self, record: Record) -> None:
        self._owe(Delivery(refusal(record)))
        self._lower_fence(record)

    def _lower_fence(self, record: Record) -> None:
        fence = _fence(record)
        if fence is not None:
            self._owe(Delivery(unfence=fence))

    def _settle(self, record: Record) -> None:
        pair = (record.other, record.person)
        self._owe(Delivery(unfence=pair) if record.refused else Delivery(join=pair))

    def _answer_older(self, stream_id: str, record: Record, profile: Profile | None) -> None:
        """Do as the version did that asked: one of a namespace, and only the two who were named."""
        owner = profile.merged_into if profile is not None else ""
        if owner == record.other:
            return
        insists = record.identifiers[0].startswith("user:")
        if owner or (insists and record.person < record.other):
            self._refuse(record)
            if insists:
                person, other = (owner, record.other) if owner else (record.other, record.person)
                name = f"{record.message_id}:{person}>{other}"
                again = msgspec.structs.replace(record, message_id=name, person=person, other=other)
                self._owe(Delivery(again, fence=(person, other)))
        else:
            self._leave(stream_id, record, profile)

    # Partings

    def _become_shared(self, stream_id: str, record: Record, known: Profile, own: Bonds) -> None:
        """Let an identifier that too many users name belong to nobody from here on."""
        if known.merged_into:
            self._owe(Delivery(part=(record.person, known.merged_into)))
            known = without_owner(known, own, until=stream_id)
        else:
            known = msgspec.structs.replace(known, bonds=own, position=stream_id)
        self._put(record.person, known)
        self._refuse(record)

    def _part(self, stream_id: str, record: Record) -> None:
        """Undo a merge: first at the one who left, who then tells the one who stayed.

        What each is from then on is told anew from history.
        """
        known = self.plan.profiles.get(record.person) or Profile()
        own = known.bonds or NONE
        if known.merged_into or (record.had_left and not record.forwarded):
            # Also where they were freed meanwhile: the other waits to hear of it.
            self._owe(Delivery(_part_of_owner(record, known.merged_into or record.other)))
        if known.merged_into:
            known = without_owner(known, own, until=stream_id)
            own = known.bonds or NONE
        apart = {**own.apart, record.other: stream_id}
        absorbed = {who: at for who, at in known.absorbed.items() if who != record.other}
        own = msgspec.structs.replace(own, apart=apart)
        self._put(
            record.person,
            msgspec.structs.replace(known, bonds=own, absorbed=absorbed, position=stream_id),
        )


def _part_of_owner(record: Record, owner: str) -> Record:
    told = f"{record.message_id}:{owner}"
    return msgspec.structs.replace(
        record, message_id=told, person=owner, other=record.person, had_left=False
    )


def _fence(asked: Record) -> tuple[str, str] | None:
    """Return (source, target) of a question whose person would leave."""
    ask = asked.ask
    if ask is None:
        return asked.person, asked.other
    if stays(asked.person, ask.kind, before=(asked.other, ask.other_kind)):
        return None
    return asked.person, asked.other


def _tombstone(owner: str, stream_id: str, own: Bonds) -> Profile:
    kept = None if own == NONE else own
    return Profile(merged_into=owner, merged_at=stream_id, position=stream_id, bonds=kept)


def _with_profile(answered: Record, profile: Profile | None) -> Record:
    if profile is None:
        return answered
    inherited = dict.fromkeys(profile.bonds.apart, "") if profile.bonds is not None else {}
    moving = msgspec.structs.replace(
        profile, awaited={}, position="", bonds=Bonds(apart=inherited) if inherited else None
    )
    names = tuple(dict.fromkeys((*answered.identifiers, *profile.identifiers)))
    return msgspec.structs.replace(answered, identifiers=names, payload=encode_profile(moving))
