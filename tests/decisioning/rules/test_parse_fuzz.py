"""Whatever JSON arrives, reading it ends in a tree or in words."""

from hypothesis import given, settings
from hypothesis import strategies as st

from decisioning.rules.conditions import ConditionError, explain, parse
from decisioning.rules.constants import CONSTANTS
from decisioning.rules.operators.registry import OPERATORS
from decisioning.rules.words import explanation_words, outline, sentence
from tests.decisioning.rules.strategies import CATALOGUE, HOSTILE, NOW, WRONG, conditions

WORDS = (
    "all", "any", "none", "attribute", "is", "value", "event", "count", "sum", "property", "within", "where",
    "then", "without", "segment", "since_last", "page", "30d", "91d", "number1", "text1", "Order Completed", "simple",
    "nested", *{key for family in OPERATORS.values() for key in family},
)  # fmt: skip
atoms = st.one_of(
    st.sampled_from(WORDS),
    st.sampled_from(HOSTILE),
    st.sampled_from(WRONG),
    st.integers(),
    st.floats(),
    st.sampled_from([one.example for one in CONSTANTS.values()]),
)
anything = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.sampled_from(WORDS), st.text(max_size=3)), inner, max_size=4),
    ),
    max_leaves=20,
)


@st.composite
def nearly_right(draw):
    """Return a right condition with one value somewhere replaced by anything."""
    found = draw(conditions())
    return swap(found, draw)


def swap(node, draw):
    if isinstance(node, dict) and draw(st.integers(0, 4)):
        key = draw(st.sampled_from(sorted(node)))
        return {**node, key: swap(node[key], draw)}
    if isinstance(node, list) and node:
        place = draw(st.integers(0, len(node) - 1))
        return [*node[:place], swap(node[place], draw), *node[place + 1 :]]
    return draw(anything)


@settings(max_examples=300, deadline=None)
@given(st.one_of(anything, nearly_right()))
def test_any_json_is_a_tree_or_a_fault_in_words(json):
    tree, faults = None, ()
    try:
        tree = parse(json, CATALOGUE)
    except ConditionError as error:
        faults = error.faults

    assert all(fault.message.encode() and fault.path.encode() is not None for fault in faults)
    if tree is not None:
        assert sentence(tree, CATALOGUE)
        assert outline(tree, CATALOGUE)
        assert explanation_words(explain(tree, {}, NOW), CATALOGUE)
