"""A profile at its bound of 32 KB: whole up to the last byte, past it without its largest family; as docs/events.md says."""

import pytest

from consent import people
from decisioning.profiles.live_set import announce
from decisioning.profiles.profile import MAX_PROFILE_BYTES
from decisioning.profiles.store import load_profile
from decisioning.profiles.windows import aggregate_value
from decisioning.rules.tree import make_aggregate
from tests.decisioning.ingestion.people_and_records import (
    NOW_MS,
    accept,
    drain_all,
    make_drain,
    make_record,
    person,
)

KINDS = make_aggregate("Order", "distinct", property="kind", within="30d")  # the larger family
ORDERS = make_aggregate("Order", "count", within="30d")
TEXT = "x" * 200
TEXTS = 155  # attributes that leave less than one of them to the bound


@pytest.fixture
def drain(redis):
    announce(redis, [KINDS, ORDERS])
    return make_drain(redis)


def fold_as_much(redis, drain, name, *, padding):
    """Fold orders and attributes of somebody; return the bytes that their profile takes, and the profile."""
    attributes = {f"a{number:03d}": TEXT for number in range(TEXTS)} | {"padding": "x" * padding}
    orders = [
        make_record(f"o{number}", name, event="Order", properties={"kind": number})
        for number in range(20)
    ]
    said = make_record("said", name, type="identify", attributes=attributes)
    accept(redis, [*orders, said])
    drain_all(drain)
    return redis.strlen(people.profile_key(person(name))), load_profile(redis, person(name))[1]


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_a_profile_is_whole_up_to_its_bound_and_then_gives_up_its_largest_family(
    redis, drain, over
):
    measured, _ = fold_as_much(redis, drain, "user:a", padding=40)
    padding = 40 + MAX_PROFILE_BYTES + over - measured
    assert 40 <= padding <= 255

    size, profile = fold_as_much(redis, drain, "user:b", padding=padding)

    assert len(profile.attributes) == TEXTS + 1
    assert aggregate_value(profile, ORDERS, NOW_MS / 1000) == 20
    kinds = aggregate_value(profile, KINDS, NOW_MS / 1000)
    if over <= 0:
        assert (size, kinds) == (MAX_PROFILE_BYTES + over, 20)
    else:
        assert size < MAX_PROFILE_BYTES
        assert kinds is None


def test_what_was_given_up_stays_unknown_and_the_rest_goes_on(redis, drain):
    measured, _ = fold_as_much(redis, drain, "user:a", padding=40)
    fold_as_much(redis, drain, "user:b", padding=41 + MAX_PROFILE_BYTES - measured)

    accept(redis, [make_record("one more", "user:b", event="Order", properties={"kind": 99})])
    drain_all(drain)

    profile = load_profile(redis, person("user:b"))[1]
    assert aggregate_value(profile, ORDERS, NOW_MS / 1000) == 21
    assert aggregate_value(profile, KINDS, NOW_MS / 1000) is None
