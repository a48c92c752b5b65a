"""Two people edit: both versions stand beside each other, and neither choice loses what was typed."""

import pytest
from django.test import Client
from django.urls import reverse

from campaigns import drafts
from campaigns.models.items import Kind
from decisioning.specs import SegmentSpec
from tests.campaigns.conftest import GOLD, NOW, save
from tests.campaigns.posting import fields_of
from tests.campaigns.test_authoring import browser, change_url, item_of

THEIRS = {"all": [{"attribute": "tier", "is": "eq", "value": "silver"}]}


@pytest.fixture
def stale(live, mia, max_):
    """Return a client with the page of a segment, the fields that it sends, and what max saved meanwhile."""
    change = drafts.open_change(mia, now=NOW)
    drafts.switch_change(mia, change)
    client = browser(mia)
    url = change_url(item_of(Kind.SEGMENT))
    fields = fields_of(client.get(url))
    spec = SegmentSpec(key="gold", name="Silver members", condition=THEIRS)
    save(change, Kind.SEGMENT, spec, author=max_)
    return client, url, {**fields, "name": ["Golden people"]}


def test_both_are_told_in_words_with_who_and_when(stale):
    client, url, fields = stale

    html = client.post(url, {**fields, "_save": "Save"}).content.decode()

    table = html.partition('id="both-versions"')[2].partition("</table>")[0]
    assert "max saved at" in table
    for text in ("Silver members", "Golden people", "silver", "gold"):
        assert text in table


def test_taking_theirs_saves_nothing_and_keeps_mine_to_bring_back(stale):
    client, url, fields = stale
    refused = fields_of(client.post(url, {**fields, "_save": "Save"}))

    theirs = client.post(url, {**refused, "_take": "theirs"})
    shown = fields_of(theirs)
    back = client.post(url, {**shown, "_take": "mine"})

    assert shown["name"] == ["Silver members"]
    assert fields_of(back)["name"] == ["Golden people"]
    assert 'id="both-versions"' in back.content.decode()
    assert item_of(Kind.SEGMENT).revisions.count() == 2  # the live one and what max saved


def test_keeping_mine_saves_it_in_sight_of_theirs(stale):
    client, url, fields = stale
    refused = fields_of(client.post(url, {**fields, "_save": "Save"}))

    answer = client.post(url, {**refused, "_continue": "1"})

    newest = item_of(Kind.SEGMENT).revisions.order_by("-number").first()
    assert answer.status_code == 302
    assert newest.body["name"] == "Golden people"
    assert newest.body["condition"] == GOLD


def test_an_altered_version_is_not_brought_back(stale):
    client, url, fields = stale

    answer = client.post(url, {**fields, "_take": "mine", "_kept": "altered"})

    assert answer.status_code == 200
    assert "cannot be brought back" in answer.content.decode()


def test_a_page_asks_who_is_signed_in_and_gets_a_token(live, mia):
    client = Client(enforce_csrf_checks=True)
    url = reverse("admin:rtts-token")

    signed_out = client.get(url, headers={"HX-Request": "true"})
    client.force_login(mia)
    answer = client.get(url, headers={"HX-Request": "true"})
    sent = client.post(
        reverse("admin:rule-builder-edit"),
        {"csrfmiddlewaretoken": answer.content.decode(), "rb": "rule"},
    )

    assert signed_out.status_code == 401
    assert answer.status_code == 200
    assert sent.status_code == 422  # in words, not refused for its token
