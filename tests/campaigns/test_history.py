"""Who did what to each thing, when and why."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.apps import apps
from django.contrib.auth.models import Group
from django.db import DatabaseError, transaction

from campaigns import comments, drafts, publishing
from campaigns.history import Asked, history_of
from campaigns.models import ApprovalRule, Item
from campaigns.models.items import Kind
from decisioning.specs import SegmentSpec
from rtts_site.foundation.key_issuing import issue
from rtts_site.foundation.models import ApiKey
from tests.campaigns.conftest import GOLD, NOW, go_live, person, save
from tests.campaigns.test_authoring import browser


@pytest.fixture
def gold(live, mia, ada):
    change = drafts.open_change(mia, now=NOW, title="Rename")
    spec = SegmentSpec(key="gold", name="Golden", condition=GOLD)
    later = NOW + timedelta(days=2)
    save(change, Kind.SEGMENT, spec, author=mia, now=later, why="Shorter")
    publishing.submit(change, by=mia, now=later)
    go_live(change, by=ada, now=later + timedelta(hours=1))
    return Item.objects.get(key="gold")


def test_thing_tells_its_edits_and_releases(gold):
    entries = history_of(gold)

    assert [(one.who, one.what) for one in entries] == [
        ("ada", "revision 2 live with release 2"),
        ("mia", "edited in “Rename” (revision 2)"),
        ("ada", "revision 1 live with release 1"),
        ("mia", "written in “First release” (revision 1)"),
    ]
    assert entries[1].why == "Shorter"
    assert entries[1].lines == ["Name: Gold members → Golden"]


def test_history_is_filtered_by_who_and_when(gold):
    found = history_of(gold, Asked("mia", since=NOW + timedelta(days=1)))

    assert [one.what for one in found] == ["edited in “Rename” (revision 2)"]
    assert history_of(gold, Asked(until=NOW)) == []


def test_page_and_files_say_the_same(gold, mia):
    client = browser(mia)
    url = f"/admin/history/item/{gold.pk}/"
    page = client.get(url, {"who": "mia", "since": "2026-11-23"}).content.decode()
    told = json.loads(client.get(url, {"format": "json"}).content)["entries"]
    lines = client.get(url, {"format": "csv"}).content.decode().splitlines()

    assert "Edited in “Rename” (revision 2)" in page
    assert "First release" not in page
    assert len(told) == 4
    assert len(lines) == 5
    assert told[1]["differences"] == ["Name: Gold members → Golden"]


def test_files_are_safe_in_spreadsheets(live, mia):
    gold = Item.objects.get(key="gold")
    change = drafts.open_change(mia, now=NOW)
    spec = SegmentSpec(key="gold", name="Golden", condition=GOLD)
    save(change, Kind.SEGMENT, spec, author=mia, why="=1+1")

    told = browser(mia).get(f"/admin/history/item/{gold.pk}/?format=csv").content.decode()

    assert ",'=1+1," in told


def test_change_tells_its_story_and_states(live, mia, ada):
    client = browser(mia)
    change = drafts.open_change(mia, now=NOW, title="Silver")
    save(change, Kind.SEGMENT, SegmentSpec(key="silver", name="S", condition=GOLD), author=mia)
    client.post(f"/admin/changes/{change.pk}/submit/")
    comments.comment(change, "Hm", by=ada, now=NOW)

    entries = history_of(change)

    whats = [one.what for one in entries]
    (moved,) = [one for one in entries if "State: draft → in review" in one.what]
    assert moved.who == "mia"
    assert len(moved.request) == 36
    assert "submitted" in whats
    assert "commented" in whats


def test_tags_tell_who_gave_and_took_which(gold, mia, max_):
    Item.objects.filter(pk=gold.pk).update(tags=["Old"])
    for who, said in ((mia, "Old, Winter sale, Q4"), (max_, "Q4")):
        browser(who).post(f"/admin/items/{gold.pk}/tags/", {"tags": said})

    told = [(one.who, one.what) for one in history_of(gold) if "tag" in one.what]

    assert told == [
        ("max", "tags Old, Winter sale removed"),
        ("mia", "tags Q4, Winter sale added"),
        ("", "tag Old added"),
    ]
    page = browser(mia).get(f"/admin/history/item/{gold.pk}/").content.decode()
    assert "Tags Old, Winter sale removed" in page


def test_roles_of_users_are_recorded_with_who_gave_them(db):
    boss, cleo = person("root", "Admin"), person("cleo", "Analyst")
    group = Group.objects.get(name="Approver")
    client = browser(boss)
    fields = {
        "username": "cleo",
        "is_active": "on",
        "is_staff": "on",
        "groups": [group.pk],
        "date_joined_0": "2026-01-01",
        "date_joined_1": "00:00:00",
    }
    answer = client.post(f"/admin/auth/user/{cleo.pk}/change/", fields)

    assert answer.status_code == 302
    told = {one.what: one.who for one in history_of(cleo)}
    assert told["role Approver given"] == told["role Analyst taken"] == "root"


def test_keys_and_rules_are_recorded_even_where_edited_in_bulk(redis, live, mia):
    issue(redis, "Shop", scopes=["decisions"], issued_by=mia)
    ApiKey.objects.update(scopes=["decisions", "events"])
    rule = ApprovalRule.objects.create(kind="offer", approvers=2)
    ApprovalRule.objects.update(approvers=1)

    (key,) = ApiKey.objects.all()
    assert any("decisions → decisions, events" in one.what for one in history_of(key))
    assert any("Approvers: 2 → 1" in one.what for one in history_of(rule))
    assert not any("digest" in one.what.lower() for one in history_of(key))


@pytest.mark.parametrize("verb", ["update", "delete"])
def test_nobody_edits_what_was_recorded(live, mia, verb):
    rule = ApprovalRule.objects.create(kind="offer", approvers=2)
    events = apps.get_model("campaigns", "ApprovalRuleEvent").objects.filter(pgh_obj_id=rule.pk)

    with pytest.raises(DatabaseError), transaction.atomic():
        events.update(approvers=1) if verb == "update" else events.delete()

    assert events.get().approvers == 2


@pytest.mark.parametrize(
    ("subject", "pk", "status"),
    [
        ("item", "x", 404),
        ("item", "99999999999999999999999", 404),
        ("key", "not-a-uuid", 403),
        ("odd", "1", 404),
        ("user", "1", 403),
        ("rule", "1", 404),
    ],
)
def test_odd_addresses_and_roles(live, mia, subject, pk, status):
    assert browser(mia).get(f"/admin/history/{subject}/{pk}/").status_code in (status, 404)


@pytest.mark.parametrize("query", ["since=tomorrow", "until=9999-12-31", "until=9&format=csv"])
def test_what_is_no_day_is_named(gold, mia, query):
    answer = browser(mia).get(f"/admin/history/item/{gold.pk}/?{query}")

    assert answer.status_code == 422
    assert query.split("=")[1].split("&")[0] in answer.content.decode()


def test_things_without_a_history_say_so(db):
    with pytest.raises(LookupError):
        history_of(Group.objects.first())


def test_days_are_whole(gold):
    day = datetime(2026, 11, 24, tzinfo=UTC)

    assert len(history_of(gold, Asked(since=day, until=day + timedelta(days=1)))) == 2
