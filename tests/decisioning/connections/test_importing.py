import csv
import gzip
import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from redis import RedisError

from consent import people
from decisioning.connections import folder, importing
from decisioning.connections.acceptance import by_place, reading_for
from decisioning.connections.importing import Sender
from decisioning.connections.layouts import Layout, Place, Unreadable, detect
from decisioning.connections.lines import Lines
from decisioning.connections.mapping import Mapping, Rule
from decisioning.connections.sampling import sample
from decisioning.ingestion.log import LogAway, event_log
from decisioning.ingestion.records import decode_record
from rtts_site.foundation.jobs import Job

ORDERS = Mapping(
    event="Order Completed",
    rules=(
        Rule(column="customer", target="user_id", required=True),
        Rule(column="at", target="time"),
        Rule(column="total", target="property:total", cast="number", unit="cents_to_units"),
    ),
)
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def clock():
    return datetime.now(UTC)


def as_csv(rows):
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["customer", "at", "total"])
    writer.writerows(rows)
    return text.getvalue().encode()


def orders(count):
    return [(f"c-{n % 7}", "2020-01-02T03:04:05Z", 100 + n) for n in range(count)]


def received(raw, name="orders.csv"):
    return importing.receive([raw], file_name=name, sender=Sender(), now=clock())


def imported(client, raw, mapping=ORDERS, name="orders.csv"):
    row = received(raw, name)
    importing.start(row, mapping, now=clock())
    while importing.work(client, now=clock, spell=timedelta(seconds=5)):
        pass
    row.refresh_from_db()
    return row


def records(client):
    log = event_log(client)
    found = []
    for partition in range(people.PARTITIONS):
        if last := log.last_id(partition):
            packed = log.between(partition, since="0-0", until=last)
            found += [decode_record(data) for _id, data in packed]
    return found


def test_takes_each_row_of_a_csv_file(db, redis):
    row = imported(redis, as_csv(orders(1_200)))

    assert (row.state, row.rows, row.accepted, row.refused) == ("done", 1_200, 1_200, 0)
    found = records(redis)
    assert sorted(one.properties["total"] for one in found) == [
        (100 + n) / 100 for n in range(1_200)
    ]
    assert {one.source for one in found} == {f"import:{row.pk}"}
    assert {one.event_time_ms for one in found} == {1_577_934_245_000}  # any age
    assert Job.objects.get(pk=row.job).state == "done"
    assert not folder.data_path(row.pk).exists()


def test_refuses_rows_one_by_one_and_tells_their_reasons(db, redis):
    raw = as_csv([("c-1", "", "1"), ("", "", "2"), ("c-3", "soon", "3"), ("c-4", "", "=x")])
    raw += b"only one cell\n"

    row = imported(redis, raw)

    assert (row.accepted, row.refused) == (1, 4)
    told = list(csv.DictReader(io.StringIO(folder.refused_path(row.pk).read_text())))
    assert [(one["row"], one["column"]) for one in told] == [
        ("3", "customer"),
        ("4", "at"),
        ("5", "total"),
        ("6", ""),
    ]
    assert told[2]["total"] == "'=x"


@pytest.mark.parametrize("packed", [False, True])
def test_takes_json_lines_plain_and_packed(db, redis, packed):
    lines = [{"customer": f"c-{n}", "total": n, "more": {"a": [n]}} for n in range(600)]
    raw = "\n".join(map(json.dumps, lines)).encode() + b"\nnot json\n\n"

    row = imported(redis, gzip.compress(raw) if packed else raw, name="orders.jsonl")

    assert (row.accepted, row.refused, row.rows) == (600, 1, 601)


def test_takes_parquet(db, redis, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "orders.parquet"
    at = [datetime(2026, 1, 1, tzinfo=UTC)] * 1_300
    table = pa.table(
        {"customer": [f"c-{n}" for n in range(1_300)], "at": at, "total": list(range(1_300))}
    )
    pq.write_table(table, path, row_group_size=400)

    row = imported(redis, path.read_bytes(), name="orders.parquet")

    assert (row.accepted, row.refused) == (1_300, 0)
    assert {one.event_time_ms for one in records(redis)} == {1_767_225_600_000}


def test_the_same_file_again_changes_nothing(db, redis):
    raw = as_csv(orders(10))
    imported(redis, raw)

    again = received(raw)
    with pytest.raises(importing.NotStarted, match="before"):
        importing.start(again, ORDERS, now=clock())
    assert len(records(redis)) == 10


def test_ids_of_a_column_win(db, redis):
    rules = (*ORDERS.rules[:1], Rule(column="total", target="message_id"))
    mapping = Mapping(event="A", rules=rules, id_prefix="shop:")

    row = imported(redis, as_csv([("c-1", "", "1"), ("c-1", "", "1")]), mapping)

    assert (row.accepted, row.repeats) == (1, 1)
    assert [one.message_id for one in records(redis)] == ["shop:1"]


def test_waits_while_streams_are_full(db, redis, monkeypatch):
    monkeypatch.setattr("decisioning.connections.acceptance.MARK", 3)
    monkeypatch.setattr(importing.take, "__kwdefaults__", {"mark": 3})
    row = received(as_csv([("c-1", "", str(n)) for n in range(600)]))
    importing.start(row, ORDERS, now=NOW)

    importing.work(redis, now=lambda: NOW, spell=timedelta(seconds=1))
    assert not importing.work(redis, now=lambda: NOW, spell=timedelta(seconds=1))

    row.refresh_from_db()
    assert row.state == "running"
    assert "Waits" in row.trouble


@pytest.mark.parametrize("error", [RedisError("away"), LogAway("away")])
def test_an_outage_of_the_log_ends_no_import(db, redis, monkeypatch, error):
    row = received(as_csv(orders(10)))
    importing.start(row, ORDERS, now=NOW)

    def away(*_, **__):
        raise error

    with monkeypatch.context() as outage:
        outage.setattr(importing, "take", away)
        for minute in range(30):
            now = NOW + timedelta(minutes=minute)
            assert importing.work(redis, now=lambda now=now: now, spell=timedelta(seconds=1))
    importing.work(redis, now=lambda: NOW + timedelta(hours=1), spell=timedelta(seconds=1))

    row.refresh_from_db()
    assert (row.state, row.accepted, row.trouble) == ("done", 10, "")


def test_what_failed_goes_on_where_it_was(db, redis, monkeypatch):
    row = received(as_csv(orders(10)))
    importing.start(row, ORDERS, now=NOW)
    monkeypatch.setattr(importing, "TRIES", 1)

    def broken(*_, **__):
        raise ValueError("a fault of ours")

    with monkeypatch.context() as outage:
        outage.setattr(importing, "take", broken)
        with pytest.raises(ValueError, match="ours"):
            importing.work(redis, now=lambda: NOW, spell=timedelta(seconds=1))
    row.refresh_from_db()
    assert row.state == "failed"

    assert importing.go_on(row, now=NOW)
    assert not importing.go_on(row, now=NOW)
    importing.work(redis, now=lambda: NOW, spell=timedelta(seconds=1))

    row.refresh_from_db()
    assert (row.state, row.accepted, len(records(redis))) == ("done", 10, 10)


def test_the_file_of_a_failed_import_is_removed_after_its_time(db, redis):
    packed = gzip.compress(as_csv([(f"c-{hash(str(n))}", "", n) for n in range(5_000)]))
    row = imported(redis, packed[: len(packed) // 2])

    importing.forget_old(now=clock() + timedelta(days=6))
    assert importing.may_go_on(row)
    importing.forget_old(now=clock() + timedelta(days=8))
    assert not importing.may_go_on(row)


def test_a_cancelled_import_ends(db, redis):
    row = received(as_csv(orders(10)))
    importing.start(row, ORDERS, now=clock())

    assert importing.cancel(row, now=clock())

    assert not importing.work(redis, now=clock, spell=timedelta(seconds=1))
    assert not folder.data_path(row.pk).exists()


def test_a_file_that_breaks_off_fails_behind_its_good_rows(db, redis):
    packed = gzip.compress(as_csv([(f"c-{hash(str(n))}", "", n) for n in range(5_000)]))

    row = imported(redis, packed[: len(packed) // 2])

    assert row.state == "failed"
    assert "breaks off" in row.trouble
    assert row.accepted == row.rows > 100


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "empty"),
        (b"PAR1 and nothing else", "no Parquet"),
        (b"\x1f\x8b broken", "gzip"),
        (b"a,a\n1,2\n", "same name"),
        (b"\0\1\2", "no text"),
        (b"x" * 1_100_000, "longer"),
    ],
)
def test_says_what_is_wrong_with_a_file(tmp_path, raw, words):
    path = tmp_path / "file"
    path.write_bytes(raw)

    with pytest.raises(Unreadable, match=words):
        detect(path)


@pytest.mark.parametrize("packed", [False, True])
def test_reading_goes_on_from_any_place(tmp_path, packed):
    raw = 'a;b\n"one;\ntwo";2\n3;4\n\n"ü";6\n7;8'.encode()
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(raw) if packed else raw)
    layout = detect(path)
    assert layout == Layout(format="csv", gzip=packed, delimiter=";", columns=("a", "b"), begins=4)

    whole, places = [], [Place()]
    lines = Lines(path, layout, Place())
    for line in lines:
        whole.append(line)
        places.append(lines.place)

    assert [line.cells["a"] for line in whole] == ["one;\ntwo", "3", "ü", "7"]
    for count, place in enumerate(places):
        assert list(Lines(path, layout, place)) == whole[count:]


def test_shows_rows_as_read_and_as_understood(db, redis):
    row = received(as_csv([("c-1", "2020-01-02T03:04:05Z", "1999"), ("", "", "1")]))
    lines = importing.first_rows(row)
    reading = reading_for(redis, source="import:1", now_ms=1_600_000_000_000)

    first, second = sample(ORDERS, lines, reading=reading, unique=by_place("b"))

    assert first.cells(["total", "nothing"]) == ["1999", ""]
    assert first.told()["values"] == {"total": "19.99"}
    assert first.told()["who"] == ["user:c-1"]
    assert (second.refused.column, second.told()) == ("customer", {})
