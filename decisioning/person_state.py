"""Reads all that a decision needs of a person in one round trip; a second one where the person has moved."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import Any

import redis
from django.conf import settings

from consent import people
from consent.policy import UNAVAILABLE, ConsentView
from consent.state import Command, parse_view, read_commands, run_id_of
from decisioning.arbitration.caps import Shown, parse_shown
from decisioning.held import Held
from decisioning.holder import Current
from decisioning.ingestion.for_accounts import told_to_accounts
from decisioning.ingestion.records import Record
from decisioning.messages import PersonState, PlacementAsk
from decisioning.profiles.accounts import NO_ACCOUNTS, NO_READS, Accounts, Reads, accounts_of
from decisioning.profiles.aggregates import Aggregates
from decisioning.profiles.folding import fold
from decisioning.profiles.profile import Profile, decode_profile
from decisioning.profiles.store import MAX_HOPS
from decisioning.profiles.windows import facts
from decisioning.round_trips import Budget, RedisUnavailable


@dataclass(frozen=True, slots=True)
class Found:
    """What Redis holds of a person."""

    person: str  # by now, after merges
    profile: Profile | None = None
    shown: Shown = field(default_factory=Shown)
    arms: Mapping[str, str] = field(default_factory=dict)
    consent: ConsentView = UNAVAILABLE
    redis: bool = True
    accounts: Accounts = NO_ACCOUNTS
    belongs: Mapping[str, str] = field(default_factory=dict)  # type -> account, of those read
    shown_to: Mapping[str, Shown] = field(
        default_factory=dict
    )  # type -> what its members were shown


async def find_person(person: str, budget: Budget, *, now_ms: int) -> Found:
    """Return what Redis holds of a person, following merges; nothing at all where it cannot be read."""
    passed: list[ConsentView] = []
    try:
        for _ in range(MAX_HOPS):
            found = await _read(person, budget, now_ms=now_ms)
            if found.profile is None or not found.profile.merged_into:
                return replace(found, consent=_as_doubtful(found.consent, passed))
            if found.profile.merged_into == people.NOBODY:
                return _as_nobody(found)
            passed.append(found.consent)
            person = found.profile.merged_into
    except RedisUnavailable:
        pass
    return Found(person, redis=False)


async def read_accounts(found: Found, reads: Reads, budget: Budget, *, now_ms: int) -> Found:
    """Return somebody with the accounts that they belong to; a second round trip where they do.

    Without an answer all of an account is unknown.
    """
    named = _named(found, reads)
    if not named:
        return replace(found, accounts=Accounts(reads.attributes))
    try:
        replies: Sequence[Any] = await budget.ask(list(_account_commands(named)))
    except RedisUnavailable:
        replies = [RedisUnavailable("accounts are not read")] * (2 * len(named))
    return _with_accounts(found, reads, named, replies, now_ms=now_ms)


def _named(found: Found, reads: Reads) -> dict[str, str]:
    pepper = settings.RTTS_PEPPER
    return reads.needed(accounts_of(found.person, found.profile, pepper=pepper))


def _account_commands(named: Mapping[str, str]) -> Iterator[Command]:
    for one in named.values():
        yield "GET", people.profile_key(one)
        yield "HGETALL", people.caps_key(one)


def _with_accounts(
    found: Found,
    reads: Reads,
    named: Mapping[str, str],
    replies: Sequence[Any],
    *,
    now_ms: int,
) -> Found:
    profiles: dict[str, Profile] = {}
    shown: dict[str, Shown] = {}
    for kind, packed, caps in zip(named, replies[::2], replies[1::2], strict=True):
        if not isinstance(packed, Exception):
            profiles[kind] = decode_profile(packed) or Profile()
        if not isinstance(caps, Exception):
            shown[kind] = parse_shown(_pairs(caps), now_ms=now_ms) if caps else Shown()
    if found.profile is not None and found.profile.is_account:
        profiles = dict.fromkeys(profiles, found.profile)
    return replace(
        found, accounts=Accounts(reads.attributes, profiles), belongs=named, shown_to=shown
    )


def _as_nobody(erased: Found) -> Found:
    """Return what is decided for whom an erased identifier names: nothing personal."""
    return Found(people.NOBODY, consent=replace(erased.consent, restricted=True, states={}))


def with_events(found: Found, records: Sequence[Record], kept: Aggregates) -> Found:
    """Return somebody after events that nobody has folded yet, which count for their accounts too."""
    profile = fold(found.profile, records, kept)
    known = dict(found.accounts.profiles)
    groups = found.profile.groups if found.profile is not None else {}
    for record in records:
        for kind, told in told_to_accounts(record, groups, pepper=settings.RTTS_PEPPER):
            if kind in known and told.person == found.belongs.get(kind):
                known[kind] = fold(known[kind], [told], kept)
    if profile.is_account:
        known = dict.fromkeys(known, profile)
    return replace(found, profile=profile, accounts=replace(found.accounts, profiles=known))


def _as_doubtful(owner: ConsentView, passed: Sequence[ConsentView]) -> ConsentView:
    """Return the owner's consent, as doubtful as that of anybody merged into them on the way.

    A fence stands on the person for whom it was raised, which a merge meanwhile may have left behind.
    """
    fenced = any(view.fenced for view in passed)
    trusted = all(view.trusted for view in passed)
    return replace(owner, fenced=owner.fenced or fenced, trusted=owner.trusted and trusted)


def look_up(client: redis.Redis, person: str, *, now_ms: int, reads: Reads = NO_READS) -> Found:
    """Return what `find_person` does, for pages and jobs, with what `reads` of their accounts.

    One round trip for each merge passed, and one for accounts.

    Raises:
        redis.RedisError, RedisUnavailable: it cannot be read.
    """
    passed: list[ConsentView] = []
    for _ in range(MAX_HOPS):
        with client.pipeline(transaction=False) as pipe:
            for command in (("INFO", "server"), *_commands(person)):
                pipe.execute_command(*command)  # type: ignore[no-untyped-call]  # redis-py leaves it so
            info, *replies = pipe.execute(raise_on_error=False)
        found = _parse(person, replies, run_id=run_id_of(info), now_ms=now_ms)
        if found.profile is None or not found.profile.merged_into:
            found = replace(found, consent=_as_doubtful(found.consent, passed))
            return _look_up_accounts(client, [found], reads, now_ms=now_ms)[0]
        if found.profile.merged_into == people.NOBODY:
            return _as_nobody(found)
        passed.append(found.consent)
        person = found.profile.merged_into
    return Found(person, redis=False)


def _look_up_accounts(
    client: redis.Redis, found: Sequence[Found], reads: Reads, *, now_ms: int
) -> list[Found]:
    named = [_named(one, reads) if reads != NO_READS else {} for one in found]
    if not any(named):
        return [replace(one, accounts=Accounts(reads.attributes)) for one in found]
    with client.pipeline(transaction=False) as pipe:
        for ids in named:
            for command in _account_commands(ids):
                pipe.execute_command(*command)  # type: ignore[no-untyped-call]  # redis-py leaves it so
        replies = iter(pipe.execute(raise_on_error=False))
    return [
        _with_accounts(one, reads, ids, list(islice(replies, 2 * len(ids))), now_ms=now_ms)
        for one, ids in zip(found, named, strict=True)
    ]


def look_up_many(
    client: redis.Redis, persons: Sequence[str], *, now_ms: int, reads: Reads = NO_READS
) -> list[Found]:
    """Return what `look_up` does, for many people at once; who was merged away is looked up alone.

    Raises:
        redis.RedisError, RedisUnavailable: they cannot be read.
    """
    with client.pipeline(transaction=False) as pipe:
        for command in (("INFO", "server"), *(one for who in persons for one in _commands(who))):
            pipe.execute_command(*command)  # type: ignore[no-untyped-call]  # redis-py leaves it so
        info, *replies = pipe.execute(raise_on_error=False)
    run_id, width = run_id_of(info), len(replies) // max(1, len(persons))
    found = [
        _parse(who, replies[at * width : (at + 1) * width], run_id=run_id, now_ms=now_ms)
        for at, who in enumerate(persons)
    ]
    owners = [
        look_up(client, one.person, now_ms=now_ms)
        if one.profile is not None and one.profile.merged_into
        else one
        for one in found
    ]
    return _look_up_accounts(client, owners, reads, now_ms=now_ms)


async def _read(person: str, budget: Budget, *, now_ms: int) -> Found:
    replies = await budget.ask(list(_commands(person)))
    return _parse(person, replies, run_id=replies.run_id, now_ms=now_ms)


def _commands(person: str) -> tuple[Command, ...]:
    return (
        ("GET", people.profile_key(person)),
        ("HGETALL", people.caps_key(person)),
        ("HGETALL", people.arms_key(person)),
        *read_commands(person),
    )


def _parse(person: str, replies: Sequence[Any], *, run_id: str, now_ms: int) -> Found:
    profile, caps, arms, *consent = replies
    for reply in (profile, caps, arms):
        if isinstance(reply, redis.ResponseError):
            raise RedisUnavailable(str(reply))
    return Found(
        person,
        decode_profile(profile),
        parse_shown(_pairs(caps), now_ms=now_ms) if caps else Shown(),
        {name.decode(): arm.decode() for name, arm in _pairs(arms).items()} if arms else {},
        parse_view(run_id, consent),
    )


def _pairs(fields: list[bytes] | dict[bytes, bytes]) -> dict[bytes, bytes]:
    """Return a hash as the client gave it: parsed, or names and values in turn."""
    if isinstance(fields, dict):
        return fields
    return dict(zip(fields[::2], fields[1::2], strict=True))


def state_of(
    found: Found,
    current: Current,
    held: Held,
    *,
    placements: Iterable[PlacementAsk],
    given: Mapping[str, Any],
    now: datetime,
) -> PersonState:
    """Return what the pure decision works with; `given` are the request's own facts and override."""
    known: dict[str, Any] = {}
    rates: dict[str, float] = {}
    for asked in placements:
        wanted = held.wanted.get(asked.key)
        if wanted is None:
            continue
        if found.redis:
            known.update(
                facts(
                    found.profile,
                    wanted.attributes,
                    wanted.aggregates,
                    now.timestamp(),
                    found.accounts,
                )
            )
        rates.update(
            (key, current.learned.rates[key])
            for key in wanted.rated
            if key in current.learned.rates
        )
    return PersonState(
        facts={**known, **given},
        consent=found.consent,
        shown=found.shown,
        belongs=dict(found.belongs),
        shown_to=dict(found.shown_to),
        arms=dict(found.arms),
        last_event_ms=(found.profile.newest_ms or None) if found.profile else None,
        position=found.profile.position if found.profile else "",
        redis=found.redis,
        rates=rates,
        learned_version=current.learned.version,
        closed=tuple(sorted(current.closed)),
        stopped=current.stops.things,
    )
