"""Deciding goes on while a store is frozen or stopped; the real servers are frozen and stopped here."""

import http.client
import json
import time

import pytest
import redis as redis_py

from tests import product
from tests.decisioning import making
from tests.decisioning.making import GOLD, campaign, offer

pytestmark = pytest.mark.faults

DECISIONS = 1_000
BODY = json.dumps({"person": {"user_id": "ana"}, "placements": [{"key": "web.home.hero"}]}).encode()


@pytest.fixture(scope="module")
def running():
    """Return a product with the impatience of production, a release and a consenting gold member."""
    with product.running(RTTS_REDIS_TIMEOUT_MS="20") as started:
        client = redis_py.Redis.from_url(started.redis_url)
        offers = (
            offer("for-gold", eligibility=GOLD),
            offer(
                "for-phones",
                purposes=(),
                eligibility={"attribute": "device_class", "is": "eq", "value": "mobile"},
            ),
        )
        spec = making.release(
            offers=offers, campaigns=(campaign("winter", "for-gold", "for-phones"),)
        )
        making.trust(client)
        making.publish_policy(client)
        making.publish(client, spec)
        making.consent(client, "ana")
        making.remember(client, "ana", spec, attributes={"loyalty_tier": "gold"})
        started.decide = Decider(started, making.make_key(client, "decisions"))
        started.client = client
        started.decide.until(lambda answer: shown(answer) == "for-gold")
        yield started
        started.decide.connection.close()
        client.close()


class Decider:
    """One keep-alive connection that asks for decisions."""

    def __init__(self, running, key):
        host = running.base_url.removeprefix("http://")
        self.connection = http.client.HTTPConnection(host, timeout=10)
        self.headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def __call__(self, body=BODY):
        started = time.perf_counter()
        status, answer = self.ask(body)
        self.client_ms = (time.perf_counter() - started) * 1000
        assert status == 200, answer
        return answer

    def until(self, is_so, *, seconds=20):
        end = time.monotonic() + seconds
        self.connection.close()  # the server has closed one that was idle
        while not is_so(answer := self.ask()[1]):
            assert time.monotonic() < end, answer
            time.sleep(0.1)
        return answer

    def ask(self, body=BODY):
        self.connection.request("POST", "/v1/decisions", body, self.headers)
        reply = self.connection.getresponse()
        return reply.status, json.loads(reply.read())


def shown(answer):
    """Return the offer, None of a refusal and while nothing is live."""
    offers = [one for place in answer.get("placements", ()) for one in place["offers"]]
    return offers[0]["offer"] if offers else None


def p99(values):
    return sorted(values)[int(len(values) * 0.99)]


def is_whole(answer):
    return shown(answer) == "for-gold" and not answer["degraded"]


def test_decides_in_time_while_redis_is_frozen(running):
    took, waited = [], []
    with running.frozen("redis"):
        for _ in range(DECISIONS):
            answer = running.decide()
            took.append(answer["took_ms"])
            waited.append(running.decide.client_ms)
            assert answer["degraded"] == ["redis"]
            assert answer["placements"][0]["status"] == "fallback"
            assert answer["placements"][0]["offers"][0]["content"] == {"title": "welcome"}

    print(
        f"\n{DECISIONS} decisions, Redis frozen: took_ms p99 {p99(took):.1f}, max {max(took):.1f};"
        f" client p99 {p99(waited):.1f} ms, max {max(waited):.1f} ms"
    )
    assert p99(took) < 50
    running.decide.until(is_whole)


def test_decides_by_context_while_redis_is_stopped(running):
    phone = json.loads(BODY) | {"context": {"device_class": "mobile"}}
    with running.stopped("redis"):
        answers = [running.decide() for _ in range(20)]
        by_context = running.decide(json.dumps(phone).encode())

    assert {answer["placements"][0]["status"] for answer in answers} == {"fallback"}
    assert all(answer["degraded"] == ["redis"] for answer in answers)
    assert shown(by_context) == "for-phones"


def test_no_pooled_connection_fails_a_request_after_a_restart(running):
    client = running.client
    with running.stopped("redis"):
        pass
    making.trust(client)

    answer = running.decide.until(is_whole)

    assert answer["degraded"] == []


def test_what_was_decided_without_redis_is_logged_when_it_is_back(running):
    with running.frozen("redis"):
        answer = running.decide()
    nonce = answer["decision_id"].rpartition("-")[2].encode()
    stream = f"{{{answer['person_id'][:4]}}}:decisions"
    end = time.monotonic() + 15
    code = (
        "from decisioning.models import DecisionRecord;"
        f"print(DecisionRecord.objects.filter(nonce={nonce.decode()!r}).values_list('state', flat=True))"
    )

    while not _is_spooled(running.client, stream, nonce) and "amended" not in running.python(code):
        assert time.monotonic() < end
        time.sleep(0.1)


def _is_spooled(client, stream, nonce):
    return any(fields[b"n"] == nonce for _, fields in client.xrange(stream) if b"n" in fields)


def test_decides_while_postgres_is_stopped(running):
    running.decide.until(is_whole)
    with running.stopped("postgres"):
        answers = [running.decide() for _ in range(200)]

    # On a busy machine Redis itself may miss its 20 ms now and then; PostgreSQL may cost nothing.
    assert {part for answer in answers for part in answer["degraded"]} <= {"redis"}
    assert sum(map(is_whole, answers)) > 150
    assert p99([answer["took_ms"] for answer in answers]) < 50


def test_r27_without_any_store_consent_denies_and_says_so(running):
    making.trust(running.client)
    running.decide.until(is_whole)
    asked = json.loads(BODY) | {"options": {"explain": "reasons"}}
    with running.stopped("postgres"), running.stopped("redis"):
        answer = running.decide(json.dumps(asked).encode())

    assert answer["placements"][0]["status"] == "fallback"
    (told,) = (one for one in answer["explanation"] if one["offer"] == "for-gold")
    assert told["code"] == "CONSENT"
    assert "consent cannot be read with certainty right now" in told["words"]
