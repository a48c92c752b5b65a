"""Sentences of conditions, in both languages."""

import json
from pathlib import Path

import pytest
from django.utils import translation
from hypothesis import given, settings
from hypothesis import strategies as st

from decisioning.rules.conditions import Catalogue, Leaf, evaluate, explain, parse
from decisioning.rules.operators.registry import OPERATORS, TYPE_OF
from decisioning.rules.phrases import ENGLISH
from decisioning.rules.values import typed
from decisioning.rules.words import explanation_words, label_of, outline, sentence
from decisioning.specs import AttributeSpec, EventTypeSpec, PropertySpec, SegmentSpec
from rtts_site.foundation.language import ACTIVE
from tests.decisioning.rules import strategies

CATALOGUE = Catalogue.of_parts(
    attributes=[
        AttributeSpec(key="tier", name="Loyalty tier", type="text"),
        AttributeSpec(key="spend", name="Total spend", type="number", unit="EUR"),
        AttributeSpec(key="seen", name="Last visit", type="date"),
        AttributeSpec(key="member", name="Member", type="boolean"),
        AttributeSpec(key="interests", name="Interests", type="list"),
        AttributeSpec(key="at", name="Position", type="place"),
        AttributeSpec(key="app", name="App version", type="version"),
    ],
    event_types=[
        EventTypeSpec(
            key=key,
            name=name,
            properties=(
                PropertySpec(key="category", type="text"),
                PropertySpec(key="coupon_discount", type="number"),
            ),
        )
        for key, name in (
            ("Order Completed", "Order completed"),
            ("Product Viewed", "Product viewed"),
            ("gate", "Gate passed"),
        )
    ],
    segments=[
        SegmentSpec(
            key="keen",
            name="Keen buyers",
            condition={"attribute": "tier", "is": "eq", "value": "gold"},
        )
    ],
)
GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "sentences.json").read_text())
LANGUAGES = ("en", "de")


def in_german(condition, catalogue=CATALOGUE):
    with translation.override("de"):
        return sentence(condition, catalogue, ACTIVE)


@pytest.mark.parametrize("language", LANGUAGES)
def test_conditions_read_well(language):
    said = {"en": sentence, "de": in_german}[language]
    wrong = [
        (case[language], words)
        for case in GOLDEN
        if (words := said(case["condition"], CATALOGUE)) != case[language]
    ]
    assert wrong == []


def test_django_says_english_as_pure_code_does():
    with translation.override("en"):
        for case in GOLDEN:
            assert sentence(case["condition"], CATALOGUE, ACTIVE) == case["en"]


def told():
    """Yield family and key of every operator that a golden sentence says."""
    for case in GOLDEN:
        tree = parse(case["condition"], CATALOGUE)
        if isinstance(tree, Leaf):
            yield tree.family, tree.operator.key


def test_every_operator_has_a_golden_sentence():
    assert set(told()) >= {(family, key) for family, every in OPERATORS.items() for key in every}


def test_every_operator_has_german_words_and_a_german_label():
    with translation.override("de"):
        for every in OPERATORS.values():
            for one in every.values():
                said = one.said
                for words in (said.words, said.denied, said.one, said.one_denied):
                    # A colon between name and value is the same in both languages.
                    assert not words or words == "{name}: {value}" or ACTIVE.gettext(words) != words
                assert label_of(one, ACTIVE) != label_of(one, ENGLISH)


@settings(max_examples=150, deadline=None)
@given(strategies.conditions())
def test_any_tree_has_a_sentence_in_both_languages(condition):
    tree = parse(condition, strategies.CATALOGUE)
    for language in LANGUAGES:
        with translation.override(language):
            assert sentence(tree, strategies.CATALOGUE, ACTIVE).strip()
            assert all(line for _, line in outline(tree, strategies.CATALOGUE, ACTIVE))


def pairs(start):
    """Return strategies of two leaves with the same subject."""
    return start.flatmap(lambda one: st.tuples(st.just(one), another(one)))


@st.composite
def another(draw, one):
    """Draw a leaf with the subject of `one` and another operator or value."""
    if "attribute" in one:
        family = one["attribute"][:-1]
        return draw(strategies.comparison(family, attribute=one["attribute"]))
    return draw(strategies.event().filter(lambda other: other["event"] == one["event"]))


def about(leaf):
    """Return what a leaf looks at, filters left out."""
    spec = leaf.aggregate
    if spec is None:
        return leaf.fact
    return spec.event, spec.function, spec.property, spec.within, spec.then, spec.without


def near(leaf):
    """Return facts on and beside the edges of a leaf."""
    found = strategies.around(leaf.operator.constant, leaf.value)
    known = found if leaf.aggregate is None else [0, 1, 2, 3, *found]
    return [one for one in known if typed(one, TYPE_OF[leaf.family]) is not None]


@settings(max_examples=200, deadline=None)
@given(pairs(st.one_of(strategies.attribute(), strategies.event())))
def test_leaves_with_one_sentence_mean_one_thing(pair):
    one, other = (parse(condition, strategies.CATALOGUE) for condition in pair)
    for language in LANGUAGES:
        with translation.override(language):
            said = {sentence(leaf, strategies.CATALOGUE, ACTIVE) for leaf in (one, other)}
        if len(said) == 1:
            assert about(one) == about(other)
            for fact in [None, *near(one), *near(other)]:
                assert judge(one, fact) == judge(other, fact)


def judge(leaf, fact):
    return evaluate(leaf, {leaf.fact: fact}, strategies.NOW)


def test_an_explanation_speaks_the_language_it_is_given():
    tree = parse({"any": [{"segment": "keen"}]}, CATALOGUE)
    with translation.override("de"):
        told = explanation_words(explain(tree, {}, strategies.NOW), CATALOGUE, ACTIVE)

    assert told["words"] == "Mindestens eine dieser Bedingungen muss zutreffen"
    assert told["parts"][0]["words"] == "Die Person ist im Segment „Keen buyers“"
    assert told["truth"] == "unknown"
