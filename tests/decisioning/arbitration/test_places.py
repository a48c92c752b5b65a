"""Where a request comes from counts beside where a person is thought to live, until that is certain."""

from dataclasses import replace

import pytest

from consent.policy import ConsentView, JurisdictionSpec, seal_policy
from decisioning.decisions import decide
from decisioning.held import hold
from decisioning.messages import Ask, PersonState, PlacementAsk
from decisioning.releases import Verified
from decisioning.rules.canonical import digest
from decisioning.rules.compiler import compile_release
from decisioning.specs import AttributeSpec
from tests.decisioning.making import NOW, PURPOSES, campaign, offer, release

PLACES = [
    JurisdictionSpec(key="de", name="Germany", codes=("DE",)),
    JurisdictionSpec(
        key="us", name="States", codes=("US",), mechanism="opt_out", opt_in_below=0, ads_from=0
    ),
]
POLICY = seal_policy(
    [replace(one, mechanism="opt_out", device_access=False) for one in PURPOSES],
    version=1,
    jurisdictions=PLACES,
)
TEXAN = ConsentView(version=1, fenced=False, trusted=True, age="adult", jurisdiction="US-TX")


@pytest.fixture(scope="module")
def held():
    spec = release(offers=(offer("winter-sale"),), campaigns=(campaign("winter", "winter-sale"),))
    others = tuple(one for one in spec.attributes if one.key not in ("country", "region"))
    ours = tuple(
        AttributeSpec(key=key, name=key, type="text", source="context")
        for key in ("country", "region")
    )
    attributes = tuple(sorted((*others, *ours), key=lambda one: one.key))
    spec = replace(spec, attributes=attributes)
    found = hold(Verified(1, digest(spec), 0, spec, compile_release(spec)))
    yield found
    found.engine.close()


def offers(held, seen, **facts):
    ask = Ask("p001" + "a" * 20, (PlacementAsk("web.home.hero"),))
    made = decide(ask, PersonState(facts=facts, consent=seen), held, policy=POLICY, now=NOW)
    return [one.offer for placed in made.placed for one in placed.chosen if one.offer]


def test_case_23_a_request_from_a_stricter_place_is_judged_by_it(held):
    resident = replace(TEXAN, resident=True)

    assert offers(held, TEXAN) == ["winter-sale"]
    assert offers(held, TEXAN, country="US", region="NY") == ["winter-sale"]
    assert offers(held, TEXAN, country="DE") == []
    assert offers(held, TEXAN, country="Germany") == ["winter-sale"]  # no code: says nothing
    assert offers(held, resident, country="DE") == ["winter-sale"]
    assert offers(held, replace(TEXAN, jurisdiction=""), country="US") == []
