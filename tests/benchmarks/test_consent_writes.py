"""What a change of consent costs beside a plain insert of its row, and whether the sealer keeps up."""

import gc
import time
from datetime import UTC, datetime
from functools import partial
from threading import Barrier, Thread

import psycopg
import pytest
from django.conf import settings
from django.db import connection, models, transaction

from consent import ledger, relay
from consent.changes import Actor, Evidence
from consent.ids import uuid7
from consent.importing import Import, import_changes
from consent.models import ConsentEvent
from consent.proof import sealing
from consent.proof.tables import LedgerPending
from rtts_site import embedded
from rtts_site.foundation.redis_clients import redis_client
from tests.consent.builders import EVIDENCE, SUBJECT, given, make_person, withdrawn

pytestmark = pytest.mark.benchmark
THREADS, EACH, ROUNDS = 8, 50, 9
WARM = 15  # times, until PostgreSQL keeps the plans of a connection
MANY = THREADS * (WARM + EACH)
PURPOSES = ("personalised_ads", "analytics", "email")  # what a banner asks for at once
AT_LEAST = {"in bulk": 0.5, "three of a person": 0.5, "one, the first": 0.3, "one more": 0.3}
OPT_OUTS = 2_000


class PlainRow(models.Model):  # noqa: DJ008 - nobody reads one
    """The row of an entry, in a table that nothing hangs on."""

    event_id = models.UUIDField(primary_key=True)
    key_id = models.UUIDField()
    schema_version = models.PositiveSmallIntegerField()
    recorded_at = models.DateTimeField()
    body = models.BinaryField()
    leaf_hash = models.BinaryField()

    class Meta:
        app_label = "consent"
        managed = False
        db_table = "plain"


@pytest.fixture
def ready(django_db_setup, django_db_blocker, redis):
    owner = embedded.database_url(settings.RTTS_VAR, embedded.OWNER_ROLE)
    with django_db_blocker.unblock():
        with psycopg.connect(owner) as tables:
            tables.execute("create table plain (like consent_consentevent including all)")
        relay.restore_trust(redis_client(), now=datetime.now(UTC))
        yield
        with psycopg.connect(owner) as tables:
            tables.execute("drop table plain")


def insert(row):
    with transaction.atomic():
        PlainRow.objects.create(
            event_id=uuid7(row.recorded_at),
            key_id=row.key_id,
            schema_version=row.schema_version,
            recorded_at=row.recorded_at,
            body=row.body,
            leaf_hash=row.leaf_hash,
        )


def record(person, purposes=PURPOSES[:1]):
    now = datetime.now(UTC)
    said = [given(purpose, at=now) for purpose in purposes]
    ledger.record_change(person, said, evidence=EVIDENCE, actor=SUBJECT, now=now)


def rate(work, things):
    """Return how many a second many threads do, each on a connection that it has had for a while."""
    started, ended = Barrier(THREADS + 1), Barrier(THREADS + 1)

    def run(own):
        for thing in own[:WARM]:
            work(thing)
        started.wait()
        for thing in own[WARM:]:
            work(thing)
        ended.wait()
        connection.close()

    shares = [things[number::THREADS] for number in range(THREADS)]
    threads = [Thread(target=run, args=(own,)) for own in shares]
    for thread in threads:
        thread.start()
    started.wait()
    began = time.perf_counter()
    ended.wait()
    seconds = time.perf_counter() - began
    for thread in threads:
        thread.join()
    return (len(things) - THREADS * WARM) / seconds


def rate_of_import():
    """Return how many changes a second are recorded when many people's come at once."""
    now = datetime.now(UTC)
    said = {make_person(): [withdrawn(at=now)] for _ in range(THREADS * EACH)}
    began = time.perf_counter()
    done = sum(import_changes(said, source=source_of(now), now=now))
    return done / (time.perf_counter() - began)


def source_of(now):
    return Import(name=uuid7(now).hex, evidence=Evidence(source="csv"), actor=Actor(kind="staff"))


def test_a_change_of_consent_costs_less_than_two_plain_inserts_and_three_alone(ready):
    record(make_person())
    row = ConsentEvent.objects.order_by("-event_id").first()
    gc.collect()
    gc.freeze()  # as workers do
    ratios = {name: [] for name in AT_LEAST}
    for _ in range(ROUNDS):
        people, others = ([make_person() for _ in range(MANY)] for _ in range(2))
        plain = rate(insert, [row] * len(people))
        changes = {
            "in bulk": rate_of_import(),
            "three of a person": len(PURPOSES) * rate(partial(record, purposes=PURPOSES), others),
            "one, the first": rate(record, people),
            "one more": rate(record, people),
        }
        print(f"plain {plain:,.0f}/s", *(f"{name} {one:,.0f}/s" for name, one in changes.items()))
        for name, one in changes.items():
            ratios[name].append(one / plain)
    gc.unfreeze()

    medians = {name: sorted(found)[ROUNDS // 2] for name, found in ratios.items()}
    print(*(f"{name} {one:.0%} (at least {AT_LEAST[name]:.0%})" for name, one in medians.items()))
    assert {name for name, one in medians.items() if one < AT_LEAST[name]} == set()


def test_the_sealer_keeps_up_with_opt_outs_in_bulk(ready):
    now = datetime.now(UTC)
    said = {make_person(): [withdrawn(at=now)] for _ in range(OPT_OUTS)}

    began = time.perf_counter()
    done = sum(import_changes(said, source=source_of(now), now=now))
    imported = time.perf_counter()
    sealed = sum(sealing.seal_everything(now=datetime.now(UTC)))
    ended = time.perf_counter()

    print(
        f"{done / (imported - began):,.0f} opt-outs/s, {sealed / (ended - imported):,.0f} sealed/s"
    )
    assert not LedgerPending.objects.exists()
    assert sealed >= done
    assert ended - imported < imported - began
