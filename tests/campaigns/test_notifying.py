"""Notices in the app and messages to webhooks."""

import json
import socket
import threading
import time
from contextlib import contextmanager, suppress
from datetime import timedelta

import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from campaigns import comments, drafts, going_live, publishing
from campaigns.models import Delivery, Event, Notice, Webhook
from campaigns.models.items import Kind
from campaigns.notifying import delivering, inbox, telling, webhooks
from decisioning.specs import SegmentSpec
from rtts_site.foundation import addresses, posting
from tests.campaigns.conftest import GOLD, NOW, go_live, person, save
from tests.campaigns.test_authoring import browser
from tests.receiver import receiver


@pytest.fixture
def change(live, mia):
    found = drafts.open_change(mia, now=NOW, title="Silver")
    save(found, Kind.SEGMENT, SegmentSpec(key="silver", name="S", condition=GOLD), author=mia)
    Notice.objects.all().delete()
    Delivery.objects.all().delete()
    return found


def told(user):
    return [one.event for one in Notice.objects.filter(user=user).order_by("pk")]


def test_each_step_tells_those_concerned(change, mia, ada, ana, max_):
    publishing.submit(change, by=mia, now=NOW)
    publishing.send_back(change, by=ada, text="Too wide", now=NOW)
    publishing.submit(change, by=mia, now=NOW)
    go_live(change, by=ada)

    assert told(ada) == ["change.submitted"] * 2
    assert told(mia) == ["change.sent_back", "change.approved", "release.published"]
    assert told(ana) == told(max_) == []


def test_failure_tells_the_authors(change, mia, ada):
    publishing.submit(change, by=mia, now=NOW)
    digest = publishing.candidate_for(change).review_digest
    publishing.approve(change, by=ada, digest=digest, now=NOW)
    release = publishing.publish(change, by=ada, now=NOW)
    going_live.give_up(release, why="No worker", now=NOW)

    assert told(mia)[-1] == "release.failed"
    assert "No worker" in inbox.told_to(mia)[0].words


def test_roll_back_tells_everybody_but_who_did_it(live, change, mia, ada, ana):
    publishing.submit(change, by=mia, now=NOW)
    go_live(change, by=ada)
    live.refresh_from_db()
    restored = publishing.roll_back(live, by=ada, why="Complaints", now=NOW)
    going_live.take_live(restored, now=NOW)

    assert told(ana) == ["release.rolled_back"]
    assert "release.rolled_back" not in told(ada)


def test_alerts_reach_who_edits(live, mia, ada):
    Notice.objects.all().delete()
    telling.raise_alert("Sample ratio mismatch", now=NOW)

    assert told(mia) == ["alert.raised"]
    assert told(ada) == []


def test_nobody_is_told_what_they_muted(change, mia, ada):
    inbox.choose(ada, [event for event in Event.values if event != "change.submitted"])
    publishing.submit(change, by=mia, now=NOW)

    assert told(ada) == []
    assert inbox.muted_by(ada) == {"change.submitted"}
    inbox.choose(ada, Event.values)
    assert inbox.muted_by(ada) == set()


def test_bell_counts_until_read(change, mia, ada):
    publishing.submit(change, by=mia, now=NOW)
    client = browser(ada)
    page = client.get("/admin/notifications/").content.decode()

    assert "Notifications, 1 unread" in page
    assert "mia submitted “Silver” for review." in page
    (notice,) = Notice.objects.filter(user=ada)
    answer = client.post("/admin/notifications/read/", {"notice": notice.pk})
    assert answer["Location"] == f"/admin/changes/{change.pk}/"
    assert inbox.unread_count(ada) == 0


def test_nobody_reads_notices_of_others(change, mia, ada):
    publishing.submit(change, by=mia, now=NOW)
    (notice,) = Notice.objects.filter(user=ada)

    browser(mia).post("/admin/notifications/read/", {"notice": notice.pk})

    assert inbox.unread_count(ada) == 1


def test_choice_is_made_on_the_page(change, ada):
    browser(ada).post("/admin/notifications/choose/", {"event": ["change.mentioned", "odd"]})

    assert inbox.muted_by(ada) == set(Event.values) - {"change.mentioned"}


@pytest.fixture
def private(settings):
    settings.RTTS_WEBHOOKS_PRIVATE = True


def hook_at(url, by, events=("change.submitted",)):
    return webhooks.make_webhook(webhooks.Target("Chat", url, events), by=by, now=NOW)


def test_message_is_signed_and_names_nobody(change, mia, ada, private, settings):
    from django.utils import timezone

    now = timezone.now()
    with receiver() as (url, got):
        _, secret = hook_at(url, ada)
        publishing.submit(change, by=mia, now=now)
        assert delivering.deliver_due(now=now) == 1
        assert delivering.deliver_due(now=now) == 0

    ((headers, body),) = got
    event = Verifier(secret).verify(body, headers)
    assert event["type"] == "change.submitted"
    assert event["data"]["change"] == {"id": change.pk, "state": "in_review"}
    assert b"mia" not in body
    assert b"Silver" not in body
    with pytest.raises(WebhookVerificationError):
        Verifier(secret).verify(body + b" ", headers)
    assert Delivery.objects.get().state == "sent"


def test_both_secrets_sign_for_a_day_after_a_rotation(live, ada, private):
    hook, old = hook_at("http://localhost:1/", ada)
    new = webhooks.rotate(hook, now=NOW)
    hook.refresh_from_db()

    assert webhooks.secrets_of(hook, now=NOW) == [new, old]
    assert webhooks.secrets_of(hook, now=NOW + timedelta(days=2)) == [new]
    delivery = webhooks.send_test(hook, now=NOW)
    assert delivering.signed(delivery, now=NOW).headers["webhook-signature"].count("v1,") == 2
    assert old.encode() not in bytes(Webhook.objects.get().sealed)


@pytest.mark.parametrize(("status", "state"), [(500, "waiting"), (302, "waiting"), (410, "dead")])
def test_failure_waits_and_redirects_are_not_followed(live, ada, private, status, state):
    with receiver() as (other, elsewhere), receiver(status, other) as (url, got):
        hook, _ = hook_at(url, ada)
        webhooks.send_test(hook, now=NOW)
        delivering.deliver_due(now=NOW)

    delivery = Delivery.objects.get()
    assert len(got) == 1
    assert elsewhere == []
    assert (delivery.state, delivery.status) == (state, status)


def test_message_is_given_up_and_sent_again_by_hand(live, ada, private):
    hook, _ = hook_at("http://localhost:1/closed", ada)
    webhooks.send_test(hook, now=NOW)
    later, tries = NOW, 0
    while Delivery.objects.get().state == "waiting":
        later += timedelta(hours=13)
        tries += delivering.deliver_due(now=later)

    assert tries == len(posting.PAUSES) + 1
    boss = browser(person("root", "Admin"))
    assert b"Given up" in boss.get("/admin/webhooks/").content
    boss.post(f"/admin/deliveries/{Delivery.objects.get().pk}/again/")
    assert Delivery.objects.get().state == "waiting"


def test_pauses_grow(live, ada, private):
    hook, _ = hook_at("http://localhost:1/closed", ada)
    webhooks.send_test(hook, now=NOW)
    delivering.deliver_due(now=NOW)

    assert Delivery.objects.get().due_at == NOW + timedelta(seconds=5)
    assert Delivery.objects.get().trouble == "ConnectError"
    assert sorted(posting.PAUSES) == list(posting.PAUSES)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "https://127.0.0.1/",
        "https://10.1.2.3/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[fd00::1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[64:ff9b::a9fe:a9fe]/",
        "https://[2002:7f00:1::]/",
        "https://user:secret@example.com/",
        "ftp://example.com/",
        "https://",
        "https://example.com:0/",
        "https://example.com:99999/",
        "no address",
    ],
)
def test_addresses_that_are_not_public_are_refused(url):
    with pytest.raises(addresses.AddressRefused):
        addresses.check_address(url)


def test_names_of_every_script_are_called_by_their_ascii_form(private, monkeypatch):
    found = [(None, None, None, "", ("127.0.0.1", 443))]
    monkeypatch.setattr(addresses.socket, "getaddrinfo", lambda *_, **__: found)
    to = addresses.look_up("https://bücher.example:8443/hook")

    assert (to.host, to.name) == ("xn--bcher-kva.example:8443", "xn--bcher-kva.example")


def test_one_message_that_cannot_be_sent_does_not_hold_up_the_others(live, ada, private):
    with receiver() as (url, got):
        odd, _ = hook_at(url, ada)
        webhooks.send_test(odd, now=NOW)
        Webhook.objects.update(url="http://127.0.0.1:1/\x01")
        webhooks.send_test(hook_at(url, ada)[0], now=NOW)

        assert delivering.deliver_due(now=NOW) == 2

    assert len(got) == 1
    first = Delivery.objects.get(webhook=odd)
    assert (first.state, first.attempts) == ("waiting", 1)
    assert first.trouble


@contextmanager
def dripper():
    """Yield an address that sends its headers without end, a byte at a time."""
    server = socket.create_server(("127.0.0.1", 0))

    def drip():
        connection, _ = server.accept()
        with connection, suppress(OSError):
            while True:
                connection.sendall(b"H")
                time.sleep(0.05)

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    yield f"http://localhost:{server.getsockname()[1]}/"
    thread.join()
    server.close()


def test_slow_receiver_is_left_in_time(live, ada, private, monkeypatch):
    monkeypatch.setattr(posting, "TRY_S", 0.3)
    with dripper() as url:
        webhooks.send_test(hook_at(url, ada)[0], now=NOW)
        begun = time.monotonic()
        delivering.deliver_due(now=NOW)

    assert time.monotonic() - begun < 3
    assert Delivery.objects.get().trouble


def test_late_end_of_a_try_leaves_what_another_worker_claimed(live, ada, private):
    webhooks.send_test(hook_at("http://localhost:1/", ada)[0], now=NOW)
    late = delivering._claim(NOW)
    again = delivering._claim(NOW + timedelta(hours=1))
    delivering._try(late, now=NOW)

    assert Delivery.objects.get().due_at == again.due_at


@pytest.mark.parametrize("url", ["https://localhost/", "https://no-such-name.invalid/"])
def test_names_are_looked_up_before_each_call(url):
    addresses.check_address(url)

    with pytest.raises(addresses.AddressRefused):
        addresses.look_up(url)


def test_webhook_at_a_private_address_is_never_called(live, ada, settings):
    settings.RTTS_WEBHOOKS_PRIVATE = True
    with receiver() as (url, got):
        hook, _ = hook_at(url, ada)
        webhooks.send_test(hook, now=NOW)
        settings.RTTS_WEBHOOKS_PRIVATE = False
        delivering.deliver_due(now=NOW)

    assert got == []
    assert Delivery.objects.get().trouble


def test_page_makes_tests_and_removes_webhooks(live, private):
    boss = browser(person("root", "Admin"))
    fields = {
        "name": "Chat",
        "url": "http://localhost:1/",
        "events": ["alert.raised"],
        "is_active": "on",
    }

    made = boss.post("/admin/webhooks/", fields)
    hook = Webhook.objects.get()
    secret = made.context["secret"]

    assert secret.startswith("whsec_")
    assert secret not in boss.get("/admin/webhooks/").content.decode()
    boss.post(f"/admin/webhooks/{hook.pk}/test/")
    assert Delivery.objects.get().event == "test"
    boss.post(f"/admin/webhooks/{hook.pk}/", fields | {"name": "Chat 2", "is_active": ""})
    hook.refresh_from_db()
    assert (hook.name, hook.is_active) == ("Chat 2", False)
    assert boss.post(f"/admin/webhooks/{hook.pk}/rotate/").context["secret"] != secret
    boss.post(f"/admin/webhooks/{hook.pk}/remove/")
    assert not Webhook.objects.exists()


def test_marketer_makes_no_webhook(live, mia, private):
    fields = {"name": "Chat", "url": "http://localhost:1/", "events": ["alert.raised"]}

    browser(mia).post("/admin/webhooks/", fields)

    assert not Webhook.objects.exists()


def test_comments_go_to_webhooks_without_their_text(change, mia, ada, private):
    hook_at("http://localhost:1/", ada, ["change.commented"])
    comments.comment(change, "A secret word", by=ada, now=NOW)

    assert "secret" not in Delivery.objects.get().body
    assert json.loads(Delivery.objects.get().body)["type"] == "change.commented"
