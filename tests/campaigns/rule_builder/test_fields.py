import pytest
from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict

from campaigns.rule_builder.fields import ConditionField
from decisioning.rules.catalogue import Catalogue
from tests.campaigns.rule_builder.catalogue import CATALOGUE, FIRST
from tests.campaigns.rule_builder.test_views import Inputs


class RuleForm(forms.Form):
    rule = ConditionField(CATALOGUE)


def submitted(condition, **changes):
    data = Inputs(str(RuleForm(initial={"rule": condition})["rule"])).data
    for key, value in changes.items():
        data[f"rule-{key.removeprefix('n').replace('_', '-', 1)}"] = value
    return RuleForm(data, initial={"rule": condition})


def test_an_untouched_rule_is_saved_as_it_was():
    form = submitted(FIRST)

    assert form.is_valid()
    assert form.cleaned_data["rule"] == FIRST
    assert not form.has_changed()


def test_a_changed_value_is_a_change():
    form = submitted({"all": [{"attribute": "spend", "is": "gt", "value": 500}]}, n2_value="501")

    assert form.has_changed()
    assert form.is_valid()
    assert form.cleaned_data["rule"]["all"][0]["value"] == 501


def test_a_refused_rule_keeps_everything_that_was_typed():
    form = submitted({"all": [{"attribute": "spend", "is": "gt", "value": 500}]}, n2_value="lots")

    html = str(form["rule"])

    assert not form.is_valid()
    assert 'value="lots"' in html
    assert 'aria-invalid="true"' in html
    assert "Write a number, for example 500." in html


def test_a_required_rule_cannot_be_everyone():
    form = submitted({})

    assert not form.is_valid()
    assert "everyone" in form.errors["rule"][0]


def test_an_optional_rule_may_be_everyone():
    field = ConditionField(CATALOGUE, required=False)

    assert field.clean(None) == {}


def test_an_empty_group_cannot_be_saved():
    data = QueryDict(mutable=True)
    data.setlist("rule-node", ["1::group", "2:1:group"])
    form = RuleForm(data)

    assert not form.is_valid()
    assert "Add at least one condition to this group" in form.errors["rule"][0]
    assert "rb-wrong" in str(form["rule"])


def test_invisible_characters_are_refused():
    form = submitted({"all": [{"attribute": "city", "is": "eq", "value": "x"}]}, n2_value="a\x00b")

    assert not form.is_valid()


def test_a_segment_cannot_use_itself():
    field = ConditionField(CATALOGUE, exclude_segment="gold")

    with pytest.raises(ValidationError, match="not a segment"):
        field.clean({"segment": "gold"})


def test_the_catalogue_can_be_set_later():
    field = ConditionField()
    field.catalogue = CATALOGUE

    assert field.clean(FIRST) == FIRST
    assert ConditionField(Catalogue(), required=False).clean({}) == {}
