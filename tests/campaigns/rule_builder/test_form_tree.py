import pytest
from django.http import QueryDict

from campaigns.rule_builder import form_tree
from campaigns.rule_builder.form_tree import Node, TreeError
from campaigns.rule_builder.stored import read_condition
from decisioning.rules import limits
from tests.campaigns.rule_builder.catalogue import FIRST


def posted(*nodes, **fields):
    data = QueryDict(mutable=True)
    data.setlist("r-node", list(nodes))
    for key, value in fields.items():
        data[f"r-{key.replace('_', '-', 1).removeprefix('n')}"] = value
    return data


def ids(root):
    return [node.id for node in root.walk()]


def test_reads_groups_and_conditions_in_page_order():
    data = posted("1::group", "2:1:leaf", "3:1:group", "4:3:leaf", n3_match="any", n4_value="500")

    root = form_tree.read_tree(data, "r")

    assert ids(root) == [1, 2, 3, 4]
    assert root.children[1].match == "any"
    assert root.children[1].children[0].text("value") == "500"


@pytest.mark.parametrize(
    "nodes",
    [
        [],
        ["1::leaf"],
        ["1:9:group"],
        ["1::group", "1:1:leaf"],
        ["1::group", "2::group"],
        ["1::group", "2:1:where"],
        ["1::group", "2:1:leaf", "3:2:leaf"],
        ["1::group", "2:1:leaf", "3:2:where", "4:2:where"],
        ["x"],
        ["1::group\n"],
        ["١::group"],
    ],
)
def test_refuses_what_is_no_tree(nodes):
    with pytest.raises(TreeError, match="Reload"):
        form_tree.read_tree(posted(*nodes), "r")


def test_refuses_more_conditions_than_a_rule_may_have():
    root = form_tree.new_tree()
    for _ in range(limits.MAX_LEAVES):
        form_tree.add(root, 1, "leaf")

    with pytest.raises(TreeError, match="200 conditions"):
        form_tree.add(root, 1, "leaf")


def test_refuses_groups_that_are_too_deep():
    root, above = form_tree.new_tree(), 1
    for _ in range(limits.MAX_DEPTH - 1):
        above = form_tree.add(root, above, "group").id - 1

    with pytest.raises(TreeError, match="6 deep"):
        form_tree.add(root, above, "group")


def test_a_page_with_too_many_nodes_is_refused_before_it_is_read():
    nodes = ["1::group", *(f"{n}:1:leaf" for n in range(2, 1000))]

    with pytest.raises(TreeError, match="200 conditions"):
        form_tree.read_tree(posted(*nodes), "r")


def test_a_copy_has_ids_of_its_own_and_the_same_values():
    root = read_condition(FIRST)
    group = root.children[1]

    twin = form_tree.copy(root, group.id)

    assert len(set(ids(root))) == len(ids(root))
    assert [one.fields for one in twin.walk()] == [one.fields for one in group.walk()]
    assert root.children.index(twin) == 2


def test_removing_gives_the_focus_to_the_follower_then_to_the_parent():
    root = read_condition(FIRST)
    first, second, third = root.children

    assert form_tree.remove(root, first.id) is second
    assert form_tree.remove(root, third.id) is root


def test_moving_stops_at_the_ends():
    root = read_condition(FIRST)
    before = ids(root)
    first = root.children[0].id

    form_tree.move(root, first, -1)
    assert ids(root) == before
    form_tree.move(root, first, 1)
    assert root.children[1].id == first


def test_the_root_cannot_be_removed():
    with pytest.raises(TreeError):
        form_tree.remove(form_tree.new_tree(), 1)


def test_thawing_gives_back_what_was_frozen():
    root = read_condition(FIRST)

    assert form_tree.thaw(form_tree.freeze(root)) == root
    assert form_tree.thaw(form_tree.freeze(Node(1, "group"))) == Node(1, "group")
