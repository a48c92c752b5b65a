"""``POST /v1/consents/messages``: what people write back by text message."""

import pytest
from django.test import Client, override_settings

from consent.projection import load_states
from tests.consent.builders import ADS, POLICY
from tests.consent.conftest import record_policy
from tests.decisioning.making import make_key, person_of


@pytest.fixture
def post(db, trusted):
    record_policy(POLICY)
    secret = make_key(trusted, "consents")

    def send(text, *, key=secret, **said):
        body = {"person": "user:ana", "channel": "sms", "text": text, **said}
        headers = {"Authorization": f"Bearer {key}"}
        return Client(headers=headers).post(
            "/v1/consents/messages", body, content_type="application/json"
        )

    return send


def test_stop_is_recorded_in_force_and_proven(post):
    answer = post("Please STOP", message_id="m-7").json()

    assert answer["stopped"]
    assert answer["scope"] == "channel"
    assert answer["receipts"]
    said = load_states([person_of("ana")])[person_of("ana")]
    assert {channel for _, channel in said} == {"sms"}
    assert post("Please STOP", message_id="m-7").json() == answer


def test_the_scope_is_a_setting(post):
    with override_settings(RTTS_STOP_SCOPE="all"):
        assert post("Abmelden").json()["scope"] == "all"

    said = load_states([person_of("ana")])[person_of("ana")]
    assert (ADS, "*") in said


def test_other_messages_change_nothing(post):
    assert post("When do you open?").json() == {
        "stopped": False,
        "scope": "channel",
        "receipts": [],
    }
    assert load_states([person_of("ana")]) == {}


def test_it_needs_a_key_of_consents(post, trusted):
    assert post("STOP", key="rtts_sk_nobody").status_code == 401
    assert post("STOP", key=make_key(trusted, "events")).status_code == 403
    assert post("STOP", person="").status_code == 422
