"""Templates of conditions: data over roles, put into the tree, refused in words where a role is missing."""

import pytest

from campaigns.demo.catalogue import ATTRIBUTES, EVENT_TYPES
from campaigns.rule_builder.form_tree import TreeError
from campaigns.rule_builder.meaning import complete
from campaigns.rule_builder.starters import STARTERS, event_for, offered, starter_tree
from campaigns.rule_builder.translation import check, write_condition
from decisioning.rules.catalogue import Catalogue
from decisioning.specs import EventTypeSpec, PropertySpec
from tests.campaigns.rule_builder.test_views import EDIT, edited, page_of, send, words

DEMO = Catalogue.of_parts(attributes=ATTRIBUTES, event_types=EVENT_TYPES)


def event(key, *properties, name=""):
    specs = tuple(PropertySpec(key=one, type="number") for one in properties)
    return EventTypeSpec(key=key, name=name or key, properties=specs)


def catalogue(*events):
    return Catalogue.of_parts(event_types=events)


@pytest.mark.parametrize("starter", STARTERS, ids=lambda one: one.key)
def test_every_template_is_a_whole_rule_in_the_demo(starter):
    root = starter_tree(starter.key, DEMO)
    whole = replace_root(root)
    complete(whole, DEMO)

    assert check(write_condition(whole, DEMO), DEMO) == []


def replace_root(node):
    from campaigns.rule_builder.form_tree import graft, new_tree

    root = new_tree()
    graft(root, root.id, node)
    return root


@pytest.mark.parametrize(
    ("keys", "role", "found"),
    [
        (["Product Viewed", "Order Completed"], "purchase", "Order Completed"),
        (["page", "subscription_started"], "purchase", "subscription_started"),
        (["Add to Cart", "Checkout Started"], "cart", "Add to Cart"),
        (["view_item", "page_view"], "view", "view_item"),
        (["Logged In"], "purchase", None),
    ],
)
def test_roles_are_found_by_what_events_are_called(keys, role, found):
    spec = event_for(role, catalogue(*map(event, keys)))

    assert (spec.key if spec else None) == found


def test_a_name_in_the_catalogue_says_a_role_too():
    assert event_for("purchase", catalogue(event("evt_17", name="Order placed"))).key == "evt_17"


def test_what_the_catalogue_lacks_is_said():
    with pytest.raises(TreeError, match="needs an event for a purchase, such as Order Completed"):
        starter_tree("lapsed", catalogue(event("Logged In")))
    with pytest.raises(TreeError, match="among the properties of Order Completed"):
        starter_tree("big-spender", catalogue(event("Order Completed", "weight")))
    with pytest.raises(TreeError, match="no such template"):
        starter_tree("nothing", DEMO)


def test_templates_that_fit_come_first():
    listed = offered(catalogue(event("Order Completed", "value")))

    assert [bool(one.lacks) for one in listed] == sorted(bool(one.lacks) for one in listed)
    assert not next(one for one in listed if one.starter.key == "loyal").lacks
    assert "“Abandoned basket” needs" in next(
        one.lacks for one in listed if one.starter.key == "abandoned-cart"
    )


def test_a_template_is_added_beside_what_is_there_and_undone():
    data = page_of({"all": [{"attribute": "spend", "is": "gt", "value": 500}]})

    made = edited(data, "starter:lapsed")

    said = words(made)
    assert "Total spend is more than 500" in said
    assert "bought" in said
    assert edited(made, "undo").getlist("rule-node") == data.getlist("rule-node")


def test_a_template_that_does_not_fit_is_refused_in_words():
    answer = send(EDIT, page_of({}), do="starter:abandoned-cart")

    assert answer.status_code == 422
    assert "Product Added" in answer.content.decode()


def test_a_template_that_makes_the_rule_too_large_is_refused():
    data = page_of({"all": [{"attribute": "member", "is": "is_set"}] * 199})

    assert send(EDIT, data, do="starter:lapsed").status_code == 422
