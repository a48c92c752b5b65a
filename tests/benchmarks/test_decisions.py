"""A whole decision beside floors measured in the same run: person read, rules, ranking, last step, log."""

import json
import time

import msgspec
import pytest
import redis as redis_py

from decisioning.specs import AttributeSpec, PlacementSpec
from tests.benchmarks.load import Target, compare
from tests.decisioning import making
from tests.decisioning.making import campaign, offer

pytestmark = pytest.mark.benchmark

PEOPLE = 50
OFFERS = 200
FEW, ALL = "web.home.hero", "web.all"  # placements with ten offers, and with every one
TIERS = ("bronze", "silver", "gold")
NUMBERS = tuple(f"number_{one}" for one in range(9))
TEXTS = tuple(f"text_{one}" for one in range(9))


def attribute(key, kind):
    return AttributeSpec(key=key, name=key, type=kind, purposes=making.ADS)


def condition(number):
    """Return a nested condition on attributes, context and events."""
    orders = {"event": "Order Completed", "count": {"is": "gte", "value": number % 4}}
    return {
        "all": [
            {"attribute": "loyalty_tier", "is": "any_of", "value": list(TIERS[number % 2 :])},
            {"attribute": NUMBERS[number % 9], "is": "gte", "value": number % 5},
            {
                "any": [
                    {"attribute": "device_class", "is": "eq", "value": "mobile"},
                    {"attribute": TEXTS[number % 8], "is": "eq", "value": "yes"},
                    orders | {"within": "30d"},
                ]
            },
        ]
    }


def busy_release():
    """Return 200 offers on 20 attributes; one placement shows ten of them, one may show any."""
    offers = [
        offer(
            f"offer-{number:03d}",
            *((FEW, ALL) if number < 10 else ("web.home.rail", ALL)),
            eligibility=condition(number),
            priority=(number % 10) / 10,
        )
        for number in range(OFFERS)
    ]
    campaigns = [
        campaign(f"campaign-{part:02d}", *(one.key for one in offers[part * 10 : part * 10 + 10]))
        for part in range(OFFERS // 10)
    ]
    plain = making.release(
        offers=offers, campaigns=campaigns, experiments=(making.split("campaign-00"),)
    )
    own = [attribute(key, "number") for key in NUMBERS] + [attribute(key, "text") for key in TEXTS]
    every = PlacementSpec(key=ALL, name="All", channel="web", fallback={"title": "shop"})
    return making.changed(
        plain,
        attributes=tuple(sorted((*plain.attributes, *own), key=lambda one: one.key)),
        placements=tuple(sorted((*plain.placements, every), key=lambda one: one.key)),
    )


def remember_somebody(client, spec, number):
    user = f"bench-{number}"
    making.consent(client, user)
    attributes = {"loyalty_tier": TIERS[number % 2 + 1]}
    attributes |= {key: place + number % 3 for place, key in enumerate(NUMBERS)}
    attributes |= dict.fromkeys(TEXTS, "yes" if number % 3 else "no")
    events = [making.track(user, "Order Completed", message_id=f"{user}-{n}") for n in range(3)]
    making.remember(client, user, spec, attributes=attributes, events=events)


@pytest.fixture(scope="module")
def decisions(bare_stack):
    """Return what asks for a placement, by placement."""
    client = redis_py.Redis.from_url(bare_stack.redis_url)
    spec = busy_release()
    making.trust(client)
    making.publish_policy(client)
    version = int(client.hget("release:live", "version") or 0) + 1
    making.publish(client, spec, version=version)
    for number in range(PEOPLE):
        remember_somebody(client, spec, number)
    headers = {
        "authorization": f"Bearer {making.make_key(client, 'decisions')}",
        "content-type": "application/json",
    }
    client.close()
    time.sleep(2)  # published within two seconds
    url = bare_stack.base_url + "/v1/decisions"
    return {
        placement: Target(
            url,
            bodies=tuple(body(f"bench-{number}", placement) for number in range(PEOPLE)),
            headers=headers,
            is_right=is_whole,
        )
        for placement in (FEW, ALL)
    }


def body(user, placement):
    return json.dumps(
        {
            "person": {"user_id": user},
            "placements": [{"key": placement}],
            "context": {"device_class": "mobile"},
            # A slow machine is to show as slow, not as fast fallbacks.
            "options": {"explain": "none", "deadline_ms": 5_000},
        }
    ).encode()


def is_whole(content):
    """A fallback or a degraded answer is an error, however fast."""
    answer = msgspec.json.decode(content)
    return answer["placements"][0]["status"] == "offers" and not answer["degraded"]


@pytest.mark.parametrize("connections", [1, 8, 32])
def test_a_whole_decision(decisions, floor_url, connections):
    targets = {
        "floor: constant": Target(floor_url + "/"),
        "floor: one Redis read": Target(floor_url + "/redis"),
        "decision, 10 of 200 rules": decisions[FEW],
        "decision, all 200 rules": decisions[ALL],
    }

    lines = compare(targets, floor="floor: one Redis read", connections=connections, seconds=0.6)

    assert all(line["errors"] <= line["answers"] / 1000 for line in lines.values())
