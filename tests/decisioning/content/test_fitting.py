"""Which variant fits a context: language by lookup, then what else is named, then the order authored."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decisioning.content.fitting import by_closeness, preferred_languages
from decisioning.specs import FitSpec, VariantSpec


def variants(**fits):
    return [VariantSpec(key=key, placements=(), fit=FitSpec(**fit)) for key, fit in fits.items()]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("de-AT", ("de-at",)),
        ("de_AT", ("de-at",)),
        ("de-AT,de;q=0.9, en;q=0.8", ("de-at", "de", "en")),
        ("en;q=0.2,de", ("de", "en")),
        ("en;q=0,de", ("de",)),
        ("*", ()),
        (["fr", "de"], ("fr", "de")),
        ("", ()),
        (None, ()),
        (5, ()),
        ("not a language at all", ()),
        ("a" * 10_000, ()),
    ],
)
def test_languages_come_most_wanted_first(said, expected):
    assert preferred_languages(said) == expected


FITS = {
    "any": {},
    "mobile": {"devices": ("mobile",)},
    "de": {"languages": ("de",)},
    "de-AT": {"languages": ("de-AT",)},
    "de-mobile": {"languages": ("de", "fr"), "devices": ("mobile",)},
    "slow": {"networks": ("2g", "slow-2g")},
    "saving": {"save_data": True},
    "wasting": {"save_data": False, "networks": ("4g",)},
}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, ["any"]),
        ({"language": "de"}, ["de", "any"]),
        ({"language": "de-AT"}, ["de-AT", "de", "any"]),
        ({"language": "de-CH"}, ["de", "any"]),
        ({"language": "en,fr;q=0.5", "device_class": "mobile"}, ["de-mobile", "mobile", "any"]),
        (
            {"language": "de-AT", "device_class": "mobile"},
            ["de-mobile", "de-AT", "de", "mobile", "any"],
        ),
        ({"effective_type": "2g", "save_data": True}, ["slow", "saving", "any"]),
        ({"effective_type": "4g"}, ["wasting", "any"]),
    ],
)
def test_the_closest_comes_first(facts, expected):
    assert [one.key for one in by_closeness(variants(**FITS), facts)] == expected


def test_equally_close_ones_keep_the_order_authored():
    found = by_closeness(variants(b={"save_data": True}, a={"devices": ("x",)}), {
        "save_data": True, "device_class": "x"
    })  # fmt: skip

    assert [one.key for one in found] == ["b", "a"]


@given(st.dictionaries(st.sampled_from(["language", "device_class", "effective_type", "save_data"]),
                       st.none() | st.booleans() | st.text() | st.lists(st.text()) | st.integers()))  # fmt: skip
def test_any_context_is_read(facts):
    found = [one.key for one in by_closeness(variants(**FITS), facts)]

    assert "any" in found
