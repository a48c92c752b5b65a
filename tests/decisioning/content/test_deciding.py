"""A whole decision whose content says tokens, fits a context, or would have a hole."""

from datetime import UTC, datetime

import pytest

from consent.policy import ConsentView
from decisioning.arbitration.weighing import Weighing
from decisioning.decision_log import find_in_stream
from decisioning.held import hold
from decisioning.messages import Ask, PersonState
from decisioning.releases import load_released
from decisioning.replay import replay
from decisioning.rules.canonical import digest
from decisioning.specs import ArmSpec, AttributeSpec, FitSpec, VariantSpec
from decisioning.tokens import parse_decision_id
from tests.decisioning import making
from tests.decisioning.making import campaign, decide, offer

HERO = "web.home.hero"


def variant(key="a", *, content=None, **fit):
    return VariantSpec(
        key=key, placements=(HERO,), content=content or {"title": key}, fit=FitSpec(**fit)
    )


def release(*offers, **fields):
    spec = making.release(offers=offers, **fields)
    own = AttributeSpec(key="first_name", name="First name", type="text", purposes=making.ADS)
    named = sorted((*spec.attributes, own), key=lambda one: one.key)
    return making.changed(spec, attributes=tuple(named))


def remember(store, spec, **attributes):
    making.publish(store, spec)
    making.consent(store, "ana")
    making.remember(store, "ana", spec, attributes=attributes)


async def shown(key, **body):
    answer = (await decide(key, "ana", HERO, options={"explain": "reasons"}, **body)).json
    (placement,) = answer["placements"]
    return answer, placement["offers"][0]


async def test_content_says_what_is_known_of_the_person(store, key):
    said = {
        "title": "Hello {{ first_name }}, {{ offer.name }}",
        "link_url": "/x?n={{ first_name }}",
    }
    spec = release(offer("sale", HERO, variants=(variant(content=said),)))
    remember(store, spec, first_name="Ana & Co")

    answer, first = await shown(key)

    assert first["content"] == {"title": "Hello Ana & Co, Sale", "link_url": "/x?n=Ana%20%26%20Co"}


async def test_a_hole_is_never_shown_but_the_next_variant(store, key):
    plain = variant("b", content={"title": "Hello"})
    said = variant(content={"title": "Hello {{ first_name }}"})
    spec = release(offer("sale", HERO, variants=(said, plain)))
    remember(store, spec, loyalty_tier="gold")

    answer, first = await shown(key)

    assert (first["variant"], first["content"]) == ("b", {"title": "Hello"})


async def test_an_offer_that_only_has_holes_says_which(store, key):
    said = variant(content={"title": "Hello {{ first_name }}"})
    spec = release(offer("sale", HERO, variants=(said,)))
    remember(store, spec, loyalty_tier="gold")

    answer, first = await shown(key)

    assert first["offer"] is None
    assert answer["placements"][0]["reason"] == "MISSING_TOKEN"
    (told,) = answer["explanation"]
    assert (told["code"], "first_name" in told["words"]) == ("MISSING_TOKEN", True)


async def test_a_hole_that_shows_only_when_filling_in_leads_on(store, key):
    said = variant(content={"title": "{% if loyalty_tier == 'gold' %}{{ first_name }}{% endif %}"})
    spec = release(
        offer("sale", HERO, variants=(said, variant("b"))),
        offer("tent", HERO, variants=(said,), priority=0.9),
    )
    remember(store, spec, loyalty_tier="gold")

    answer, first = await shown(key)

    assert (first["offer"], first["variant"]) == ("sale", "b")
    fates = {one["offer"]: one["code"] for one in answer["explanation"]}
    assert fates == {"sale": "SHOWN", "tent": "MISSING_TOKEN"}


def test_what_one_placement_filled_in_is_not_shown_by_another(kept):
    rail = "web.home.rail"
    said = variant(content={"title": "Hello {{ first_name }}"})
    plain = VariantSpec(key="b", placements=(rail,), content={"title": "Hello"})
    spec = release(offer("sale", HERO, rail, variants=(said, plain)))
    making.publish(kept, spec)
    held = hold(load_released(kept, digest(spec)))
    weighing = Weighing(
        ask=Ask(making.person_of("ana"), ()),
        state=PersonState(
            {"first_name": "Ana"}, ConsentView(version=0, fenced=False, trusted=True)
        ),
        held=held,
        policy=None,
        now=datetime.now(UTC),
    )

    assert weighing.fill(held.candidates[HERO][0], "a")
    assert weighing.contents == {"sale": {"title": "Hello Ana"}}
    assert weighing.fill(held.candidates[rail][0], "b")
    assert weighing.contents == {}


async def test_what_the_purposes_may_not_see_is_missing(store, key):
    said = variant(content={"title": "You are {{ age }}"})
    spec = release(offer("sale", HERO, variants=(said,)))
    remember(store, spec, age=41)

    answer, first = await shown(key)

    assert first["offer"] is None


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        ({"language": "de-AT", "device_class": "mobile"}, "german-mobile"),
        ({"language": "de-AT,de;q=0.9", "device_class": "desktop"}, "german"),
        ({"language": "fr"}, "any"),
        ({}, "any"),
        ({"save_data": True}, "light"),
    ],
)
async def test_the_context_chooses_the_variant(store, key, context, expected):
    variants = (
        variant("any"),
        variant("light", save_data=True),
        variant("german", languages=("de",)),
        variant("german-mobile", languages=("de",), devices=("mobile",)),
    )
    spec = release(offer("sale", HERO, variants=variants))
    remember(store, spec)

    answer, first = await shown(key, context=context)

    assert first["variant"] == expected


async def test_no_variant_for_a_context_says_so(store, key):
    spec = release(offer("sale", HERO, variants=(variant("german", languages=("de",)),)))
    remember(store, spec)

    answer, first = await shown(key, context={"language": "fr"})

    assert (first["offer"], answer["placements"][0]["reason"]) == (None, "NO_VARIANT")
    assert "language fr" in answer["explanation"][0]["words"]


async def test_an_arm_shows_its_variant_whatever_the_context(store, key):
    variants = (variant("any"), variant("german", languages=("de",)))
    arms = tuple(ArmSpec(key=one, share=0.5, variants={"sale": "german"}) for one in "ab")
    spec = release(
        offer("sale", HERO, variants=variants), experiments=(making.split("winter", arms=arms),)
    )
    remember(store, spec)

    answer, first = await shown(key, context={"language": "en"})

    assert first["variant"] == "german"


async def test_a_replay_gives_the_same_content(store, key):
    said = {"title": "Hello {{ first_name }}"}
    variants = (variant("any"), variant("german", content=said, languages=("de",)))
    spec = release(offer("sale", HERO, variants=variants))
    remember(store, spec, first_name="Ana")

    answer, first = await shown(key, context={"language": "de"})

    row = find_in_stream(store, parse_decision_id(answer["decision_id"]))
    assert row.decision.contents == {}
    assert row.decision.used["first_name"] == "Ana"
    held = hold(load_released(store, row.release_digest))
    policy = making.publish_policy(store)
    again = replay(row, held, policy=policy)
    held.engine.close()
    assert again.contents == {"sale": first["content"]}


async def test_a_fallback_offer_says_context_only(store, key):
    said = variant(content={"title": "Hello {{ first_name }}"})
    greeting = variant("b", content={"title": "On your {{ device_class }}"})
    spec = release(
        offer("bait", HERO, eligibility=making.GOLD),
        offer("stand-in", HERO, purposes=(), variants=(said, greeting)),
        campaigns=(campaign("winter", "bait", fallback_offer="stand-in"),),
    )
    remember(store, spec, first_name="Ana")

    answer, first = await shown(key, context={"device_class": "phone"})

    assert (first["offer"], first["content"]) == ("stand-in", {"title": "On your phone"})
