"""Lists of authored things: what they show, find and keep, and how many queries they ask."""

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from campaigns import drafts, finding, saved_lists
from campaigns.models import Item, SavedFilter
from campaigns.models.items import Kind
from consent.models import Person, RecordRead
from consent.people import Identifier, person_id
from decisioning.specs import AttributeSpec, SegmentSpec
from tests.campaigns.catalogues import put_live
from tests.campaigns.conftest import GOLD, NOW, person, save

MOST_QUERIES = 30
OFFERS = reverse("admin:campaigns_offer_changelist")
LISTS = (
    *("segment", "offer", "campaign", "experiment", "attribute", "eventtype", "placement"),
    *("channel", "purpose", "releasesettings", "change", "release"),
)


def signed_in(user):
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def mias(live, mia):
    return signed_in(mia)


@pytest.fixture
def busy(live, mia):
    """Return a catalogue of some size, with a draft in mia's change."""
    put_live(live, by=mia, segments=60, offers=120, campaigns=5)
    change = drafts.open_change(mia, now=NOW)
    drafts.switch_change(mia, change)
    save(change, Kind.SEGMENT, SegmentSpec(key="mine", name="Mine", condition=GOLD), author=mia)
    return change


def listed(response):
    return [str(item) for item in response.context["cl"].result_list]


def queries_of(client, path):
    client.get(path)  # what the process keeps is read once
    with CaptureQueriesContext(connection) as asked:
        assert client.get(path).status_code == 200
    return len(asked)


def test_no_page_asks_many_queries(busy, mia, redis):
    client = signed_in(mia)
    offer = Item.objects.get(key="offer-0001")
    paths = [
        *(reverse(f"admin:campaigns_{name}_changelist") for name in LISTS),
        f"{OFFERS}?q=headline+7",
        f"{OFFERS}?p=2",
        f"{OFFERS}?state=draft&tag=x",
        reverse("admin:rtts-search") + "?q=offer",
        reverse("admin:index"),
        reverse("admin:rtts-review"),
        reverse("admin:campaigns_offer_add"),
        reverse("admin:campaigns_offer_change", args=[offer.pk]),
    ]

    asked = {path: queries_of(client, path) for path in paths}

    assert {path: count for path, count in asked.items() if count >= MOST_QUERIES} == {}


def test_rows_do_not_add_queries(busy, mia, redis):
    client = signed_in(mia)

    one, fifty = (queries_of(client, path) for path in (f"{OFFERS}?q=offer+0001", OFFERS))

    assert abs(one - fifty) <= 3  # the search asks two of its own


def test_a_draft_is_seen_at_once(busy, mia):
    client = signed_in(mia)
    url = reverse("admin:campaigns_segment_changelist") + "?state=mine"
    assert "Mine" in listed(client.get(url))

    renamed = {"all": [{"attribute": "tier", "is": "eq", "value": "silver"}]}
    save(busy, Kind.SEGMENT, SegmentSpec(key="mine", name="Mine", condition=renamed), author=mia)

    assert "Tier is silver" in client.get(url).content.decode()


@pytest.mark.parametrize(
    ("query", "kind", "name"),
    [
        ("winter", Kind.OFFER, "Winter sale"),  # its name
        ("web.her", Kind.PLACEMENT, "Hero"),  # its key
        ("gold members", Kind.SEGMENT, "Gold members"),
        ("tier is gold", Kind.SEGMENT, "Gold members"),  # words of the condition
        ("gold members", Kind.OFFER, "Winter sale"),  # what the condition names
        ("welcome", Kind.PLACEMENT, "Hero"),  # content
        ("WINTER sale", Kind.CAMPAIGN, "Winter"),
    ],
)
def test_finds_things_by_what_they_say(live, query, kind, name):
    found = {
        group.kind: [hit.title for hit in group.hits]
        for group in finding.find_things(query, [kind])
    }

    assert name in found.get(kind, [])


def test_finds_descriptions_tags_and_drafts_of_colleagues(live, max_):
    change = drafts.open_change(max_, now=NOW)
    spec = AttributeSpec(key="shoe", name="Shoe size", type="number", purposes=("ads",))
    save(change, Kind.ATTRIBUTE, spec, author=max_, details={"description": "Measured barefoot"})
    Item.objects.filter(key="shoe").update(tags=["Feet"])

    for query in ("barefoot", "feet", "shoe size"):
        assert [hit.title for hit in finding.find_things(query, [Kind.ATTRIBUTE])[0].hits] == [
            "Shoe size"
        ]
    assert finding.find_things("barefoot nothing", [Kind.ATTRIBUTE]) == []


@pytest.mark.parametrize("query", ["", " ", "\0", "%", "'; drop", "a" * 5_000, "🎁", "( ["])
def test_search_takes_any_query(live, mias, query):
    assert mias.get(reverse("admin:rtts-search"), {"q": query}).status_code == 200
    assert mias.get(OFFERS, {"q": query}).status_code in (200, 302)


def found_by(client, query, **more):
    response = client.post(reverse("admin:rtts-search"), {"q": query}, **more)
    return {group.kind: group for group in response.context["found"]}


def test_search_finds_changes_and_releases_and_pages(live, mias):
    assert "Changes" in found_by(mias, "first release")
    assert [hit.title for hit in found_by(mias, "release 1")["Releases"].hits] == ["Release 1"]
    assert "Pages" in found_by(mias, "calendar")


def test_search_finds_nothing_that_a_role_may_not_see(live, db):
    ed = person("ed", "Analyst")
    ed.groups.clear()
    ed.user_permissions.add(Permission.objects.get(codename="view_offer"))
    client = signed_in(ed)

    assert set(found_by(client, "winter")) == {"Offers"}
    assert found_by(client, "first release") == {}


def test_people_are_found_only_exactly_and_only_by_those_who_may(live, mias, ada, redis):
    from django.conf import settings

    known = person_id(Identifier("user", "c-42"), pepper=settings.RTTS_PEPPER)
    Person.objects.create(id=known, partition=int(known[1:4]), changed_at=NOW)
    adas = signed_in(ada)

    assert found_by(adas, "c-42")["People"].hits[0].note == known
    assert RecordRead.objects.filter(person=known, reader="ada", what="search").exists()
    assert "People" not in found_by(adas, "c-4")
    assert "People" not in found_by(mias, "c-42")
    assert b"c-42" not in adas.get(reverse("admin:rtts-search"), {"q": "nobody"}).content


def test_a_filter_is_kept_and_pinned_to_home(live, mias, mia, redis):
    url = reverse("admin:rtts-filter-keep", args=["campaigns.offer"])
    mias.post(url, {"name": "Live ones", "query": "state=live&p=3", "on_home": "on"})

    kept = SavedFilter.objects.get()
    assert (kept.query, kept.on_home) == ("state=live", True)
    assert b'href="?state=live"' in mias.get(OFFERS).content
    assert f'href="{OFFERS}?state=live"'.encode() in mias.get("/admin/").content


def test_filters_are_ones_own(live, mias, mia, ana):
    saved_lists.save_filter(
        ana, model="campaigns.offer", name="Hers", query="state=live", on_home=True, now=NOW
    )
    pk = SavedFilter.objects.get().pk

    mias.post(reverse("admin:rtts-filter-edit", args=["campaigns.offer", pk]), {"drop": ""})

    assert SavedFilter.objects.exists()
    assert b"Hers" not in mias.get(OFFERS).content


def test_chosen_columns_are_remembered(live, mias, mia, ana):
    url = reverse("admin:rtts-columns", args=["campaigns.offer"])
    mias.post(url, {"columns": ["key", "used", "nonsense"]})

    shown = mias.get(OFFERS).content.decode()

    assert "Used by" in shown
    assert "In words" not in shown.partition("<tbody")[0].partition("<thead")[2]
    assert "In words" in signed_in(ana).get(OFFERS).content.decode()


def test_a_list_is_sorted_by_when_and_by_whom_it_was_edited(live, mias):
    headings = mias.get(OFFERS).content.decode().partition("<thead")[2].partition("</thead>")[0]
    sortable = [cell for cell in headings.split("<th ") if 'class="sortable' in cell]

    assert [any(title in cell for cell in sortable) for title in ("Edited<", "Edited by<")] == [
        True,
        True,
    ]


def test_an_empty_list_says_what_to_do(mia, redis):
    client = signed_in(mia)
    for name in LISTS:
        page = client.get(reverse(f"admin:campaigns_{name}_changelist")).content.decode()
        empty = page.partition('<div class="empty">')[2].partition("</div>")[0]
        assert len(empty) > 40, name


def test_the_navigation_offers_only_what_opens(live, mia, ada, redis):
    for user in (mia, ada, person("cora", "Compliance"), person("ari", "Analyst")):
        client = signed_in(user)
        links = [
            link.url
            for _title, links in client.get("/admin/").context["navigation"]
            for link in links
        ]
        assert [url for url in links if client.get(url).status_code != 200] == []


def test_breadcrumbs_name_no_app(live, mias):
    pages = (
        OFFERS,
        reverse("admin:campaigns_offer_add"),
        f"/admin/campaigns/offer/{Item.objects.get(key='winter-sale').pk}/change/",
    )
    for url in pages:
        crumbs = (
            mias.get(url)
            .content.decode()
            .partition('class="breadcrumbs"')[2]
            .partition("</div>")[0]
        )
        assert "app_list" not in crumbs
        assert 'href="/admin/campaigns/"' not in crumbs


def test_counts_have_thousands_separators(live, mia, redis):
    assert finding.Group("offer", [], 1_234).more_words == "1,234 more"


@pytest.mark.parametrize("pk", ["", "x", "²", "9" * 30])
def test_act_on_what_is_no_thing_is_refused_in_words(live, mias, pk):
    answer = mias.post(OFFERS, {"action": "tag", "_selected_action": pk}, follow=True)

    assert "Reload the page and try again." in answer.content.decode()
