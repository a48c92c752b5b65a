"""No body, header or path makes a fast path answer 5xx; what it refuses it names."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.hostile import spoilt, texts, values

pytestmark = pytest.mark.fuzz

MESSAGE = {
    "userId": "household-1",
    "anonymousId": "0123456789abcdef0123456789abcdef",
    "event": "Product Viewed",
    "properties": {"department": "Produce", "price": 2.5},
    "context": {"traits": {"kids": 2}, "page": {"path": "/"}},
    "traits": {"kids": 2, "home_place": {"lat": 39.1, "lon": -84.5}, "member_since": "2026-01-01"},
    "messageId": "fuzz-1",
    "timestamp": "2026-11-22T09:00:00Z",
    "sentAt": "2026-11-22T09:00:01Z",
    "previousId": "before",
    "groupId": "g",
    "name": "Home",
}
DECISION = {
    "person": {"user_id": "household-1", "anonymous_id": "d-9"},
    "placements": [{"key": "web.home.hero", "count": 1}, {"key": "web.home.rail", "count": 3}],
    "context": {"device_class": "mobile", "country": "US", "position": {"lat": 39.1, "lon": -84.5}},
    "attributes": {"kids": 2, "favourite_departments": ["Produce"], "loyalty_tier": "gold"},
    "events": [{"type": "track", "event": "Product Viewed", "properties": {"price": 1}}],
    "consent": {"gpc": True, "tcf": "CPXxRfA", "gpp": "DBAA", "denied": ["analytics"]},
    "options": {"explain": "trace", "dry_run": True, "deadline_ms": 80, "now": None},
}
CLOUD_EVENT = {
    "specversion": "1.0",
    "id": "fuzz-1",
    "source": "/shop",
    "type": "Product Viewed",
    "subject": "user:household-1",
    "time": "2026-11-22T09:00:00Z",
    "datacontenttype": "application/json",
    "data": {"department": "Produce", "price": 2.5},
}
FEEDBACK = {
    "events": [{"tracking_token": "x.y", "type": "click", "value": 1.5, "message_id": "f-1"}]
}
BODIES = {
    "/v1/decisions": DECISION,
    "/v1/decisions/batch": {"decisions": [DECISION, DECISION]},
    "/v1/batch": {"batch": [{"type": "track", **MESSAGE}], "sentAt": "2026-11-22T09:00:01Z"},
    "/v1/events": CLOUD_EVENT,
    "/v1/feedback": FEEDBACK,
    "/ofrep/v1/evaluate/flags/web.home.hero": {"context": {"targetingKey": "household-1"}},
    "/ofrep/v1/evaluate/flags": {"context": {"targetingKey": "household-1", "country": "US"}},
    "/v1/consents": {
        "person": "user:fuzz-person",
        "changes": [
            {
                "purpose": "personalised_offers",
                "status": "withdrawn",
                "event_time": "2026-11-22T00:00:00Z",
            }
        ],
        "actor": {"kind": "subject"},
        "evidence": {"controller": "Shop", "language": "en"},
    },
    **{
        f"/v1/{call}": MESSAGE for call in ("track", "identify", "page", "screen", "group", "alias")
    },
}
MEDIA = ["application/json", "text/plain", "application/cloudevents+json", "application/xml", ""]

fuzzing = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def check(answer, sent):
    """Assert that an answer is not a server error, and that an error says what is wrong."""
    assert answer.status_code < 500, f"{answer.status_code} {answer.text[:500]} for {sent!r:.2000}"
    if answer.status_code < 400:
        return
    problem = answer.json()
    said = problem.get("detail") or problem.get("errorDetails") or problem.get("errorCode")
    assert said, f"{answer.status_code} says nothing: {answer.text[:300]} for {sent!r:.500}"
    if answer.status_code == 422:
        assert problem["errors"], problem
        assert all(set(one) >= {"pointer", "detail"} for one in problem["errors"])


def encode(body):
    return json.dumps(body).encode("utf-8", "surrogatepass")


@pytest.mark.parametrize("path", BODIES)
@fuzzing
@given(data=st.data())
def test_a_spoilt_body_is_refused_in_words_or_taken(client, path, data):
    body = data.draw(spoilt(BODIES[path]))

    answer = client.post(path, content=encode(body), headers={"Content-Type": "application/json"})

    check(answer, body)


@pytest.mark.parametrize("path", BODIES)
@fuzzing
@given(body=values, media=st.sampled_from(MEDIA))
def test_any_json_is_refused_in_words_or_taken(client, path, body, media):
    answer = client.post(path, content=encode(body), headers={"Content-Type": media})

    check(answer, body)


@pytest.mark.parametrize("path", BODIES)
@fuzzing
@given(body=st.binary(max_size=200), encoding=st.sampled_from(["gzip", "identity", "br", ""]))
def test_bytes_that_are_no_json_are_refused_in_words(client, path, body, encoding):
    headers = {"Content-Type": "application/json", "Content-Encoding": encoding}

    answer = client.post(path, content=body, headers=headers)

    check(answer, body)


def test_deep_json_is_refused_in_words(client):
    for path in BODIES:
        answer = client.post(
            path, content=b"[" * 20_000, headers={"Content-Type": "application/json"}
        )

        check(answer, path)
        assert answer.status_code >= 400


@fuzzing
@given(path=texts, method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]))
def test_no_path_below_the_api_is_a_server_error(client, path, method):
    address = client.base_url.copy_with(raw_path=b"/v1/" + _quoted(path))

    answer = client.request(method, address)

    assert answer.status_code < 500, (method, path, answer.text[:300])


def _quoted(text):
    return "".join(f"%{byte:02x}" for byte in text.encode("utf-8", "replace")).encode()


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Bearer",
        "Bearer rtts_sk_no",
        "Basic",
        "Basic !!!",
        "Basic Og==",
        "Digest x=1",
    ],
)
def test_a_bad_key_is_401_everywhere(client, value):
    for path in BODIES:
        answer = client.post(path, json=BODIES[path], headers={"Authorization": value})

        assert answer.status_code == 401, (path, answer.text)
        assert answer.headers["www-authenticate"]


NAMED = [
    ("/v1/decisions", ("placements", 0, "count"), "many", "/placements/0/count"),
    ("/v1/decisions", ("person", "user_id"), 7, "/person/user_id"),
    ("/v1/decisions", ("options", "explain"), "loud", "/options/explain"),
    ("/v1/decisions", ("placements",), [], "/placements"),
    ("/v1/batch", ("batch",), "no", "/batch"),
    ("/v1/consents", ("changes",), "no", "/changes"),
    ("/v1/feedback", ("events",), "no", "/events"),
]


@pytest.mark.parametrize(("path", "place", "value", "pointer"), NAMED)
def test_a_wrong_field_is_named(client, path, place, value, pointer):
    body = json.loads(json.dumps(BODIES[path]))
    parent = body
    for step in place[:-1]:
        parent = parent[step]
    parent[place[-1]] = value

    answer = client.post(path, json=body)

    assert answer.status_code in (400, 422), answer.text
    assert pointer in [one["pointer"] for one in answer.json()["errors"]], answer.text
