"""Adding an operator is a change in one place: everything that reads the registry takes the new one up."""

from dataclasses import replace
from html.parser import HTMLParser

import pytest

from campaigns import wording
from campaigns.mapping import body_of
from campaigns.models.items import Kind
from campaigns.rule_builder.meaning import complete
from campaigns.rule_builder.stored import read_condition
from campaigns.rule_builder.translation import check, write_condition
from campaigns.rule_builder.widgets import RuleBuilder
from decisioning.rules.compiler import AUDIENCE, compile_trees
from decisioning.rules.conditions import Truth, evaluate, parse
from decisioning.rules.constants import CONSTANTS
from decisioning.rules.engine import Engine
from decisioning.rules.operators.registry import OPERATORS
from decisioning.rules.words import outline, sentence
from decisioning.specs import SegmentSpec
from tests.campaigns.rule_builder.catalogue import CATALOGUE

NOW = 1_795_312_800.0
ATTRIBUTE_OF = {
    "number": "spend",
    "text": "city",
    "boolean": "member",
    "date": "birthday",
    "list": "interests",
    "place": "home",
    "version": "app",
}
ALL = [(family, key) for family, found in OPERATORS.items() for key in found]


def condition_of(family, operator):
    value = CONSTANTS[operator.constant].example
    compared = {"is": operator.key} | ({} if operator.constant == "none" else {"value": value})
    if family == "aggregate":
        return {"event": "Order Completed", "count": compared, "within": "30d"}
    if family == "since":
        return {"event": "Order Completed", "since_last": compared}
    return {"attribute": ATTRIBUTE_OF[family], **compared}


class Offered(HTMLParser):
    """The values that a page offers to choose from, and the inputs that it asks with."""

    def __init__(self, html):
        super().__init__()
        self.values = set()
        self.inputs = set()
        self.feed(html)

    def handle_starttag(self, tag, pairs):
        attrs = dict(pairs)
        if tag == "option":
            self.values.add(attrs.get("value", ""))
        if tag in ("input", "select", "textarea") and attrs.get("type") != "hidden":
            self.inputs.add(attrs.get("name", "").rpartition("-")[2])


INPUTS = {
    "none": set(),
    "number_pair": {"low", "high"},
    "duration": {"amount", "unit"},
    "place": {"km", "lat", "lon"},
}


def missed(family, operator):
    """Return the places that do not know an operator."""
    condition = {"all": [condition_of(family, operator)]}
    places = {
        "parser": lambda: parse(condition, CATALOGUE),
        "evaluator": lambda: judged(condition),
        "compiler": lambda: compiled(condition),
        "builder": lambda: built(condition, operator),
        "form": lambda: reread(condition),
        "words": lambda: said(condition, operator),
        "diff": lambda: differs(condition),
    }
    return {place: fault for place, look in places.items() if (fault := _fault(look))}


def _fault(look):
    try:
        look()
    except Exception as error:  # noqa: BLE001 - whatever it is, the place is named
        return f"{type(error).__name__}: {error}"
    return ""


def judged(condition):
    assert evaluate(parse(condition, CATALOGUE), {}, NOW) in list(Truth)


def compiled(condition):
    tree = parse(condition, CATALOGUE)
    engine = Engine(compile_trees({"rule": tree}))
    try:
        expected = evaluate(tree, {}, NOW) is Truth.TRUE
        assert ("rule" in engine.match(AUDIENCE, {}, NOW)) == expected
    finally:
        engine.close()


def built(condition, operator):
    found = Offered(RuleBuilder(CATALOGUE).render("rule", condition))
    assert operator.key in found.values
    assert INPUTS.get(operator.constant, {"value"}) <= found.inputs


def reread(condition):
    root = read_condition(condition, CATALOGUE)
    complete(root, CATALOGUE)
    written = write_condition(root, CATALOGUE)
    assert written.condition == condition
    assert check(written, CATALOGUE) == []


def said(condition, operator):
    words = sentence(condition, CATALOGUE)
    assert words
    assert [line for _, line in outline(condition, CATALOGUE)]
    # Two operators with one sentence could not be told apart in a review.
    others = [one for one in OPERATORS[_family_of(condition)].values() if one.key != operator.key]
    alike = [
        one.key
        for one in others
        if one.constant == operator.constant
        and sentence({"all": [condition_of(_family_of(condition), one)]}, CATALOGUE) == words
    ]
    assert alike == []


def _family_of(condition):
    leaf = condition["all"][0]
    if "event" in leaf:
        return "since" if "since_last" in leaf else "aggregate"
    return CATALOGUE.attributes[leaf["attribute"]].type


def differs(condition):
    names = wording.Names({})
    names.__dict__["catalogue"] = CATALOGUE
    before = body_of(SegmentSpec(key="s", name="S", condition={}))
    after = body_of(SegmentSpec(key="s", name="S", condition=condition))
    told = [wording.describe(Kind.SEGMENT, body, names) for body in (before, after)]
    (line,) = [one for one in wording.diff(*told) if one.change != "same"]
    assert "annot be read" not in line.after


@pytest.mark.parametrize(("family", "key"), ALL)
def test_every_operator_is_known_everywhere(family, key):
    assert missed(family, OPERATORS[family][key]) == {}


@pytest.mark.parametrize("family", OPERATORS)
def test_a_new_operator_needs_no_other_change(family, monkeypatch):
    known = next(one for one in OPERATORS[family].values() if one.constant != "none")
    said = replace(known.said, words=f"brand-newly {known.said.words}")
    new = replace(known, key="brand_new", label="is brand-newly", said=said)
    monkeypatch.setitem(OPERATORS[family], new.key, new)

    assert missed(family, new) == {}
    words = sentence({"all": [condition_of(family, new)]}, CATALOGUE)
    assert "brand-newly" in words.lower()


def test_a_place_that_does_not_know_an_operator_is_named():
    stranger = replace(OPERATORS["number"]["gt"], key="stranger", label="is strangely")

    assert set(missed("number", stranger)) >= {"parser", "compiler", "words", "diff"}
