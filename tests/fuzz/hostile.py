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
