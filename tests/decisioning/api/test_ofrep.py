"""OpenFeature remote evaluation in this process, on a real Valkey."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

from consent import state
from consent.policy import State, Status
from tests.decisioning import making
from tests.decisioning.making import call, campaign, offer

ONE = "/ofrep/v1/evaluate/flags/"
ALL = "/ofrep/v1/evaluate/flags"


def asks(target="ana", **context):
    return {"context": {"targetingKey": target, **context}}


def golden(store):
    spec = making.release(experiments=(making.split("winter"),))
    making.publish(store, spec)
    making.consent(store, "ana")
    making.remember(store, "ana", spec, attributes={"loyalty_tier": "gold"})


async def test_a_placement_is_a_flag(store, key):
    golden(store)

    reply = await call("POST", ONE + "web.home.hero", asks(), key=key)

    assert reply.status == 200
    assert reply.json["value"] == {"title": "winter-sale"}
    assert reply.json["variant"] == "winter-sale/a"
    assert reply.json["reason"] == "SPLIT"


async def test_a_fallback_has_the_reason_default(store, key):
    golden(store)

    reply = await call("POST", ONE + "web.home.hero", asks("ben"), key=key)

    assert reply.json["reason"] == "DEFAULT"
    assert reply.json["value"] == {"title": "welcome"}


async def test_an_experiment_is_a_flag(store, key):
    golden(store)

    reply = await call("POST", ONE + "split", asks(), key=key)

    assert reply.json["reason"] == "SPLIT"
    assert reply.json["value"] == reply.json["variant"] in ("a", "b")


async def test_evaluating_takes_no_cap_and_logs_nothing(store, key):
    golden(store)

    await call("POST", ALL, asks(), key=key)

    assert not [one for one in store.keys("*") if b":decisions" in one or b":caps:" in one]


async def test_errors_are_the_protocols(store, key):
    golden(store)

    unknown = await call("POST", ONE + "no.such.flag", asks(), key=key)
    nobody = await call("POST", ONE + "web.home.hero", {"context": {}}, key=key)
    wrong = await call("POST", ONE + "web.home.hero", asks(device_class=3), key=key)

    assert (unknown.status, unknown.json["errorCode"]) == (404, "FLAG_NOT_FOUND")
    assert (nobody.status, nobody.json["errorCode"]) == (400, "TARGETING_KEY_MISSING")
    assert (wrong.status, wrong.json["errorCode"]) == (400, "INVALID_CONTEXT")
    assert all(one.json["errorDetails"] for one in (unknown, nobody, wrong))


async def test_the_etag_follows_release_and_consent(store, key):
    golden(store)
    first = await call("POST", ALL, asks(), key=key)
    tag = first.headers["etag"]

    same = await call("POST", ALL, asks(), key=key, headers={"if-none-match": tag})
    making.consent(store, "ana", version=2, status="withdrawn")
    changed = await call("POST", ALL, asks(), key=key, headers={"if-none-match": tag})

    assert {flag["key"] for flag in first.json["flags"]} == {
        "email.top",
        "web.home.hero",
        "web.home.rail",
        "split",
    }
    assert (same.status, same.content) == (304, b"")
    assert changed.status == 200
    assert changed.headers["etag"] != tag


async def test_a_browser_key_evaluates_only_an_anonymous_person(store, key):
    spec = making.release(offers=(offer("winter-sale", eligibility=making.GOLD),))
    making.publish(store, spec)
    making.consent(store, "ana")
    making.remember(store, "ana", spec, attributes={"loyalty_tier": "gold"})
    origin = "https://shop.example"
    browser = making.make_key(store, kind="browser", origins=(origin,))

    reply = await call(
        "POST", ONE + "web.home.hero", asks(), key=browser, headers={"origin": origin}
    )

    assert reply.json["reason"] == "DEFAULT"
    assert reply.headers["access-control-allow-origin"] == origin


def give_for(store, user_id, seconds):
    states = {("personalised_ads", "*"): State(Status.GIVEN, 1.0, time.time() + seconds, "evt-1")}
    state.write_state_if_newer(store, making.person_of(user_id), 1, state.pack_states(states))


async def asked_again(key, *, tag):
    return await call("POST", ALL, asks(), key=key, headers={"if-none-match": tag})


def offers_of(reply):
    return {flag["variant"] for flag in reply.json["flags"]} - {"fallback"}


async def test_the_etag_follows_a_consent_that_lapses(store, key):
    making.publish(store, making.release(offers=(offer("winter-sale"),)))
    give_for(store, "ana", 1)
    first = await call("POST", ALL, asks(), key=key)

    await asyncio.sleep(1.1)
    after = await asked_again(key, tag=first.headers["etag"])

    assert offers_of(first) == {"winter-sale/a"}
    assert (after.status, offers_of(after)) == (200, set())


async def test_the_etag_follows_a_campaign_that_ends(store, key):
    ends_at = datetime.now(UTC) + timedelta(seconds=1)
    winter = campaign("winter", "winter-sale", ends_at=ends_at)
    making.publish(store, making.release(offers=(offer("winter-sale"),), campaigns=(winter,)))
    making.consent(store, "ana")
    first = await call("POST", ALL, asks(), key=key)

    await asyncio.sleep(1.1)
    after = await asked_again(key, tag=first.headers["etag"])

    assert offers_of(first) == {"winter-sale/a"}
    assert (after.status, offers_of(after)) == (200, set())


async def test_a_signal_of_the_browser_narrows_an_evaluation(store, key):
    making.publish(store, making.release(offers=(offer("winter-sale"),)))
    making.consent(store, "ana")

    reply = await call("POST", ALL, asks(), key=key, headers={"sec-gpc": "1"})

    assert offers_of(reply) == set()
