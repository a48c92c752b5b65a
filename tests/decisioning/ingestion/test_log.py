"""Acceptance into Redis Streams: once, all or nothing, and on a cluster one slot at a time."""

import pytest

from consent import people
from decisioning.ingestion import log
from decisioning.ingestion.log import LogFull, event_log
from tests.decisioning.ingestion.people_and_records import accept, make_record

NAMES = [f"user:u{number}" for number in range(150)]


def records():
    return [make_record(number, name, event="Order") for number, name in enumerate(NAMES)]


def lengths(redis):
    return sum(redis.xlen(people.stream_key(one)) for one in range(people.PARTITIONS))


def test_a_repeat_is_told_and_not_appended(redis):
    batch = records()

    assert accept(redis, [*batch, batch[0]]) == [*["accepted"] * len(batch), "duplicate"]
    assert accept(redis, batch) == ["duplicate"] * len(batch)
    assert lengths(redis) == len(batch)


def test_a_batch_with_a_full_stream_appends_nothing(redis):
    batch = records()[: log.RECORDS_PER_CALL]
    accept(redis, batch[-1:])

    with pytest.raises(LogFull, match="stream"):
        event_log(redis).accept(batch, mark=1)

    assert lengths(redis) == 1


def test_on_a_cluster_each_call_keeps_to_one_slot(redis, settings):
    settings.RTTS_REDIS_CLUSTER = True
    batch = records()

    for call in log._calls(batch):
        command = call.command(log.NO_MARK)
        keys = command[3 : 3 + int(command[2])]
        assert len({key.partition("}")[0] for key in keys}) == 1
    assert accept(redis, batch) == ["accepted"] * len(batch)
