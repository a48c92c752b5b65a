"""POST /v1/decisions in this process, on a real Valkey."""

from tests.decisioning import making
from tests.decisioning.making import decide


async def test_a_matching_person_is_shown_the_offer(store, key):
    spec = making.release()
    own = making.publish(store, spec)
    making.consent(store, "ana")
    making.remember(store, "ana", spec, attributes={"loyalty_tier": "gold"})

    reply = await decide(key, "ana")

    assert reply.status == 200
    answer = reply.json
    assert answer["release"] == {"version": 1, "digest": own, "canary": False}
    (placement,) = answer["placements"]
    assert placement["status"] == "offers"
    assert placement["offers"][0]["offer"] == "winter-sale"
    assert placement["offers"][0]["consent"]["basis"] == "consent"
    assert answer["degraded"] == []
    assert answer["ttl_s"] == 0
    assert "explanation" not in answer


async def test_a_non_matching_person_learns_which_condition_failed(store, key):
    spec = making.release()
    making.publish(store, spec)
    making.consent(store, "ben")
    making.remember(store, "ben", spec, attributes={"loyalty_tier": "silver"})

    reply = await decide(key, "ben", options={"explain": "reasons"})

    (placement,) = reply.json["placements"]
    assert placement["status"] == "fallback"
    assert placement["offers"][0]["content"] == {"title": "welcome"}
    (told,) = reply.json["explanation"]
    assert told["code"] == "NOT_ELIGIBLE"
    assert told["conditions"] == [
        {"words": "Loyalty tier is gold", "truth": "false", "actual": "silver"}
    ]
