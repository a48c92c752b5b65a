"""The event log in Kafka: nothing lost, nothing twice, though repeats stand in the topic and workers are killed."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from consent import people
from decisioning.ingestion import drain as drain_module
from decisioning.ingestion import history, kafka_log
from decisioning.ingestion.kafka_log import KafkaMisconfigured
from decisioning.ingestion.log import LogAway, async_event_log, event_log
from decisioning.ingestion.positions import load_positions
from decisioning.models import EventRecord
from decisioning.profiles.live_set import announce
from decisioning.profiles.profile import Profile
from decisioning.profiles.store import load_profile
from decisioning.profiles.windows import aggregate_value
from decisioning.rules.tree import make_aggregate
from rtts_site.embedded import tie_to_parent
from tests.decisioning.ingestion.people_and_records import (
    NOW_MS,
    accept,
    drain_all,
    make_drain,
    make_record,
    person,
)
from tests.decisioning.watching.watching import segment, told, trigger, watch

ORDERS = make_aggregate("Order", "count", within="30d")
ANA, PHONE = "user:ana", "anonymous:phone"
ROOT = Path(__file__).resolve().parents[3]
KILLS = 3
WORKER = """
import django
django.setup()
from rtts_site.foundation.redis_clients import redis_client
from tests.decisioning.ingestion.people_and_records import make_drain
while True:
    make_drain(redis_client()).run(30)
"""


def serve(topic, partitions):
    command = [sys.executable, "-m", "tests.decisioning.ingestion.kafka_server"]
    return subprocess.Popen(
        tie_to_parent([*command, topic, str(partitions)]),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


@pytest.fixture
def kafka(redis, settings, monkeypatch):
    """Return the mock's process; the log is kept there, and Redis keeps the rest."""
    server = serve("rtts.events", people.PARTITIONS)
    settings.RTTS_EVENT_LOG, settings.RTTS_KAFKA_SERVERS = "kafka", server.stdout.readline().strip()
    monkeypatch.setattr(drain_module, "BLOCK_MS", 100)
    announce(redis, [ORDERS])
    yield server
    kafka_log.disconnect()
    end(server)


def end(server):
    server.kill()
    server.communicate()


def orders_of(redis, name):
    _, profile = load_profile(redis, person(name))
    return aggregate_value(profile or Profile(), ORDERS, NOW_MS / 1000)


def order(number, name):
    return make_record(number, name, event="Order")


def sign_in(number):
    return make_record(number, ANA, PHONE, joins=[PHONE], type="identify")


def test_folds_what_was_accepted_once_though_it_stands_there_twice(kafka, redis):
    assert accept(redis, [order(1, ANA), order(2, ANA), order(2, ANA)]) == ["accepted"] * 3
    drain_all(make_drain(redis))

    repeated = accept(redis, [order(2, ANA), order(3, ANA)])
    drain_all(make_drain(redis))

    assert repeated == ["duplicate", "accepted"]
    assert orders_of(redis, ANA) == 3


def test_a_merge_moves_what_came_before_and_after(kafka, redis):
    accept(redis, [order(1, PHONE), order(2, ANA), sign_in(3)])
    drain_all(make_drain(redis))

    accept(redis, [order(4, PHONE), order(4, PHONE)])
    drain_all(make_drain(redis))

    assert orders_of(redis, ANA) == 3
    assert load_profile(redis, person(PHONE))[0] == person(ANA)


def test_what_was_read_and_not_committed_is_read_again(kafka, redis, monkeypatch):
    accept(redis, [order(1, ANA), order(1, ANA), order(2, ANA)])

    def dies(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(drain_module, "commit", dies)
        with pytest.raises(KeyboardInterrupt):
            drain_all(make_drain(redis))
    drain_all(make_drain(redis))

    assert orders_of(redis, ANA) == 2


def test_two_drains_at_once_count_nothing_twice(kafka, redis):
    one, two = make_drain(redis), make_drain(redis)
    for number in range(10):
        accept(redis, [order(number, ANA)])
        (one if number % 2 else two).step()
    drain_all(one)
    drain_all(two)

    assert orders_of(redis, ANA) == 10


def test_history_has_each_record_once(kafka, redis, db):
    accept(redis, [order(1, ANA), order(1, ANA), order(2, ANA)])
    drain_all(make_drain(redis))

    while history.archive(redis, range(people.PARTITIONS)):
        continue

    kept = EventRecord.objects.filter(person_id=person(ANA)).values_list("message_id", flat=True)
    assert sorted(kept) == ["m1", "m2"]
    (position,) = load_positions(redis, [people.partition_of(person(ANA))]).values()
    assert position.is_archived


async def test_an_event_loop_appends_too(kafka, redis):
    async def ask(commands):
        return [redis.execute_command(*command) for command in commands]

    log = async_event_log(ask)

    assert await log.accept([order(1, ANA), order(2, ANA)]) == ["accepted"] * 2
    drain_all(make_drain(redis))
    assert await log.accept([order(2, ANA)]) == ["duplicate"]
    assert orders_of(redis, ANA) == 2


def test_says_so_where_kafka_is_away(kafka, redis, settings, monkeypatch):
    monkeypatch.setattr(kafka_log, "DELIVERY_MS", 300)
    kafka.kill()

    with pytest.raises(LogAway):
        accept(redis, [order(2, ANA)])


def test_a_topic_of_other_size_is_refused(kafka, redis, settings):
    kafka_log.disconnect()
    small = serve("small", 4)
    settings.RTTS_KAFKA_SERVERS, settings.RTTS_KAFKA_TOPIC = (
        small.stdout.readline().strip(),
        "small",
    )
    try:
        with pytest.raises(KafkaMisconfigured, match="256"):
            event_log(redis).last_id(0)
    finally:
        end(small)


def work(settings):
    env = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "rtts_site.settings",
        "RTTS_EVENT_LOG": "kafka",
        "RTTS_KAFKA_SERVERS": settings.RTTS_KAFKA_SERVERS,
    }
    command = tie_to_parent([sys.executable, "-c", WORKER], "KILL")
    return subprocess.Popen(command, cwd=ROOT, env=env, stderr=subprocess.DEVNULL)


def is_drained(redis):
    log = event_log(redis)
    positions = load_positions(redis, range(people.PARTITIONS))
    return all((log.last_id(one) or "0-0") == positions[one].folded for one in positions)


@pytest.mark.faults
def test_nothing_is_lost_or_doubled_though_the_worker_is_killed(kafka, redis, settings):
    chance = random.Random(8)  # noqa: S311
    names = [f"user:u{number}" for number in range(50)]
    sent = dict.fromkeys(names, 0)
    number = 0
    for _ in range(KILLS + 1):
        worker = work(settings)
        end = time.monotonic() + chance.uniform(3, 8)
        while time.monotonic() < end:
            batch = [order(number + one, chance.choice(names)) for one in range(20)]
            for record in batch:
                sent[record.identifiers[0]] += 1
            accept(redis, [*batch, *chance.sample(batch, 6)])
            number += len(batch)
        worker.kill()
        worker.wait()
    drain_all(make_drain(redis))

    assert is_drained(redis)
    assert {name: orders_of(redis, name) for name in names} == sent
    print(f"\n{number} records, {KILLS + 1} kills: none lost, none twice")


def now_ms():
    return time.time_ns() // 1_000_000


def settle(drain, *, seconds=1.2):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        drain.step()


def said_of(redis, *, kind):
    return [(one.kind, one.key, one.at_ms) for one in told(redis, kind=kind)]


def test_says_up_to_when_a_partition_is_read(kafka, redis):
    log, one = event_log(redis), people.partition_of(person(ANA))
    began_ms = now_ms()
    accept(redis, [order(number, ANA) for number in range(3)])
    asked_ms = now_ms()

    nothing_read = log.read_until({one: "0-0"}, asked_ms=asked_ms)
    rows = log.read({one: "0-0"}, count=2, wait_ms=5_000)[one]
    in_between = log.read_until({one: rows[-1][0]}, asked_ms=asked_ms)
    rows = log.read({one: rows[-1][0]}, count=2, wait_ms=5_000)[one]
    at_the_end = log.read_until({one: rows[-1][0]}, asked_ms=asked_ms)

    assert nothing_read == {}
    assert began_ms <= in_between[one] <= asked_ms + 1
    assert at_the_end == {one: max(asked_ms, in_between[one])}


def test_a_partition_that_is_never_quiet_is_caught_up_with_a_moment_ago(kafka, redis, monkeypatch):
    monkeypatch.setattr(kafka_log, "LOOK_S", 0.0)
    log, one = event_log(redis), people.partition_of(person(ANA))
    accept(redis, [order(1, ANA)])
    first_ms = now_ms()
    assert (
        log.read_until({one: "0-0"}, asked_ms=first_ms) == {}
    )  # its end was seen, and is not reached
    accept(redis, [order(2, ANA)])

    reached = log.read_until({one: "1-0"}, asked_ms=now_ms() + 9)

    assert reached == {one: first_ms}


def test_catching_up_judges_nobody_by_offsets(kafka, redis):
    keen = segment("keen", {"event": "Order", "count": {"is": "gte", "value": 3}, "within": "1h"})
    on_order = trigger("thanks", "event", event="Order", every_s=86_400)
    watch(redis, segments=[keen], triggers=[on_order], named=["keen"], now_ms=now_ms() - 60_000)
    records = [
        make_record(number, ANA, event="Order", at_ms=now_ms() - 1_000) for number in range(150)
    ]
    accept(redis, records)  # more than two reads of a partition

    settle(make_drain(redis))

    assert [key for _, key, _ in said_of(redis, kind="segment.entered")] == ["keen"]
    assert said_of(redis, kind="segment.left") == []
    fired = said_of(redis, kind="trigger.fired")
    assert [key for _, key, _ in fired] == ["thanks"]  # once a day, though it is told 150 times
    assert fired[0][2] > now_ms() - 60_000


def test_no_absence_is_told_before_what_ends_it_is_read(kafka, redis):
    forgot = trigger("forgot", "absence", event="Cart Updated", then="Order", within="1m")
    then_ms = now_ms() - 58_500
    watch(redis, triggers=[forgot], now_ms=then_ms - 1_000)
    accept(redis, [make_record(1, ANA, event="Cart Updated", at_ms=then_ms)])
    settle(make_drain(redis), seconds=0.6)
    accept(redis, [make_record(2, ANA, event="Order", at_ms=then_ms + 5_000)])
    kafka_log.disconnect()
    time.sleep(
        max(0.0, (then_ms + 61_000 - now_ms()) / 1000)
    )  # its time is over, nobody has read on

    settle(make_drain(redis), seconds=1)

    assert said_of(redis, kind="trigger.fired") == []


def test_an_absence_is_told_where_nothing_more_comes(kafka, redis):
    forgot = trigger("forgot", "absence", event="Cart Updated", then="Order", within="1m")
    then_ms = now_ms() - 60_000
    watch(redis, triggers=[forgot], now_ms=then_ms - 1_000)
    accept(redis, [make_record(1, ANA, event="Cart Updated", at_ms=then_ms)])

    settle(make_drain(redis), seconds=1.2)

    assert [key for _, key, _ in said_of(redis, kind="trigger.fired")] == ["forgot"]
