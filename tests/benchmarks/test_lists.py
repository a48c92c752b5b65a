"""How long the server takes over each page of a large catalogue, and how many queries it asks."""

import time

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from campaigns import drafts
from campaigns.models import Item
from campaigns.models.items import Kind
from decisioning.specs import SegmentSpec
from tests.campaigns.catalogues import put_live
from tests.campaigns.conftest import GOLD, NOW, ada, live, mia, save  # noqa: F401 - fixtures

pytestmark = pytest.mark.benchmark

MOST_MS = 300
MOST_QUERIES = 30
ROUNDS = 3


@pytest.fixture
def large(live, mia, redis):  # noqa: F811
    release = put_live(live, by=mia, segments=500, offers=2_000, campaigns=50)
    change = drafts.open_change(mia, now=NOW)
    drafts.switch_change(mia, change)
    save(change, Kind.SEGMENT, SegmentSpec(key="mine", name="Mine", condition=GOLD), author=mia)
    drafts.switch_change(mia, change)
    return release


def pages():
    """Return name -> address of what is measured."""

    def of(kind, query=""):
        return reverse(f"admin:campaigns_{kind}_changelist") + query

    def form(kind, key):
        item = Item.objects.get(key=key)
        return reverse(f"admin:campaigns_{kind}_change", args=[item.pk])

    lists = ("segment", "offer", "campaign", "experiment", "attribute", "eventtype")
    lists += ("placement", "channel", "purpose", "change", "release")
    return {f"list of {kind}": of(kind) for kind in lists} | {
        "segments, search": of("segment", "?q=segment+4"),
        "offers, search": of("offer", "?q=offer+17"),
        "offers, page 2": of("offer", "?p=2"),
        "offers, page 40": of("offer", "?p=40"),
        "offers by key": of("offer", "?o=4"),
        "offers in my change": of("offer", "?state=mine"),
        "offers live": of("offer", "?state=live"),
        "segments being edited": of("segment", "?state=draft"),
        "form of a segment": form("segment", "segment-0042"),
        "form of an offer": form("offer", "offer-0042"),
        "form of a campaign": form("campaign", "campaign-001"),
        "offers with a tag": of("offer", "?tag=winter"),
        "offers as a file": reverse("admin:rtts-export", args=["campaigns.offer"]),
        "import of offers": reverse("admin:rtts-import", args=["offer"]),
        "a new offer": reverse("admin:campaigns_offer_add"),
        "search everything": reverse("admin:rtts-search") + "?q=headline+17",
        "Home": reverse("admin:index"),
        "review inbox": reverse("admin:rtts-review"),
    }


def measured(client, url):
    """Return the fastest of some rounds in ms, and the queries of one."""
    took = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        assert client.get(url).status_code == 200
        took.append((time.perf_counter() - started) * 1000)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        client.get(url)
    return min(took), sorted(took)[len(took) // 2], max(took), len(asked)


def test_every_page_of_a_large_catalogue_is_quick(large, mia):  # noqa: F811
    client = Client()
    client.force_login(mia)

    found = {name: measured(client, url) for name, url in pages().items()}

    for name, (_, median, slowest, queries) in found.items():
        print(
            f"{name:26} median {median:6.0f} ms, first or slowest {slowest:6.0f} ms, {queries:3} queries"
        )
    slow = {name: row for name, row in found.items() if row[1] >= MOST_MS or row[3] >= MOST_QUERIES}
    assert slow == {}
