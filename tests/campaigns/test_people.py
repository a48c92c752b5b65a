"""One person in one place: what is known, from where, and who looked; nothing personal stands in an address."""

from datetime import UTC, datetime

import pytest
from django.urls import reverse

from campaigns.person_links import person_link
from consent.models import RecordRead
from decisioning.ingestion.records import Record, encode_record
from decisioning.models import EventRecord
from tests.campaigns.conftest import NOW, person
from tests.campaigns.test_authoring import browser, marketer  # noqa: F401 - a fixture
from tests.campaigns.test_pages import put_person

URL = "admin:rtts-people"


@pytest.fixture
def compliance(db):
    return browser(person("cora", "Compliance"))


def did(who, name, *, message_id="m-7", at=NOW, **properties):
    at_ms = int(at.timestamp() * 1000)
    record = Record(
        message_id=message_id,
        person=who,
        event=name,
        properties=properties,
        event_time_ms=at_ms,
        received_at_ms=at_ms,
    )
    EventRecord.objects.create(
        event_id=f"042-{at_ms}-0",
        received_at=at,
        event_time=at,
        partition=42,
        person_id=who,
        kind="event",
        type="track",
        name=name,
        message_id=message_id,
        source="k",
        body=encode_record(record),
    )


def test_everything_known_stands_on_one_page(live, redis, compliance):
    known = put_person(redis, "c-1", tier="gold")
    did(known, "Order Completed", total=25, items=3)
    did(known, "", message_id="m", at=datetime.fromtimestamp(1_700_000_000, UTC))

    page = compliance.post(reverse(URL), {"person": "user:c-1"})
    text, told = page.content.decode(), page.context["known"]

    assert [(one.name, one.value, one.message_id) for one in told.attributes] == [
        ("Tier", "gold", "m")
    ]
    assert [(one.name, one.truth) for one in told.memberships] == [("Gold members", "true")]
    assert [(one.name, dict(one.said)) for one in told.events] == [
        ("Order", {"total": 25, "items": 3}),
        ("track", {}),
    ]
    assert [one.purpose for one in told.standings] == ["ads"]
    assert "user:c-1" in text
    assert "total: 25" in text
    assert RecordRead.objects.get().reader == "cora"


def test_an_address_with_a_name_in_it_reads_nobody(live, redis, compliance):
    put_person(redis, "c-1", tier="gold")

    page = compliance.get(reverse(URL), {"person": "user:c-1"})

    assert "known" not in page.context
    assert not RecordRead.objects.exists()


def test_a_link_says_nothing_and_is_forgotten(live, redis, compliance):
    known = put_person(redis, "c-1", tier="gold")
    link = person_link(redis, known)

    page = compliance.get(link)
    redis.delete(*redis.keys("link:person:*"))
    later = compliance.get(link)

    assert known not in link
    assert page.context["known"].person == known
    assert "known" not in later.context
    assert RecordRead.objects.count() == 1


def test_the_page_is_closed_to_marketers(live, marketer):  # noqa: F811
    assert marketer.get(reverse(URL)).status_code == 403
    assert marketer.post(reverse(URL), {"person": "c-1"}).status_code == 403


@pytest.mark.parametrize("bad", ["", "x" * 300, "user:\0"])
def test_nobody_is_found_under_a_wrong_name(live, redis, compliance, bad):
    page = compliance.post(reverse(URL), {"person": bad})

    assert page.status_code == 200
    assert page.context["form"].errors
