"""Windows, sessions and sequences against their definitions over the events themselves: every function, at the edges."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decisioning.ingestion.records import Record
from decisioning.profiles.aggregates import Aggregates, families_of
from decisioning.profiles.folding import fold, merge
from decisioning.profiles.profile import Profile, decode_profile, encode_profile
from decisioning.profiles.windows import aggregate_value
from decisioning.rules.signals import SIGNALS
from decisioning.rules.tree import make_aggregate

# Clocks go back in Berlin within the last three hours.
NOW_MS = int(datetime(2026, 10, 25, 4, 10, tzinfo=ZoneInfo("Europe/Berlin")).timestamp() * 1000)
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
DEEP = {
    "all": [
        {"attribute": "scroll_depth_percent", "family": "number", "is": "gt", "value": 70},
        {"attribute": "time_on_page_s", "family": "number", "is": "gt", "value": 15},
    ]
}
WITHIN = {"1m": MINUTE, "1h": HOUR, "7d": 7 * DAY, "90d": 90 * DAY}
SPECS = {
    f"{function} {within}": make_aggregate("Order", function, property="value", within=within)
    for function in ("sum", "min", "max", "average", "distinct", "recent_average")
    for within in WITHIN
} | {
    f"{function} {within}": make_aggregate("Order", function, within=within)
    for function in ("count", "since_first", "since_last", "days_since")
    for within in WITHIN
}
SPECS |= {
    f"{function} {within}": make_aggregate(
        "Order", function, property="value", within=within, type="number"
    )
    for function in ("first", "last")
    for within in WITHIN
}
SEQUENCES = {
    (without, within): make_aggregate(
        "View", "sequence", then="Order", within=within, without=without
    )
    for without in (False, True)
    for within in WITHIN
}
VIEWS = make_aggregate("Page Engaged", "count", within="7d", where=DEEP)
DEEPEST = make_aggregate("Page Engaged", "average", property="scroll_depth_percent", within="7d")
LAST_SESSIONS = make_aggregate("Order", "sessions", within="3 sessions")
ALL = [*SPECS.values(), *SEQUENCES.values(), VIEWS, DEEPEST, LAST_SESSIONS]
ALL += [one.aggregate for one in SIGNALS.values()]
AGGREGATES = Aggregates.of(ALL)
AGES = (
    st.integers(0, 2 * MINUTE)
    | st.integers(0, 3 * HOUR)
    | st.integers(0, 100 * DAY)
    | st.builds(
        lambda span, off: span + off, st.sampled_from([*WITHIN.values()]), st.integers(-2, 2)
    )
)


def record(number, event, at_ms, **properties):
    return Record(
        message_id=f"m{number}",
        person="p001aa",
        identifiers=("anonymous:d-1",),
        type="page" if event == "Page Viewed" else "track",
        event=event,
        properties=properties,
        event_time_ms=at_ms,
        received_at_ms=NOW_MS,
    )


@st.composite
def events(draw, names=("Order", "View")):
    return [
        record(
            number,
            draw(st.sampled_from(names)),
            NOW_MS - max(0, draw(AGES)),
            value=draw(st.integers(-300, 300)) / 4,
        )
        for number in range(draw(st.integers(0, 30)))
    ]


def folded(records, chance):
    """Fold in any order, in batches, on two people who merge, stored in between."""
    records = list(records)
    chance.shuffle(records)
    parts = [records[::2], records[1::2]]
    people = [Profile(), Profile()]
    for at in range(0, len(records), 3):
        for number, part in enumerate(parts):
            people[number] = fold(people[number], part[at : at + 3], AGGREGATES)
            people[number] = decode_profile(encode_profile(people[number]))
    return merge(*people, AGGREGATES)


def test_any_order_of_storing_and_merging_gives_one_profile():
    @settings(max_examples=60)
    @given(records=events(("Order", "View", "Page Viewed", "Page Engaged")), chance=st.randoms())
    def check(records, chance):
        assert folded(records, chance) == fold(None, records, AGGREGATES)

    check()


def inside(records, family, now_ms):
    """The events whose buckets a window touches."""
    low = (now_ms - family.span_ms) // family.grain_ms * family.grain_ms
    high = (now_ms // family.grain_ms + 1) * family.grain_ms
    chosen = [one for one in records if low <= one.event_time_ms < high]
    return sorted(chosen, key=lambda one: (one.event_time_ms, repr(_plain(one))))


def _plain(one):
    value = one.properties["value"]
    return int(value) if value == int(value) else value


def defined(function, chosen, family, now_ms):
    """An aggregate of events, by its definition."""
    values = [_plain(one) for one in chosen]
    times = [one.event_time_ms for one in chosen]
    if function in ("count", "sum", "distinct"):
        return {"count": len(chosen), "sum": sum(values), "distinct": len(set(values))}[function]
    if not chosen:
        return None
    weights = [
        0.5
        ** (
            4
            * (times[-1] // family.grain_ms - at // family.grain_ms)
            * family.grain_ms
            / family.span_ms
        )
        for at in times
    ]
    first = min((at, repr(v), v) for at, v in zip(times, values, strict=True))[2]
    last = max((at, repr(v), v) for at, v in zip(times, values, strict=True))[2]
    return {
        "min": min(values),
        "max": max(values),
        "average": sum(values) / len(values),
        "recent_average": sum(w * v for w, v in zip(weights, values, strict=True)) / sum(weights),
        "first": first,
        "last": last,
        "since_first": max(0.0, (now_ms - min(times)) / 1000),
        "since_last": max(0.0, (now_ms - max(times)) / 1000),
        "days_since": max(0.0, (now_ms - max(times)) / DAY),
    }[function]


@settings(max_examples=60, deadline=None)
@given(records=events(("Order",)), later=st.integers(0, 2 * HOUR), chance=st.randoms())
def test_every_function_is_what_its_buckets_say_and_at_most_one_bucket_beside_the_events(
    records, later, chance
):
    profile = folded(records, chance)
    now_ms = NOW_MS + later

    for name, spec in SPECS.items():
        family = families_of(spec)[0]
        value = aggregate_value(profile, spec, now_ms / 1000)
        chosen = inside(records, family, now_ms)
        expected = defined(spec.function, chosen, family, now_ms)
        assert value == (expected and pytest.approx(expected, rel=1e-9, abs=1e-9)), name
        # Without buckets: all that lies in the window, and nothing older than one bucket more.
        exact = {one.message_id for one in records if one.event_time_ms > now_ms - family.span_ms}
        told = {one.message_id for one in chosen}
        assert exact <= told
        assert all(one.event_time_ms >= now_ms - family.span_ms - family.grain_ms for one in chosen)


@settings(max_examples=60, deadline=None)
@given(records=events(), later=st.integers(0, 2 * HOUR), chance=st.randoms())
def test_sequences_are_what_the_buckets_say(records, later, chance):
    profile = folded(records, chance)
    now_ms = NOW_MS + later

    for (without, within), spec in SEQUENCES.items():
        earlier, later_family = families_of(spec)
        first = [
            one.event_time_ms for one in inside(records, earlier, now_ms) if one.event == "View"
        ]
        then = [
            one.event_time_ms
            for one in inside(records, later_family, now_ms)
            if one.event == "Order"
        ]
        if without:
            expected = any(all(b <= a for b in then) for a in first)
        else:
            expected = any(b > a for a in first for b in then)
        assert aggregate_value(profile, spec, now_ms / 1000) is expected, within


def sessions_of(records, now_ms):
    """The sessions of events, the newest first, as (first, last)."""
    found = []
    for at in sorted(
        (one.event_time_ms for one in records if one.event_time_ms <= now_ms), reverse=True
    ):
        if found and found[-1][0] - at < 30 * MINUTE and found[-1][1] - at <= DAY:
            found[-1] = (at, found[-1][1])
        else:
            found.append((at, at))
    return found


@settings(max_examples=80, deadline=None)
@given(
    ages=st.lists(
        st.integers(0, 400 * MINUTE)
        | st.integers(0, 40 * DAY)
        # Just under, at and just over the silence that ends a session.
        | st.builds(lambda n, off: n * 30 * MINUTE + off, st.integers(1, 8), st.integers(-1, 1)),
        max_size=30,
    ),
    orders=st.sets(st.integers(0, 29)),
    later=st.integers(0, HOUR),
    chance=st.randoms(),
)
def test_sessions_are_told_from_all_events(ages, orders, later, chance):
    records = [
        record(n, "Order" if n in orders else "View", NOW_MS - age) for n, age in enumerate(ages)
    ]
    profile, now_ms = folded(records, chance), NOW_MS + later

    def signal(key):
        return aggregate_value(profile, SIGNALS[key].aggregate, now_ms / 1000)

    found = sessions_of(records, now_ms)
    times = [one.event_time_ms for one in records if one.event == "Order"]
    with_order = [any(a <= at <= b for at in times) for a, b in found[:3]]
    assert aggregate_value(profile, LAST_SESSIONS, now_ms / 1000) == sum(with_order)
    assert signal("session_number") == len(found)
    is_open = bool(found) and now_ms - found[0][1] < 30 * MINUTE
    duration = (found[0][1] - found[0][0]) / 1000 if is_open else None
    assert signal("session_duration_s") == duration


@settings(max_examples=80, deadline=None)
@given(
    told=st.lists(
        st.tuples(
            st.integers(0, 5),
            st.integers(0, 8 * DAY),
            st.integers(0, 100),
            st.integers(0, 60),
        ),
        max_size=25,
        unique_by=lambda one: one[1],
    ),
    chance=st.randoms(),
)
def test_the_newest_telling_of_a_page_view_counts(told, chance):
    records = [
        record(
            n,
            "Page Engaged",
            NOW_MS - age,
            view_id=f"v{view}",
            scroll_depth_percent=percent,
            time_on_page_s=seconds,
        )
        for n, (view, age, percent, seconds) in enumerate(told)
    ]
    profile = folded(records, chance)

    newest = {}
    for view, age, percent, seconds in sorted(told, key=lambda one: -one[1]):
        newest[view] = (age, percent, seconds)
    kept = [one for one in newest.values() if one[0] <= 7 * DAY]
    deep = sum(percent > 70 and seconds > 15 for _, percent, seconds in kept)
    assert aggregate_value(profile, VIEWS, NOW_MS / 1000) == deep
    mean = sum(percent for _, percent, _ in kept) / len(kept) if kept else None
    assert aggregate_value(profile, DEEPEST, NOW_MS / 1000) == (mean and pytest.approx(mean))


@settings(max_examples=80, deadline=None)
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(
                ["Product Added", "Product Added", "Product Removed", "Order Completed"]
            ),
            st.integers(0, DAY),
            st.integers(1, 50),
            st.integers(1, 3),
        ),
        max_size=20,
        unique_by=lambda one: one[1],
    ),
    chance=st.randoms(),
)
def test_a_cart_is_what_was_added_since_the_last_order(steps, chance):
    records = [
        record(n, event, NOW_MS - age, price=price, quantity=quantity)
        for n, (event, age, price, quantity) in enumerate(steps)
    ]
    profile = folded(records, chance)

    ordered = min((age for event, age, *_ in steps if event == "Order Completed"), default=2 * DAY)
    since = [one for one in steps if one[1] < ordered and one[0] != "Order Completed"]
    added = [one for one in since if one[0] == "Product Added"]
    value = sum(p * q if e == "Product Added" else -p * q for e, _, p, q in since)
    value = max(0, value)
    age = max(age for _, age, *_ in added) / 1000 if added and value else None
    assert aggregate_value(profile, SIGNALS["cart_value"].aggregate, NOW_MS / 1000) == value
    assert aggregate_value(profile, SIGNALS["cart_age_s"].aggregate, NOW_MS / 1000) == age
