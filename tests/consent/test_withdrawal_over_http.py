"""The whole product: a withdrawal answered 2xx stops an offer in every decision that starts after."""

from datetime import UTC, datetime
from threading import Event, Thread
from time import perf_counter_ns

import httpx
import pytest

from campaigns.demo.catalogue import OFFERS
from campaigns.demo.identifiers import user_id

EVIDENCE = {
    "controller": "Demo Grocers",
    "collection_method": "test",
    "notice_version": "demo-1",
    "language": "en",
    "jurisdiction": "DE",
}
PLACEMENTS = [{"key": "web.home.hero"}]


@pytest.fixture
def api(stack):
    key = stack.key("decisions", "consents")
    with httpx.Client(
        base_url=stack.base_url, headers={"authorization": f"Bearer {key}"}, timeout=30
    ) as client:
        yield client


def consented_offers(client, user):
    """Decide, without taking up caps, and return what rests on consent."""
    body = {"person": {"user_id": user}, "placements": PLACEMENTS, "options": {"dry_run": True}}
    answer = client.post("/v1/decisions", json=body)
    assert answer.status_code == 200, answer.text
    offers = [offer for one in answer.json()["placements"] for offer in one["offers"]]
    return [
        offer for offer in offers if offer["consent"] and offer["consent"]["basis"] == "consent"
    ]


def record(client, user, status):
    body = {
        "person": f"user:{user}",
        "changes": [
            {"purpose": OFFERS, "status": status, "event_time": datetime.now(UTC).isoformat()}
        ],
        "evidence": EVIDENCE,
        "actor": {"kind": "subject"},
    }
    answer = client.post("/v1/consents", json=body)
    assert answer.status_code == 201, answer.text
    return perf_counter_ns()


def find_household(client):
    """Return somebody who is offered something for as long as they consent."""
    for household in range(1, 2500):
        if consented_offers(client, user_id(household)):
            return user_id(household)
    raise AssertionError("nobody in the demo is offered anything that rests on consent")


def race(api, rounds):
    """Withdraw and give in turn while another client decides; return the decisions that came out wrong, and right."""
    user, stop, allowed = find_household(api), Event(), []

    def decide():
        with httpx.Client(base_url=api.base_url, headers=api.headers, timeout=30) as client:
            while not stop.is_set():
                start = perf_counter_ns()
                if consented_offers(client, user):
                    allowed.append(start)

    reader = Thread(target=decide)
    reader.start()
    quiet = []
    try:
        for _ in range(rounds):
            begin = record(api, user, "withdrawn")
            assert not consented_offers(api, user)
            quiet.append((begin, perf_counter_ns()))
            record(api, user, "given")
    finally:
        stop.set()
        reader.join()
    wrong = [start for start in allowed for begin, end in quiet if begin < start < end]
    return wrong, allowed


def test_a_withdrawal_stops_the_offer_at_the_next_call(api):
    wrong, allowed = race(api, 20)

    assert wrong == []
    assert allowed


@pytest.mark.long
def test_a_thousand_withdrawals_stop_the_offer_at_the_next_call(api):
    wrong, allowed = race(api, 1_000)

    print(f"1000 withdrawals over HTTP, {len(allowed)} decisions allowed, {len(wrong)} wrong")
    assert wrong == []
    assert allowed
