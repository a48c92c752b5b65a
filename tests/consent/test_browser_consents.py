"""A visitor's browser records what the visitor says, for the visitor alone."""

import json
from uuid import uuid4

import pytest
from django.test import Client

from consent import ledger
from consent.models import ConsentState, Person
from rtts_site.foundation import key_issuing, limits
from rtts_site.foundation.key_issuing import Reach
from tests.consent.builders import ADS, MAIL, make_person
from tests.consent.test_api import body, change, post

SHOP = "https://shop.example"


@pytest.fixture
def page(trusted, policy):
    reach = Reach(origins=[SHOP])
    _, secret = key_issuing.issue(trusted, "page", scopes=["consents"], kind="browser", reach=reach)
    return Client(headers={"authorization": f"Bearer {secret}", "origin": SHOP})


def make_visitor():
    return f"anonymous:{uuid4().hex}"


def test_a_visitor_says_yes_and_no(page):
    visitor = make_visitor()

    yes = post(page, body(visitor))
    no = post(page, body(visitor, change(status="withdrawn")) | {"evidence": {}})

    assert (yes.status_code, no.status_code) == (201, 201)
    assert no.json()["in_force"]
    assert yes.headers["access-control-allow-origin"] == SHOP


@pytest.mark.parametrize(
    ("more", "pointer"),
    [
        ({"person": "user:ann"}, "/person"),
        ({"person": "p000" + "0" * 20}, "/person"),
        ({"actor": {"kind": "staff"}}, "/actor/kind"),
    ],
)
def test_a_page_speaks_for_its_own_visitor_only(page, more, pointer):
    answer = post(page, body(make_visitor()) | more)

    assert answer.status_code == 403
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert answer.headers["access-control-allow-origin"] == SHOP


def test_a_page_of_another_origin_is_refused(page):
    answer = post(page, body(make_visitor()), origin="https://evil.example")

    assert answer.status_code == 403


def test_a_browser_key_reads_no_consents(page):
    assert page.get(f"/v1/consents/{make_visitor()}").status_code == 403


def test_who_has_signed_in_withdraws_here_and_grants_by_the_server(page, db):
    visitor = make_visitor()
    said = post(page, body(visitor)).json()
    Person.objects.filter(id=said["person_id"]).update(merged_into="p001" + "a" * 20)

    grant = post(page, body(visitor))
    withdrawal = post(page, body(visitor, change(status="withdrawn")))

    assert grant.status_code == 403
    assert withdrawal.status_code == 201
    assert withdrawal.json()["person_id"] == ledger.current_person(said["person_id"])


def test_who_has_signed_in_withdraws_beside_a_grant(page, db):
    visitor, owner = make_visitor(), make_person()
    said = post(page, body(visitor, change(MAIL), change(ADS))).json()
    Person.objects.filter(id=said["person_id"]).update(merged_into=owner)

    both = body(visitor, change(MAIL), change(status="withdrawn"))
    answer = post(page, both, idempotency_key="both")
    again = post(page, both, idempotency_key="both")
    states = ConsentState.objects.filter(person=owner).values_list("purpose", "status")

    assert answer.status_code == again.status_code == 403
    assert answer.json() == again.json()
    assert answer.json()["recorded"]
    assert answer.json()["errors"][0]["pointer"] == "/changes/0/status"
    assert list(states) == [(ADS, "withdrawn")]


def test_made_up_visitors_leave_those_who_withdraw_their_share(page, trusted):
    visitor = make_visitor()
    post(page, body(visitor))
    (key,) = [
        name.decode().rpartition(":")[2]
        for name in trusted.scan_iter(match=f"rate:{limits.CONSENTS_OF_NEW.name}:*")
    ]
    trusted.hset(limits.bucket_key(limits.CONSENTS_OF_NEW, key), "left", -10_000)

    stranger = post(page, body(make_visitor()))
    known = post(page, body(visitor, change(status="withdrawn")))

    assert (stranger.status_code, known.status_code) == (429, 201)
    assert "retry-after" in stranger.headers


def test_one_visitor_speaks_at_the_pace_of_a_visitor(page, trusted):
    visitor = make_visitor()
    person = post(page, body(visitor)).json()["person_id"]
    rate = limits.CONSENTS_OF_ONE
    while limits.Limiter().take_sync(trusted, rate, person).remaining:
        pass

    refused = post(page, body(visitor))

    assert refused.status_code == 429
    assert "retry-after" in refused.headers
    assert post(page, body(make_visitor())).status_code == 201


def test_a_preflight_needs_no_key(policy):
    asked = {
        "origin": SHOP,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,idempotency-key",
    }

    answer = Client().options("/v1/consents", headers=asked)

    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == SHOP
    assert "idempotency-key" in answer.headers["access-control-allow-headers"]
    assert Client().options("/v1/consents/anonymous:x", headers=asked).status_code == 401


def test_a_secret_key_gets_no_cors_headers(trusted, policy):
    _, secret = key_issuing.issue(trusted, "server", scopes=["consents"])
    server = Client(headers={"authorization": f"Bearer {secret}"})

    answer = post(server, body(make_visitor()), origin=SHOP)

    assert answer.status_code == 201, json.loads(answer.content)
    assert "access-control-allow-origin" not in answer.headers
