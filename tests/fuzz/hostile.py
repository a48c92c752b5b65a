"""What hypothesis sends: any JSON, and valid bodies with one thing wrong at any depth."""

import copy

from hypothesis import strategies as st

NASTY = [
    "",
    "\x00",
    "\ud800".encode("utf-8", "surrogatepass").decode("utf-8", "replace"),
    "𝕳" * 300,
    "'; DROP TABLE consent_event; --",
    "{{7*7}}<script>alert(1)</script>",
    "../../etc/passwd",
    "\r\nX-Injected: 1",
    "9" * 400,
    "‮desrever",
    "1e999",
    "0000-00-00T99:99:99Z",
]
NUMBERS = [0, -1, 2**31, 2**63, 2**64, -(2**63) - 1, 10**30, 1e308, 0.1, -0.0]

texts = st.sampled_from(NASTY) | st.text(max_size=30)
scalars = st.none() | st.booleans() | st.integers() | st.sampled_from(NUMBERS) | texts
values = st.recursive(
    scalars | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


def places(node, path=()):
    """Return every path into a JSON value, the value itself first."""
    found = [path]
    if isinstance(node, dict):
        for key, child in node.items():
            found += places(child, (*path, key))
    elif isinstance(node, list):
        for index, child in enumerate(node):
            found += places(child, (*path, index))
    return found


@st.composite
def spoilt(draw, valid):
    """Draw a copy of `valid` with one to three places replaced, removed or added to."""
    body = copy.deepcopy(valid)
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(places(body)))
        body = _spoil(draw, body, path)
    return body


def _spoil(draw, body, path):
    if not path:
        if isinstance(body, dict) and draw(st.booleans()):
            body[draw(texts)] = draw(values)
            return body
        return draw(values)
    parent = body
    for step in path[:-1]:
        parent = parent[step]
    kind = draw(st.sampled_from(["replace", "remove", "repeat"]))
    if kind == "remove":
        del parent[path[-1]]
    elif kind == "repeat" and isinstance(parent, list):
        parent.extend([parent[path[-1]]] * draw(st.sampled_from([1, 40, 600])))
    else:
        parent[path[-1]] = draw(values)
    return body


TIMES = [
    *("0001-01-01T00:00", "9999-12-31T23:59", "10000-01-01T00:00", "-0001-01-01T00:00"),
    *("2027-03-28T02:30", "2027-10-31T02:30", "2027-02-30T10:00", "2027-01-01T24:00"),
    *("2027-01-01T10:00+99:99", "2027-01-01T10:00Z", "2027-01-01T10:00-00:00", "2027-W01-1"),
    *("2027-01-01", "20270101", "27-1-1", "2027-01-01T10:00:60", "٢٠٢٧-٠١-٠١", "yesterday"),
]
ZONES = ["Europe/Berlin", "UTC", "Pacific/Apia", "../../etc/passwd", "Europe", "GMT+99", "\x00"]
COUNTS = [
    *("0", "1", "-1", "1.5", "1e3", "0x10", "1_000", " 7 ", "²", "１", "NaN", "Infinity"),
    *(str(2**31), str(2**63), "9" * 400, "true", "None"),
]
LONG = ["a" * 121, "a" * 501, "word " * 450, "9" * 5000]
typed = st.sampled_from([*NASTY, *TIMES, *ZONES, *COUNTS, *LONG]) | st.text(max_size=30)


@st.composite
def spoilt_fields(draw, valid, more=()):
    """Draw the fields of a form with up to four of them, or of `more`, changed, repeated or left out."""
    fields = {name: list(values) for name, values in valid.items()}
    names = sorted({*valid, *more}) or [""]
    for _ in range(draw(st.integers(0, 4))):
        name = draw(st.sampled_from(names) | texts)
        kind = draw(st.sampled_from(["typed", "typed", "more", "none"]))
        if kind == "none":
            fields.pop(name, None)
        else:
            before = fields.get(name, []) if kind == "more" else []
            fields[name] = [*before, draw(typed)]
    return fields
