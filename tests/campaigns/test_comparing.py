import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.comparing import compare_conditions, compare_texts


def leaf(name, value=1):
    return {"attribute": name, "is": "eq", "value": value}


def words(condition):
    return " ".join(str(one) for one in condition.values())


def told(rows):
    return [(row.mark, row.indent, "".join(span.text for span in row.spans)) for row in rows]


def compared(before, after):
    was, now = compare_conditions(before, after, words=words)
    return told(was), told(now)


def test_marks_what_was_added_and_removed():
    was, now = compared({"all": [leaf("a"), leaf("b")]}, {"all": [leaf("b"), leaf("c")]})

    assert ("removed", 1, "a eq 1") in was
    assert ("", 1, "b eq 1") in was
    assert ("added", 1, "c eq 1") in now


def test_condition_in_another_group_is_moved():
    before = {"all": [leaf("a"), {"any": [leaf("b"), leaf("c")]}]}
    after = {"all": [leaf("a"), leaf("b"), {"any": [leaf("c")]}]}

    was, now = compare_conditions(before, after, words=words)

    assert [row.mark for row in was] == ["", "", "", "moved", ""]
    assert [row.mark for row in now] == ["", "", "moved", "", ""]
    assert was[3].note == "moved to: All of these must be true"
    assert now[2].note == "moved from: At least one of these must be true"


def test_order_inside_a_group_means_nothing():
    was, now = compared({"any": [leaf("a"), leaf("b")]}, {"any": [leaf("b"), leaf("a")]})

    assert {mark for mark, *_ in was + now} == {""}


def test_group_that_moves_as_a_whole_is_one_move():
    inner = {"any": [leaf("b"), leaf("c")]}
    before = {"all": [leaf("a"), {"none": [leaf("d"), inner]}]}
    after = {"all": [leaf("a"), inner, {"none": [leaf("d")]}]}

    _, now = compared(before, after)

    assert [mark for mark, *_ in now] == ["", "", "moved", "", "", "", ""]


def test_other_value_is_a_change_word_by_word():
    before, after = {"all": [leaf("spend", 100)]}, {"all": [leaf("spend", 250)]}

    was, now = compare_conditions(before, after, words=words)

    assert was[1].mark == now[1].mark == "changed"
    assert [span.text for span in was[1].spans if span.mark] == ["100"]
    assert [span.text for span in now[1].spans if span.mark] == ["250"]


def test_another_kind_of_group_is_a_change():
    was, now = compared({"all": [leaf("a"), leaf("b")]}, {"any": [leaf("a"), leaf("b")]})

    assert [mark for mark, *_ in was] == [mark for mark, *_ in now] == ["changed", "", ""]


def test_texts_are_compared_by_word():
    was, now = compare_texts("Winter sale ends soon", "Winter sale ends today")

    assert [span.text for span in was[0].spans if span.mark] == ["soon"]
    assert [span.text for span in now[0].spans if span.mark] == ["today"]


@pytest.mark.parametrize(("before", "after"), [("", "new"), ("old", "")])
def test_text_that_is_there_on_one_side_only(before, after):
    was, now = compare_texts(before, after)

    assert [row.mark for row in was + now] == ["added" if after else "removed"]


LEAVES = st.builds(leaf, st.sampled_from("abcd"), st.integers(0, 2))
TREES = st.recursive(
    LEAVES,
    lambda inner: st.builds(
        lambda kind, children: {kind: children},
        st.sampled_from(["all", "any", "none"]),
        st.lists(inner, max_size=4),
    ),
    max_leaves=12,
)


@given(TREES, TREES)
def test_each_side_is_told_whole(before, after):
    was, now = compare_conditions(before, after, words=words)

    for rows, tree in ((was, before), (now, after)):
        text = json.dumps(tree)
        assert sum(row.indent > 0 or len(rows) == 1 for row in rows) >= text.count('"attribute"')
    assert sum(row.mark == "moved" for row in was) == sum(row.mark == "moved" for row in now)


@given(TREES)
def test_nothing_differs_from_itself(tree):
    was, now = compare_conditions(tree, tree, words=words)

    assert told(was) == told(now)
    assert {row.mark for row in was} <= {""}
