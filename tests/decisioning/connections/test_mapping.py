import math
import string

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decisioning.connections.amounts import UNITS, convert_currency, convert_unit, reference_rates
from decisioning.connections.casting import CASTS, Options, Unusable, to_number
from decisioning.connections.mapping import (
    CALLS,
    Mapping,
    RowRefusal,
    Rule,
    apply,
    decode_mapping,
    encode_mapping,
    faults_of,
    mapping_digest,
)
from decisioning.connections.picking import MISSING, paths_of, pick

LEAF = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
VALUE = st.recursive(
    LEAF, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8
)
COLUMN = st.sampled_from(["a", "b", "a.b", "a[0]", "", "[", "=a"]) | st.text(max_size=8)
TARGET = st.sampled_from(
    [
        "user_id",
        "anonymous_id",
        "id:email",
        "property:x",
        "trait:tier",
        "time",
        "message_id",
        "event",
    ]
) | st.text(max_size=8)
CHOICE = st.sampled_from(["", "number", "nonsense"])
RULE = st.builds(
    Rule,
    column=COLUMN,
    target=TARGET,
    cast=st.sampled_from(["", *CASTS]) | st.text(max_size=4),
    form=st.sampled_from(["", "epoch_s", "epoch_ms", "%d.%m.%Y", "%"]),
    unit=st.sampled_from(["", *UNITS]) | CHOICE,
    currency=st.sampled_from(["", "USD", "=b", "XXX"]),
    to_currency=st.sampled_from(["", "EUR", "XXX"]),
    rate=st.sampled_from(["", "a", "b"]),
    default=st.text(max_size=4),
    required=st.booleans(),
)
MAPPING = st.builds(
    Mapping,
    call=st.sampled_from(CALLS),
    event=st.text(max_size=5),
    rules=st.lists(RULE, max_size=5).map(tuple),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "No/Where", "../etc"]),
    comma=st.booleans(),
    id_prefix=st.text(max_size=3),
)


def rule(column, target, **more):
    return Rule(column=column, target=target, **more)


def mapped(row, *rules, **more):
    fields = {"call": "track", "event": "Order Completed", **more}
    return apply(Mapping(rules=rules, **fields), row, unique="file:1")


@settings(max_examples=60)
@given(MAPPING, VALUE | st.dictionaries(st.sampled_from(["a", "b", "a.b"]), VALUE))
def test_never_raises_and_always_says_json(mapping, row):
    told = apply(mapping, row, unique="u")
    faults_of(mapping)

    assert isinstance(told, RowRefusal) or msgspec.json.encode(told)


@settings(max_examples=30)
@given(MAPPING)
def test_a_mapping_survives_being_stored(mapping):
    stored = msgspec.json.decode(msgspec.json.encode(encode_mapping(mapping)))

    assert decode_mapping(stored) == mapping
    assert mapping_digest(decode_mapping(stored)) == mapping_digest(mapping)


@given(st.sampled_from(sorted(UNITS)), st.floats(-1e6, 1e6))
def test_a_unit_converted_there_and_back_is_the_same(unit, value):
    there, _, back = unit.partition("_to_")
    converted = convert_unit(convert_unit(value, unit), f"{back}_to_{there}")

    assert math.isclose(converted, value, rel_tol=1e-6, abs_tol=1e-2)


CURRENCY = st.sampled_from(sorted(reference_rates()["per_euro"]))


@given(CURRENCY, CURRENCY, st.floats(0.01, 1e6))
def test_an_amount_converted_there_and_back_is_the_same(one, other, value):
    there = convert_currency(value, given=one, to=other, own={})

    assert math.isclose(
        convert_currency(there, given=other, to=one, own={}), value, rel_tol=1e-3, abs_tol=0.1
    )


@given(st.integers(-(10**15), 10**15), st.booleans())
def test_grouped_digits_are_read_as_the_number(number, comma):
    text = f"{number:,}".replace(",", "." if comma else ",")

    assert to_number(text, Options(comma=comma)) == number


@settings(max_examples=50)
@given(st.dictionaries(st.text(string.ascii_lowercase, min_size=1), LEAF | st.lists(LEAF)))
def test_every_path_that_is_told_leads_to_its_value(row):
    nested = {"inner": row} if row else row

    assert all(pick(nested, path) is not MISSING for path in paths_of(nested))


@pytest.mark.parametrize(
    ("value", "more", "wanted"),
    [
        ("1999", {"unit": "cents_to_units"}, 19.99),
        ("68", {"unit": "fahrenheit_to_celsius"}, 20),
        ("10.389", {"currency": "USD", "to_currency": "EUR"}, 10),
        (5, {"currency": "=currency", "to_currency": "EUR"}, 5),
        ("100", {"rate": "fx"}, 92),
        ("1999", {"unit": "cents_to_units", "rate": "fx"}, 18.3908),
        ("yes", {"cast": "boolean"}, True),
        ("a; b", {"cast": "list", "separator": ";"}, ["a", "b"]),
        ("42.0", {"cast": "integer"}, 42),
        ("", {"default": "none"}, "none"),
        ('{"a": 1}', {"cast": "json"}, {"a": 1}),
        ("22.11.2026", {"cast": "date", "form": "%d.%m.%Y"}, "2026-11-22"),
    ],
)
def test_reads_a_column_as_its_rule_says(value, more, wanted):
    row = {"id": "c-1", "x": value, "fx": "0.92", "currency": "eur"}

    told = mapped(row, rule("id", "user_id"), rule("x", "property:x", **more))

    assert told["properties"] == {"x": wanted}
    assert told["userId"] == "c-1"
    assert told["messageId"] == "file:1"


@pytest.mark.parametrize(
    ("value", "more", "reason"),
    [
        ("twelve", {"cast": "number"}, "Give a number"),
        ("maybe", {"cast": "boolean"}, "Give true or false"),
        ("", {"required": True}, "may not be empty"),
        ("31.02.2026", {"cast": "time", "form": "%d.%m.%Y"}, "Give a time"),
        ("5", {"currency": "=nothing", "to_currency": "EUR"}, "gives no currency"),
        ("5", {"currency": "=odd", "to_currency": "EUR"}, "no rate"),
        ("1e400", {"cast": "number"}, "finite"),
        ("\ud800", {}, "not UTF-8"),
    ],
)
def test_refuses_a_value_and_names_its_column(value, more, reason):
    told = mapped({"x": value, "odd": "XXX"}, rule("x", "property:x", **more))

    assert isinstance(told, RowRefusal)
    assert told.column == "x"
    assert reason in told.reason


def test_times_without_a_zone_are_of_the_mappings_zone():
    at = rule("at", "time")
    summer, winter = (
        mapped({"at": f"2026-{month}-01 12:00:00"}, at, zone="Europe/Berlin")["timestamp"]
        for month in ("07", "01")
    )

    assert (summer, winter) == ("2026-07-01T10:00:00Z", "2026-01-01T11:00:00Z")


def test_a_local_time_that_clocks_skip_is_refused():
    told = mapped({"at": "2026-03-29 02:30"}, rule("at", "time"), zone="Europe/Berlin")

    assert "skip" in told.reason


def test_a_row_that_is_a_message_stays_as_it_is():
    told = mapped({"type": "page", "userId": "c-1", "messageId": "m"}, call="message")

    assert told == {"type": "page", "userId": "c-1", "messageId": "m"}


def test_ids_of_other_kinds_are_external_ids():
    told = mapped({"mail": "Ana@Shop.example"}, rule("mail", "id:email"))

    assert told["context"]["externalIds"] == [
        {"id": "Ana@Shop.example", "type": "email", "collection": "users", "encoding": "none"}
    ]


def test_an_id_of_a_column_carries_the_prefix():
    told = mapped({"no": 1001}, rule("no", "message_id"), id_prefix="shop:")

    assert told["messageId"] == "shop:1001"


@pytest.mark.parametrize(
    ("mapping", "pointer"),
    [
        (Mapping(event="A"), "/rules"),
        (Mapping(rules=(rule("a", "user_id"),)), "/event"),
        (Mapping(event="A", rules=(rule("a", "user_id"), rule("b", "user_id"))), "/rules"),
        (Mapping(event="A", rules=(rule("a", "nothing"),)), "/rules/0/target"),
        (Mapping(event="A", rules=(rule("a", "user_id", unit="x"),)), "/rules/0/unit"),
        (Mapping(event="A", rules=(rule("a", "user_id", currency="USD"),)), "/rules/0/to_currency"),
        (Mapping(event="A", rules=(rule("a", "user_id"),), zone="Mars/Base"), "/zone"),
        (Mapping(call="alias", rules=(rule("a", "user_id"),)), "/rules"),
    ],
)
def test_says_what_is_wrong_in_a_mapping(mapping, pointer):
    assert pointer in [fault.pointer for fault in faults_of(mapping)]


def test_a_cast_refuses_what_it_cannot_read():
    for cast in ("number", "integer", "boolean", "date", "time"):
        with pytest.raises(Unusable):
            CASTS[cast]({"a": 1}, Options())
