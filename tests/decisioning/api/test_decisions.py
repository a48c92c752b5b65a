"""POST /v1/decisions in this process, on a real Valkey."""

import asyncio
import time
from collections import Counter
from datetime import timedelta

import pytest

from consent import people, state
from decisioning import answering
from decisioning.api.process import this_process
from decisioning.profiles.profile import Profile, encode_profile
from decisioning.specs import ArmSpec, CapSpec
from rtts_site.foundation import api_keys
from rtts_site.foundation.redis_clients import hot_client
from tests.decisioning import making
from tests.decisioning.making import GOLD, NOW, call, campaign, decide, offer


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
    assert placement["status"] == "offers", answer
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


# What the request may and may not say


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/person"),
        ({"person": {"user_id": "a"}, "placements": []}, "/placements"),
        ({"person": {}, "placements": [{"key": "web.home.hero"}]}, "/person"),
        ({"person": {"user_id": 7}, "placements": [{"key": "x"}]}, "/person/user_id"),
        ({"person": {"user_id": ""}, "placements": [{"key": "x"}]}, "/person/user_id"),
        (
            {"person": {"user_id": "a"}, "placements": [{"key": "x", "count": 0}]},
            "/placements/0/count",
        ),
        ({"person": {"user_id": "a"}, "placements": [{"key": "x"}] * 31}, "/placements"),
        ({"person": {"user_id": "a"}, "placements": [{"key": "x"}], "colour": 1}, "/colour"),
        (
            {
                "person": {"user_id": "a"},
                "placements": [{"key": "x"}],
                "attributes": {"age": "old"},
            },
            "/attributes/age",
        ),
        (
            {"person": {"user_id": "a"}, "placements": [{"key": "x"}], "attributes": {"no": 1}},
            "/attributes/no",
        ),
        (
            {
                "person": {"user_id": "a"},
                "placements": [{"key": "x"}],
                "context": {"device_class": 1},
            },
            "/context/device_class",
        ),
        (
            {
                "person": {"user_id": "a"},
                "placements": [{"key": "x"}],
                "options": {"explain": "all"},
            },
            "/options/explain",
        ),
    ],
    ids=str,
)
async def test_a_wrong_field_is_named(store, key, body, pointer):
    making.publish(store)

    reply = await call("POST", "/v1/decisions", body, key=key)

    assert reply.status == 422
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"\xff", b'"x"', b"{" * 20_000])
async def test_what_is_not_a_request_is_refused(store, key, raw):
    reply = await call("POST", "/v1/decisions", raw=raw, key=key)

    assert reply.status in (400, 422)


async def test_a_body_past_the_limit_is_refused(store, key):
    reply = await call("POST", "/v1/decisions", raw=b" " * 65_537, key=key)

    assert reply.status == 413


async def test_every_asked_placement_is_answered(store, key):
    making.publish(store)

    reply = await decide(key, "ana", "web.home.hero", "no.such", "email.top")

    assert [(one["key"], one["status"]) for one in reply.json["placements"]] == [
        ("web.home.hero", "fallback"),
        ("no.such", "error"),
        ("email.top", "fallback"),
    ]


async def test_without_a_key_nothing_is_answered(store):
    making.publish(store)

    assert (await decide("")).status == 401
    assert (await decide("rtts_sk_unknown")).status == 401
    assert (await decide(making.make_key(store, "events"))).status == 403


async def test_other_methods_and_paths(store, key):
    assert (await call("GET", "/v1/decisions", key=key)).status == 405
    preflight = await call("OPTIONS", "/v1/decisions", headers={"origin": "https://a.example"})
    assert preflight.status == 204
    assert (await call("GET", "/admin/")).answered is False
    assert (await call("GET", "/healthz")).status == 200
    assert (await call("GET", "/readyz")).status == 503  # no release yet


# Browser keys

ORIGIN = {"origin": "https://shop.example"}


@pytest.fixture
def browser(store):
    spec = making.release()
    making.publish(store, spec)
    making.consent(store, "ana")
    making.remember(store, "ana", spec, attributes={"loyalty_tier": "gold"})
    return making.make_key(
        store,
        "decisions",
        kind="browser",
        origins=(ORIGIN["origin"],),
        placements=("web.home.hero",),
    )


async def from_browser(browser, person=None, placement="web.home.hero", headers=ORIGIN, **body):
    asked = {
        "person": person or {"anonymous_id": "d-9"},
        "placements": [{"key": placement}],
        **body,
    }
    return await call("POST", "/v1/decisions", asked, key=browser, headers=headers)


async def test_a_browser_may_only_name_an_anonymous_person(browser):
    assert (await from_browser(browser)).status == 200
    refused = await from_browser(browser, {"user_id": "ana"})
    assert refused.status == 403
    assert refused.json["errors"][0]["pointer"] == "/person/proof"


async def test_a_proof_of_the_channels_server_opens_a_user(store, browser, key):
    record = api_keys.KeyRing()
    known = await record.find(hot_client(), key)
    proof = api_keys.sign_proof(key, key_id=known.id, user_id="ana", expires_at=time.time() + 60)

    good = await from_browser(browser, {"user_id": "ana", "proof": proof})
    other = await from_browser(browser, {"user_id": "ben", "proof": proof})

    assert good.json["placements"][0]["offers"][0]["offer"] == "winter-sale"
    assert other.status == 403


@pytest.mark.parametrize(
    "extra",
    [
        {"attributes": {"age": 3}},
        {"options": {"explain": "trace"}},
        {"options": {"now": "2026-01-01T00:00:00Z"}},
        {"placement": "web.home.rail"},
        {"headers": {"origin": "https://evil.example"}},
        {"headers": {}},
    ],
    ids=str,
)
async def test_what_a_browser_may_not(browser, extra):
    assert (await from_browser(browser, **extra)).status == 403


async def test_a_browser_is_told_no_values(store, browser):
    reply = await from_browser(browser, options={"explain": "reasons"})

    (told,) = reply.json["explanation"]
    assert all("actual" not in one for one in told.get("conditions", []))


# Consent, caps, holdouts


async def test_without_consent_an_attribute_is_not_even_seen(store, key):
    spec = making.release(offers=(offer("for-gold", purposes=making.SHOP, eligibility=GOLD),))
    making.publish(store, spec)
    making.consent(store, "ana")
    making.remember(store, "ana", spec, attributes={"loyalty_tier": "gold"})

    reply = await decide(key, options={"explain": "reasons"})

    (told,) = reply.json["explanation"]
    assert told["conditions"] == [
        {"words": "Loyalty tier is gold", "truth": "unknown", "actual": None}
    ]


@pytest.mark.parametrize("operator", ["is_set", "is_not_set"])
async def test_whether_a_hidden_attribute_is_set_is_unknown(store, key, operator):
    condition = {"attribute": "loyalty_tier", "is": operator}
    spec = making.release(offers=(offer("nosy", purposes=making.SHOP, eligibility=condition),))
    making.publish(store, spec)
    making.remember(store, "ana", spec, attributes={"loyalty_tier": "gold"})

    reply = await decide(key, options={"explain": "reasons"})

    (told,) = reply.json["explanation"]
    assert told["code"] == "NOT_ELIGIBLE"
    (condition,) = told["conditions"]
    assert condition["truth"] == "unknown"
    assert condition["actual"] is None
    assert "Loyalty tier" in condition["words"]


async def test_the_request_can_only_narrow_consent(store, key):
    spec = making.release(offers=(offer("for-all"),))
    making.publish(store, spec)
    making.consent(store, "ana")

    reply = await decide(key, consent={"denied": ["personalised_ads"]})

    assert reply.json["placements"][0]["reason"] == "CONSENT"


async def test_a_fence_denies_at_once(store, key):
    making.publish(store, making.release(offers=(offer("for-all"),)))
    making.consent(store, "ana")
    assert (await decide(key)).json["placements"][0]["status"] == "offers"
    state.add_fence(store, making.person_of("ana"), "change:1", now_ms=1)

    assert (await decide(key)).json["placements"][0]["reason"] == "CONSENT"


async def test_a_consent_withdrawn_while_deciding_is_honoured(store, key, monkeypatch):
    making.publish(store, making.release(offers=(offer("for-all"),)))
    making.consent(store, "ana")
    whole = answering.Sitting.take_last_step

    async def late(sitting, made):
        making.consent(store, "ana", version=2, status="withdrawn")
        return await whole(sitting, made)

    monkeypatch.setattr(answering.Sitting, "take_last_step", late)

    reply = await decide(key)

    assert reply.json["placements"][0]["status"] == "fallback"
    assert reply.json["as_of"]["consent_version"] == 2


def said(reply):
    """Return "offers", else why there were none, e.g. ``("fallback", "CAP_REACHED", ("redis",))``."""
    placement = reply.json["placements"][0]
    reason = (placement["status"], placement["reason"], tuple(reply.json["degraded"]))
    return "offers" if placement["status"] == "offers" else reason


async def test_a_total_is_never_exceeded(store, key):
    limit = 7
    cap = CapSpec(scope="total", limit=limit, window_s=None)
    making.publish(store, making.release(offers=(offer("few", purposes=making.SHOP, caps=(cap,)),)))
    names = (f"user-{number}" for number in range(100_000))
    near = [one for one in names if people.partition_of(making.person_of(one)) < 3][:48]

    answers = Counter()
    for start in range(0, len(near), 8):
        replies = await asyncio.gather(*(decide(key, one) for one in near[start : start + 8]))
        answers.update(said(reply) for reply in replies)

    assert answers["offers"] == limit, answers
    slot = store.hgetall("{total:few#0.impression}")
    assert int(slot[b"granted"]) == limit


async def test_concurrent_decisions_share_a_persons_cap(store, key):
    cap = CapSpec(scope="person", limit=2)
    making.publish(
        store, making.release(offers=(offer("twice", purposes=making.SHOP, caps=(cap,)),))
    )

    await decide(key, "warm")
    replies = await asyncio.gather(*(decide(key) for _ in range(8)))

    assert sum(one.json["placements"][0]["status"] == "offers" for one in replies) == 2


async def test_who_is_held_out_sees_the_plain_page(store, key):
    making.publish(
        store, making.release(offers=(offer("sale", purposes=making.SHOP),), holdout_share=0.999999)
    )

    (placement,) = (await decide(key)).json["placements"]

    assert (placement["status"], placement["reason"]) == ("suppressed", "HELD_OUT")
    assert placement["offers"][0]["content"] == {"title": "welcome"}


async def test_a_campaigns_fallback_offer_needs_no_consent(store, key):
    offers = (offer("personal"), offer("plain", purposes=()))
    camp = campaign("winter", "personal", fallback_offer="plain")
    making.publish(store, making.release(offers=offers, campaigns=(camp,)))

    (placement,) = (await decide(key)).json["placements"]

    assert placement["status"] == "fallback"
    assert placement["offers"][0]["offer"] == "plain"


async def test_a_dry_run_and_another_time_touch_nothing(store, key):
    cap = CapSpec(scope="person", limit=1)
    soon = NOW + timedelta(days=1)
    later = offer("later", purposes=making.SHOP, caps=(cap,), starts_at=soon + timedelta(days=400))
    making.publish(store, making.release(offers=(later,)))
    at = (soon + timedelta(days=401)).isoformat()

    dry = await decide(key, options={"now": at})
    today = await decide(key, options={"dry_run": True})

    assert dry.json["placements"][0]["offers"][0]["offer"] == "later"
    assert today.json["placements"][0]["reason"] == "NOT_RUNNING"
    assert not [one for one in store.keys("*") if b":decisions" in one or b":caps:" in one]


async def test_events_of_the_request_count_in_its_own_answer(store):
    key = making.make_key(store, "decisions", "events")
    spec = making.release(offers=(offer("for-buyers", eligibility=making.BUYER),))
    making.publish(store, spec)
    making.consent(store, "ana")
    events = [{"event": "Order Completed", "messageId": f"m{n}"} for n in range(2)]

    without = await decide(key)
    with_them = await decide(key, events=events)

    assert without.json["placements"][0]["status"] == "fallback"
    assert with_them.json["placements"][0]["offers"][0]["offer"] == "for-buyers"
    partition = people.partition_of(making.person_of("ana"))
    assert store.xlen(people.stream_key(partition)) == 2


async def test_events_of_the_request_count_at_the_second_try_too(store):
    """The first try of a total without credit only asks for some."""
    key = making.make_key(store, "decisions", "events")
    few = offer("few", eligibility=making.BUYER, caps=(CapSpec(scope="total", limit=5),))
    making.publish(store, making.release(offers=(few,)))
    making.consent(store, "ana")
    events = [{"event": "Order Completed", "messageId": f"m{n}"} for n in range(2)]

    answer = (await decide(key, events=events)).json

    assert answer["placements"][0]["status"] == "offers"
    assert answer["degraded"] == []


async def test_events_of_the_request_need_their_scope(store, key):
    making.publish(store)

    reply = await decide(key, events=[{"event": "Order Completed"}])

    assert reply.status == 403
    assert reply.json["errors"][0]["pointer"] == "/events"
    assert "events" in reply.json["detail"]


@pytest.mark.parametrize("kind", ["identify", "alias", "group", None])
async def test_events_of_the_request_set_no_attributes(store, kind):
    making.publish(store)
    key = making.make_key(store, "decisions", "events")
    seen = {"event": "Order Completed"}
    other = {"type": kind, "traits": {"loyalty_tier": "gold"}, "previousId": "ben", "groupId": "g"}

    reply = await decide(key, events=[seen, other])

    assert (reply.status, reply.json["errors"][0]["pointer"]) == (422, "/events/1/type")
    assert not store.exists(people.stream_key(people.partition_of(making.person_of("ana"))))


@pytest.mark.parametrize("fenced", ["old-ana", "older-ana"])
async def test_a_fence_left_behind_by_a_merge_still_denies(store, key, fenced):
    spec = making.release()
    making.publish(store, spec)
    making.consent(store, "ana")
    making.remember(store, "ana", spec, attributes={"loyalty_tier": "gold"})
    for gone, owner in (("older-ana", "old-ana"), ("old-ana", "ana")):
        moved = Profile(merged_into=making.person_of(owner), merged_at="1-0", position="1-0")
        store.set(people.profile_key(making.person_of(gone)), encode_profile(moved))
    state.add_fence(store, making.person_of(fenced), "merge:x", now_ms=making.NOW_MS)

    denied = (await decide(key, "older-ana")).json
    own = (await decide(key, "ana")).json

    assert denied["person_id"] == making.person_of("ana")
    assert denied["placements"][0]["status"] == "fallback"
    assert own["placements"][0]["status"] == "offers"


async def test_a_merged_person_is_followed(store, key):
    spec = making.release()
    making.publish(store, spec)
    making.consent(store, "ana")
    making.remember(store, "ana", spec, attributes={"loyalty_tier": "gold"})
    moved = Profile(merged_into=making.person_of("ana"), merged_at="1-0", position="1-0")
    store.set(people.profile_key(making.person_of("old-ana")), encode_profile(moved))

    answer = (await decide(key, "old-ana")).json

    assert answer["person_id"] == making.person_of("ana")
    assert answer["placements"][0]["offers"][0]["offer"] == "winter-sale"


async def test_no_offer_stands_in_two_placements(store, key):
    offers = (
        offer("best", "web.home.hero", "web.home.rail", purposes=making.SHOP, priority=0.9),
        offer("next", "web.home.rail", purposes=making.SHOP, priority=0.2),
    )
    making.publish(store, making.release(offers=offers))

    answer = (await decide(key, "ana", "web.home.hero", ("web.home.rail", 3))).json

    shown = [[one["offer"] for one in place["offers"]] for place in answer["placements"]]
    assert shown == [["best"], ["next"]]


async def test_an_offer_shown_already_says_where(store, key):
    offers = (offer("best", "web.home.hero", "web.home.rail", purposes=making.SHOP),)
    camps = (campaign("autumn", "best"), campaign("winter", "best"))
    making.publish(store, making.release(offers=offers, campaigns=camps))

    asked = ("web.home.hero", "web.home.rail")
    answer = (await decide(key, "ana", *asked, options={"explain": "reasons"})).json

    told = {(one["placement"], one["campaign"]): one["words"] for one in answer["explanation"]}
    assert told["web.home.hero", "winter"] == "This answer already shows it: here, for autumn."
    assert told["web.home.rail", "autumn"] == "This answer already shows it: in web.home.hero."


async def test_an_arm_is_sticky(store, key):
    offers = (
        offer(
            "sale",
            variants=(
                making.variant("web.home.hero", key="a"),
                making.variant("web.home.hero", key="b"),
            ),
        ),
    )
    arms = (
        ArmSpec(key="x", share=0.5, variants={"sale": "a"}),
        ArmSpec(key="y", share=0.5, variants={"sale": "b"}),
    )
    spec = making.release(offers=offers, experiments=(making.split("winter", arms=arms),))
    making.publish(store, spec)
    making.consent(store, "ana")
    first = (await decide(key)).json["placements"][0]["offers"][0]

    moved = making.split("winter", arms=arms, traffic=0.0)
    making.publish(store, making.changed(spec, experiments=(moved,)), version=2)
    this_process().holder.poll()
    second = (await decide(key)).json["placements"][0]["offers"][0]

    assert first["experiment"]["propensity"] == 0.5
    assert second["experiment"]["arm"] == first["experiment"]["arm"]
    assert second["variant"] == first["variant"]


async def test_a_batch_answers_each_person_in_order(store, key):
    making.publish(store)
    asked = [
        {"person": {"user_id": f"u{n}"}, "placements": [{"key": "web.home.hero"}]} for n in range(5)
    ]

    reply = await call("POST", "/v1/decisions/batch", {"decisions": asked}, key=key)
    wrong = await call(
        "POST", "/v1/decisions/batch", {"decisions": [*asked, asked[0] | {"person": {}}]}, key=key
    )

    people_ids = [one["person_id"] for one in reply.json["decisions"]]
    assert people_ids == [making.person_of(f"u{n}") for n in range(5)]
    assert wrong.json["errors"][0]["pointer"] == "/decisions/5/person"
