"""Random conditions and facts over every operator family, with hostile strings and missing values."""

from functools import lru_cache

from hypothesis import strategies as st

from decisioning.rules.conditions import FOR_EVER, FUNCTIONS, READS, Catalogue
from decisioning.rules.durations import parse_duration
from decisioning.rules.operators.registry import OPERATORS, TYPE_OF
from decisioning.rules.values import parse_date
from decisioning.specs import AttributeSpec, EventTypeSpec, PropertySpec, SegmentSpec, ValueType

NOW = 1_795_312_800.0  # 2026-11-22 02:00 UTC
TYPES: tuple[ValueType, ...] = ("number", "text", "boolean", "date", "list", "place", "version")

HOSTILE = (
    "", " ", "a", "A", "ab", "gold", "Gold", "ß", "SS", "İ", "é", "e\u0301", "日本", "😀", "null", "true", "1", "1.0",
    '"', "'", "\\", '\\"', "{", "}", '{"a":1}', "[]", "$and", "%", "%d", "a*b", "*", "\n", "\r\n", "\t", "\0", "\x7f",
    "\u2028", "\ufeff", "\ud800", "sid", "x" * 999, "x" * 1000, "x" * 1001, "x" * 5000, "-0", "a\\u0041", ",", ":",
)  # fmt: skip
NUMBERS = (
    0, -0.0, 1, -1, 2, 3, 3.0, 0.1, 0.3, 0.1 + 0.2, 1e-6, 5e-7, 0.000123, 10, 99.99, 100, 500, 1e15, -1e15,
    999_999_999_999_999, 2**31, 2**32 + 1, 123456789.123456, 1 / 3,
)  # fmt: skip
DATES = tuple(NOW + step for step in (0, -1, 1, -3600, 3600, -86400, 86400, -30 * 86400, 0.5)) + (
    1_795_305_600.0,  # midnight
    1_795_305_599.999999,
    0.0,
    -86_400.0,
)
VERSIONS = ("1", "1.2", "1.2.3", "v1.2.3", "1.2.3+b", "1.2.3-a", "1.2.3-a.1", "1.2.10", "2.0.0-0")
PLACES = ((48.2, 16.4), (48.21, 16.41), (0, 0), (90, 180), (-90.0, -180.0), (0.000001, 0))
WRONG: tuple[object, ...] = (
    None,
    True,
    False,
    1,
    "1",
    2.5,
    [],
    ["a"],
    [1],
    {},
    (1, 2, 3),
    float("nan"),
    float("inf"),
    1e16,
)

text = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=6))
constant_text = text.filter(lambda one: len(one) <= 1000 and "\ud800" not in one)
number = st.one_of(
    st.sampled_from(NUMBERS),
    st.integers(-5, 5),
    st.floats(-1e15, 1e15, allow_nan=False),
    st.decimals(-1000, 1000, places=6).map(float),
)
constant_number = st.one_of(
    st.sampled_from([one for one in NUMBERS if round(one, 6) == one]),
    st.integers(-5, 5),
    st.integers(-(10**15), 10**15),
    st.decimals(-1000, 1000, places=6).map(float),
)
duration = st.sampled_from(("1m", "60m", "1h", "1d", "24h", "30d", "90d"))
CONSTANTS = {
    "none": st.none(),
    "number": constant_number,
    "count": st.integers(0, 4),
    "number_pair": st.tuples(constant_number, constant_number).map(sorted),
    "numbers": st.lists(constant_number, min_size=1, max_size=4),
    "text": constant_text,
    "texts": st.lists(constant_text, min_size=1, max_size=4),
    "pattern": st.one_of(constant_text, st.sampled_from(("*a*", "a*", "*b", "g*d", "**"))).filter(
        lambda one: one != "" and one.count("*") <= 10
    ),
    "boolean": st.booleans(),
    "date": st.sampled_from(
        ("2026-11-22", "2026-11-22T02:00:00Z", "2026-11-21", "1970-01-01", "2026-11-22T03:00:00.5+01:00")
    ),
    "duration": duration,
    "place": st.builds(
        lambda at, km: {"lat": at[0], "lon": at[1], "km": km},
        st.sampled_from(PLACES),
        st.sampled_from((0.1, 1, 5, 500.5, 20038)),
    ),
    "version": st.sampled_from(VERSIONS),
}  # fmt: skip
FACTS = {
    "number": number,
    "text": text,
    "boolean": st.booleans(),
    "date": st.sampled_from(DATES),
    "list": st.lists(text, max_size=4),
    "place": st.sampled_from(PLACES),
    "version": st.sampled_from(VERSIONS),
}

PROPERTIES = tuple(PropertySpec(key=f"{kind} of it", type=kind) for kind in TYPES)
CATALOGUE = Catalogue.of_parts(
    attributes=[
        AttributeSpec(key=f"{kind}{number}", name=f"{kind} {number}", type=kind)
        for kind in TYPES
        for number in (1, 2)
    ],
    event_types=[
        EventTypeSpec(key=key, name=key, properties=PROPERTIES)
        for key in ("Order Completed", 'Odd "name" {}')
    ],
    segments=[
        SegmentSpec(
            key="simple", name="Simple", condition={"attribute": "text1", "is": "eq", "value": "a"}
        ),
        SegmentSpec(
            key="nested",
            name="Nested",
            condition={
                "none": [{"segment": "simple"}, {"attribute": "number1", "is": "gt", "value": 1}]
            },
        ),
        SegmentSpec(key="everyone", name="Everyone", condition={}),
    ],
)
EVENT_KEYS = tuple(CATALOGUE.events)


@st.composite
def comparison(draw: st.DrawFn, /, family, **start):
    operator = draw(st.sampled_from(list(OPERATORS[family].values())))
    leaf = {**start, "is": operator.key}
    if operator.constant != "none":
        leaf["value"] = draw(CONSTANTS[operator.constant])
    return leaf


def attribute(keys=None):
    keys = keys or [(f"{kind}{number}", kind) for kind in TYPES for number in (1, 2)]
    keys = [*keys, ("time_on_page_s", "number")] if keys[0][0].endswith("1") else keys
    return st.sampled_from(keys).flatmap(lambda one: comparison(one[1], attribute=one[0]))


@st.composite
def event(draw):
    leaf = {"event": draw(st.sampled_from(EVENT_KEYS))}
    if draw(st.booleans()):
        leaf["where"] = draw(attribute([(one.key, one.type) for one in PROPERTIES]))
    if draw(st.integers(0, 3)) == 0:
        leaf[draw(st.sampled_from(("then", "without")))] = {
            "event": draw(st.sampled_from(EVENT_KEYS))
        }
        leaf["within"] = draw(duration)
        return leaf
    function = draw(st.sampled_from(FUNCTIONS))
    family = "since" if function.startswith("since") else "aggregate"
    read = "number"
    if function in ("first", "last"):
        family = read = draw(st.sampled_from(READS[function]))
    leaf[function] = draw(comparison(family))
    if function in READS:
        leaf[function]["property"] = f"{read} of it"
    if function == "sessions":
        leaf["within"] = draw(st.sampled_from(("1 sessions", "20 sessions")))
    elif function not in FOR_EVER or draw(st.booleans()):
        views = () if function == "recent_average" else (st.sampled_from(("page", "session")),)
        leaf["within"] = draw(st.one_of(duration, *views))
    return leaf


segment = st.sampled_from([{"segment": key} for key in CATALOGUE.segments])
leaf = st.one_of(*[attribute()] * 6, event(), event(), segment)


@lru_cache(maxsize=8)
def conditions(levels=3):
    """Return conditions with groups nested up to `levels`."""
    if levels == 0:
        return leaf
    inner = st.one_of(leaf, conditions(levels - 1))
    group = st.tuples(
        st.sampled_from(("all", "any", "none")), st.lists(inner, min_size=1, max_size=4)
    )
    groups = group.map(lambda pair: {pair[0]: pair[1]})
    return st.one_of(groups, groups, leaf)


def facts_for(found):
    """Return facts for these leaves: at and around what they compare with, random, wrong, missing."""
    pools = {}
    for one in found:
        kind = TYPE_OF[one.family]
        near, draws = pools.setdefault(one.fact, ([], [FACTS[kind], st.sampled_from(WRONG)]))
        near.extend(around(one.operator.constant, one.value))
    for near, draws in pools.values():
        if near:
            draws.extend([st.sampled_from(near)] * 3)
    return st.fixed_dictionaries(
        {}, optional={key: st.one_of(draws) for key, (_, draws) in sorted(pools.items())}
    )


def around(constant, value):
    """Return facts on and beside the edge that a value draws."""
    return EDGES[constant](value)


def around_date(value):
    day = parse_date(value)[0]
    return [day, day + 86_400, day + 86_399, day - 1]


def around_duration(value):
    span = parse_duration(value)
    return [NOW - span, NOW + span, NOW - span - 1, span, span + 1, span - 1]


def around_number(value):
    return [value, value + 1, value - 1, value + 1e-6]


def around_numbers(value):
    return [*value, value[0] - 1, value[-1] + 1]


EDGES = {
    "none": lambda value: [],
    "number": around_number,
    "count": lambda value: [["x"] * value, ["x"] * (value + 1), ["x"] * max(0, value - 1)],
    "number_pair": around_numbers,
    "numbers": around_numbers,
    "text": lambda value: [
        value, value.swapcase(), f"{value}x", f"x{value}", [value], [value.swapcase(), "x"],
    ],
    "texts": lambda value: [*value, value[0].swapcase(), value, [*value, "x"], value[:1]],
    "pattern": lambda value: [value, value.replace("*", ""), value.replace("*", "ab").upper()],
    "boolean": lambda value: [value, not value],
    "date": around_date,
    "duration": around_duration,
    "place": lambda value: [(value["lat"], value["lon"])],
    "version": lambda value: [value],
}  # fmt: skip
