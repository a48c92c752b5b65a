"""E-mails that triggers send: the decided offer, only with consent, in their hours, and unsubscribed in one click."""

import json
from dataclasses import replace
from datetime import timedelta
from smtplib import SMTPDataError

import pytest
from django.conf import settings
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db.models import Q
from django.test import Client, override_settings
from django.utils import timezone

from consent import people
from consent.changes import Actor, ConsentChange
from consent.ledger import record_change
from consent.models import ConsentState
from consent.policy import Status
from consent.rights import closing
from decisioning.dispatching import deciding, sending
from decisioning.dispatching.bodies import of_dispatch
from decisioning.dispatching.destinations import Target, make_destination, send_again
from decisioning.dispatching.unsubscribing import Link, unsubscribe
from decisioning.ingestion.identities import email_identifier
from decisioning.models import Destination, Sending
from decisioning.specs import AttributeSpec, CapSpec, ChannelSpec, HoursSpec, TriggerSpec
from decisioning.watching.dispatches import Dispatch
from tests.consent.builders import EVIDENCE
from tests.decisioning import making
from tests.receiver import receiver

ADDRESS = "ana@example.com"


def mail_release(**fields):
    spec = making.release(
        offers=(
            making.offer(
                "winter-sale",
                variants=(
                    making.variant(
                        "email.top",
                        headline="Half\nprice",
                        text="Only <b>now</b>.",
                        link_url="/sale",
                    ),
                ),
                caps=(CapSpec(scope="person", limit=1, window_s=3_600),),
            ),
        ),
        triggers=(
            TriggerSpec(
                key="cart",
                name="Cart",
                on="event",
                event="Order Completed",
                act="email",
                destination="mail",
                placement="email.top",
                purposes=making.ADS,
                **fields,
            ),
        ),
    )
    email = AttributeSpec(key="email", name="E-mail", type="text", purposes=making.ADS)
    attributes = sorted((*spec.attributes, email), key=lambda one: one.key)
    return replace(spec, attributes=tuple(attributes))


@pytest.fixture
def desk(kept, db):
    """Return a Valkey with a person who may be written to, and a live trigger; the process lets go of it afterwards."""
    deciding._holder.cache_clear()
    spec = mail_release()
    making.publish(kept, spec)
    making.remember(kept, "ana", spec, attributes={"email": ADDRESS})
    making.consent(kept, "ana")
    yield kept
    if deciding._holder.cache_info().currsize:
        deciding._holder().stop()
    deciding._holder.cache_clear()


def mailer(**fields):
    fields = {"kind": "email", "sender": "shop@example.com", **fields}
    row, _ = make_destination("mail", Target(name="Mail", **fields), by=None, now=timezone.now())
    return row


def fire(row, *, user="ana", number=1, now=None):
    now = now or timezone.now()
    fired = Dispatch(
        kind="trigger.fired",
        person=making.person_of(user),
        key="cart",
        at_ms=int(now.timestamp() * 1000),
        event="Order Completed",
    )
    return Sending.objects.create(
        destination=row,
        message=f"msg_{number}",
        kind="email",
        person=fired.person,
        body=of_dispatch(fired),
        due_at=now,
        created_at=now,
    )


def outcome(row):
    row.refresh_from_db()
    return row.state, row.trouble


def address_is_erased(*, now):
    one = email_identifier(" Ana@Example.com")
    closing.close([people.person_id(one, pepper=settings.RTTS_PEPPER)], now=now)


def test_nothing_is_sent_to_an_address_of_somebody_erased(desk):
    row, now = fire(mailer()), timezone.now()
    address_is_erased(now=now)

    sending.send_due(now=now)

    state, trouble = outcome(row)
    assert (state, mail.outbox) == ("dropped", [])
    assert "erased" in trouble


def test_nothing_is_sent_again_to_an_address_of_somebody_erased_since(desk):
    row, now = fire(mailer()), timezone.now()
    Away.trouble = [SMTPDataError(451, b"later")]
    with override_settings(EMAIL_BACKEND=f"{__name__}.Away"):
        sending.send_due(now=now)
    address_is_erased(now=now)

    sending.send_due(now=now + timedelta(minutes=10))

    assert outcome(row)[0] == "dropped"
    assert mail.outbox == []


def test_the_decided_offer_is_sent(desk):
    row = fire(mailer())

    assert sending.send_due(now=timezone.now()) == 1

    assert outcome(row) == ("sent", "")
    (sent,) = mail.outbox
    assert sent.to == [ADDRESS]
    assert sent.subject == "Half price"
    assert "Only now." in sent.body
    assert "/sale" in sent.body
    assert sent.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "/v1/unsubscribe/" in sent.extra_headers["List-Unsubscribe"]


def test_caps_hold_between_e_mails(desk):
    row = mailer()
    first, second = fire(row), fire(row, number=2)

    sending.send_due(now=timezone.now())

    assert outcome(first)[0] == "sent"
    assert outcome(second)[0] == "dropped"
    assert "No offer" in outcome(second)[1]
    assert len(mail.outbox) == 1


@pytest.mark.parametrize("what", ["consent", "address", "late"])
def test_nothing_is_sent_without_what_it_needs(desk, what):
    row = mailer()
    now = timezone.now()
    if what == "consent":
        making.consent(desk, "ana", version=2, status=Status.WITHDRAWN)
    if what == "address":
        making.remember(desk, "ana", mail_release(), attributes={"age": 4})
    one = fire(row, now=now - timedelta(hours=25) if what == "late" else now)

    sending.send_due(now=now)

    assert outcome(one)[0] == "dropped"
    assert mail.outbox == []


def test_quiet_hours_put_it_off(desk):
    spec = mail_release()
    quiet = ChannelSpec(key="email", name="E-mail", quiet_hours=(HoursSpec(),))
    channels = tuple(quiet if one.key == "email" else one for one in spec.channels)
    making.publish(desk, replace(spec, channels=channels), version=2)
    row = fire(mailer())
    now = timezone.now()

    sending.send_due(now=now)

    assert outcome(row) == ("waiting", "Quiet hours.")
    assert row.due_at > now + timedelta(minutes=10)
    assert row.attempts == 0


def test_a_mail_provider_is_called_as_a_webhook(desk):
    with receiver() as (url, got), override_settings(RTTS_WEBHOOKS_PRIVATE=True):
        row = mailer(kind="webhook", url=url)
        fire(row)
        sending.send_due(now=timezone.now())
    said = json.loads(got[0][1])
    assert said["type"] == "email.send"
    assert said["data"]["to"] == ADDRESS
    assert said["data"]["headers"]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_one_click_withdraws_consent(desk):
    fire(mailer())
    sending.send_due(now=timezone.now())
    address = mail.outbox[0].extra_headers["List-Unsubscribe"].strip("<>")
    path = "/" + address.split("/", 3)[3]
    visitor = Client(enforce_csrf_checks=True)

    assert visitor.get(path).status_code == 200
    assert not ConsentState.objects.filter(person=making.person_of("ana")).exists()
    assert visitor.post(path, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert visitor.post(path).status_code == 200

    state = ConsentState.objects.get(person=making.person_of("ana"), channel="email")
    assert (state.purpose, state.status) == ("personalised_ads", "withdrawn")
    assert visitor.post(path[:-4] + "AAAA").status_code == 404
    row = fire(Destination.objects.get(key="mail"), number=3)
    sending.send_due(now=timezone.now())
    assert outcome(row)[0] == "dropped"


class Away(EmailBackend):
    """A mail server that fails as `trouble` says, once."""

    trouble: list[Exception] = []

    def send_messages(self, messages):
        if self.trouble:
            raise self.trouble.pop()
        return super().send_messages(messages)


AWAY = override_settings(EMAIL_BACKEND=f"{__name__}.Away")


def test_a_refused_e_mail_is_sent_again_as_it_was_and_uses_its_cap_once(desk):
    row, now = fire(mailer()), timezone.now()
    Away.trouble = [SMTPDataError(451, b"later")]
    with AWAY:
        sending.send_due(now=now)
        assert outcome(row) == ("waiting", "SMTPDataError")
        assert ADDRESS.encode() not in bytes(row.prepared)
        kept = bytes(row.prepared)
        assert logged_impressions(desk) == 0
        sending.send_due(now=now + timedelta(seconds=6))
    assert outcome(row) == ("sent", "")
    assert kept
    assert row.prepared is None
    assert len(mail.outbox) == 1
    assert logged_impressions(desk) == 1


def test_an_e_mail_whose_answer_was_lost_is_not_sent_again_by_itself(desk):
    row, now = fire(mailer()), timezone.now()
    Away.trouble = [TimeoutError()]
    with AWAY:
        sending.send_due(now=now)
        assert outcome(row) == ("handed", "TimeoutError")
        sending.send_due(now=now + timedelta(hours=1))
        assert mail.outbox == []
        assert send_again(row, now=now + timedelta(hours=1))
        sending.send_due(now=now + timedelta(hours=1))
    assert outcome(row)[0] == "sent"
    assert logged_impressions(desk) == 1


def test_a_worker_that_lost_its_claim_hands_nothing_over(desk):
    row, now = fire(mailer()), timezone.now()
    (claimed,) = sending._claim(Q(kind="email"), 1, now=now)
    Sending.objects.filter(pk=row.pk).update(due_at=now + timedelta(hours=1))
    assert sending._mail(claimed, now=now).state == "waiting"
    assert mail.outbox == []


def test_consent_withdrawn_between_two_tries_keeps_the_e_mail_back(desk):
    row, now = fire(mailer()), timezone.now()
    Away.trouble = [SMTPDataError(451, b"later")]
    with AWAY:
        sending.send_due(now=now)
        making.consent(desk, "ana", version=2, status=Status.WITHDRAWN)
        sending.send_due(now=now + timedelta(seconds=6))
    assert outcome(row)[0] == "dropped"
    assert row.prepared is None
    assert mail.outbox == []


def test_what_was_handed_over_is_forgotten_after_a_month(desk):
    row, now = fire(mailer()), timezone.now()
    Away.trouble = [TimeoutError()]
    with AWAY:
        sending.send_due(now=now)
    assert sending.forget_old(now=now + timedelta(days=29)) == 0
    assert sending.forget_old(now=now + timedelta(days=31)) == 1
    assert not Sending.objects.filter(pk=row.pk).exists()


def test_the_link_of_one_e_mail_withdraws_again_after_a_new_consent(db):
    person = making.person_of("ana")
    link = Link(person, making.ADS, "email", "msg_1")
    for minutes in (0, 2):
        moment = timezone.now() + timedelta(minutes=minutes)
        given = ConsentChange(
            purpose=making.ADS[0], status=Status.GIVEN, event_time=moment, channel="email"
        )
        record_change(person, [given], evidence=EVIDENCE, actor=Actor(kind="subject"), now=moment)
        for _ in range(2):
            unsubscribe(link, now=moment + timedelta(minutes=1))
        assert ConsentState.objects.get(person=person).status == "withdrawn"


def logged_impressions(redis):
    key = people.decision_log_key(people.partition_of(making.person_of("ana")))
    return sum(b"o" in fields for _, fields in redis.xrange(key))
