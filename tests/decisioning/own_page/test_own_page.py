"""People's own pages: what they choose there holds at the next decision, with no account and no script."""

import re
import threading
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
import redis
from asgiref.sync import async_to_sync
from django.conf import settings
from django.test import Client, override_settings
from django.utils import timezone

from consent import people, policy_store
from consent.entries import entries_of
from consent.ledger import current_person, merge_people, record_change
from consent.models import Person
from consent.notices import NoticeDraft, keep_texts
from consent.people import Identifier, person_id
from consent.policy import PolicySpec, PurposeSpec, Status
from consent.projection import load_states
from consent.rights.closing import close
from decisioning.own_page import interests
from decisioning.own_page.links import OwnLink, token_of
from decisioning.specs import AttributeSpec
from tests.consent.builders import EVIDENCE, SUBJECT, given
from tests.decisioning import making
from tests.decisioning.ingestion.people_and_records import make_drain

ADS, SERVICE = "personalised_ads", "service"
PARTITION = people.partition_of(making.person_of("ana"))
LATE_S = 0.5  # more than a decision takes
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


def address(user="ana", *, full=True, hours=1, name=None, age=timedelta(0)):
    person = name or making.person_of(user)
    now = timezone.now()
    until = (now + timedelta(hours=hours)).timestamp()
    link = OwnLink(
        person,
        until,
        by_channel=full,
        made_at=(now - age).timestamp(),
        owner=current_person(person),
    )
    return f"/v1/me/{token_of(link)}"


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


def shown_on(page, browser=None, purpose=ADS):
    """Return what a page that may allow a purpose carries to prove what it showed."""
    html = (browser or Client()).get(page).content.decode()
    return re.findall(r'name="shown" value="([^"]*)"', buttons(html, "give", purpose)[0])[0]


def publish_notice(version, texts, **more):
    draft = NoticeDraft(
        key="ads",
        name="Advertising",
        version=version,
        effective_from=timezone.now() - timedelta(days=1) + timedelta(minutes=version),
        purposes=(ADS,),
        texts=texts,
        controller="Example Shop Ltd",
        **more,
    )
    live = policy_store.live_policy()
    keep_texts([draft], now=timezone.now())
    policy_store.record_policy(
        replace(live, notices=(*live.notices, draft.spec())),
        approved_by="olga",
        authors=["max"],
        base=live.digest,
        now=timezone.now(),
    )
    return draft


def test_r01_allowing_here_proves_the_very_notice_that_was_shown(desk):
    draft = publish_notice(1, {"en": "<p>We show <b>ads</b>.</p>"})
    page, german = address(), Client(headers={"Accept-Language": "de"})
    german.post(page, {"act": "withdraw", "purpose": ADS})

    html = german.get(page).content.decode()
    said = {"act": "give", "purpose": ADS, "shown": shown_on(page, german)}
    assert german.post(page, said).status_code == 303

    assert '<p class="notice" lang="en">We show ads.</p>' in html
    entry = list(entries_of([making.person_of("ana")]))[-1]
    evidence = entry.evidence
    assert (evidence.notice_version, evidence.language) == ("ads@1", "en")
    assert evidence.notice_sha256 == draft.spec().languages["en"]
    assert evidence.controller == "Example Shop Ltd"
    assert evidence.workflow_version.startswith("preference page ")
    assert evidence.policy == policy_store.live_policy().version
    assert entry.legal_basis == "eu-gdpr:A6-1-a"
    kept = german.get(page, {"notice": "ads@1", "language": "en"})
    assert kept.content == b"<p>We show <b>ads</b>.</p>"
    assert kept["Content-Language"] == "en"


def test_r02_a_notice_that_changed_meanwhile_is_read_again_first(desk):
    publish_notice(1, {"en": "We show ads."})
    page = address()
    say(page, act="withdraw", purpose=ADS)
    old = shown_on(page)
    publish_notice(2, {"en": "We show ads and sell data."})
    before = len(list(entries_of([making.person_of("ana")])))

    answer = Client().post(page, {"act": "give", "purpose": ADS, "shown": old})

    assert answer.status_code == 409
    assert "read it again" in answer.content.decode()
    assert len(list(entries_of([making.person_of("ana")]))) == before
    assert (
        Client().post(page, {"act": "give", "purpose": ADS, "shown": shown_on(page)}).status_code
        == 303
    )


def test_r02_nobody_allows_what_cannot_be_shown(desk, monkeypatch):
    monkeypatch.setattr("tests.decisioning.own_page.test_own_page.keep_texts", lambda *_, **__: 0)
    publish_notice(1, {"en": "Words that were lost."})
    html = say(address(), act="withdraw", purpose=ADS)

    assert buttons(html, "give", ADS) == []
    assert "cannot be shown now" in html


@pytest.mark.parametrize("of", ["nothing", "another person", "another purpose"])
def test_r02_what_a_form_says_was_shown_is_proven(desk, of):
    page = address()
    say(page, act="off")
    shown = {
        "nothing": lambda: "",
        "another person": lambda: shown_on(address("ben"), purpose=ADS),
        "another purpose": lambda: shown_on(page, purpose=SERVICE),
    }[of]()

    assert Client().post(page, {"act": "give", "purpose": ADS, "shown": shown}).status_code == 409


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
    say(page, act="give", purpose=ADS, shown=shown_on(page))
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
    browser.post(page, {"act": "give", "purpose": ADS, "shown": shown_on(page, browser)})
    assert "goes before it" in browser.get(page).content.decode()
    told = Client().get("/.well-known/gpc.json").json()
    since = policy_store.live_since().date()
    assert told == {"gpc": True, "lastUpdate": since.isoformat()}


def test_case_14_a_choice_in_sight_of_gpc_overrides_it_with_evidence(desk, key):
    page = address()
    assert "winter-sale" not in offers(key, consent={"gpc": True})

    browser = Client(headers={"Sec-GPC": "1"})
    browser.post(page, {"act": "give", "purpose": ADS, "shown": shown_on(page, browser)})

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


def keys_of(user="ana"):
    return set(load_states([making.person_of(user)]).get(making.person_of(user), {}))


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("act", ["less", "more"])
def test_less_like_this_is_about_what_there_is(desk, act, full):
    page, before = address(full=full), keys_of()

    for kind in ("offer", "campaign", "category"):
        form = {"act": act, "kind": kind, "key": "made-up", "decision": "000-1-0-x"}
        assert Client().post(page, form).status_code == 422

    assert keys_of() == before


def test_less_like_this_is_about_what_was_shown_once(desk, key):
    answer = decided(key)
    making.publish(desk, making.release(offers=(making.offer("spring-sale"),)), version=2)

    page = address()
    assert (
        Client().post(page, {"act": "less", "kind": "offer", "key": "winter-sale"}).status_code
        == 422
    )
    say(page, act="less", kind="offer", key="winter-sale", decision=answer["decision_id"])

    assert ("offer:winter-sale", "*") in keys_of()


def test_nobody_names_more_things_than_are_kept(desk, monkeypatch):
    monkeypatch.setattr("decisioning.own_page.choices.MOST_THINGS", 1)
    page = address()
    say(page, act="less", kind="offer", key="winter-sale")

    answer = Client().post(page, {"act": "less", "kind": "campaign", "key": "winter"})

    assert answer.status_code == 422
    assert "Turn personalisation off" in answer.content.decode()
    say(page, act="more", kind="offer", key="winter-sale")


def test_a_channel_that_there_is_not_is_none_to_allow_and_all_to_withdraw(desk):
    page, shown = address(), shown_on(address("ben"))
    page_of_ben = address("ben")
    form = {"act": "give", "purpose": ADS, "shown": shown, "channel": "fax"}
    assert Client().post(page_of_ben, form).status_code == 422

    say(page, act="withdraw", purpose=ADS, channel="EMAIL")
    assert (ADS, "email") in keys_of()
    say(page, act="withdraw", purpose=ADS, channel="fax")

    assert keys_of() == {(ADS, "*"), (ADS, "email")}
    assert {
        one.status
        for one in load_states([making.person_of("ana")])[making.person_of("ana")].values()
    } == {Status.WITHDRAWN}


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


def test_interests_are_known_to_the_next_decision(desk, key, monkeypatch):
    monkeypatch.setattr(interests, "WAIT_S", 20.0)
    release = making.release(
        offers=(
            making.offer(
                "seeds", eligibility={"attribute": "hobby", "is": "eq", "value": "garden"}
            ),
        )
    )
    making.publish(desk, replace(release, attributes=(*release.attributes, HOBBY)), version=2)
    assert "seeds" not in offers(key)
    over = threading.Event()
    worker = threading.Thread(target=fold_until, args=(desk, over))
    worker.start()
    try:
        answer = Client().post(address(), {"act": "interests", "hobby": "garden"})
        found = offers(key)
    finally:
        over.set()
        worker.join()

    assert answer.status_code == 303
    assert "seeds" in found


def fold_until(client, over):
    """Fold ana's stream as a worker does that is late."""
    while not over.is_set() and not client.xlen(people.stream_key(PARTITION)):
        over.wait(0.01)
    over.wait(LATE_S)
    drain = make_drain(client, partitions=[PARTITION])
    while not over.is_set():
        drain.step()


def test_saving_interests_needs_no_redis_to_go_on(desk, monkeypatch):
    saved = interests.Saved(person=making.person_of("ana"), facts={"hobby": "x"}, client=desk)

    def away(*_):
        raise redis.ConnectionError

    monkeypatch.setattr(interests, "load_profile", away)
    monkeypatch.setattr(interests, "WAIT_S", 0.05)
    async_to_sync(interests.wait_for)(saved)


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


@pytest.mark.parametrize("became", ["merged", "erased"])
def test_a_link_does_not_open_the_page_of_whom_its_person_became(desk, became):
    page = address("ana")
    successor = making.person_of("zoe")
    Person.objects.update_or_create(
        id=making.person_of("ana"),
        defaults={"merged_into": successor, "partition": 0, "changed_at": timezone.now()},
    )
    if became == "erased":
        close([making.person_of("ana")], now=timezone.now())

    opened = Client().get(page).content.decode()
    granting = Client().post(page, {"act": "give", "purpose": ADS})
    withdrawing = Client().post(page, {"act": "withdraw", "purpose": ADS})

    assert 'name="act" value="interests"' not in opened
    assert (granting.status_code, withdrawing.status_code) == (422, 303)
    states = {one.purpose: one.event_state for one in entries_of([successor])}
    assert states == {ADS: "withdrawn"}


def test_a_link_from_before_an_erasure_lets_nobody_be_known_again(desk):
    page = address("zoe")
    close([making.person_of("zoe")], now=timezone.now())

    assert Client().post(page, {"act": "give", "purpose": ADS}).status_code == 422


@pytest.mark.parametrize("how", ["closed", "old"])
def test_a_closed_or_old_link_may_refuse_and_nothing_more(desk, how):
    page = address(age=timedelta(days=31) if how == "old" else timedelta(minutes=1))
    shown = shown_on(address("ben"))
    if how == "closed":
        assert "Close all links" in Client().get(page).content.decode()
        say(page, act="close")

    html = Client().get(page).content.decode()

    assert "Allowed" not in html
    assert "Hobby" not in html
    assert "Close all links" not in html
    for form in (
        {"act": "give", "purpose": ADS, "shown": shown},
        {"act": "interests", "hobby": "garden"},
        {"act": "close"},
        {"act": "more", "kind": "offer", "key": "winter-sale"},
    ):
        assert Client().post(page, form).status_code == 422
    say(page, act="withdraw", purpose=ADS)
    assert load_states([making.person_of("ana")])[making.person_of("ana")][ADS, "*"].status == (
        Status.WITHDRAWN
    )
    assert "Allowed" in Client().get(address()).content.decode()  # a link made since shows again


@pytest.mark.parametrize("status", [Status.GIVEN, Status.WITHDRAWN])
def test_a_browsers_link_does_not_tell_what_an_account_chose(desk, status):
    visitor = person_id(Identifier("anonymous", "d-9"), pepper=settings.RTTS_PEPPER)
    page = address(full=False, name=visitor)
    merge_people(visitor, making.person_of("ana"), now=timezone.now())
    seen = []
    for one in (Status.GIVEN, status):
        change = replace(given(ADS, at=timezone.now()), status=one)
        record_change(
            making.person_of("ana"), [change], evidence=EVIDENCE, actor=SUBJECT, now=timezone.now()
        )
        seen.append(Client().get(page).content.decode())

    assert seen[0] == seen[1]
    assert "does not say what was chosen" in seen[0]
    assert len(buttons(seen[0], "withdraw", ADS)) == 1


def test_a_browser_makes_links_of_its_own_visitor_only(desk):
    browser = making.make_key(
        desk, "consents", kind="browser", origins=["https://shop.example"], placements=["*"]
    )
    asked = {"HTTP_AUTHORIZATION": f"Bearer {browser}", "HTTP_ORIGIN": "https://shop.example"}

    def post(person):
        return Client().post("/v1/me", {"person": person}, content_type="application/json", **asked)

    made = post("anonymous:0123456789abcdef0123456789abcdef")
    assert made.status_code == 201, made.content
    url = made.json()["url"]
    assert url.startswith(f"{settings.RTTS_PUBLIC_URL}v1/me/")
    assert Client().get(urlsplit(url).path).status_code == 200
    assert post("user:ana").status_code == 403
