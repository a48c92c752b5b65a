"""``POST /v1/consents/messages``: what people write back by text message."""

import pytest
from django.test import Client, override_settings
from django.utils import timezone

from consent import channels
from consent.ledger import record_change
from consent.policy import Status
from consent.projection import load_states
from tests.consent.builders import ADS, EVIDENCE, POLICY, SUBJECT, given
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


def test_a_stop_on_a_channel_that_there_is_not_stops_everywhere(post, monkeypatch):
    monkeypatch.setattr(channels, "_tellers", [lambda: {"sms", "email"}])

    post("STOP", person="user:cleo", channel="SMS")
    post("STOP", person="user:dora", channel="fax")

    for user, expected in (("cleo", {"sms"}), ("dora", {"*"})):
        said = load_states([person_of(user)])[person_of(user)]
        assert {channel for _, channel in said} == expected


@pytest.mark.parametrize("one_sender", [True, False])
def test_a_stop_counts_although_its_message_id_was_anothers(post, trusted, one_sender):
    other = {} if one_sender else {"key": make_key(trusted, "consents")}

    first = post("STOP", message_id="7").json()
    second = post("STOP", message_id="7", person="user:ben", **other).json()

    assert not set(first["receipts"]) & set(second["receipts"])
    said = load_states([person_of("ben")])[person_of("ben")]
    assert said[ADS, "sms"].status is Status.WITHDRAWN


def test_a_stop_counts_although_they_wrote_under_its_id_before(post):
    first = post("STOP", message_id="7").json()
    record_change(
        person_of("ana"),
        [given(at=timezone.now(), channel="sms")],
        evidence=EVIDENCE,
        actor=SUBJECT,
        now=timezone.now(),
    )

    again = post("STOP", message_id="7").json()

    assert again["receipts"] != first["receipts"]
    said = load_states([person_of("ana")])[person_of("ana")]
    assert said[ADS, "sms"].status is Status.WITHDRAWN


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


def test_a_long_reply_stops_by_its_first_words(post):
    quoted = "\n> We have something for you." * 3_000

    assert post("STOP" + quoted).status_code == 200
    assert post("Please unsubscribe me." + quoted).json()["stopped"]


def test_without_a_policy_a_stop_is_not_acknowledged(post, monkeypatch):
    monkeypatch.setattr("consent.policy_store.live_policy", lambda: None)

    assert post("STOP").status_code == 409
    assert post("When do you open?").status_code == 200


def test_it_needs_a_key_of_consents(post, trusted):
    assert post("STOP", key="rtts_sk_nobody").status_code == 401
    assert post("STOP", key=make_key(trusted, "events")).status_code == 403
    assert post("STOP", person="").status_code == 422
