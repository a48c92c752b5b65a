"""A stored condition comes back as it was, whatever it is: what cannot be shown is kept and named."""

import json

import pytest
from hypothesis import given

from campaigns.rule_builder.fields import ConditionField
from campaigns.rule_builder.meaning import complete
from campaigns.rule_builder.stored import read_condition
from campaigns.rule_builder.translation import check, write_condition
from campaigns.rule_builder.widgets import RuleBuilder
from tests.campaigns.rule_builder.catalogue import CATALOGUE
from tests.campaigns.rule_builder.test_views import Inputs, page_of
from tests.fuzz.hostile import spoilt, values

GOOD = {"attribute": "spend", "is": "gt", "value": 500}
ODD = [
    {"attribute": "spend", "is": "gt", "value": 500, "note": "keep me"},
    {"attribute": "spend", "is": "gt", "value": [1, 2]},
    {"attribute": "tier", "is": "eq", "value": ["gold", "bronze"]},
    {"attribute": "tier", "is": "eq", "value": True},
    {"attribute": 5, "is": "eq", "value": 1},
    {"all": "not a list"},
    {"all": [GOOD], "any": [GOOD]},
    {"event": "Order Completed", "count": 5},
    {"event": "Order Completed", "count": {"is": "gte", "value": 1}, "sum": {}},
    {"event": "Order Completed", "count": {"is": "gte", "value": 1}, "within": 30},
    {"event": "Order Completed", "then": {"event": "Product Viewed"}, "within": "a week"},
    {"segment": ["gold"]},
    {"something": "new"},
    "text",
    None,
    7,
]


def written(condition):
    root = read_condition(condition, CATALOGUE)
    complete(root, CATALOGUE)
    return write_condition(root, CATALOGUE)


@pytest.mark.parametrize("part", ODD, ids=str)
def test_what_cannot_be_shown_is_kept_and_named(part):
    found = written({"all": [GOOD, part]})

    (message,) = check(found, CATALOGUE)
    assert found.condition == {"all": [GOOD, part]}
    assert message.text.startswith("This part cannot be shown here.")


@pytest.mark.parametrize("part", ODD, ids=str)
def test_it_survives_the_page(part):
    data = Inputs(RuleBuilder(CATALOGUE).render("rule", {"all": [GOOD, part]})).data

    assert json.loads(data["rule-3-raw"]) == part
    assert "rule-2-raw" not in data


def test_an_operator_that_no_longer_fits_stays_with_its_value():
    # As if the attribute had been a text before.
    stored = {"all": [{"attribute": "spend", "is": "contains", "value": "abc"}]}

    data = page_of(stored)
    (message,) = check(written(stored), CATALOGUE)

    assert data["rule-2-is"] == "contains"
    assert data["rule-2-value"] == "abc"
    assert message.part == "is"


def test_a_value_of_another_operator_waits_in_the_page():
    from tests.campaigns.rule_builder.test_views import edited

    data = page_of({"all": [GOOD]})
    data["rule-2-is"] = "between"
    between = edited(data, "set", was="rule-2-is=gt")
    between["rule-2-is"] = "gt"
    back = edited(between, "set", was="rule-2-is=between")

    assert back["rule-2-value"] == "500"


@given(values)
def test_any_json_can_be_opened(stored):
    data = Inputs(RuleBuilder(CATALOGUE).render("rule", stored)).data

    assert data.getlist("rule-node")[0] == "1::group"


@given(spoilt({"all": [GOOD, {"none": [GOOD, {"segment": "gold"}]}]}))
def test_a_spoilt_rule_is_never_saved_as_something_else(stored):
    field = ConditionField(CATALOGUE, required=False)
    found = written(stored)

    if not check(found, CATALOGUE):
        saved = field.clean(stored)
        assert saved == stored or saved == {"all": [stored]} or not saved
