"""Reports of offers that were shown to somebody who has become another since."""

from consent import people
from decisioning.profiles.profile import Profile, encode_profile
from decisioning.specs import CapSpec
from tests.decisioning import making
from tests.decisioning.api.test_feedback import capped, report, shown
from tests.decisioning.making import decide, offer

ANA, BEN = making.person_of("ana"), making.person_of("ben")


def merge(store, source, target):
    """Leave a tombstone, with what was counted carried along as the workers do."""
    for key in (people.caps_key, people.arms_key):
        if store.exists(key(source)):
            store.copy(key(source), key(target))
            store.delete(key(source))
    store.set(people.profile_key(source), encode_profile(Profile(merged_into=target)))


async def test_a_late_impression_settles_the_reservation_at_who_they_are_now(store, key):
    making.publish(store, capped(limit=1))
    first = await decide(key)
    merge(store, ANA, BEN)

    reply = await report(key, "impression", first)
    again = await report(key, "impression", first)

    assert reply.json == {"accepted": 1, "duplicates": 0, "refused": []}
    assert again.json == {"accepted": 0, "duplicates": 1, "refused": []}
    fields = store.hgetall(people.caps_key(BEN))
    assert [name for name in fields if name.startswith(b"r|")] == []
    assert len(fields[b"impression|winter-sale"].split(b",")) == 1
    assert not store.exists(people.caps_key(ANA))
    assert shown(await decide(key)) == [None]


async def test_a_report_counted_before_the_merge_is_not_counted_again(store, key):
    making.publish(store, capped(limit=5))
    first = await decide(key)
    await report(key, "impression", first)
    merge(store, ANA, BEN)

    again = await report(key, "impression", first)

    assert again.json == {"accepted": 0, "duplicates": 1, "refused": []}


async def test_the_total_is_settled_where_it_was_held(store, key):
    cap = CapSpec(scope="total", counts="impression", limit=10, window_s=None)
    making.publish(
        store,
        making.release(offers=(offer("winter-sale", purposes=making.SHOP, caps=(cap,)),)),
    )
    first = await decide(key)
    (balance,) = store.keys("*:credit:winter-sale*")
    merge(store, ANA, BEN)

    await report(key, "impression", first)
    await report(key, "impression", first)

    assert store.hget(balance, "spent") == b"1"
    assert store.hget(balance, "late") is None
