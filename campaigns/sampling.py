"""The only place that draws people to count on: chosen by hash, kept decoded in memory for a minute or two."""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
import redis
from django.conf import settings

from campaigns.audiences.people import STEADY_S, People
from consent import people
from consent.state import load_views
from decisioning.ingestion.records import Record, decode_record
from decisioning.models import EventRecord
from decisioning.profiles import roster
from decisioning.profiles.accounts import EVERY_ACCOUNT, Accounts
from decisioning.profiles.aggregates import Aggregates, families_of
from decisioning.profiles.folding import fold
from decisioning.profiles.live_set import VERSION_KEY, load_live
from decisioning.profiles.profile import Profile
from decisioning.profiles.somebody import with_accounts
from decisioning.profiles.store import load_profiles
from decisioning.rules.signals import events_read
from decisioning.rules.values import Facts
from decisioning.specs import AggregateSpec
from rtts_site.foundation.redis_clients import Down

logger = logging.getLogger("campaigns")

SAMPLE: int = settings.RTTS_SAMPLE  # people
HASTY_SAMPLE: Final = 2_000  # people, for who waits while nothing is in memory
ENOUGH: Final = 2_000  # people, for who says nothing else
HISTORY_SAMPLE: Final = 300  # people, where events have to be read again
HISTORY_DAYS: Final = 92  # no window is longer than 90 days
FRESH_S: Final = 30.0  # older people are loaded again while the old ones serve …
STALE_S: Final = 300.0  # … up to this age
SCAN_AT_MOST: Final = 50_000  # keys that a page reads itself where the roster was never completed
_KEPT_REFOLDED: Final = 8


@dataclass(frozen=True, slots=True)
class Sample:
    """Profiles to count on, in the order of their hashes: the first n of them are a sample too."""

    profiles: dict[str, Profile]
    population: int  # everyone, exactly


class _Keeper:
    """Holds one sample per process and renews it beside those who use it."""

    def __init__(self) -> None:
        self._held: People | None = None
        self._loading = threading.Lock()
        self._thread: threading.Thread | None = None
        self._refolding = threading.Lock()  # held only while `_refolded` is looked at or changed
        self._refolded: OrderedDict[frozenset[str], People] = OrderedDict()
        self._live: tuple[bytes, frozenset[str]] = (b"", frozenset())

    def forget(self) -> None:
        if self._thread is not None:
            self._thread.join()  # what it is loading would come back
        self._held = None
        with self._refolding:
            self._refolded.clear()
        self._live = (b"", frozenset())

    def people(self, client: redis.Redis, *, hasty: bool) -> People:
        token = _token(client)
        if not token:
            return People({}, population=0)
        held = self._usable(token)
        if held is None:
            with self._loading:
                held = self._usable(token) or _load(
                    client, token, min(SAMPLE, HASTY_SAMPLE) if hasty else SAMPLE
                )
                self._held = held
        if held.is_partial and not hasty:
            with self._loading:
                held = self._held = _load(client, token, SAMPLE)
        elif _is_old(held):
            self._renew(client, token)
        return held

    def _usable(self, token: str) -> People | None:
        held = self._held
        if held is None or held.token != token or time.monotonic() - held.loaded_at > STALE_S:
            return None
        return held

    def _renew(self, client: redis.Redis, token: str) -> None:
        if self._thread is not None and self._thread.is_alive():
            return

        def load() -> None:
            try:
                self._held = _load(client, token, SAMPLE)
            except (redis.RedisError, *Down) as error:
                logger.warning("sample.not_renewed error=%s", type(error).__name__)

        self._thread = threading.Thread(target=load, name="sample", daemon=True)
        self._thread.start()

    def refolded(
        self, sample: People, specs: Collection[AggregateSpec], *, now: datetime
    ) -> People:
        """Return the first people with aggregates that workers do not keep, folded from history."""
        key = frozenset(family.key for spec in specs for family in families_of(spec))
        with self._refolding:
            held = self._refolded.get(key)
        age = time.monotonic() - held.loaded_at if held else STEADY_S
        if held is None or held.token != sample.token or age >= STEADY_S:
            held = _with_history(sample, specs, now=now)
            with self._refolding:
                self._refolded[key] = held
                while len(self._refolded) > _KEPT_REFOLDED:
                    self._refolded.popitem(last=False)
        return held

    def live_families(self, client: redis.Redis) -> frozenset[str]:
        version: Any = client.get(VERSION_KEY) or b"0"
        token = version + _token(client).encode()
        if self._live[0] != token:
            self._live = (token, frozenset(load_live(client).generations))
        return self._live[1]


_keeper = _Keeper()


def _is_old(held: People) -> bool:
    return held.is_partial or time.monotonic() - held.loaded_at > FRESH_S


def _token(client: redis.Redis) -> str:
    """Return the roster's token; "" where people are still being enrolled by a worker."""
    token = roster.is_whole(client)
    size: Any = 0 if token else client.dbsize()
    return token if token or size > SCAN_AT_MOST else roster.complete(client)


def _load(client: redis.Redis, token: str, most: int) -> People:
    drawn = roster.draw(client, most)
    found = profiles_of(client, drawn.people)
    views = load_views(client, found)
    loaded = People(
        found,
        population=drawn.population,
        views=[views[one] for one in found],
        accounts=[one.accounts for one in with_accounts(client, found, EVERY_ACCOUNT)],
        token=token,
    )
    loaded.is_partial = most < min(SAMPLE, drawn.population)
    return loaded


def profiles_of(client: redis.Redis, persons: Iterable[str]) -> dict[str, Profile]:
    """Return the profiles of those who are somebody, in the order asked; one round trip."""
    asked = tuple(persons)
    by_partition: dict[int, list[str]] = {}
    for person in asked:
        by_partition.setdefault(people.partition_of(person), []).append(person)
    loaded = load_profiles(client, by_partition)
    return {
        person: profile
        for person in asked
        if (profile := loaded[person]) is not None and not profile.merged_into
    }


def forget() -> None:
    """Drop what this process holds, so that the next one to ask reads the store."""
    _keeper.forget()


def load_people(
    client: redis.Redis,
    *,
    aggregates: Iterable[AggregateSpec] = (),
    now: datetime,
    hasty: bool = False,
) -> People:
    """Return the sampled people; where aggregates are not kept yet, fewer, with these folded from history.

    One round trip while they are in memory, a second or so before. Who is `hasty` gets a smaller sample then.
    """
    sample = _keeper.people(client, hasty=hasty)
    new = unkept(client, aggregates)
    return _keeper.refolded(sample, new, now=now) if new else sample


def load_sample(client: redis.Redis, *, most: int = ENOUGH) -> Sample:
    """Return at most so many people; one round trip while they are in memory."""
    found = _keeper.people(client, hasty=most <= HASTY_SAMPLE)
    persons = found.persons[:most]
    return Sample({person: found.profiles[person] for person in persons}, found.population)


def sampled_facts(
    client: redis.Redis,
    *,
    attributes: Collection[str],
    aggregates: Collection[AggregateSpec],
    now: datetime,
    most: int = ENOUGH,
    of_accounts: Collection[str] = (),
) -> tuple[dict[str, Facts], int]:
    """Return person -> facts, of at most so many people, and how many people there are.

    What the workers do not keep yet is folded from the history of fewer people.
    """
    found = load_people(client, aggregates=aggregates, now=now, hasty=most <= HASTY_SAMPLE)
    last = min(most, len(found))
    known = found.facts(
        0,
        last,
        attributes=attributes,
        aggregates=aggregates,
        now=now.timestamp(),
        of_accounts=of_accounts,
    )
    return dict(zip(found.persons[:last], known, strict=True)), found.population


def unkept(client: redis.Redis, aggregates: Iterable[AggregateSpec]) -> list[AggregateSpec]:
    """Return the aggregates that the workers do not keep."""
    asked = list(aggregates)
    live = _keeper.live_families(client) if asked else frozenset()
    return [spec for spec in asked if {family.key for family in families_of(spec)} - live]


def _with_history(sample: People, specs: Collection[AggregateSpec], *, now: datetime) -> People:
    persons = sample.persons[:HISTORY_SAMPLE]
    profiles = {person: sample.profiles[person] for person in persons}
    return People(
        refold(profiles, specs, now=now),
        population=sample.population,
        views=sample.views[:HISTORY_SAMPLE],
        accounts=refolded_accounts(sample.accounts[:HISTORY_SAMPLE], specs, now=now),
        token=sample.token,
        is_refolded=True,
    )


def refold(
    profiles: dict[str, Profile], specs: Collection[AggregateSpec], *, now: datetime
) -> dict[str, Profile]:
    """Return the profiles with aggregates that are not kept, folded from history; one query."""
    names = {name for spec in specs for name in events_read(spec)}
    rows = EventRecord.objects.filter(
        person_id__in=list(profiles),
        kind="event",
        name__in=names,
        event_time__gte=now - timedelta(days=HISTORY_DAYS),
    ).values_list("person_id", "body")
    records: dict[str, list[Record]] = {}
    for person, body in rows.iterator():
        records.setdefault(person, []).append(decode_record(bytes(body)))
    kept = Aggregates.of(specs)
    return {
        person: _joined(profile, fold(None, records.get(person, ()), kept))
        for person, profile in profiles.items()
    }


def refolded_accounts(
    accounts: Sequence[Accounts], specs: Collection[AggregateSpec], *, now: datetime
) -> list[Accounts]:
    """Return what is known of accounts, with their aggregates that are not kept folded from history."""
    counted = [spec for spec in specs if spec.of]
    if not counted:
        return list(accounts)
    known = {one.ids[kind]: profile for one in accounts for kind, profile in one.profiles.items()}
    told = refold(known, counted, now=now)
    return [
        replace(one, profiles={kind: told[account] for kind, account in one.ids.items()})
        for one in accounts
    ]


def _joined(profile: Profile, history: Profile) -> Profile:
    return msgspec.structs.replace(profile, series=profile.series | history.series)
