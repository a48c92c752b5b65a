"""The event debugger tells an event from its bytes to the segments that it moved its person into."""

import time
from datetime import UTC, datetime

import msgspec
import pytest

from campaigns.incoming.debugged import Teller
from consent.models import RecordRead
from decisioning.ingestion.records import encode_record
from decisioning.observing import debugging
from decisioning.observing.debugging import Came, Changed
from decisioning.profiles.aggregates import Aggregates
from decisioning.profiles.folding import fold
from decisioning.profiles.live_set import announce
from decisioning.profiles.profile import encode_profile
from decisioning.rules.tree import make_aggregate
from rtts_site.foundation.models import ApiKey
from tests.campaigns.test_authoring import browser
from tests.decisioning.ingestion.people_and_records import NOW_MS, make_record

ORDERS = make_aggregate("Order Completed", "count", within="30d")


@pytest.fixture
def shop(db):
    return ApiKey.objects.create(
        name="Shop", kind="secret", digest="0" * 64, shown="rtts_sk_x", scopes=["events"]
    )


def folded(records):
    profile, kept = None, Aggregates.of([ORDERS])
    for one in records:
        before, profile = profile, fold(profile, [one], kept)
        packed = [encode_profile(each) if each is not None else b"" for each in (before, profile)]
        yield Changed(encode_record(one), one.person, *packed)


def tell(redis, source):
    records = [
        make_record(1, "user:ana", type="identify", attributes={"tier": "gold"}),
        make_record(2, "user:ana", event="Order Completed", properties={"total": 77}),
    ]
    raws = [msgspec.json.encode({"userId": "ana", "n": n}) for n in range(2)]
    came = [
        Came(NOW_MS, raw, encode_record(one), one.message_id)
        for raw, one in zip(raws, records, strict=True)
    ]
    came.append(Came(NOW_MS, b'{"userId": 5}', b"", "", "/event", "A track call needs a name."))
    debugging.tell(redis, debugging.changed_key(source), folded(records))
    debugging.tell(redis, debugging.came_key(source), came)


def rows_of(redis, source, *, since="", plain=True):
    return Teller(redis, plain=plain).rows(source, since=since, now=datetime.now(UTC))


def test_an_event_is_told_from_its_bytes_to_its_segments(redis, live):
    announce(redis, [ORDERS])
    tell(redis, "shop")

    wrong, order, identify = rows_of(redis, "shop")

    assert (wrong.pointer, wrong.reason) == ("/event", "A track call needs a name.")
    assert [(one.name, one.before, one.after) for one in identify.attributes] == [
        ("Tier", None, "gold")
    ]
    assert [(one.name, one.before, one.after) for one in identify.segments] == [
        ("Gold members", None, True)
    ]
    (counted,) = order.aggregates
    assert (counted.before, counted.after) == (0, 1)
    assert "30 days" in counted.name
    assert order.said == [("total", 77)]
    assert '"userId": "ana"' in order.raw


def test_each_row_is_told_once_and_in_order(redis, live):
    tell(redis, "shop")
    first = rows_of(redis, "shop")

    assert rows_of(redis, "shop", since=first[0].key) == []
    assert len(rows_of(redis, "shop", since=first[1].key)) == 1


def test_what_is_not_folded_yet_waits_a_moment(redis, live):
    record = make_record(9, "user:ana", event="Order Completed")
    came = Came(NOW_MS, b"{}", encode_record(record), "m9")
    debugging.tell(redis, debugging.came_key("shop"), [came])

    assert rows_of(redis, "shop") == []
    time.sleep(1.6)
    (row,) = rows_of(redis, "shop")
    assert not row.is_folded


def test_what_an_import_sent_is_told_without_its_bytes(redis, live):
    (changed,) = folded([make_record(1, "user:ana", event="Order Completed")])
    debugging.tell(redis, debugging.changed_key("shop"), [changed])
    time.sleep(1.6)

    (row,) = rows_of(redis, "shop")

    assert (row.message_id, row.raw, row.is_folded) == ("m1", "", True)


def test_the_page_watches_and_masks(redis, live, ana, ada, shop):
    tell(redis, str(shop.pk))
    address = f"/admin/debugger/?source={shop.pk}"

    masked = browser(ana).get(address).content.decode()
    assert debugging.watched(redis, now=time.time()) == {str(shop.pk)}
    assert "gold" not in masked.split("<main")[-1].replace("Gold members", "")
    assert "user:ana" not in masked
    assert not RecordRead.objects.exists()

    plain = browser(ada).get(address).content.decode()
    assert "user:ana" in plain
    assert "Gold members: no → <strong>yes" in plain.replace("unknown", "no")
    assert RecordRead.objects.get().what == "event debugger"
    rows = browser(ada).get(f"/admin/debugger/{shop.pk}/?since=9999999999999-0").content.decode()
    assert "Waiting for the next event" in rows
    assert "article" not in rows
