"""The spool of events: bounded, in order, torn ends, erasure, nothing lost while Redis is away."""

import resource
import threading
import time

import pytest
import redis as redis_module

from consent import people
from decisioning.ingestion.records import decode_record
from decisioning.ingestion.spool import EventSpool, SpoolFull
from tests.decisioning.ingestion.people_and_records import make_record, person


@pytest.fixture
def spool(tmp_path):
    return EventSpool(tmp_path / "spool")


def numbers(redis, name):
    key = people.stream_key(people.partition_of(person(name)))
    return [decode_record(fields[b"r"]).message_id for _, fields in redis.xrange(key)]


def test_replays_in_order_and_once(spool, redis):
    spool.append([make_record(1, "user:ana"), make_record(2, "user:ana")])
    spool.append([make_record(3, "user:ana"), make_record(1, "user:ana")])

    assert spool.replay(redis) == 4
    assert numbers(redis, "user:ana") == ["m1", "m2", "m3"]
    assert spool.is_empty
    assert spool.replay(redis) == 0


def test_is_bounded(tmp_path):
    spool = EventSpool(tmp_path, max_bytes=300)
    spool.append([make_record(1, "user:ana")])

    with pytest.raises(SpoolFull):
        spool.append([make_record(n, "user:ana") for n in range(5)])


def test_keeps_everything_while_redis_is_away(spool, redis, tmp_path):
    away = redis_module.Redis(unix_socket_path=str(tmp_path / "nobody.sock"))
    spool.append([make_record(1, "user:ana")])

    with pytest.raises(redis_module.ConnectionError):
        spool.replay(away)
    spool.append([make_record(2, "user:ana")])

    assert spool.replay(redis) == 1
    assert spool.replay(redis) == 1
    assert numbers(redis, "user:ana") == ["m1", "m2"]


def test_an_end_torn_by_a_crash_is_left_out(spool, redis, tmp_path):
    spool.append([make_record(1, "user:ana"), make_record(2, "user:ana")])
    file = tmp_path / "spool" / "events"
    file.write_bytes(file.read_bytes()[:-3])

    assert spool.replay(redis) == 1


@pytest.mark.parametrize("torn", range(1, 12))
def test_what_comes_after_a_torn_record_is_whole(spool, redis, tmp_path, torn):
    spool.append([make_record(1, "user:ana"), make_record(2, "user:ana")])
    file = tmp_path / "spool" / "events"
    file.write_bytes(file.read_bytes()[:-torn])
    spool.append([make_record(3, "user:ana"), make_record(4, "user:ana")])

    spool.replay(redis)

    assert [one for one in numbers(redis, "user:ana") if one != "m2"] == ["m1", "m3", "m4"]


def test_a_full_disk_leaves_nothing_of_a_refused_batch(spool, redis, tmp_path):
    spool.append([make_record(1, "user:ana")])
    before = (tmp_path / "spool" / "events").stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (before + 50, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            spool.append([make_record(2, "user:ana")])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    spool.append([make_record(3, "user:ana")])

    assert spool.replay(redis) == 2
    assert numbers(redis, "user:ana") == ["m1", "m3"]


def test_one_process_replays_at_a_time(spool, redis, tmp_path):
    other = EventSpool(tmp_path / "spool")
    spool.append([make_record(1, "user:ana")])
    redis.execute_command("CLIENT", "PAUSE", "400", "WRITE")
    slow = threading.Thread(target=other.replay, args=(redis,))
    slow.start()
    time.sleep(0.1)

    assert spool.replay(redis) == 0
    assert slow.is_alive()  # the other has the turn still
    spool.append([make_record(2, "user:ana")])
    slow.join()

    assert spool.replay(redis) == 1
    assert numbers(redis, "user:ana") == ["m1", "m2"]


def test_a_person_can_be_erased_from_it(spool, redis):
    spool.append([make_record(1, "user:ana"), make_record(2, "user:ben")])

    spool.erase(person("user:ana"))

    assert spool.replay(redis) == 1
    assert numbers(redis, "user:ana") == []
