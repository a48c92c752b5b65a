"""What rows of connections leave for data quality and the debugger."""

import msgspec

from decisioning.connections.acceptance import Reading, by_place, take, understand
from decisioning.connections.lines import Line
from decisioning.connections.mapping import Mapping
from decisioning.ingestion.wire import Intake
from decisioning.observing import batches, debugging
from decisioning.observing.schemas import Schemas
from decisioning.specs import EventTypeSpec, PropertySpec
from tests.decisioning.ingestion.people_and_records import NOW_MS

SOURCE = "source:crm"
KINDS = (
    EventTypeSpec(
        key="Order",
        name="Order",
        enforcement="watch",
        properties=(PropertySpec(key="total", type="number", required=True),),
    ),
    EventTypeSpec(
        key="Call",
        name="Call",
        enforcement="enforce",
        properties=(PropertySpec(key="agent", type="text", required=True),),
    ),
)


def rows(*messages):
    return [Line(row + 1, row, message) for row, message in enumerate(messages)]


def message(event, **properties):
    return {"type": "track", "userId": "ana", "event": event, "properties": properties}


def sent(redis, *messages, **fields):
    intake = Intake(attributes={}, received_at_ms=NOW_MS, pepper=b"p", source=SOURCE)
    reading = Reading(intake, Schemas(KINDS))
    told = understand(
        Mapping(call="message"), rows(*messages), reading=reading, unique=by_place("run")
    )
    return take(redis, told, reading=reading, **fields)


def counted(redis):
    found = {}
    for packed in redis.lrange(batches.QUEUE, 0, -1):
        for one in msgspec.msgpack.decode(packed, type=batches.Batch).counts:
            found[one.source, one.event] = (one.duplicates, one.refused, one.watched)
    return found


def test_repeats_refusals_and_violations_are_counted_by_source(redis):
    good, wrong, refused = message("Order", total=5), message("Order"), message("Call")
    unreadable = {"type": "track", "userId": "ana"}

    first = sent(redis, good, wrong, refused, unreadable)
    assert (first.accepted, first.repeats) == (2, 0)
    assert counted(redis) == {
        (SOURCE, "Order"): (0, 0, 1),
        (SOURCE, "Call"): (0, 1, 0),
        (SOURCE, ""): (0, 1, 0),
    }

    redis.delete(batches.QUEUE)
    assert sent(redis, good).repeats == 1
    assert counted(redis) == {(SOURCE, "Order"): (1, 0, 0)}
    redis.delete(batches.QUEUE)
    assert sent(redis, good, is_redone=True).repeats == 0
    assert counted(redis) == {}


def test_whoever_debugs_a_source_sees_its_rows_as_they_came(redis):
    sent(redis, message("Order", total=1))
    debugging.watch(redis, SOURCE, now=NOW_MS / 1000)

    sent(redis, message("Order", total=5, token="s3cret"), message("Call"))

    came = [one for _, one in debugging.latest(redis, SOURCE)[0]]
    refused, taken = came
    assert (refused.record, bool(refused.reason)) == (b"", True)
    assert taken.message_id
    assert msgspec.json.decode(taken.raw)["properties"] == {"total": 5, "token": "…"}
