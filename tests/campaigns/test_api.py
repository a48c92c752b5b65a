from dataclasses import replace

import pytest
from django.urls import reverse

from campaigns import drafts, inbox, publishing
from campaigns.models import Change, Item
from campaigns.models.items import Kind
from rtts_site.foundation.key_issuing import KeyIssueError, issue
from rtts_site.foundation.models import ApiKey
from tests.campaigns.conftest import GOLD, NOW, save, specs
from tests.campaigns.test_authoring import browser


@pytest.fixture
def key(redis, max_):
    """Return the headers of a program that may manage."""
    _, secret = issue(redis, "Planner", scopes=["management"], issued_by=max_)
    return {"Authorization": f"Bearer {secret}"}


def put(client, path, body, **more):
    return client.put(f"/v1/catalogue/{path}", body, content_type="application/json", **more)


def post(client, path, body=None, **more):
    return client.post(f"/v1/{path}", body or {}, content_type="application/json", **more)


def segment(**fields):
    return {"body": {"name": "Silver", "condition": GOLD, **fields}}


def test_lists_what_is_live_in_words(live, client, key):
    answer = client.get("/v1/catalogue/segments", headers=key)

    (item,) = answer.json()["items"]
    assert item["live"]["condition"] == GOLD
    assert item["words"].startswith("Tier is")


def test_program_authors_and_submits_but_never_approves(live, client, key, ada):
    saved = put(client, "segments/silver", segment(), headers=key)
    change = Change.objects.get(state="draft")

    submitted = post(client, f"changes/{change.pk}/submit", headers=key)
    refused = post(client, f"changes/{change.pk}/approve", headers=key)

    assert saved.status_code == 200
    assert Item.objects.get(key="silver").live_revision is None
    assert submitted.json()["state"] == "in_review"
    assert submitted.json()["told"][0]["verb"] == "new"
    assert refused.status_code == 403
    assert "signed-in person" in refused.json()["detail"]

    digest = submitted.json()["review_digest"]
    approved = post(browser(ada), f"changes/{change.pk}/approve", {"digest": digest})
    assert approved.json()["state"] == "approved"
    published = post(browser(ada), f"changes/{change.pk}/publish")
    assert published.json()["state"] == "preparing"


def test_who_made_the_key_does_not_approve_what_it_writes(live, client, key, max_, ada):
    max_.groups.add(*ada.groups.all())
    put(client, "segments/silver", segment(), headers=key)
    change = Change.objects.get(state="draft")
    digest = post(client, f"changes/{change.pk}/submit", headers=key).json()["review_digest"]

    answer = post(browser(max_), f"changes/{change.pk}/approve", {"digest": digest})

    assert answer.status_code == 403
    assert "colleague" in answer.json()["detail"]
    assert inbox.waiting_for(max_) == []
    assert inbox.waiting_for(ada) == [change]


def test_key_of_nobody_writes_nothing(live, client, redis, key):
    ApiKey.objects.update(issued_by=None)

    answer = put(client, "segments/silver", segment(), headers=key)

    assert answer.status_code == 403
    assert "rotate it" in answer.json()["detail"]
    with pytest.raises(KeyIssueError, match="who makes the key"):
        issue(redis, "Planner", scopes=["management"])


def test_author_never_approves_over_the_api(live, mia, ada):
    mia.groups.add(*ada.groups.all())
    client = browser(mia)
    put(client, "segments/silver", segment())
    change = drafts.current_change(mia)
    post(client, f"changes/{change.pk}/submit")
    digest = publishing.candidate_for(change).review_digest

    answer = post(client, f"changes/{change.pk}/approve", {"digest": digest})

    assert answer.status_code == 403
    assert "colleague" in answer.json()["detail"]


def test_case_31_nobody_approves_their_own_policy_and_who_only_reads_writes_nothing(
    live, mia, ada, ana, client, caplog
):
    mia.groups.add(*ada.groups.all())
    change = drafts.open_change(mia, now=NOW, title="Policy")
    save(change, Kind.PURPOSE, replace(dict(specs())[Kind.PURPOSE], validity_days=90), author=mia)
    publishing.submit(change, by=mia, now=NOW)
    digest = publishing.candidate_for(change).review_digest

    with caplog.at_level("WARNING", "django.request"):
        own = post(browser(mia), f"changes/{change.pk}/approve", {"digest": digest})
        written = put(browser(ana), "segments/silver", segment())
        partial = client.post(reverse("admin:rule-builder-edit"), headers={"HX-Request": "true"})

    # An expired session is told to sign in: 401, which the page shows in place of the part.
    assert (own.status_code, written.status_code, partial.status_code) == (403, 403, 401)
    assert change.approvals.count() == 0
    assert not Item.objects.filter(key="silver").exists()
    logged = [record.status_code for record in caplog.records if record.name == "django.request"]
    assert logged == [403, 403, 401]


def test_stale_save_is_refused(live, mia):
    client = browser(mia)
    etag = client.get("/v1/catalogue/segments/gold").headers["ETag"]

    first = put(client, "segments/gold", segment(), headers={"If-Match": etag})
    second = put(client, "segments/gold", segment(), headers={"If-Match": etag})

    assert first.status_code == 200
    assert second.status_code == 412


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("segments/silver", {"body": {"name": "S", "condition": {}}}, "/body/condition"),
        ("segments/silver", {"body": {"name": "", "condition": GOLD}}, "/body/name"),
        ("segments/silver", {"body": {"name": 3, "condition": GOLD}}, "/body/name"),
        ("segments/silver", segment(extra=1), "/body/extra"),
        ("segments/silver", segment(key="other"), "/body/key"),
        ("segments/Silver!", segment(), "/body/key"),
        ("segments/silver", {"body": []}, "/body"),
        ("segments/silver", {"boddy": {}}, "/boddy"),
        ("segments/silver", segment(name="a\0b"), "/body/name"),
        ("segments/silver", segment(name="\ud800"), "/body/name"),
        ("channels/c", {"body": {"name": "C", "more": 2**70}}, "/body/more"),
        ("offers/o", {"body": {"name": "O", "variants": [], "purposes": []}}, "/body/variants"),
    ],
)
def test_bad_bodies_name_the_field(live, mia, path, body, pointer):
    answer = put(browser(mia), path, body)

    assert 400 <= answer.status_code < 500
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert answer.json()["errors"][0]["pointer"] == pointer


def test_candidate_with_faults_is_not_submitted(live, mia):
    client = browser(mia)
    unknown = {"all": [{"attribute": "mood", "is": "eq", "value": "good"}]}
    put(client, "segments/silver", segment(condition=unknown))
    change = drafts.current_change(mia)

    answer = post(client, f"changes/{change.pk}/submit")

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/segment/silver/condition"


def test_keys_need_the_scope_and_people_the_role(live, client, redis, ana):
    _, secret = issue(redis, "Shop", scopes=["decisions"])

    assert client.get("/v1/releases").status_code in (401, 403)
    by_key = client.get("/v1/releases", headers={"Authorization": f"Bearer {secret}"})
    assert by_key.status_code == 403
    assert "management" in by_key.json()["detail"]
    assert browser(ana).get("/v1/releases").status_code == 200
    assert put(browser(ana), "segments/silver", segment()).status_code == 403


def test_releases_and_reports_are_read(live, client, key):
    releases = client.get("/v1/releases", headers=key).json()["releases"]
    report = client.get("/v1/reports/offers/winter-sale?by=placement", headers=key)

    assert [one["version"] for one in releases] == [1]
    assert client.get("/v1/releases/1", headers=key).json()["digest"] == live.digest
    assert client.get("/v1/releases/9", headers=key).status_code == 404
    assert report.json() == {"results": []}
    assert client.get("/v1/reports/offers/winter-sale?days=0", headers=key).status_code == 422
    assert client.get("/v1/catalogue/moods", headers=key).status_code == 404
    assert client.get("/v1/changes?cursor=x", headers=key).status_code == 422


def test_archiving_waits_for_review(live, mia):
    client = browser(mia)

    answer = client.delete(
        "/v1/catalogue/campaigns/winter", {"why": "Over"}, content_type="application/json"
    )

    assert answer.json()["draft"] == {"archived": True}
    assert answer.json()["live"] is not None


def test_documentation_opens(live, client, mia):
    page = browser(mia).get(reverse("rtts-api-docs"))

    assert page.status_code == 200
    assert b"<script>" not in page.content


@pytest.mark.parametrize(
    "path",
    [
        "catalogue/segments/%00",
        "reports/offers/%00",
        "changes?state=%00",
        "changes?cursor=OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk",
        "changes/999999",
    ],
)
def test_odd_addresses_are_refused(live, mia, path):
    assert 400 <= browser(mia).get(f"/v1/{path}").status_code < 500


def test_numbers_past_what_json_carries_are_refused(live, mia):
    body = {"name": "H", "channel": "web", "fallback": {"points": 2**70}}

    answer = put(browser(mia), "placements/big", {"body": body})

    assert answer.json()["errors"][0]["pointer"] == "/body/fallback"
