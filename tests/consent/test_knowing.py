"""What people say of themselves makes what holds for them stricter, never looser."""

from dataclasses import replace
from itertools import permutations

import pytest

from consent.changes import Actor
from consent.knowing import MAX_PLACES, Facts, join, know, learn
from consent.models import Person
from consent.policy import ConsentView, JurisdictionSpec, PurposeSpec, permits, seal_policy
from consent.projection import RESIDENCE, known_of
from tests.consent.builders import ADS, EVIDENCE, NOW, SUBJECT

STAFF, SYSTEM = Actor(kind="staff", id="7"), Actor(kind="system")
PLACES = (
    JurisdictionSpec(key="eu", name="EU", codes=("DE", "FR"), mechanism="opt_in"),
    JurisdictionSpec(key="us-tx", name="Texas", codes=("US-TX",), mechanism="opt_out"),
    JurisdictionSpec(key="else", name="Elsewhere", codes=("*",), mechanism="opt_out"),
)
POLICY = seal_policy(
    [PurposeSpec(key=ADS, name="Ads", mechanism="notice_only")], version=1, jurisdictions=PLACES
)


def person(**known):
    return Person(id="p001", partition=1, **known)


def say(row, actor=SUBJECT, **said):
    learn(row, replace(EVIDENCE, **({"jurisdiction": ""} | said)), actor)
    return row


def is_open(row):
    """Return whether they are addressed without having been asked."""
    known = known_of(row)
    view = ConsentView(
        version=1,
        fenced=False,
        trusted=True,
        age="adult",
        jurisdiction=known.jurisdiction,
        resident=known.resident,
    )
    return permits(POLICY, view, [ADS], channel="web", now=NOW).allowed


@pytest.mark.parametrize("actor", [SUBJECT, Actor(kind="guardian", id="g"), Actor(kind="agent")])
def test_nobody_leaves_opt_in_by_saying_where_they_live(actor):
    row = say(person(), actor, jurisdiction="US-TX")

    assert not is_open(row)
    assert not is_open(say(row, actor, jurisdiction="US-NY"))


@pytest.mark.parametrize("actor", [STAFF, SYSTEM])
def test_who_is_sure_of_it_may_say_where_they_live(actor):
    assert is_open(say(person(), actor, jurisdiction="US-TX"))
    assert is_open(say(say(person(), jurisdiction="US-TX"), actor, jurisdiction="US-TX"))


def test_what_they_say_themselves_is_added_to_what_is_sure():
    row = say(say(person(), STAFF, jurisdiction="US-TX"), jurisdiction="US-NY")
    assert is_open(row)

    assert not is_open(say(row, jurisdiction="DE"))
    assert not is_open(say(row, STAFF, jurisdiction="US-TX"))  # they may have moved


def test_too_many_places_stay_unknown_until_their_residence_is_known():
    row = person()
    for number in range(MAX_PLACES + 1):
        say(row, SYSTEM, jurisdiction=f"US-A{number}")
    assert not is_open(row)

    assert not is_open(say(row, STAFF, jurisdiction="US-TX"))
    know(row, Facts(jurisdiction="US-TX", resident=True, by="staff"))
    assert is_open(row)


def test_a_merge_forgets_no_place():
    many = say(person(jurisdiction="US-TX", jurisdiction_known_by="staff"), jurisdiction="US-ZZ")
    other = person(
        jurisdiction=" ".join(f"DE-{number}" for number in range(MAX_PLACES)),
        jurisdiction_known_by="staff",
    )
    for target, source in permutations((many, other)):
        joined = person(
            jurisdiction=target.jurisdiction, jurisdiction_known_by=target.jurisdiction_known_by
        )
        join(joined, source)
        assert not is_open(joined)
        assert not is_open(say(joined, STAFF, jurisdiction="US-TX"))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (("US-TX", "staff"), ("", ""), ("US-TX", "system")),
        (("US-TX", "staff"), ("US-TX", "subject"), ("US-TX", "system")),
        (("US-TX", "subject"), ("", ""), ("US-TX", "merge")),
        (("DE", RESIDENCE), ("", ""), ("DE", RESIDENCE)),
        (("DE", RESIDENCE), ("FR", "subject"), ("DE FR", "system")),
        (("DE", RESIDENCE), ("unknown", "system"), ("unknown", "system")),
        (("", ""), ("", ""), ("", "")),
    ],
)
def test_a_merge_is_as_sure_as_one_of_the_two(one, other, expected):
    for target, source in permutations((one, other)):
        row = person(jurisdiction=target[0], jurisdiction_known_by=target[1])
        join(row, person(jurisdiction=source[0], jurisdiction_known_by=source[1]))
        assert (row.jurisdiction, row.jurisdiction_known_by) == expected


def test_nobody_becomes_an_adult_by_saying_so():
    row = say(person(), age_bracket="adult")
    assert row.age_bracket == "unknown"

    assert say(row, age_bracket="13_15").age_bracket == "13_15"
    assert say(row, age_bracket="adult").age_bracket == "13_15"
    assert say(row, age_bracket="under_13").age_bracket == "under_13"
    assert say(row, STAFF, age_bracket="adult").age_bracket == "adult"
