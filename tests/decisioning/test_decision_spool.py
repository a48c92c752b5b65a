"""The spool of decisions: one file a process, sent on once by whoever finds it, torn rows left out."""

import multiprocessing
import os
import resource

import pytest
import redis as redis_module

from consent import people
from decisioning.decision_spool import DecisionSpool, Spooled, read_rows
from tests.decisioning import making


@pytest.fixture
def away(tmp_path):
    return redis_module.Redis(unix_socket_path=str(tmp_path / "nobody.sock"))


@pytest.fixture
def start(tmp_path):
    """Return what makes the spool of one more process."""
    made = []

    def make(client):
        made.append(DecisionSpool(tmp_path, client))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def row(number):
    return Spooled(making.person_of("ana"), f"n{number}", b"body")


def write(spool, *numbers):
    for number in numbers:
        spool.add(row(number))
    spool.write_waiting(seconds=0)


def logged(redis):
    key = people.decision_log_key(people.partition_of(making.person_of("ana")))
    return [fields[b"n"].decode() for _, fields in redis.xrange(key)]


def files(tmp_path):
    return list(tmp_path.glob("decisions.*"))


def write_and_die(tmp_path):
    write(DecisionSpool(tmp_path, None), 1, 2)
    os._exit(0)


def test_sends_what_a_dead_process_left(redis, tmp_path, start):
    process = multiprocessing.get_context("fork").Process(target=write_and_die, args=(tmp_path,))
    process.start()
    process.join()

    assert start(redis).send() == 2

    assert logged(redis) == ["n1", "n2"]
    assert files(tmp_path) == []


def test_leaves_the_file_of_a_living_process_alone(redis, tmp_path, away, start):
    living = start(away)
    write(living, 1)

    assert start(redis).send() == 0

    assert living.send() == 0
    write(living, 2)
    assert [one.nonce for one in read_rows(files(tmp_path)[0])] == ["n1", "n2"]


def test_sends_its_own_once(redis, start):
    spool = start(redis)
    write(spool, 1)
    assert spool.send() == 1
    write(spool, 2)

    assert spool.send() == 1
    assert spool.send() == 0
    assert logged(redis) == ["n1", "n2"]


def test_a_full_disk_loses_no_row(redis, tmp_path, start):
    spool = start(redis)
    write(spool, 1)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (files(tmp_path)[0].stat().st_size + 20, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            write(spool, 2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    write(spool, 3)

    assert spool.send() == 3
    assert logged(redis) == ["n1", "n2", "n3"]


def test_a_torn_row_costs_itself_alone(redis, tmp_path, start):
    spool = start(redis)
    write(spool, 1, 2)
    (file,) = files(tmp_path)
    os.truncate(file, file.stat().st_size - 5)
    write(spool, 3)

    assert spool.send() == 2
    assert logged(redis) == ["n1", "n3"]
