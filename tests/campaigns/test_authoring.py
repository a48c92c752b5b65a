import pytest
from django.test import Client
from django.urls import reverse

from campaigns import drafts, going_live, publishing
from campaigns.models import PROXIES, Change, Item, Release, Revision
from campaigns.models.items import Kind
from decisioning.rules.canonical import decode_release
from tests.campaigns.conftest import GOLD, NOW, go_live
from tests.campaigns.posting import fields_of, group, leaf, rule, without_rule

NESTED = rule(
    "condition",
    group("condition", 1, "", "all"),
    leaf("condition", 2, "1", "attribute:tier", "eq", "gold"),
    group("condition", 3, "1", "any"),
    leaf("condition", 4, "3", "attribute:spend", "gt", "500"),
    leaf("condition", 5, "3", "attribute:tier", "eq", "silver"),
)
NESTED_CONDITION = {
    "all": [
        {"attribute": "tier", "is": "eq", "value": "gold"},
        {
            "any": [
                {"attribute": "spend", "is": "gt", "value": 500},
                {"attribute": "tier", "is": "eq", "value": "silver"},
            ]
        },
    ]
}


def browser(user):
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def marketer(mia):
    return browser(mia)


@pytest.fixture
def approver(ada):
    return browser(ada)


def add_url(kind):
    return reverse(f"admin:campaigns_{PROXIES[kind]._meta.model_name}_add")


def change_url(item):
    return reverse(f"admin:campaigns_{PROXIES[item.kind]._meta.model_name}_change", args=[item.pk])


def item_of(kind):
    return Item.objects.filter(kind=kind).earliest("pk")


def post(client, url, fields, **more):
    return client.post(url, {**fields, **more})


def add_segment(client, **fields):
    url = add_url(Kind.SEGMENT)
    page = without_rule(fields_of(client.get(url)), "condition")
    return post(client, url, {**page, **NESTED, "name": "Big spenders", "key": "big", **fields})


def test_nested_segment_from_form_to_live(live, mia, ada, marketer, approver):
    saved = add_segment(marketer, why="Spring")
    change = drafts.current_change(mia)
    revision = Revision.objects.get(item__key="big")

    assert saved.status_code == 302
    assert revision.body["condition"] == NESTED_CONDITION
    assert (revision.author, revision.why) == (mia, "Spring")
    assert Item.objects.get(key="big").live_revision is None

    marketer.post(reverse("admin:rtts-change-step", args=[change.pk, "submit"]))
    change.refresh_from_db()
    assert change.state == Change.State.IN_REVIEW

    page = approver.get(reverse("admin:rtts-change", args=[change.pk]))
    text = page.content.decode()
    assert "Big spenders" in text
    assert "Tier is" in text
    assert "500" in text
    digest = publishing.candidate_for(change).review_digest
    step = reverse("admin:rtts-change-step", args=[change.pk, "approve"])
    assert marketer.post(step, {"digest": digest}).status_code == 403
    approver.post(step, {"digest": digest})
    approver.post(reverse("admin:rtts-change-step", args=[change.pk, "publish"]))
    release = Release.objects.get(state=Release.State.PREPARING)
    going_live.take_live(release, now=NOW)

    assert "big" in [one.key for one in decode_release(bytes(release.spec)).segments]
    assert Item.objects.get(key="big").live_revision == revision


def test_author_with_every_role_cannot_approve(live, mia, ada, marketer):
    mia.groups.add(*ada.groups.all())
    add_segment(marketer)
    change = drafts.current_change(mia)
    marketer.post(reverse("admin:rtts-change-step", args=[change.pk, "submit"]))
    digest = publishing.candidate_for(change).review_digest

    page = marketer.get(reverse("admin:rtts-change", args=[change.pk]))
    step = reverse("admin:rtts-change-step", args=[change.pk, "approve"])
    refused = marketer.post(step, {"digest": digest}, follow=True)
    change.refresh_from_db()

    assert 'value="' + digest not in page.content.decode()
    assert "a colleague has to approve it" in refused.content.decode()
    assert change.state == Change.State.IN_REVIEW


def test_edit_never_touches_what_is_live(live, mia, marketer):
    item = item_of("segment")
    url = change_url(item)
    fields = without_rule(fields_of(marketer.get(url)), "condition")

    assert post(marketer, url, {**fields, **NESTED, "name": "Gold and more"}).status_code == 302
    item.refresh_from_db()

    assert item.live_revision.body["condition"] == GOLD
    assert drafts.draft_of(item, drafts.current_change(mia)).body["name"] == "Gold and more"


def test_every_form_saves_what_it_shows(live, mia, marketer):
    for item in Item.objects.all():
        url = change_url(item)
        fields = fields_of(marketer.get(url))
        answer = post(marketer, url, fields)
        assert answer.status_code == 302, (item.kind, errors_of(answer))
        draft = drafts.draft_of(item, drafts.current_change(mia))
        assert draft.body == item.live_revision.body, item.kind


def test_offer_dates_are_saved_as_instants_of_their_zone(live, mia, marketer):
    url = change_url(item_of(Kind.OFFER))
    dates = {
        "time_zone": "Europe/Berlin",
        "starts_at": "2027-03-01T09:00",
        "ends_at": "2027-03-31T09:00",
    }

    answer = post(marketer, url, {**fields_of(marketer.get(url)), **dates})

    assert answer.status_code == 302
    body = Revision.objects.filter(item=item_of(Kind.OFFER)).latest("number").body
    assert body["starts_at"] == "2027-03-01T09:00:00+01:00"
    assert body["ends_at"] == "2027-03-31T09:00:00+02:00"


def errors_of(response):
    form = response.context["adminform"].form
    return {name: [str(one) for one in errors] for name, errors in form.errors.items()}


BAD = [
    (Kind.ATTRIBUTE, {"type": "colour"}, "type"),
    (Kind.ATTRIBUTE, {"purposes": []}, "purposes"),
    (Kind.EVENT_TYPE, {"properties-0-type": "colour"}, "properties"),
    (Kind.CHANNEL, {"name": ""}, "name"),
    (Kind.CHANNEL, {"name": "x" * 201}, "name"),
    (Kind.PLACEMENT, {"max_count": "Infinity"}, "max_count"),
    (Kind.PLACEMENT, {"channel": "nowhere"}, "channel"),
    (Kind.PLACEMENT, {"fallback_headline": "", "fallback_more": "{}"}, "fallback_headline"),
    (Kind.PLACEMENT, {"fallback_more": '{"a": NaN}'}, "fallback_more"),
    (Kind.OFFER, {"variants-0-key": ""}, "variants"),
    (Kind.OFFER, {"variants-0-content_more": "[1]"}, "variants"),
    (Kind.OFFER, {"priority": "nan"}, "priority"),
    (Kind.OFFER, {"starts_at": "tomorrow"}, "starts_at"),
    (Kind.OFFER, {"starts_at": "2027-03-02T09:00", "ends_at": "2027-03-01T09:00"}, "ends_at"),
    (
        Kind.OFFER,
        {"starts_at": "2027-03-28T02:30", "time_zone": "Europe/Berlin"},
        "starts_at",
    ),
    (Kind.OFFER, {"time_zone": "Mars/Base"}, "time_zone"),
    (Kind.CAMPAIGN, {"offers": []}, "offers"),
    (Kind.CAMPAIGN, {"weight_priority": "-1"}, "weight_priority"),
    (Kind.CAMPAIGN, {"weight_priority": ""}, "weight_priority"),
    (Kind.CAMPAIGN, {"holdout_share": "2"}, "holdout_share"),
    (Kind.CAMPAIGN, {"fallback_offer": "winter-sale"}, "fallback_offer"),
    (Kind.PURPOSE, {"validity_days": "0"}, "validity_days"),
    (Kind.PURPOSE, {"tcf": "one"}, "tcf"),
    (Kind.SEGMENT, {"condition-node": ["broken"]}, "condition"),
    (Kind.SEGMENT, {"condition-2-subject": [""]}, "condition"),
]


@pytest.mark.parametrize(("kind", "bad", "field"), BAD)
def test_bad_input_names_the_field(live, marketer, kind, bad, field):
    url = change_url(item_of(kind))
    fields = fields_of(marketer.get(url))

    answer = post(marketer, url, {**fields, **bad})

    assert answer.status_code == 200
    assert list(errors_of(answer)) == [field]


def test_bad_new_keys_are_refused(live, marketer):
    assert errors_of(add_segment(marketer, key="Big!"))["key"]
    assert errors_of(add_segment(marketer, key="gold"))["key"]
    assert errors_of(add_segment(marketer, **{"condition-4-value": ["lots"]}))["condition"]


def test_stale_save_is_shown_with_what_is_newer(live, mia, max_, marketer):
    item = item_of("channel")
    url = change_url(item)
    fields = fields_of(marketer.get(url))
    change = drafts.ensure_change(mia, now=NOW)
    body = {**item.live_revision.body, "name": "World wide web"}
    other = drafts.Draft(kind="channel", key=item.key, body=body)
    drafts.save_draft(change, other, author=max_, now=NOW)

    stale = post(marketer, url, {**fields, "name": "Internet"})
    again = post(marketer, url, {**fields_of(stale), "name": "Internet"})

    assert "max" in stale.content.decode()
    assert "World wide web" in stale.content.decode()
    assert again.status_code == 302
    assert drafts.draft_of(item, change).body["name"] == "Internet"


def test_rows_are_added_by_the_server(live, marketer):
    url = reverse("admin:rtts-row", args=["offer", "variants"])

    answer = marketer.get(url, {"variants-TOTAL_FORMS": "2"})

    assert 'name="variants-2-key"' in answer.content.decode()
    assert 'value="3"' in answer.content.decode()
    assert marketer.get(url, {"variants-TOTAL_FORMS": "x"}).status_code == 404
    assert marketer.get(url, {"variants-TOTAL_FORMS": "5000"}).status_code == 422


def test_lists_cost_a_bounded_number_of_queries(live, mia, marketer, django_assert_max_num_queries):
    change = drafts.ensure_change(mia, now=NOW)
    for number in range(30):
        body = {"key": f"s{number}", "name": f"S {number}", "condition": GOLD}
        draft = drafts.Draft(kind="segment", key=body["key"], body=body)
        drafts.save_draft(change, draft, author=mia, now=NOW)
    url = reverse("admin:campaigns_segment_changelist")

    with django_assert_max_num_queries(20):
        page = marketer.get(url)

    assert "Tier is" in page.content.decode()
    assert "draft: mia" in page.content.decode()


def test_every_list_and_page_opens(live, mia, marketer, approver):
    names = [f"admin:campaigns_{m._meta.model_name}_changelist" for m in PROXIES.values()]
    urls = [reverse(name) for name in names]
    urls += [change_url(item) for item in Item.objects.all()]
    urls += [add_url(kind) for kind in PROXIES]
    urls += [reverse("admin:rtts-history", args=["item", item_of("segment").pk])]
    urls += [reverse("admin:rtts-review"), reverse("admin:campaigns_change_changelist")]
    urls += [reverse("admin:campaigns_release_changelist"), reverse("admin:index")]
    urls += [reverse("admin:rtts-release", args=[live.pk])]
    urls += [reverse("admin:rtts-change", args=[live.change_id])]
    for url in urls:
        assert marketer.get(url).status_code == 200, url
    assert approver.get(change_url(item_of("offer"))).status_code == 200


def test_approver_only_reads_forms(live, approver):
    url = change_url(item_of("channel"))

    assert approver.post(url, {"name": "Mine"}).status_code == 403


def test_archive_waits_for_publishing(live, mia, marketer):
    item = item_of("campaign")
    shown = marketer.post(
        reverse("admin:campaigns_campaign_changelist"),
        {"action": "archive", "_selected_action": [item.pk]},
    )
    assert drafts.draft_of(item, drafts.current_change(mia)) is None

    fields = {"things": item.pk, "shown": shown.context["shown"], "step": "do"}
    marketer.post(reverse("admin:rtts-bulk", args=[item.kind, "archive"]), fields)
    draft = drafts.draft_of(item, drafts.current_change(mia))

    assert draft.removed
    item.refresh_from_db()
    assert item.archived_at is None


def step(client, change, name, **fields):
    return client.post(
        reverse("admin:rtts-change-step", args=[change.pk, name]), fields, follow=True
    )


def test_sent_back_with_words_and_nothing_else(live, mia, marketer, approver):
    add_segment(marketer)
    change = drafts.current_change(mia)
    step(marketer, change, "submit")

    silent = step(approver, change, "send-back", text=" ")
    change.refresh_from_db()
    assert change.state == Change.State.IN_REVIEW
    assert "Say what has to be different" in silent.content.decode()

    told = step(approver, change, "send-back", text="Too wide")
    change.refresh_from_db()
    assert change.state == Change.State.DRAFT
    assert "Too wide" in told.content.decode()


def test_submitted_change_takes_no_edit_by_accident(live, mia, marketer):
    add_segment(marketer)
    change = drafts.current_change(mia)
    step(marketer, change, "submit")

    add_segment(marketer, key="other")
    change.refresh_from_db()

    assert change.state == Change.State.IN_REVIEW
    assert drafts.current_change(mia) != change


def test_thing_is_taken_out_renamed_and_discarded(live, mia, marketer):
    item = item_of("channel")
    post(marketer, change_url(item), {**fields_of(marketer.get(change_url(item))), "name": "W"})
    add_segment(marketer)
    change = drafts.current_change(mia)

    step(marketer, change, "take-out", item=item.pk)
    page = step(marketer, change, "rename", title="Only the segment").content.decode()
    assert "Only the segment" in page
    assert "Big spenders" in page
    assert "Take W out" not in page

    step(marketer, change, "discard")
    change.refresh_from_db()
    assert change.state == Change.State.REJECTED
    assert marketer.get(reverse("admin:rtts-change", args=[change.pk])).status_code == 200


def test_unknown_steps_and_changes_are_not_found(live, mia, marketer):
    change = drafts.ensure_change(mia, now=NOW)

    assert step(marketer, change, "explode").status_code == 404
    assert marketer.get(reverse("admin:rtts-change", args=[99999])).status_code == 404


def test_discarded_rename_leaves_the_live_name(live, mia, marketer):
    item = item_of("channel")
    post(marketer, change_url(item), {**fields_of(marketer.get(change_url(item))), "name": "W"})
    item.refresh_from_db()

    assert item.name == "Web"


def test_roll_back_needs_a_reason_and_the_role(live, mia, ada, marketer, approver):
    add_segment(marketer)
    change = drafts.current_change(mia)
    publishing.submit(change, by=mia, now=NOW)
    go_live(change, by=ada)
    url = reverse("admin:rtts-roll-back", args=[live.pk])

    assert marketer.post(url, {"why": "x"}).status_code == 403
    assert "Say why" in approver.post(url, {"why": ""}, follow=True).content.decode()
    answer = approver.post(url, {"why": "Too many people"}, follow=True)
    assert "Too many people" in answer.content.decode()
    assert Release.objects.get(state="preparing").restores == live


def test_texts_with_nul_are_refused(live, mia, marketer):
    change = drafts.ensure_change(mia, now=NOW)

    said = step(marketer, change, "say", text="a\0b").content.decode()
    named = step(marketer, change, "rename", title="\0").content.decode()
    marketer.post(reverse("admin:rtts-change-new"), {"title": "x\0y"})

    assert "Null characters are not allowed" in said
    assert "Null characters are not allowed" in named
    assert not change.comments.exists()
    assert not Change.objects.filter(title__in=["xy", "x y"]).exists()
