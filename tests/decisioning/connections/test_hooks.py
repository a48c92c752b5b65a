import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook as Signer

from decisioning.api.hooks import receive
from decisioning.connections import hooks, presets, sources
from decisioning.connections.hooks import HookSpec, NotProven
from decisioning.connections.lines import Line
from decisioning.connections.mapping import Mapping, Rule
from decisioning.connections.sources import Described
from decisioning.models import Source, SourceRun
from rtts_site.foundation.limits import Rate
from tests.decisioning.connections.test_importing import ORDERS, records

SECRET = f"whsec_{base64.b64encode(b'x' * 32).decode()}"
ROW = {"customer": "c-1", "at": "2026-11-01T10:00:00Z", "total": 1999}


def made(spec=HookSpec(), secret=SECRET, mapping=ORDERS, key="shop"):  # noqa: B008 - frozen
    described = Described("Shop", spec, mapping, {"signing": secret}, True)
    now = datetime.now(UTC)
    return sources.make_source(key, Source.Kind.HOOK, described, by=None, now=now)


def signed(body, *, said="msg_1", secret=SECRET, at=None):
    at = at or datetime.now(UTC)
    return {
        "webhook-id": said,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Signer(secret).sign(said, at, body),
    }


def call(client, body, headers, key="shop"):
    return client.post(
        f"/v1/hooks/{key}", data=body, content_type="application/json", headers=headers
    )


def test_takes_rows_once_however_often_they_are_sent(client, db, redis):
    made()
    body = json.dumps([ROW, {"total": 1}, {**ROW, "total": 5}])

    first = call(client, body, signed(body))
    again = call(client, body, signed(body))

    assert first.status_code == again.status_code == 200
    assert first.json() == {
        "accepted": 2,
        "duplicates": 0,
        "refused": [{"row": 2, "column": "customer", "reason": "This column may not be empty."}],
    }
    assert (again.json()["accepted"], again.json()["duplicates"]) == (0, 2)
    assert sorted(one.properties["total"] for one in records(redis)) == [0.05, 19.99]
    assert {one.source for one in records(redis)} == {"source:shop"}
    run = SourceRun.objects.get()
    assert (run.pages, run.rows, run.accepted, run.repeats, run.refused) == (2, 6, 2, 2, 2)


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-signature": "v1,AAAA"},
        {"webhook-signature": ""},
        {"webhook-id": "msg_2"},
        {"webhook-timestamp": "1"},
        {"webhook-timestamp": "soon"},
    ],
)
def test_refuses_calls_without_their_proof(client, db, redis, change):
    made()
    body = json.dumps(ROW)

    answer = call(client, body, signed(body) | change)

    assert answer.status_code == 401
    assert records(redis) == []


def test_an_unknown_or_resting_source_proves_nothing(client, db, redis):
    source = made()
    sources.pause(source, now=datetime.now(UTC))
    body = json.dumps(ROW)

    assert call(client, body, signed(body)).status_code == 401
    assert call(client, body, signed(body), key="other").status_code == 401


def test_an_hmac_of_the_body_as_shopify_sends_it(client, db, redis):
    spec = HookSpec(proof="hmac", header="X-Shopify-Hmac-Sha256", encoding="base64")
    made(spec, secret="shared", mapping=presets.SHOPIFY_ORDERS.mapping)
    body = json.dumps(
        {
            **{"id": 1, "email": "cleo@shop.example", "created_at": "2026-01-10T11:00:00-05:00"},
            **{"total_price": "10.389", "currency": "USD", "customer": {"id": 7}},
        }
    )
    digest = hmac.new(b"shared", body.encode(), hashlib.sha256).digest()

    answer = call(client, body, {"X-Shopify-Hmac-Sha256": base64.b64encode(digest).decode()})

    assert answer.json()["accepted"] == 1
    assert [one.message_id for one in records(redis)] == ["shopify:1"]
    assert all("cleo" not in name for one in records(redis) for name in one.identifiers)


@pytest.mark.parametrize(
    ("spec", "headers"),
    [
        (
            HookSpec(proof="hmac", header="X-Signature", prefix="sha256="),
            {"X-Signature": "sha256=" + hmac.new(b"s", b'{"a": 1}', hashlib.sha256).hexdigest()},
        ),
        (HookSpec(proof="secret", header="X-Secret"), {"X-Secret": "s"}),
    ],
)
def test_proves_by_hmac_or_secret(spec, headers):
    lower = {name.lower(): value for name, value in headers.items()}
    now = datetime.now(UTC)

    assert hooks.check(spec, "s", lower, b'{"a": 1}', now=now) == ""
    with pytest.raises(NotProven):
        hooks.check(spec, "t", lower, b'{"a": 1}', now=now)
    with pytest.raises(NotProven):
        hooks.check(spec, "", dict.fromkeys(lower, ""), b"", now=now)


def test_a_repeat_after_its_time_is_refused():
    at = datetime(2026, 11, 22, 12, tzinfo=UTC)
    headers = signed("{}", at=at)

    assert hooks.check(HookSpec(), SECRET, headers, b"{}", now=at) == "msg_1"
    with pytest.raises(NotProven, match="5 minutes"):
        hooks.check(HookSpec(), SECRET, headers, b"{}", now=at + timedelta(minutes=6))


@pytest.mark.parametrize(
    ("body", "status"),
    [("{", 422), ('"text"', 422), (json.dumps([ROW] * 501), 422), ("x" * 1_000_001, 413)],
)
def test_refuses_bodies_that_hold_no_rows(client, db, redis, body, status):
    made()

    assert call(client, body, signed(body)).status_code == status


def test_calls_without_proof_use_nothing_of_the_rate_up(client, db, redis, monkeypatch):
    made()
    monkeypatch.setattr("decisioning.api.hooks.HOOKS", Rate("hooks", 2, 60))
    body = json.dumps(ROW)
    for _ in range(5):
        assert call(client, body, signed(body) | {"webhook-id": "msg_2"}).status_code == 401

    answers = [call(client, body, signed(body)).status_code for _ in range(3)]

    assert answers == [200, 200, 429]


def test_a_header_names_a_call_that_no_signature_does(client, db, redis):
    made(HookSpec(proof="secret", header="X-Secret", id_header="X-Call"), secret="s")
    body = json.dumps(ROW)

    answers = [
        call(client, body, {"X-Secret": "s", "X-Call": said}).json()["accepted"]
        for said in ("1", "1", "2")
    ]

    assert answers == [1, 0, 1]


def test_who_says_again_what_was_said_before_is_heard(db, redis):
    rules = (Rule(column="customer", target="user_id"), Rule(column="tier", target="trait:tier"))
    mapping = Mapping(call="identify", rules=rules)
    source = made(HookSpec(proof="secret", header="X-Secret"), secret="s", mapping=mapping)
    at = datetime(2026, 11, 22, 12, tzinfo=UTC)

    told = [
        receive(
            source,
            [Line(1, 0, {"customer": "c-1", "tier": tier})],
            "",
            now=at + timedelta(minutes=minute),
        )["accepted"]
        for minute, tier in ((0, "gold"), (0, "gold"), (1, "silver"), (2, "gold"))
    ]

    assert told == [1, 0, 1, 1]
