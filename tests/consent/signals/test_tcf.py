from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from consent.signals.reading import read_signals
from consent.signals.tcf import House, allowed_purposes, decode
from tests.consent.signals.strings import (
    EARLY,
    LATE,
    NOW,
    VENDOR,
    base64url,
    disclosed,
    restriction,
    tc_string,
    vendor_ranges,
    vendors,
)

HOUSE = House(vendor=VENDOR)
EVERYONE = vendor_ranges((1, 65_535), largest=65_535)


def allowed(text, *, house=HOUSE, now=NOW):
    return allowed_purposes(text, house=house, now=now)


def test_what_a_string_allows_a_vendor():
    assert allowed(tc_string()) == {1, 3, 4}
    assert allowed(tc_string(), house=House(vendor=VENDOR + 1)) == set()
    assert allowed(tc_string(), house=House()) == set()
    assert allowed(tc_string(purposes=())) == set()


def test_r29_a_string_that_cannot_be_relied_on_allows_nothing():
    wrong = {
        "version 1": tc_string(version=1),
        "version 3": tc_string(version=3),
        "policy of TCF 2.0": tc_string(policy=3),
        "not of this service": tc_string(specific=0),
        "legitimate interest on purpose 3": tc_string(interests=(3,)),
        "legitimate interest on purpose 6": tc_string(interests=(6,)),
        "legitimate interest on purpose 1": tc_string(interests=(1,)),
        "no vendors disclosed": tc_string(created=LATE),
        "vendor not disclosed": tc_string(disclosed((VENDOR + 1,)), created=LATE),
        "vendor not disclosed, early": tc_string(disclosed((VENDOR + 1,))),
        "vendor disclosed, not consented": tc_string(disclosed(), consented=vendors(())),
        "nobody's CMP": tc_string(cmp=1),
        "from the future": tc_string(disclosed(), created=NOW + timedelta(hours=1)),
        "changed before it was made": tc_string(updated=EARLY - timedelta(days=1)),
        "older than 13 months": tc_string(created=NOW - timedelta(days=397)),
    }

    granted = {name: allowed(text) for name, text in wrong.items()}

    assert {name for name, purposes in granted.items() if purposes} == set()
    assert allowed(tc_string(disclosed(), created=LATE)) == {1, 3, 4}


def test_r29_a_deleted_cmp_allows_nothing():
    assert allowed(tc_string(), house=replace(HOUSE, deleted_cmps=frozenset({31}))) == set()


def test_legitimate_interest_counts_where_the_vendor_registered_it():
    said = tc_string(interests=(2, 7), interested=vendors((VENDOR,)))
    house = replace(HOUSE, legitimate_interest=frozenset({3, 7}))

    assert allowed(said) == {1, 3, 4}
    assert allowed(said, house=house) == {1, 3, 4, 7}
    assert allowed(tc_string(interests=(7,)), house=house) == {1, 3, 4}


@pytest.mark.parametrize(
    ("kind", "whom", "left"),
    [
        (0, (VENDOR, VENDOR), {1, 4}),
        (1, (VENDOR, VENDOR), {1, 3, 4}),
        (2, (1, 65_535), {1, 4}),
        (3, (VENDOR, VENDOR), {1, 4}),
        (0, (VENDOR + 1, VENDOR + 1), {1, 3, 4}),
    ],
)
def test_a_publisher_restricts_a_purpose(kind, whom, left):
    assert allowed(tc_string(restrictions=[restriction(3, kind, whom)])) == left


def test_ranges_of_vendors_are_read():
    some = vendor_ranges((3, 39), (41, 50), largest=65_535)

    assert allowed(tc_string(consented=EVERYONE)) == {1, 3, 4}
    assert allowed(tc_string(consented=some)) == set()


def test_case_21_a_malformed_string_never_grants():
    whole = tc_string(disclosed(), created=LATE)
    core, segment = whole.split(".")
    spoilt = [
        "",
        ".",
        core + ".",
        whole + ".",
        "." + whole,
        f"{whole}.{segment}",
        core + "=." + segment,
        core.replace("A", "+", 1) + "." + segment,
        core + " ." + segment,
        "é" + whole,
        whole + "\n",
        core + "." + base64url("111" + vendors((VENDOR,))),
        core + "." + base64url("001" + vendor_ranges((50, VENDOR), largest=65_535)),
        core + "." + base64url("001" + vendor_ranges((1, 65_535), largest=39)),
        core + "." + base64url("001" + vendor_ranges((0, VENDOR), largest=VENDOR)),
        core + "." + base64url("001" + vendors((VENDOR,)) + "0" * 7 + "1"),
        whole + "A" * 16_384,
        "C" * 16_384,
        tc_string(version=1),
        tc_string(policy=3, created=LATE - timedelta(days=900)),
        tc_string(created=LATE),
        tc_string(interests=(3,)),
    ]

    assert [text for text in spoilt if allowed(text)] == []
    assert allowed(core + "." + base64url("001" + EVERYONE)) == {1, 3, 4}


@pytest.mark.parametrize(
    "whole",
    [
        tc_string(disclosed(), created=LATE),
        tc_string(consented=EVERYONE),
        tc_string(disclosed(), restrictions=[restriction(1, 0, (VENDOR, 99))]),
    ],
)
def test_case_21_no_truncation_allows_more(whole):
    full = decode(whole)
    for length in range(len(whole)):
        cut = decode(whole[:length])
        # All that may be cut are the zeros that fill the last character, and whole segments.
        assert cut is None or cut.core == full.core
        assert allowed(whole[:length]) <= allowed(whole)


@for_all(st.text(max_size=60) | st.text("ABCQYIwg0_-.", max_size=120))
def test_no_text_is_too_odd(text):
    said = read_signals(tcf=text, gpp=text, house=HOUSE, now=NOW)

    assert not said.tcf
    assert said.gpp is None or said.gpp
