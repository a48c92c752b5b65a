"""The only place that records how many people live segments and offers find: daily, at publishing, when counted exactly."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import redis
from django.utils.safestring import SafeString
from django.utils.timezone import localdate, localtime
from django.utils.translation import gettext as _
from redis.exceptions import LockError

from campaigns.audiences.counting import find, text_of
from campaigns.audiences.estimates import Estimate
from campaigns.audiences.stock import live_trees
from campaigns.models import AudienceRecord, ExactCount, Item, Release
from campaigns.models.items import Kind
from campaigns.sampling import load_people
from decisioning.rules.conditions import aggregates
from rtts_site.foundation.charts import band_chart

KINDS: Final = (Kind.SEGMENT, Kind.OFFER)
SECONDS: Final = 30.0  # of a worker, for all that is live
FEW: Final = 200  # conditions that are counted on all sampled people
FEWER_PEOPLE: Final = 2_000
LOCK_KEY: Final = "audience:history:taking"
LOCK_S: Final = 120
SHOWN: Final = 400  # records of a chart

How = AudienceRecord.How


@dataclass(frozen=True, slots=True)
class History:
    """What a page tells of one segment or offer."""

    records: list[AudienceRecord]  # newest first
    chart: SafeString | None


def record_due(client: redis.Redis, *, now: datetime) -> int:
    """Record what is live where the release or the day is new, and return how many records that made."""
    live = Release.objects.filter(state=Release.State.LIVE)
    version = live.values_list("version", flat=True).first()
    if version is None:
        return 0
    lock = client.lock(LOCK_KEY, timeout=LOCK_S)
    if not lock.acquire(blocking=False):
        return 0
    try:
        return _record_due(client, version, now=now)
    finally:
        with suppress(LockError):  # it took longer: another worker's now
            lock.release()


def _record_due(client: redis.Redis, version: int, *, now: datetime) -> int:
    records = AudienceRecord.objects
    if not records.filter(release=version).exclude(how=How.EXACT).exists():
        return _record(client, How.PUBLISHED, version, now=now)
    if records.filter(counted_at__date=localdate(now)).exclude(how=How.EXACT).exists():
        return 0
    return _record(client, How.DAILY, version, now=now)


def _record(client: redis.Redis, how: How, version: int, *, now: datetime) -> int:
    trees = live_trees(*KINDS)
    needed = {one for tree in trees.values() for one in aggregates(tree)}
    people = load_people(client, aggregates=needed, now=now)
    if not trees or not len(people):
        return 0
    some = people if len(trees) <= FEW else people.first(FEWER_PEOPLE)
    found = find(some, trees, now=now.timestamp(), seconds=SECONDS)
    items = _items(trees)
    rows = [
        _row(items[name], one.estimate, one.sampled, how, version, now)
        for name, one in found.items()
        if name in items
    ]
    return len(AudienceRecord.objects.bulk_create(rows))


def record_exact(count: ExactCount, *, now: datetime) -> None:
    """Record an exact count for each live segment and offer that has the same condition."""
    live = Release.objects.filter(state=Release.State.LIVE)
    version = live.values_list("version", flat=True).first()
    if version is None or count.people is None or count.population is None:
        return
    same = [name for name, tree in live_trees(*KINDS).items() if text_of(tree) == count.text]
    exact = Estimate(count.people, count.people, count.people, count.population)
    AudienceRecord.objects.bulk_create(
        _row(item, exact, count.population, How.EXACT, version, now)
        for item in _items(same).values()
    )


def _row(
    item: int, found: Estimate, sampled: int, how: How, version: int, now: datetime
) -> AudienceRecord:
    return AudienceRecord(
        item_id=item,
        how=how,
        counted_at=now,
        release=version,
        people=found.people,
        low=found.low,
        high=found.high,
        sampled=sampled,
        population=found.population,
    )


def _items(names: Iterable[str]) -> dict[str, int]:
    """Return the row of each ``kind:key``."""
    wanted = set(names)
    rows = Item.objects.filter(kind__in=KINDS).values_list("kind", "key", "pk")
    return {f"{kind}:{key}": pk for kind, key, pk in rows if f"{kind}:{key}" in wanted}


def history_of(item: Item) -> History:
    """Return the newest records of a segment or offer; one query."""
    records = list(item.audiences.order_by("-counted_at")[:SHOWN])
    return History(records, _chart(records[::-1]) if len(records) > 1 else None)


def _chart(records: list[AudienceRecord]) -> SafeString:
    points = [
        (f"{localtime(one.counted_at):%d %b}", float(one.low), float(one.people), float(one.high))
        for one in records
    ]
    return band_chart(points, label=_("People found, over time"))
