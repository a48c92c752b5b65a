"""Whose events count is chosen beside the event, for the person or all members of an account."""

import pytest

from campaigns.forms.caps import CapForm, cap_of
from campaigns.rule_builder.meaning import complete
from campaigns.rule_builder.stored import read_condition
from campaigns.rule_builder.translation import check, write_condition
from campaigns.rule_builder.widgets import RuleBuilder
from campaigns.wording import scope_words
from tests.campaigns.rule_builder.catalogue import CATALOGUE
from tests.campaigns.rule_builder.test_views import page_of


def event(**fields):
    return {
        "event": "Order Completed",
        "of": "household",
        "count": {"is": "gte", "value": 3},
        "within": "30d",
        **fields,
    }


SEQUENCE = {
    "event": "Order Completed",
    "of": "account",
    "without": {"event": "Product Viewed"},
    "within": "2d",
}


@pytest.mark.parametrize("part", [event(), event(of="club"), SEQUENCE], ids=str)
def test_it_comes_back_as_it_was_stored(part):
    root = read_condition({"all": [part]}, CATALOGUE)
    complete(root, CATALOGUE)
    found = write_condition(root, CATALOGUE)

    assert found.condition == {"all": [part]}
    assert check(found, CATALOGUE) == []
    assert page_of({"all": [part]})["rule-2-of"] == part["of"]


def test_an_account_offers_no_page_views_and_sessions():
    page = RuleBuilder(CATALOGUE).render("rule", {"all": [event()]})

    assert 'value="session"' not in page
    assert 'value="sessions"' not in page
    assert "by all of their household" in page


def test_choosing_an_account_leaves_the_page_view():
    stored = event(within="page")
    del stored["of"]
    root = read_condition({"all": [stored]}, CATALOGUE)
    root.children[0].fields["of"] = ["household"]
    complete(root, CATALOGUE)

    assert write_condition(root, CATALOGUE).condition == {"all": [event()]}


@pytest.mark.parametrize(
    ("scope", "of", "words"),
    [
        ("account", "household", "per household, all members together"),
        ("account", "club", "per account of the type “club”, all members together"),
        ("person", None, "per person"),
    ],
)
def test_a_limit_of_an_account_is_chosen_and_said(scope, of, words):
    stored = {"scope": scope, "counts": "impression", "limit": 2, "window_s": 604_800}
    stored |= {"of": of} if of else {}
    form = CapForm(initial=dict(stored))
    chosen = {name: form.initial.get(name) for name in ("scope", "counts", "limit")}
    chosen |= {"window": form.initial["window"], "unit": form.initial["unit"]}

    assert chosen["scope"] in dict(form.fields["scope"].choices)
    assert cap_of(chosen) == stored
    assert scope_words(stored) == words
