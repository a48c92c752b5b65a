"""The simulator and the decision endpoint give one answer, for what is live and for a change before it is."""

import json
import os
from collections import Counter
from datetime import timedelta

import pytest
from django.utils import timezone

from campaigns import drafts, preparing, publishing
from campaigns.candidates import live_release
from campaigns.models.items import Kind
from consent import people, state
from consent.policy import State, Status
from decisioning.api.process import this_process
from decisioning.messages import PlacementAsk
from decisioning.rules.artifact import encode_artifact
from decisioning.rules.canonical import decode_release
from decisioning.rules.compiler import compile_release
from decisioning.specs import (
    ArmSpec,
    CampaignSpec,
    CapSpec,
    ExperimentSpec,
    OfferSpec,
    PlacementSpec,
)
from tests import product
from tests.campaigns.agreement import answered, batches, differences, drawn, simulated
from tests.campaigns.conftest import NOW, go_live, save, variant
from tests.campaigns.test_pages import put_person
from tests.campaigns.test_simulator import trust
from tests.decisioning import making

TRIPLES = 200
RUN = """
from tests.campaigns.agreement_run import run
run({url!r}, {key!r}, {triples}, {author!r}, {approver!r})
"""
LONG = int(os.environ.get("RTTS_TRIPLES", "10000"))
SCOPES = ("decisions", "decisions:now", "decisions:trace")
DICE = ("gold", "silver", None)


def offers():
    rich = {"all": [{"attribute": "spend", "is": "gte", "value": 300}]}
    new = {
        "none": [{"event": "Order Completed", "count": {"is": "gte", "value": 1}, "within": "30d"}]
    }
    cap = CapSpec(scope="person", counts="click", limit=1, window_s=5 * 86_400)
    return [
        OfferSpec(key="plain", name="Plain", purposes=(), variants=(variant(),), priority=0.1),
        OfferSpec(
            key="rich", name="Rich", purposes=("ads",), variants=(variant(),), eligibility=rich
        ),
        OfferSpec(
            key="newcomer",
            name="Newcomer",
            purposes=("ads",),
            variants=(variant("a"), variant("b")),
            eligibility=new,
            priority=0.8,
            starts_at=NOW - timedelta(days=4),
            ends_at=NOW + timedelta(days=9),
        ),
        OfferSpec(
            key="once",
            name="Once",
            purposes=("ads",),
            variants=(variant(),),
            caps=(cap,),
            priority=0.7,
        ),
    ]


def authored(mia):
    change = drafts.open_change(mia, now=NOW, title="A richer shop")
    rows = PlacementSpec(
        key="web.hero", name="Hero", channel="web", max_count=3, fallback={"headline": "Hi"}
    )
    save(change, Kind.PLACEMENT, rows, author=mia)
    for spec in offers():
        save(change, Kind.OFFER, spec, author=mia)
    keys = tuple(sorted(["winter-sale", *(one.key for one in offers())]))
    winter = CampaignSpec(
        key="winter", name="Winter", offers=keys, goal_event="Order Completed", holdout_share=0.1
    )
    save(change, Kind.CAMPAIGN, winter, author=mia)
    arms = (ArmSpec(key="a", share=0.5), ArmSpec(key="b", share=0.5, variants={"newcomer": "b"}))
    split = ExperimentSpec(key="split", name="Split", campaign="winter", salt="s", arms=arms)
    save(change, Kind.EXPERIMENT, split, author=mia)
    return change


@pytest.fixture
def crowd(redis):
    """Return forty people of all sorts."""
    trust(redis)
    users = [f"c-{number}" for number in range(40)]
    for number, user in enumerate(users):
        tier = DICE[number % 3]
        known = put_person(redis, user, spend=number * 20, **({"tier": tier} if tier else {}))
        if number % 4:
            status = Status.WITHDRAWN if number % 4 == 3 else Status.GIVEN
            since = (NOW - timedelta(days=number - 20)).timestamp()
            states = {("ads", "*"): State(status, since, None, "evt")}
            state.write_state_if_newer(redis, known, 1, state.pack_states(states))
        if number % 5 == 0:
            clicked = int((NOW - timedelta(days=number % 7)).timestamp() * 1000)
            redis.hset(people.caps_key(known), "click|once", str(clicked))
    return users


def asked_of_endpoint(redis, triples):
    """Return the answers of the endpoint in this process, through its batch address."""
    key = making.make_key(redis, *SCOPES)

    async def whole():
        this_process().holder.poll()
        found = []
        for batch in batches(triples):
            body = {"decisions": [one.request() for one in batch]}
            reply = await making.call("POST", "/v1/decisions/batch", body, key=key)
            assert reply.status == 200, reply.content
            found += [answered(one) for one in reply.json["decisions"]]
        return found

    return making.run(whole())


def put_in_force(redis):
    """Compile what is live and give it to the endpoint's processes."""
    release = live_release()
    artifact = compile_release(decode_release(bytes(release.spec)))
    release.artifact = encode_artifact(artifact)
    release.save(update_fields=["artifact"])
    assert preparing.push_live(redis, now=timezone.now())


def test_simulator_and_endpoint_agree(live, mia, ada, crowd, redis):
    triples = drawn(
        TRIPLES,
        users=crowd,
        placements=[PlacementAsk("web.hero", 1), PlacementAsk("web.hero", 3)],
        purposes=["ads"],
        contexts=[{}],
        now=NOW,
    )
    put_in_force(redis)
    before = simulated(redis, triples)
    assert differences(triples, before, asked_of_endpoint(redis, triples)) == []

    change = authored(mia)
    drafted = simulated(redis, triples, under=change)
    publishing.submit(change, by=mia, now=NOW)
    go_live(change, by=ada)
    put_in_force(redis)
    after = asked_of_endpoint(redis, triples)

    assert differences(triples, drafted, after) == []
    seen = Counter(one["code"] for answer in after for one in answer["why"])
    assert {"SHOWN", "CONSENT", "NOT_ELIGIBLE", "NOT_RUNNING", "CAP_REACHED", "OUTRANKED"} <= set(
        seen
    )
    assert seen["CAMPAIGN_HELD_OUT"] > 0


@pytest.mark.long
def test_simulator_and_endpoint_agree_on_10_000_triples():
    """The whole product with demo data, asked over HTTP: what is live, a change by preview, and the change once live."""
    with product.running(demo=True) as running:
        code = RUN.format(
            url=running.base_url,
            key=running.key(*SCOPES, "events"),
            triples=LONG,
            author=running.sign_in("marketer")[0],
            approver=running.sign_in("approver")[0],
        )
        printed = running.python(code)
    found = json.loads(printed.split("RESULT ")[1])

    print(found)
    assert found["wrong"] == 0, found["first"]
    assert found["live"] + found["draft"] >= LONG
    assert found["people"] >= 200
    met = {code for code, count in found["fates"].items() if count}
    assert {"SHOWN", "CONSENT", "NOT_ELIGIBLE", "OUTRANKED"} <= met
