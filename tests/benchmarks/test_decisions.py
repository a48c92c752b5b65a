"""A whole decision beside floors measured in the same run: person read, rules, ranking, last step, log."""

import json
import time

import msgspec
import pytest
import redis as redis_py

from tests.benchmarks.load import Target, compare
from tests.decisioning import making
from tests.decisioning.making import campaign, offer

pytestmark = pytest.mark.benchmark

PEOPLE = 50
OFFERS = 200
PLACEMENT = "web.home.hero"
TIERS = ("bronze", "silver", "gold")


def busy_release():
    """Return 200 offers of which a placement has ten, each with a nested condition."""
    placements = ("web.home.hero", "web.home.rail", "email.top")
    offers = []
    for number in range(OFFERS):
        condition = {
            "all": [
                {"attribute": "loyalty_tier", "is": "any_of", "value": list(TIERS[number % 2 :])},
                {
                    "any": [
                        {"attribute": "device_class", "is": "eq", "value": "mobile"},
                        {
                            "event": "Order Completed",
                            "count": {"is": "gte", "value": number % 4},
                            "within": "30d",
                        },
                    ]
                },
            ]
        }
        where = placements[0] if number < 10 else placements[1 + number % 2]
        offers.append(
            offer(f"offer-{number:03d}", where, eligibility=condition, priority=(number % 10) / 10)
        )
    campaigns = [
        campaign(f"campaign-{part:02d}", *(one.key for one in offers[part * 10 : part * 10 + 10]))
        for part in range(OFFERS // 10)
    ]
    return making.release(
        offers=offers, campaigns=campaigns, experiments=(making.split("campaign-00"),)
    )


@pytest.fixture(scope="module")
def decisions(bare_stack):
    client = redis_py.Redis.from_url(bare_stack.redis_url)
    spec = busy_release()
    making.trust(client)
    making.publish_policy(client)
    version = int(client.hget("release:live", "version") or 0) + 1
    making.publish(client, spec, version=version)
    for number in range(PEOPLE):
        user = f"bench-{number}"
        making.consent(client, user)
        events = [making.track(user, "Order Completed", message_id=f"{user}-{n}") for n in range(3)]
        making.remember(
            client, user, spec, attributes={"loyalty_tier": TIERS[number % 2 + 1]}, events=events
        )
    key = making.make_key(client, "decisions")
    time.sleep(2)  # published within two seconds
    yield Target(
        bare_stack.base_url + "/v1/decisions",
        bodies=tuple(body(f"bench-{number}") for number in range(PEOPLE)),
        headers={"authorization": f"Bearer {key}", "content-type": "application/json"},
        is_right=is_whole,
    )
    client.close()


def body(user):
    return json.dumps(
        {
            "person": {"user_id": user},
            "placements": [{"key": PLACEMENT}],
            "context": {"device_class": "mobile"},
            "options": {"explain": "none"},
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
        "whole decision": decisions,
    }

    lines = compare(targets, floor="floor: one Redis read", connections=connections, seconds=0.7)

    line = lines["whole decision"]
    assert line["errors"] <= 0.001 * line["rate"] * 5
