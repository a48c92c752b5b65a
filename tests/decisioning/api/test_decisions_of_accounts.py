"""Decisions that read a person's account, and decisions about an account."""

from django.conf import settings

from consent import people
from decisioning.ingestion.identities import account_named
from decisioning.profiles.cells import Cell
from decisioning.profiles.profile import Profile, encode_profile
from decisioning.specs import AttributeSpec
from tests.decisioning import making
from tests.decisioning.making import call, decide, offer

ANA = making.person_of("ana")
HOUSE = people.person_id(account_named("household:h-1"), pepper=settings.RTTS_PEPPER)
SIZE = AttributeSpec(
    key="members", name="Members", type="number", source="account", purposes=making.SHOP
)
LARGE = {"attribute": "members", "is": "gte", "value": 3}


def cell(value):
    return Cell(value, making.NOW_MS, 1, "k")


def publish(store):
    spec = making.release(
        offers=(offer("family-pack", purposes=making.SHOP, eligibility=LARGE),),
    )
    making.publish(store, making.changed(spec, attributes=(*spec.attributes, SIZE)))


def shown(reply):
    return [one["offer"] for place in reply.json["placements"] for one in place["offers"]]


def belongs(store, size):
    store.set(people.profile_key(ANA), encode_profile(Profile(groups={"household": cell("h-1")})))
    store.set(
        people.profile_key(HOUSE),
        encode_profile(
            Profile(attributes={"members": cell(size)}, identifiers={"account:household:h-1": 1})
        ),
    )


async def test_a_person_is_judged_by_what_is_known_of_their_account(store, key):
    publish(store)
    alone = await decide(key)
    belongs(store, 4)
    with_house = await decide(key)
    belongs(store, 2)
    smaller = await decide(key)

    assert [shown(one) for one in (alone, with_house, smaller)] == [[None], ["family-pack"], [None]]


async def test_an_account_is_the_subject_of_a_decision(store, key):
    publish(store)
    belongs(store, 4)

    reply = await call(
        "POST",
        "/v1/decisions",
        {"person": {"account_id": "household:h-1"}, "placements": [{"key": "web.home.hero"}]},
        key=key,
    )

    assert reply.status == 200
    assert reply.json["person_id"] == HOUSE
    assert shown(reply) == ["family-pack"]
