from datetime import UTC, datetime

import pytest
from django.conf import settings

from campaigns.demo import history
from campaigns.demo.catalogue import ATTRIBUTES
from campaigns.demo.history import Loader, unfolded, wait_until_folded
from campaigns.demo.identifiers import user_id
from campaigns.demo.intake import NobodyFolds, accept
from consent import people
from consent.people import Identifier, person_id
from decisioning.ingestion.records import decode_record
from decisioning.ingestion.wire import Intake
from rtts_site.foundation.jobs import Job

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
PEOPLE = 2_469 + 3 * 247  # identify calls, and the browsing of every tenth


def loader(redis, journey, shown=None):
    job, _ = Job.objects.get_or_create(kind=history.KIND, defaults={"subject": str(NOW_MS)})
    return Loader(
        client=redis,
        journey=journey,
        attributes={one.key: one for one in ATTRIBUTES},
        pepper=settings.RTTS_PEPPER,
        job=job,
        progress=shown or (lambda *_: None),
    )


def records_of(redis, household):
    person = person_id(Identifier("user", user_id(household)), pepper=settings.RTTS_PEPPER)
    entries = redis.xrange(people.stream_key(people.partition_of(person)))
    records = [decode_record(fields[b"r"]) for _, fields in entries]
    return [record for record in records if record.person == person]


def test_loads_people_and_the_newest_purchases(db, redis, journey):
    sent = loader(redis, journey).load(purchases=300, now_ms=NOW_MS)

    assert abs(sent - (PEOPLE + 300)) < 10
    newest = next(journey.baskets())
    identify, *orders = records_of(redis, newest.household)
    assert identify.attributes["loyalty_tier"] in ("bronze", "silver", "gold")
    assert any(one.event == "Order Completed" and one.event_time_ms == NOW_MS for one in orders)


def test_goes_on_where_it_stopped(db, redis, journey):
    loader(redis, journey).load(purchases=100, now_ms=NOW_MS)

    assert loader(redis, journey).load(purchases=250, now_ms=NOW_MS + 9_000) == 150
    assert loader(redis, journey).load(purchases=250, now_ms=NOW_MS + 9_000) == 0


def test_a_load_that_lost_its_place_counts_nothing_twice(db, redis, journey):
    loader(redis, journey).load(purchases=100, now_ms=NOW_MS)
    Job.objects.filter(kind=history.KIND).update(done=0)

    assert loader(redis, journey).load(purchases=100, now_ms=NOW_MS) == 0


def test_shows_progress(db, redis, journey):
    shown = []

    loader(redis, journey, lambda *step: shown.append(step)).load(purchases=100, now_ms=NOW_MS)

    assert shown[-1] == ("purchases", 100, 100)
    assert {what for what, _, _ in shown} == {"people", "purchases"}


def test_says_when_nobody_folds(redis, monkeypatch):
    monkeypatch.setattr("campaigns.demo.intake.MARK", 1)
    monkeypatch.setattr("campaigns.demo.intake.PATIENCE_S", 0.1)
    intake = Intake(attributes={}, received_at_ms=NOW_MS, pepper=b"p")
    items = [
        {"type": "track", "event": "E", "userId": "u", "messageId": f"m-{n}"} for n in range(2)
    ]
    accept(redis, items[:1], intake=intake)

    with pytest.raises(NobodyFolds, match="make up|manage.py up"):
        accept(redis, items[1:], intake=intake)


def test_knows_what_is_not_folded_yet(redis):
    intake = Intake(attributes={}, received_at_ms=NOW_MS, pepper=b"p")
    accept(redis, [{"type": "track", "event": "E", "userId": "u"}], intake=intake)

    assert unfolded(redis) == 1
    assert not wait_until_folded(redis, lambda *_: None, patience_s=0)

    partition = people.partition_of(person_id(Identifier("user", "u"), pepper=b"p"))
    newest, _ = redis.xrevrange(people.stream_key(partition), count=1)[0]
    redis.hset(people.position_key(partition), "folded", newest)
    assert wait_until_folded(redis, lambda *_: None, patience_s=0)
