"""Drafts of everything over the management API: versions, repeats, pages, filters, documents."""

import json

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.exceptions import PermissionDenied
from django.core.management import CommandError, call_command

from campaigns import drafts, exchange, publishing
from campaigns.models import Change, Item
from campaigns.models.items import Kind
from decisioning.specs import SegmentSpec
from rtts_site.foundation.key_issuing import issue
from tests.campaigns.conftest import GOLD, NOW, go_live, person, save
from tests.campaigns.test_api import post, put, segment
from tests.campaigns.test_authoring import browser

SILVER = {"all": [{"attribute": "tier", "is": "eq", "value": "silver"}]}


@pytest.fixture
def web(live, mia):
    return browser(mia)


@pytest.fixture
def key(redis, max_):
    _, secret = issue(redis, "Planner", scopes=["management"], issued_by=max_)
    return {"Authorization": f"Bearer {secret}"}


def make(client, key, **more):
    body = {"body": {"key": key, "name": key, "condition": GOLD}}
    return post(client, "catalogue/segments", body, **more)


def test_makes_a_new_thing_once(web):
    made = make(web, "silver")
    again = make(web, "silver")

    assert made.status_code == 201
    assert made.json()["draft"]["key"] == "silver"
    assert again.status_code == 409


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"If-None-Match": "*"}, 412),
        ({"If-Match": "*"}, 200),
        ({"If-Match": '"0:0"'}, 412),
        ({"If-Match": 'W/"no", "also-no"'}, 412),
        ({}, 200),
    ],
)
def test_versions_decide_who_may_save(web, headers, status):
    answer = put(web, "segments/gold", segment(), headers=headers)

    assert answer.status_code == status
    assert "ETag" in answer.headers


def test_new_thing_is_made_only_where_there_is_none(web):
    first = put(web, "segments/new", segment(), headers={"If-None-Match": "*"})
    second = put(web, "segments/new", segment(), headers={"If-None-Match": "*"})

    assert (first.status_code, second.status_code) == (200, 412)


def test_reader_who_has_it_gets_nothing_new(web):
    tag = web.get("/v1/catalogue/segments/gold").headers["ETag"]

    assert web.get("/v1/catalogue/segments/gold", headers={"If-None-Match": tag}).status_code == 304


def test_archiving_heeds_the_version(web):
    tag = web.get("/v1/catalogue/segments/gold").headers["ETag"]
    put(web, "segments/gold", segment())

    answer = web.delete(
        "/v1/catalogue/segments/gold",
        {},
        content_type="application/json",
        headers={"If-Match": tag},
    )

    assert answer.status_code == 412


def test_repeat_with_the_same_key_happens_once(web, mia):
    repeat = {"Idempotency-Key": "k-1"}

    first = post(web, "changes", {"title": "One"}, headers=repeat)
    second = post(web, "changes", {"title": "One"}, headers=repeat)
    other = post(web, "changes", {"title": "Two"}, headers=repeat)

    assert first.json()["id"] == second.json()["id"]
    assert second.headers["Idempotency-Replayed"] == "true"
    assert other.status_code == 409
    assert Change.objects.filter(title="One").count() == 1


def test_repeat_of_a_save_keeps_its_version(web):
    repeat = {"Idempotency-Key": "k-2"}

    first = put(web, "segments/silver", segment(), headers=repeat)
    second = put(web, "segments/silver", segment(), headers=repeat)

    assert first.headers["ETag"] == second.headers["ETag"]
    assert Item.objects.get(key="silver").revisions.count() == 1


def test_pages_follow_each_other_without_gaps(web):
    for number in range(5):
        make(web, f"s{number}")

    keys, cursor = [], ""
    while True:
        page = web.get(f"/v1/catalogue/segments?limit=2&cursor={cursor}").json()
        keys += [item["key"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break

    assert keys == ["gold", "s0", "s1", "s2", "s3", "s4"]


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("q=MEMBERS", ["gold"]),
        ("state=live", ["gold"]),
        ("state=draft", ["silver"]),
        ("state=archived", []),
        ("q=nothing", []),
    ],
)
def test_things_are_filtered(web, query, keys):
    make(web, "silver")

    found = web.get(f"/v1/catalogue/segments?{query}").json()["items"]

    assert [item["key"] for item in found] == keys


@pytest.mark.parametrize(
    "path",
    [
        "catalogue/segments?limit=0",
        "catalogue/segments?limit=1000",
        "catalogue/segments?cursor=MQ",
        "catalogue/segments?cursor=%FF",
        "catalogue/segments?state=odd",
        "catalogue/segments?change=x",
        "changes?kind=odd",
        "changes?cursor=ImEi",
        "changes?q=%00",
    ],
)
def test_odd_queries_are_refused_by_name(web, path):
    answer = web.get(f"/v1/{path}")

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"]


def test_changes_are_filtered(web, mia, max_):
    make(web, "silver")
    drafts.open_change(max_, now=NOW, title="Other")

    def titles(query):
        return {one["title"] for one in web.get(f"/v1/changes?{query}").json()["changes"]}

    assert titles("author=max") == {"Other"}
    assert titles("state=live") == {"First release"}
    assert titles("q=oth") == {"Other"}
    assert "Other" not in titles("kind=segment")


def test_thing_is_taken_out_of_a_change(web, mia):
    put(web, "segments/gold", segment())

    answer = post(web, "catalogue/segments/gold/withdraw", {})
    nothing = post(web, "catalogue/offers/winter-sale/withdraw", {})

    assert answer.json()["draft"] == answer.json()["live"]
    assert nothing.status_code == 409


def test_change_tells_differences_and_approvals(web, mia):
    put(web, "segments/gold", segment(name="Golden"))
    change = drafts.current_change(mia)

    told = web.get(f"/v1/changes/{change.pk}").json()

    line = told["told"][0]["lines"][0]
    assert (line["field"], line["before"], line["after"]) == ("name", "Gold members", "Golden")
    assert told["approvals"][0]["count"] == 1
    assert told["missing"] == "1 approver"


def test_step_heeds_the_version_of_the_change(web, mia):
    put(web, "segments/silver", segment())
    change = drafts.current_change(mia)
    tag = web.get(f"/v1/changes/{change.pk}").headers["ETag"]
    put(web, "segments/other", segment())

    stale = post(web, f"changes/{change.pk}/submit", headers={"If-Match": tag})

    assert stale.status_code == 412
    assert post(web, f"changes/{change.pk}/submit").status_code == 200


def test_comments_over_the_api(web, mia, ada):
    put(web, "segments/gold", segment(name="Golden"))
    change = drafts.current_change(mia)
    about = {"text": "Why?", "thing": {"kind": "segments", "key": "gold"}, "field": "name"}

    asked = post(browser(ada), f"changes/{change.pk}/comments", about).json()
    post(web, f"changes/{change.pk}/comments", {"text": "So.", "answers": asked["id"]})
    closed = post(web, f"comments/{asked['id']}/resolve", {}).json()
    said = web.get(f"/v1/changes/{change.pk}/comments").json()["comments"]

    assert [one["text"] for one in said] == ["Why?", "So."]
    assert said[1]["answers"] == asked["id"]
    assert closed["resolved_at"]


def everything(client):
    return client.get("/v1/export").json()


def test_export_and_import_of_everything_is_no_change(web):
    document = everything(web)

    answer = post(web, "import", {"title": "Again", "document": document})

    assert len(document["things"]) == 9
    assert answer.json()["saved"] == []
    assert answer.json()["same"] == 9
    assert answer.json()["change"] is None


def test_import_becomes_a_change_that_is_reviewed(web, mia, ada):
    document = everything(web)
    for thing in document["things"]:
        if thing["kind"] == "segment":
            thing["body"]["name"] = "Golden"
            thing["details"] = {"description": "Our best"}

    made = post(web, "import", {"title": "Names", "document": document})
    change = Change.objects.get(pk=made.json()["change"])
    exported = web.get(f"/v1/changes/{change.pk}/export").json()
    publishing.submit(change, by=mia, now=NOW)
    go_live(change, by=ada)

    assert made.status_code == 201
    assert made.json()["saved"] == ["segment:gold"]
    assert [thing["key"] for thing in exported["things"]] == ["gold"]
    assert everything(web)["things"] == document["things"]


def test_round_trip_into_an_empty_product_is_equal(web, mia, ada):
    document = json.loads(json.dumps(everything(web)))
    gone = [{"kind": one["kind"], "key": one["key"], "removed": True} for one in document["things"]]
    kept = [one for one in gone if one["kind"] != "purpose"]
    for things in (kept, document["things"]):
        asked = {"format": exchange.FORMAT, "things": things}
        done = exchange.import_document(asked, author=mia, title="x", now=NOW)
        assert done.findings == []
        publishing.submit(done.change, by=mia, now=NOW)
        go_live(done.change, by=ada)

    assert everything(web)["things"] == document["things"]


def test_dry_run_leaves_nothing_behind(web):
    body = {"key": "silver", "name": "Silver", "condition": SILVER}
    things = [{"kind": "segment", "key": "silver", "body": body}]
    before = Change.objects.count()

    asked = {"title": "x", "document": document_of(things), "dry_run": True}
    answer = post(web, "import", asked)

    assert answer.json()["saved"] == ["segment:silver"]
    assert answer.json()["change"] is None
    assert Change.objects.count() == before
    assert not Item.objects.filter(key="silver").exists()


def document_of(things):
    return {"format": exchange.FORMAT, "things": things}


@pytest.mark.parametrize(
    ("thing", "pointer"),
    [
        (3, "/document/things/0"),
        ({"kind": "mood", "key": "a", "body": {}}, "/document/things/0/kind"),
        ({"kind": "segment", "key": 3, "body": {}}, "/document/things/0/key"),
        ({"kind": "segment", "key": "a"}, "/document/things/0/body"),
        ({"kind": "segment", "key": "a", "body": {}, "x": 1}, "/document/things/0/x"),
        ({"kind": "segment", "key": "a", "body": {}, "version": 1}, "/document/things/0/version"),
        (
            {"kind": "segment", "key": "a", "body": {"name": "A"}},
            "/document/things/0/body/condition",
        ),
        (
            {"kind": "segment", "key": "a", "body": {}, "details": {"x": "y"}},
            "/document/things/0/details",
        ),
    ],
)
def test_wrong_rows_are_named_and_nothing_is_saved(web, thing, pointer):
    answer = post(web, "import", {"title": "x", "document": document_of([thing])})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert not Change.objects.filter(title="x").exists()


def renamed(document, name):
    gold = next(one for one in document["things"] if one["kind"] == "segment")
    return document_of([gold | {"body": gold["body"] | {"name": name}}])


def test_import_is_refused_where_the_thing_went_live_meanwhile(web, mia, ada):
    document = web.get("/v1/export?versions=true").json()
    first = post(web, "import", {"title": "One", "document": renamed(document, "One")}).json()
    change = Change.objects.get(pk=first["change"])
    read = web.get(f"/v1/changes/{change.pk}/export?versions=true").json()["things"]
    publishing.submit(change, by=mia, now=NOW)
    go_live(change, by=ada)
    before = Change.objects.count()

    late = post(web, "import", {"title": "Two", "document": renamed(document, "Two")})
    careless = everything(web)
    newest = web.get(f"/v1/changes/{change.pk}/export?versions=true").json()
    again = post(web, "import", {"title": "Two", "document": renamed(newest, "Two")})

    assert late.status_code == 412
    assert late.json()["title"] == "Changed meanwhile"
    assert late.json()["errors"][0]["pointer"] == "/document/things/0/version"
    assert read[0]["version"] == renamed(document, "One")["things"][0]["version"]
    assert "version" not in careless["things"][0]
    assert again.status_code == 201
    assert Change.objects.count() == before + 1


def test_version_of_one_thing_holds_in_a_document(web):
    put(web, "segments/gold", segment())
    version = web.get("/v1/catalogue/segments/gold").json()["version"]
    thing = {"kind": "segment", "key": "gold", "body": segment()["body"], "version": version}
    new = {"kind": "segment", "key": "new", "body": segment()["body"], "version": ":"}

    taken = post(web, "import", {"title": "x", "document": document_of([thing, new])})
    there = document_of([thing | {"version": ":"}])
    late = post(web, "import", {"title": "x", "document": there})

    assert taken.status_code == 201, taken.json()
    assert late.status_code == 412


def test_what_would_stop_a_submit_is_told_by_row(web):
    unknown = {"all": [{"attribute": "mood", "is": "eq", "value": "good"}]}
    body = {"key": "m", "name": "M", "condition": unknown}
    things = [{"kind": "segment", "key": "m", "body": body}]

    found = post(web, "import", {"title": "x", "document": document_of(things)}).json()

    assert found["findings"][0]["row"] == 0
    assert found["findings"][0]["pointer"].startswith("/document/things/0/body/condition")
    assert found["change"]


def test_importer_never_approves(web, live, mia, ada):
    mia.groups.add(*ada.groups.all())
    body = {"key": "silver", "name": "Silver", "condition": SILVER}
    things = [{"kind": "segment", "key": "silver", "body": body}]
    made = post(web, "import", {"title": "x", "document": document_of(things)}).json()
    post(web, f"changes/{made['change']}/submit")
    digest = web.get(f"/v1/changes/{made['change']}").json()["review_digest"]

    answer = post(web, f"changes/{made['change']}/approve", {"digest": digest})

    assert answer.status_code == 403


def test_key_imports_but_does_not_approve(live, client, key):
    body = {"key": "silver", "name": "Silver", "condition": SILVER}
    things = [{"kind": "segment", "key": "silver", "body": body}]

    made = post(client, "import", {"title": "x", "document": document_of(things)}, headers=key)
    refused = post(client, f"changes/{made.json()['change']}/approve", headers=key)

    assert made.status_code == 201
    assert refused.status_code == 403


def test_commands_export_and_import(live, mia, ana, tmp_path, capsys):
    change = drafts.open_change(mia, now=NOW)
    spec = SegmentSpec(key="silver", name="Silver", condition=SILVER)
    save(change, Kind.SEGMENT, spec, author=mia)
    file = tmp_path / "out.json"
    call_command("rtts_export", change=change.pk, output=str(file))
    capsys.readouterr()

    call_command("rtts_import", str(file), user="mia", format="json")

    told = json.loads(capsys.readouterr().out)
    assert told["saved"] == ["segment:silver"]
    assert told["refused"] is False
    with pytest.raises(CommandError, match="may not edit"):
        call_command("rtts_import", str(file), user="ana")
    file.write_text('{"format": "other"}')
    with pytest.raises(SystemExit):
        call_command("rtts_import", str(file), user="mia")


def test_schema_names_every_address(web):
    schema = web.get("/api/schema", headers={"Accept": "application/json"}).content.decode()

    for path in ("/v1/import", "/v1/export", "/v1/changes/{id}/comments", "Idempotency-Key"):
        assert path in schema, path


def test_role_writes_over_the_api_only_what_its_forms_let_it(live):
    group = Group.objects.create(name="Segment makers")
    names = ["view_item", "change_change", "add_change", "change_segment"]
    group.permissions.set(
        Permission.objects.filter(content_type__app_label="campaigns", codename__in=names)
    )
    client = browser(person("sam", "Segment makers"))
    document = exchange.export_live()
    offer = next(one for one in document["things"] if one["kind"] == "offer")

    assert put(client, "segments/gold", segment()).status_code == 200
    assert put(client, "offers/winter-sale", {"body": offer["body"]}).status_code == 403
    assert post(client, "import", {"document": document, "title": "All"}).status_code == 403


def test_who_wrote_nothing_of_it_renames_no_change_in_review(live, mia, max_):
    change = drafts.open_change(mia, now=NOW, title="Mine")
    save(change, Kind.SEGMENT, SegmentSpec(key="new", name="New", condition=GOLD), author=mia)
    publishing.submit(change, by=mia, now=NOW)

    with pytest.raises(PermissionDenied):
        drafts.rename_change(change, "Other", by=max_, now=NOW)
    assert drafts.rename_change(change, "Better", by=mia, now=NOW).title == "Better"


def test_title_is_reviewed_like_any_edit(web, mia, ada):
    put(web, "segments/silver", segment())
    change = drafts.current_change(mia)
    read = post(web, f"changes/{change.pk}/submit").json()
    approver = browser(ada)

    tag = web.get(f"/v1/changes/{change.pk}").headers["ETag"]
    same = put_title(web, change, read["title"])
    other = put_title(web, change, "Free money for all")
    late = put_title(web, change, "Later", headers={"If-Match": tag})
    asked = {"digest": read["review_digest"]}
    in_draft = post(approver, f"changes/{change.pk}/approve", asked)
    again = post(web, f"changes/{change.pk}/submit").json()
    unread = post(approver, f"changes/{change.pk}/approve", asked)

    assert same["state"] == "in_review"
    assert other["state"] == "draft"
    assert late["status"] == 412
    assert (in_draft.status_code, unread.status_code) == (409, 409)
    assert again["review_digest"] != read["review_digest"]
    assert change.comments.filter(verdict="voided", text__contains="title").count() == 1


def put_title(client, change, title, **more):
    return client.put(
        f"/v1/changes/{change.pk}",
        json.dumps({"title": title}),
        content_type="application/json",
        **more,
    ).json()


def test_who_names_a_change_does_not_approve_it(live, mia, max_):
    change = drafts.open_change(mia, now=NOW, title="Mine")

    drafts.rename_change(change, "Ours", by=max_, now=NOW)

    assert drafts.is_author(max_, change)


@pytest.mark.parametrize("number", [5.1e16, 1e308, 2.0**53])
def test_number_that_the_database_would_not_give_back_is_refused(web, number):
    condition = {"all": [{"attribute": "spend", "is": "gt", "value": number}]}
    body = {"body": {"key": "big", "name": "Big", "condition": condition}}

    assert post(web, "catalogue/segments", body).status_code == 422
    assert web.get("/admin/campaigns/segment/").status_code == 200
