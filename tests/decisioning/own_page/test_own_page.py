"""People's own pages: what they choose there holds at the next decision, with no account and no script."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from django.test import Client, override_settings
from django.utils import timezone

from consent import policy_store
from consent.entries import entries_of
from consent.ledger import record_change
from consent.policy import PolicySpec, PurposeSpec
from decisioning.own_page.links import OwnLink, token_of
from decisioning.specs import AttributeSpec
from tests.consent.builders import EVIDENCE, SUBJECT, given
from tests.decisioning import making

ADS, SERVICE = "personalised_ads", "service"
PURPOSES = (
    PurposeSpec(
        key=ADS, name="Personalised advertising", description="Offers that fit you.", gpc=True
    ),
    PurposeSpec(key=SERVICE, name="Service", basis="legitimate_interest"),
    PurposeSpec(key="order", name="Your order", basis="contract", objectable=False),
)
HOBBY = AttributeSpec(
    key="hobby",
    name="Hobby",
    type="text",
    values=("garden", "music"),
    purposes=making.ADS,
    editable=True,
    owner="CRM team",
    data_class="interest",
    retention_days=90,
)


@pytest.fixture
def desk(kept, db):
    """Return a shop whose policy, release and consents are those of a running product."""
    spec = PolicySpec(purposes=PURPOSES)
    live = policy_store.live_policy()
    policy_store.record_policy(
        spec,
        approved_by="olga",
        authors=["max"],
        base=live.digest if live else "",
        now=timezone.now(),
    )
    policy_store.put_live(kept)
    release = making.release()
    making.publish(kept, replace(release, attributes=(*release.attributes, HOBBY)))
    making.remember(kept, "ana", making.release(), attributes={"loyalty_tier": "gold"})
    record_change(
        making.person_of("ana"),
        [given(ADS, at=timezone.now() - timedelta(days=3))],
        evidence=EVIDENCE,
        actor=SUBJECT,
        now=timezone.now(),
    )
    return kept


@pytest.fixture
def key(desk):
    return making.make_key(desk, "decisions", "decisions:trace")


def address(user="ana", *, full=True, hours=1, name=None):
    person = name or making.person_of(user)
    until = timezone.now() + timedelta(hours=hours)
    return f"/v1/me/{token_of(OwnLink(person, until.timestamp(), full=full))}"


def decided(key, *placements, **body):
    answer = making.run(making.decide(key, "ana", *placements, **body))
    assert answer.status == 200
    return answer.json


def offers(key, **body):
    answer = decided(key, **body)
    return [one["offer"] for one in answer["placements"][0]["offers"] if one["offer"]]


def say(page, **form):
    """Press one button of the page and follow to what is shown then."""
    response = Client().post(page, form)
    assert response.status_code == 303, response.content
    return Client().get(response["Location"]).content.decode()


def buttons(html, act, purpose):
    """Return the forms of the page that say something of a purpose everywhere."""
    forms = re.findall(r"<form.*?</form>", html, re.DOTALL)
    return [
        one
        for one in forms
        if f'value="{act}"' in one
        and f'name="purpose" value="{purpose}"' in one
        and 'name="channel" value="*"' in one
    ]


def test_r06_withdrawing_takes_no_more_steps_than_giving(desk, key):
    page = address()
    assert offers(key)

    # One page, one button, each way; no reason is asked, nobody signs in.
    html = Client().get(page).content.decode()
    assert len(buttons(html, "withdraw", ADS)) == 1
    after = say(page, act="withdraw", purpose=ADS)
    assert "Done." in after
    assert "winter-sale" not in offers(key)

    assert len(buttons(after, "give", ADS)) == 1
    say(page, act="give", purpose=ADS)
    assert "winter-sale" in offers(key)
    fields = r'<(?:input|select|textarea)(?![^>]*type="hidden")'
    one_way, other = buttons(html, "withdraw", ADS)[0], buttons(after, "give", ADS)[0]
    assert len(re.findall(fields, one_way)) <= len(re.findall(fields, other)) == 0


def test_r14_opting_out_asks_for_no_proof_of_who_one_is(desk, key):
    say(address(full=False), act="off")

    assert "winter-sale" not in offers(key)
    states = {one.purpose: one.event_state for one in entries_of([making.person_of("ana")])}
    assert states[ADS] == "withdrawn"
    assert states[SERVICE] == "objected"
    assert "order" not in states


def test_one_channel_is_withdrawn_alone(desk, key):
    html = say(address(), act="withdraw", purpose=ADS, channel="email")

    assert "winter-sale" in offers(key)
    assert html.count("Not allowed") >= 1


def test_every_consent_is_withdrawn_at_once(desk, key):
    html = say(address(), act="withdraw_all")

    assert "winter-sale" not in offers(key)
    assert buttons(html, "withdraw", SERVICE)


def test_r13_the_page_says_what_became_of_gpc(desk, key):
    page, browser = address(), Client(headers={"Sec-GPC": "1"})

    assert "sends no Global Privacy Control" in Client().get(page).content.decode()
    assert "Opt-out request honoured." in browser.get(page).content.decode()
    browser.post(page, {"act": "give", "purpose": ADS})
    assert "goes before it" in browser.get(page).content.decode()
    assert Client().get("/.well-known/gpc.json").json()["gpc"] is True


def test_case_14_a_choice_in_sight_of_gpc_overrides_it_with_evidence(desk, key):
    page = address()
    assert "winter-sale" not in offers(key, consent={"gpc": True})

    Client(headers={"Sec-GPC": "1"}).post(page, {"act": "give", "purpose": ADS})

    assert "winter-sale" in offers(key, consent={"gpc": True})
    entry = list(entries_of([making.person_of("ana")]))[-1]
    assert entry.evidence.gpc
    assert entry.evidence.collection_method == "preference page"


def test_less_like_this_holds_at_the_next_decision(desk, key):
    page = address()
    answer = decided(key, options={"explain": "reasons"})
    html = Client().get(page, {"decision": answer["decision_id"]}).content.decode()
    assert "You allowed “Personalised advertising”." in html
    assert "Your consent of" in html

    say(page, act="less", kind="offer", key="winter-sale", decision=answer["decision_id"])

    again = decided(key, options={"explain": "reasons"})
    codes = {one["offer"]: one["code"] for one in again["explanation"]}
    assert codes["winter-sale"] == "UNWANTED"
    assert "Show again: winter-sale" in Client().get(page).content.decode()
    say(page, act="more", kind="offer", key="winter-sale")
    assert "winter-sale" in offers(key)


def test_somebody_elses_decision_is_not_told(desk, key):
    answer = decided(key)

    html = Client().get(address("ben"), {"decision": answer["decision_id"]}).content.decode()

    assert "You allowed" not in html
    assert "We do not find" in html


def test_interests_are_shown_with_owner_class_and_retention(desk):
    html = Client().get(address()).content.decode()

    assert "Hobby" in html
    assert "Kept by CRM team." in html
    assert "Class: interest." in html
    assert "Kept for 90 days." in html


def test_interests_are_accepted_as_an_event(desk, monkeypatch):
    monkeypatch.setattr("decisioning.own_page.interests.WAIT_S", 0.0)
    person = making.person_of("ana")

    say(address(), act="interests", hobby="garden")

    stream = desk.xrange(f"{{{person[:4]}}}:stream")
    assert any(b"garden" in b"".join(fields.values()) for _, fields in stream)
    refused = Client().post(address(), {"act": "interests", "hobby": "spying"})
    assert refused.status_code == 422


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"act": "nothing"},
        {"act": "give", "purpose": "no-such"},
        {"act": "withdraw", "purpose": "no-such"},
        {"act": "less", "kind": "person", "key": "x"},
        {"act": "less", "kind": "offer", "key": ""},
        {"act": "less", "kind": "offer", "key": "x" * 201},
    ],
)
def test_what_makes_no_sense_is_refused(desk, form):
    assert Client().post(address(), form).status_code == 422


@pytest.mark.parametrize("page", ["/v1/me/winter", "/v1/me/" + "A" * 3_000])
def test_a_made_up_link_is_refused(desk, page):
    assert Client().get(page).status_code == 404


def test_a_lapsed_link_is_refused(desk):
    assert Client().get(address(hours=-1)).status_code == 404


def test_only_the_origins_of_the_settings_may_embed_it(desk):
    page = address()
    assert "frame-ancestors 'none'" in Client().get(page)["Content-Security-Policy"]

    with override_settings(RTTS_EMBED_ORIGINS=["https://shop.example"]):
        policy = Client().get(page)["Content-Security-Policy"]

    assert "frame-ancestors https://shop.example" in policy
    assert "script-src" not in policy
    assert "default-src 'none'" in policy


def test_it_speaks_german(desk):
    html = Client(headers={"Accept-Language": "de-AT,de;q=0.9"}).get(address()).content.decode()

    assert '<html lang="de">' in html


def test_a_browser_makes_links_of_its_own_visitor_only(desk):
    browser = making.make_key(
        desk, "consents", kind="browser", origins=["https://shop.example"], placements=["*"]
    )
    asked = {"HTTP_AUTHORIZATION": f"Bearer {browser}", "HTTP_ORIGIN": "https://shop.example"}

    def post(person):
        return Client().post("/v1/me", {"person": person}, content_type="application/json", **asked)

    made = post("anonymous:0123456789abcdef0123456789abcdef")
    assert made.status_code == 201, made.content
    assert Client().get(made.json()["url"].partition("testserver")[2]).status_code == 200
    assert post("user:ana").status_code == 403
