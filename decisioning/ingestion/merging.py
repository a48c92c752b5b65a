"""The only place that decides whether two people become one, and which of the two stays. Pure."""

from collections.abc import Iterator
from typing import Final, Literal

import msgspec

from decisioning.ingestion.records import Ask, Join, Record
from decisioning.profiles import bonds
from decisioning.profiles.bonds import MAX_AWAY, Bonds
from decisioning.profiles.profile import Profile

# Who stays: the better namespace, then the smaller id. What many may share stands last, so that nobody's
# events lie under it. Merges lead up an order and can never form a circle.
_BEST_FIRST: Final = ("user", "crm", "anonymous", "email", "phone", "device")
Verdict = Literal["admitted", "refused", "shared"]


def kind_of(name: str) -> str:
    """Return the namespace of an identifier such as ``user:c-42``."""
    return name.partition(":")[0]


def stays(person: str, kind: str, *, before: tuple[str, str]) -> bool:
    """Return whether a person stays where they meet another, given as (person, namespace)."""
    other, other_kind = before
    return (_place(kind), person) < (_place(other_kind), other)


def _place(kind: str) -> int:
    return _BEST_FIRST.index(kind) if kind in _BEST_FIRST else len(_BEST_FIRST)


def joins_wanted(record: Record, profile: Profile) -> Iterator[Join]:
    """Yield those of an event's joins that its person, as they are now, has to ask for."""
    own = profile.bonds or bonds.NONE
    for join in record.joins:
        known = join.person in profile.absorbed or join.person in profile.awaited
        if known or join.person in (record.person, record.sent_for) or join.person in own.apart:
            continue
        if not (join.unique and _has_another(join, profile)):
            yield join


def _has_another(join: Join, profile: Profile) -> bool:
    sought = (profile.bonds or bonds.NONE).sought
    kind = kind_of(join.identifier)
    others = {*profile.identifiers, *sought.values()} - {join.identifier}
    return any(kind_of(name) == kind for name in others)


def awaiting(profile: Profile, join: Join, *, at_ms: int) -> None:
    """Note on a profile that somebody was asked to join it."""
    profile.awaited[join.person] = at_ms
    if join.unique:
        own = profile.bonds or bonds.NONE
        sought = {**own.sought, join.person: join.identifier}
        profile.bonds = msgspec.structs.replace(own, sought=sought)


def question(record: Record, join: Join) -> Record:
    """Return what asks the owner of an identifier to be joined with who sent it."""
    asker, kind = record.sent_for, kind_of(record.identifiers[0]) if record.identifiers else ""
    ask = Ask(
        evidence=record.message_id,
        asker=asker,
        named=join.person,
        kind=kind_of(join.identifier),
        other_kind=kind,
        people=join.people,
        users=join.users,
        insists=kind == kind_of(join.identifier) == "user",
    )
    return _merge_out(record, ask, person=join.person, other=asker, name=join.identifier)


def _merge_out(record: Record, ask: Ask, *, person: str, other: str, name: str) -> Record:
    return Record(
        kind="merge_out",
        message_id=f"{ask.evidence}:{person}>{other}",
        person=person,
        other=other,
        identifiers=(name,) if name else (),
        event_time_ms=record.event_time_ms,
        received_at_ms=record.received_at_ms,
        source=record.source,
        ask=ask,
    )


def turned(record: Record, ask: Ask) -> Record:
    """Return the question to the other of the two: they are to leave."""
    kinds = {"kind": ask.other_kind, "other_kind": ask.kind}
    back = msgspec.structs.replace(ask, **kinds)
    return _merge_out(record, back, person=record.other, other=record.person, name="")


def taken_up(record: Record, ask: Ask, *, owner: str, owner_kind: str) -> Record | None:
    """Return the question between a person's owner and the other; None where they must stay two.

    Two users are joined only where both were named.
    """
    kind = owner_kind or ("user" if ask.insists else "")
    if not kind or (kind == ask.other_kind == "user" and not ask.insists):
        return None
    between = msgspec.structs.replace(ask, kind=kind)
    up = _merge_out(record, between, person=owner, other=record.other, name="")
    if stays(owner, kind, before=(record.other, ask.other_kind)):
        return turned(up, between)
    return up


def claim(own: Bonds, record: Record, ask: Ask) -> tuple[Bonds, Verdict]:
    """Return what an identifier keeps of who named it, and whether its rule lets it join them."""
    claims = {**own.claims, record.other: ask.other_kind == "user"}
    if own.shared:
        return own, "refused"
    if ask.users and sum(claims.values()) > ask.users:
        return msgspec.structs.replace(own, claims=claims, shared=True), "shared"
    if ask.people and len(claims) > ask.people:
        return own, "refused"
    if not ask.people:
        claims = {who: is_user for who, is_user in claims.items() if is_user and ask.users}
    return msgspec.structs.replace(own, claims=claims), "admitted"


def answer(record: Record) -> Record:
    """Return what tells the one that stays that the other has left."""
    return msgspec.structs.replace(
        record,
        kind="merge_in",
        message_id=f"{record.message_id}:in",
        person=record.other,
        other=record.person,
        passed=(),
        forwarded=False,
    )


def refusal(record: Record) -> Record:
    """Return what tells who asked first that nothing comes of it."""
    refused = msgspec.structs.replace(answer(record), refused=True)
    if record.ask is None:
        return refused
    return msgspec.structs.replace(refused, person=record.ask.asker, other=record.ask.named)


def without_owner(profile: Profile, own: Bonds, *, until: str) -> Profile:
    """Return who a tombstone's person is from a place in their stream on, when they belong to nobody."""
    stretch = (*own.away, (profile.merged_at, until))[-MAX_AWAY:]
    own = msgspec.structs.replace(own, away=stretch, owner_kind="")
    return Profile(position=until, bonds=own, member_of=profile.member_of)


def sent_back(profile: Profile | None, record: Record) -> tuple[str, str]:
    """Return (whose the record is again, since which stream id); ("", "") where it stays.

    It came here by a merge that was undone.
    """
    apart = profile.bonds.apart if profile is not None and profile.bonds is not None else {}
    passed = [one for one in record.passed if apart.get(one)]
    return (passed[-1], apart[passed[-1]]) if passed else ("", "")
