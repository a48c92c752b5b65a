"""The fold against brute force: any order, any batches, merges anywhere, and the same aggregates."""

import random
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decisioning.ingestion.records import Record
from decisioning.profiles.aggregates import Aggregates, families_of
from decisioning.profiles.folding import fold, merge
from decisioning.profiles.profile import (
    MAX_PROFILE_BYTES,
    Profile,
    decode_profile,
    encode_profile,
)
from decisioning.profiles.sessions import session_at
from decisioning.profiles.sketch import MAX_EXACT
from decisioning.profiles.windows import aggregate_value, facts
from decisioning.rules.tree import make_aggregate

NOW_MS = 1_795_000_000_000
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR

OUTDOOR = {"attribute": "category", "family": "text", "is": "eq", "value": "outdoor"}
SPECS = {
    "orders": make_aggregate("Order", "count", within="30d"),
    "spend": make_aggregate("Order", "sum", property="value", within="30d"),
    "least": make_aggregate("Order", "min", property="value", within="1h"),
    "most": make_aggregate("Order", "max", property="value", within="1h"),
    "mean": make_aggregate("Order", "average", property="value", within="30d"),
    "kinds": make_aggregate("Order", "distinct", property="category", within="7d"),
    "outdoor": make_aggregate("Order", "count", within="7d", where=OUTDOOR),
    "ever": make_aggregate("Order", "count"),
    "first": make_aggregate("Order", "since_first"),
    "last": make_aggregate("View", "since_last", within="1h"),
    "bought": make_aggregate("View", "sequence", within="1h", then="Order"),
    "left": make_aggregate("View", "sequence", within="1h", then="Order", without=True),
    "in_session": make_aggregate("View", "count", within="session"),
    "in_page": make_aggregate("View", "count", within="page"),
}
AGGREGATES = Aggregates.of(SPECS.values())


def make_record(number, event="View", *, ago_ms=0, kind="track", **properties):
    return Record(
        message_id=f"m{number}",
        person="p001aa",
        identifiers=("anonymous:d-1",),
        type=kind,
        event=event,
        properties=properties,
        attributes={"tier": f"t{number}"} if kind == "identify" else {},
        event_time_ms=NOW_MS - ago_ms,
        received_at_ms=NOW_MS,
    )


@st.composite
def record_sets(draw):
    ages = st.integers(0, 3 * HOUR) | st.integers(0, 100 * DAY)
    made = []
    for number in range(draw(st.integers(0, 40))):
        event, kind = draw(
            st.sampled_from(
                [("Order", "track"), ("View", "track"), ("Page Viewed", "page"), ("", "identify")]
            )
        )
        properties = {
            "value": draw(st.integers(-1_000, 100_000)) / 100,
            "category": draw(st.sampled_from(["outdoor", "indoor", "garden", 7, None])),
        }
        made.append(make_record(number, event, ago_ms=draw(ages), kind=kind, **properties))
    return made


@settings(max_examples=40, deadline=None)
@given(records=record_sets(), seed=st.integers(0, 2**32))
def test_any_order_and_any_batches_give_one_profile(records, seed):
    expected = fold(None, records, AGGREGATES)

    chance = random.Random(seed)  # noqa: S311
    shuffled = chance.sample(records, len(records))
    profile = Profile()
    while shuffled:
        size = chance.randint(1, len(shuffled))
        profile, shuffled = fold(profile, shuffled[:size], AGGREGATES), shuffled[size:]

    assert profile == expected


@settings(max_examples=40, deadline=None)
@given(records=record_sets(), seed=st.integers(0, 2**32))
def test_a_merge_in_any_position_gives_the_same_profile(records, seed):
    expected = fold(None, records, AGGREGATES)

    chance = random.Random(seed)  # noqa: S311
    one, other, rest = [], [], []
    for record in records:
        chance.choice([one, other, rest]).append(record)
    first, second = fold(None, one, AGGREGATES), fold(None, other, AGGREGATES)
    merged = fold(merge(first, second, AGGREGATES), rest, AGGREGATES)

    assert merged == expected
    assert merge(first, second, AGGREGATES) == merge(second, first, AGGREGATES)


@settings(max_examples=40, deadline=None)
@given(records=record_sets(), seed=st.integers(0, 2**32))
def test_merging_is_associative(records, seed):
    chance = random.Random(seed)  # noqa: S311
    parts = [[], [], []]
    for record in records:
        chance.choice(parts).append(record)
    a, b, c = (fold(None, part, AGGREGATES) for part in parts)

    left = merge(merge(a, b, AGGREGATES), c, AGGREGATES)

    assert left == merge(a, merge(b, c, AGGREGATES), AGGREGATES)


def brute_force(records, name, now_ms):
    """The aggregate by its definition, over the whole list."""
    spec = SPECS[name]
    family = families_of(spec)[0]

    def inside(record):
        if not family.grain_ms:
            return record.event_time_ms <= now_ms
        low = (now_ms - family.span_ms) // family.grain_ms * family.grain_ms
        return low <= record.event_time_ms < (now_ms // family.grain_ms + 1) * family.grain_ms

    chosen = [one for one in records if one.event == spec.event and inside(one)]
    if spec.where:
        chosen = [one for one in chosen if one.properties["category"] == "outdoor"]
    values = [Decimal(str(one.properties["value"])) for one in chosen]
    times = [one.event_time_ms for one in chosen]
    later = [one.event_time_ms for one in records if one.event == spec.then and inside(one)]
    followed = bool(times) and bool(later) and min(times) < max(later)
    answers = {
        "count": lambda: len(chosen),
        "sum": lambda: float(sum(values)),
        "min": lambda: float(min(values)) if values else None,
        "max": lambda: float(max(values)) if values else None,
        "average": lambda: float(sum(values)) / len(values) if values else None,
        "distinct": lambda: len({one.properties["category"] for one in chosen} - {None}),
        "since_first": lambda: (now_ms - min(times)) / 1000 if times else None,
        "since_last": lambda: max(0, (now_ms - max(times)) / 1000) if times else None,
        "sequence": lambda: (
            (bool(times) and (not later or max(times) >= max(later))) if spec.without else followed
        ),
    }
    return answers[spec.function]()


@settings(max_examples=50, deadline=None)
@given(records=record_sets(), later_ms=st.integers(0, 40 * DAY))
def test_aggregates_are_what_their_definition_says(records, later_ms):
    profile = fold(None, records, AGGREGATES)
    now_ms = NOW_MS + later_ms

    for name in [one for one in SPECS if not one.startswith("in_")]:
        value = aggregate_value(profile, SPECS[name], now_ms / 1000)
        expected = brute_force(records, name, now_ms)
        close = name == "mean" and expected is not None
        assert value == (pytest.approx(expected, rel=1e-12) if close else expected), name


def brute_session(times, now_ms):
    start = None
    for at in sorted((one for one in times if one <= now_ms), reverse=True):
        if (now_ms if start is None else start) - at >= 30 * MINUTE:
            break
        start = at
    return start


@settings(max_examples=40, deadline=None)
@given(records=record_sets(), later_ms=st.integers(0, HOUR))
def test_sessions_end_after_thirty_minutes_of_silence(records, later_ms):
    profile = fold(None, records, AGGREGATES)
    now_ms = NOW_MS + later_ms

    session = session_at(profile, now_ms)

    recent = [one for one in records if one.event_time_ms >= NOW_MS - 20 * HOUR]
    start = brute_session([one.event_time_ms for one in recent], now_ms)
    assert (session[0] if session else None) == start
    views = [one for one in recent if one.event == "View" and start and start <= one.event_time_ms]
    assert aggregate_value(profile, SPECS["in_session"], now_ms / 1000) == len(views)


@settings(max_examples=40, deadline=None)
@given(records=record_sets())
def test_a_page_view_counts_what_came_since(records):
    profile = fold(None, records, AGGREGATES)

    value = aggregate_value(profile, SPECS["in_page"], NOW_MS / 1000)

    pages = [one.event_time_ms // 1000 for one in records if one.type == "page"]
    views = [one.event_time_ms // 1000 for one in records if one.event == "View"]
    if any(NOW_MS / 1000 - one > 86_000 for one in pages + views):
        return  # beyond the horizon of a page view
    assert value == (sum(one >= max(pages) for one in views) if pages else 0)


def test_the_later_event_sets_an_attribute_whatever_comes_first():
    early = make_record(1, "", kind="identify", ago_ms=10)
    late = make_record(2, "", kind="identify", ago_ms=5)

    profile = fold(None, [late, early], AGGREGATES)

    assert facts(profile, ["tier"], [], NOW_MS / 1000) == {"tier": "t2"}


def test_a_removed_attribute_is_unknown():
    removed = msgspec.structs.replace(
        make_record(2, "", kind="identify"), attributes={"tier": None}
    )

    profile = fold(None, [removed, make_record(1, "", kind="identify", ago_ms=5)], AGGREGATES)

    assert facts(profile, ["tier"], [], NOW_MS / 1000) == {}


def test_nothing_is_zero_or_unknown_for_a_newcomer():
    found = facts(None, ["tier"], SPECS.values(), NOW_MS / 1000)

    known = {name: found[spec.key] for name, spec in SPECS.items() if spec.key in found}
    assert known == {
        "orders": 0,
        "spend": 0,
        "kinds": 0,
        "outdoor": 0,
        "ever": 0,
        "bought": False,
        "left": False,
        "in_session": 0,
        "in_page": 0,
    }


@pytest.mark.parametrize("different", [MAX_EXACT, MAX_EXACT + 50, 1_000])
def test_distinct_values_are_exact_up_to_the_bound_and_about_right_beyond(different):
    orders = [make_record(n, "Order", category=f"c{n}") for n in range(different)]

    profile = fold(None, orders, AGGREGATES)

    count = aggregate_value(profile, SPECS["kinds"], NOW_MS / 1000)
    assert count == pytest.approx(different, rel=0.2 if different > MAX_EXACT else 0)
    assert len(encode_profile(profile)) < 8_000


def test_a_profile_never_outgrows_its_bound_and_says_so():
    many = [make_aggregate(f"E{n}", "sum", property="value", within="90d") for n in range(60)]
    aggregates = Aggregates.of(many)
    records = [
        make_record(f"{n}-{day}", f"E{n}", ago_ms=day * DAY, value=day * 1.37)
        for n in range(60)
        for day in range(80)
    ]

    packed = encode_profile(fold(None, records, aggregates))

    assert len(packed) <= MAX_PROFILE_BYTES
    profile = decode_profile(packed)
    values = [aggregate_value(profile, spec, NOW_MS / 1000) for spec in many]
    assert None in values  # given up: unknown
    exact = sum(round(day * 1.37, 6) for day in range(80))
    assert all(value is None or value == pytest.approx(exact) for value in values)
    again = fold(profile, [make_record("x", "E0", value=1.0)], aggregates)
    given_up = [value is None for value in values]
    assert [aggregate_value(again, one, NOW_MS / 1000) is None for one in many] == given_up


def test_a_family_that_returns_starts_anew():
    spec = SPECS["ever"]
    first = Aggregates.of([spec], version=1)
    second = Aggregates.of([spec], version=3)
    profile = fold(None, [make_record(1, "Order")], first)

    profile = fold(profile, [make_record(2, "Order")], second)

    assert aggregate_value(profile, spec, NOW_MS / 1000) == 1


def test_equal_leaves_share_a_family():
    mean, total = SPECS["mean"], SPECS["spend"]

    assert families_of(mean) == families_of(total)
