"""What workers noticed reaches destinations: once, signed, tried again, given up, and sent again by hand."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone
from standardwebhooks import Webhook as Verifier

from consent import people
from decisioning.dispatching import collecting, deciding, sending
from decisioning.dispatching.destinations import (
    DestinationRefused,
    Target,
    change_destination,
    make_destination,
    named_segments,
    rotate,
    send_again,
    send_sample,
)
from decisioning.models import Destination, Sending
from decisioning.specs import ChannelSpec, HoursSpec
from decisioning.watching.dispatches import Dispatch, encode_dispatch
from tests.decisioning import making
from tests.decisioning.watching.watching import segment, trigger, watch
from tests.receiver import receiver

NOW = timezone.now()
PERSON = "p042" + "ab" * 10


@pytest.fixture(autouse=True)
def _private(settings, db):
    settings.RTTS_WEBHOOKS_PRIVATE = True


def hook(key, url="http://localhost:1/", **fields):
    fields.setdefault("wants", ["segments"])
    return make_destination(key, Target(name=key, url=url, **fields), by=None, now=NOW)


def noticed(redis, *dispatches):
    for one in dispatches:
        partition = people.partition_of(one.person)
        redis.xadd(people.dispatches_key(partition), {"d": encode_dispatch(one)})


def entered(key="loyal", kind="segment.entered", **fields):
    return Dispatch(kind=kind, person=PERSON, key=key, at_ms=1_795_000_000_000, **fields)


def test_each_destination_gets_what_it_wants_once(redis):
    hook("all"), hook("some", segments=["loyal"])
    hook("other", segments=["rich"]), hook("decisions", wants=["decisions"])
    noticed(redis, entered(), entered("keen", kind="segment.left", since_ms=5))

    assert collecting.collect_dispatches(redis, now=NOW) == 2
    assert collecting.collect_dispatches(redis, now=NOW) == 0

    kept = Sending.objects.order_by("destination__key", "pk")
    assert [(one.destination.key, one.kind) for one in kept] == [
        ("all", "segment.entered"), ("all", "segment.left"), ("some", "segment.entered"),
    ]  # fmt: skip
    assert json.loads(kept[1].body)["data"] == {
        "person_id": PERSON,
        "segment": {"key": "keen"},
        "entered_at": "1970-01-01T00:00:00.005000+00:00",
    }


def test_a_crash_before_the_stream_is_emptied_keeps_nothing_twice(redis, monkeypatch):
    hook("crm")
    noticed(redis, entered(), entered("keen"))

    def crash(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(collecting, "_finish", crash)
        with pytest.raises(KeyboardInterrupt):
            collecting.collect_dispatches(redis, now=NOW)
    assert collecting.collect_dispatches(redis, now=NOW) == 2
    assert Sending.objects.count() == 2


@pytest.fixture
def live(kept):
    """Return how to make a release live for the workers of a test."""
    deciding._holder.cache_clear()
    yield lambda **fields: making.publish(kept, making.release(**fields))
    if deciding._holder.cache_info().currsize:
        deciding._holder().stop()
    deciding._holder.cache_clear()


def test_a_trigger_goes_to_its_own_destination_or_to_open_streams(redis, live):
    hook("crm", wants=[]), hook("every", wants=["triggers"])
    keen = segment("keen", {"attribute": "depth", "is": "gte", "value": 1})
    push = trigger("push", "entered", segment="keen", act="push", placement="web.home.hero")
    live(triggers=(replace(push, purposes=()),))
    watch(redis, segments=[keen], triggers=[trigger("ping", "entered", segment="keen"), push])
    listener = redis.pubsub()
    listener.subscribe(people.changed_channel(PERSON))
    listener.get_message(timeout=1)
    fired = {"kind": "trigger.fired", "event": "Order", "message_id": "m1"}
    noticed(redis, entered("ping", **fired), entered("push", **fired), entered("gone", **fired))

    collecting.collect_dispatches(redis, now=NOW)

    kept = Sending.objects.order_by("pk").values_list("destination__key", flat=True)
    assert sorted(kept) == ["crm", "every", "every", "every"]
    assert json.loads(listener.get_message(timeout=1)["data"]) == {
        "trigger": "push", "placement": "web.home.hero",
    }  # fmt: skip
    listener.close()


@pytest.mark.parametrize("why", ["consent", "quiet hours"])
def test_nothing_is_pushed_without_consent_or_in_quiet_hours(redis, live, why):
    push = trigger("push", "event", event="Order", act="push", placement="web.home.hero")
    purposes = making.ADS if why == "consent" else ()
    web = ChannelSpec(key="web", name="Web", quiet_hours=(HoursSpec(),))
    channels = {"channels": (web,)} if why == "quiet hours" else {}
    deciding._holder.cache_clear()
    spec = making.release(triggers=(replace(push, purposes=purposes),))
    making.publish(redis, replace(spec, **channels))
    assert not deciding.may_push("push", PERSON, now=timezone.now())


def test_a_message_is_signed_as_receivers_check_it(redis):
    with receiver() as (url, got):
        row, secret = hook("crm", url)
        noticed(redis, entered())
        now = timezone.now()
        collecting.collect_dispatches(redis, now=now)
        assert sending.send_due(now=now) == 1
        new = rotate(row, now=now)
        send_sample(row, now=now)
        assert sending.send_due(now=now) == 1

    headers, body = got[0]
    assert Verifier(secret).verify(body, headers)["type"] == "segment.entered"
    for one in (secret, new):
        assert Verifier(one).verify(got[1][1], got[1][0])["type"] == "test"
    assert set(Sending.objects.values_list("state", flat=True)) == {"sent"}


def test_a_failure_is_tried_again_later_under_the_same_id_and_then_given_up(redis):
    with receiver(status=[503, 500, 204]) as (url, got):
        hook("crm", url)
        noticed(redis, entered())
        moment = timezone.now()
        collecting.collect_dispatches(redis, now=moment)
        for seconds, tried in ((0, 1), (4, 0), (6, 1), (35, 0), (37, 1), (40, 0)):
            assert sending.send_due(now=moment + timedelta(seconds=seconds)) == tried
    assert len({headers["webhook-id"] for headers, _ in got}) == 1
    assert Sending.objects.get().state == "sent"


def test_what_is_given_up_is_kept_and_can_be_sent_again(redis):
    hook("crm", "http://localhost:1/")
    noticed(redis, entered())
    now = timezone.now()
    collecting.collect_dispatches(redis, now=now)
    tries = 0
    for hours in range(200):
        tries += sending.send_due(now=now + timedelta(hours=hours))
    dead = Sending.objects.get()
    assert (tries, dead.state) == (8, "dead")

    with receiver() as (url, got):
        change_destination(
            dead.destination, Target(name="crm", url=url, wants=["segments"]), is_active=True
        )
        assert send_again(dead, now=now)
        assert sending.send_due(now=now) == 1
    assert got[0][0]["webhook-id"] == dead.message


def test_a_receiver_that_is_gone_is_switched_off(redis):
    with receiver(status=410) as (url, _):
        row, _ = hook("crm", url)
        send_sample(row, now=NOW)
        sending.send_due(now=NOW)
    row.refresh_from_db()
    assert not row.is_active
    assert named_segments() == set()


def test_private_addresses_are_not_called(settings):
    settings.RTTS_WEBHOOKS_PRIVATE = False
    with pytest.raises(DestinationRefused):
        hook("crm", "https://127.0.0.1/x")
    with pytest.raises(DestinationRefused):
        hook("crm", "http://example.com/x")


def test_a_full_destination_counts_what_it_loses(redis, monkeypatch):
    monkeypatch.setattr(collecting, "MOST_WAITING", 1)
    hook("crm")
    noticed(redis, entered(), entered("keen"))

    collecting.collect_dispatches(redis, now=NOW)

    assert Sending.objects.count() == 1
    assert Destination.objects.get().lost == 1


def test_what_is_named_is_watched(redis):
    hook("some", segments=["loyal"])
    assert named_segments() == {"loyal"}
    hook("every")
    assert named_segments() == {"loyal", "*"}
