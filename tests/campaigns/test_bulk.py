"""Acts on one thing or many: tags, copies, archiving, restoring, purposes, moves, dates; and who uses what."""

import pytest
from django.urls import reverse

from campaigns import cloning, drafts, publishing, tags
from campaigns.bulk import acts, scenes
from campaigns.candidates import candidate_of
from campaigns.mapping import body_of
from campaigns.models import Change, Item, Revision
from campaigns.models.items import Kind
from campaigns.uses import Use, references
from consent.policy import PurposeSpec
from decisioning.specs import (
    ArmSpec,
    CampaignSpec,
    ExperimentSpec,
    OfferSpec,
    SegmentSpec,
    VariantSpec,
)
from tests.campaigns.conftest import GOLD, NOW, go_live, save, variant
from tests.campaigns.test_lists import signed_in

OFFERS = reverse("admin:campaigns_offer_changelist")


@pytest.fixture
def change(live, mia):
    found = drafts.open_change(mia, now=NOW)
    drafts.switch_change(mia, found)
    return found


@pytest.fixture
def shop(change, mia):
    """Return items by key: two more offers in campaigns of their own, one in none."""
    save(change, Kind.PURPOSE, PurposeSpec(key="service", name="Service"), author=mia)
    for key in ("spring", "autumn", "loose"):
        spec = OfferSpec(key=key, name=key.title(), purposes=("ads",), variants=(variant(),))
        save(change, Kind.OFFER, spec, author=mia)
    for key, offers in (("spring-only", ("spring",)), ("both", ("spring", "autumn"))):
        spec = CampaignSpec(key=key, name=key, offers=offers, goal_event="Order Completed")
        save(change, Kind.CAMPAIGN, spec, author=mia)
    return {item.key: item for item in Item.objects.all()}


def scene(change, *items, **said):
    return scenes.scene_of(items, candidate=candidate_of(change), change=change, said=said)


def planned(act, change, *items, **said):
    return acts.plan(act, scene(change, *items, **said))


def done(act, change, mia, *items, **said):
    made = scene(change, *items, **said)
    return acts.carry_out(acts.plan(act, made), made, change=change, by=mia, now=NOW)


def test_every_reference_is_known():
    offer = OfferSpec(
        key="o",
        name="O",
        purposes=("ads",),
        variants=(
            VariantSpec(
                key="a",
                placements=("web.hero",),
                content={"text": "Hi {{ tier | default: 'you' }} {% if spend > 3 %}!{% endif %}"},
            ),
        ),
        eligibility={
            "all": [
                {"segment": "gold"},
                {"none": [{"attribute": "spend", "is": "gt", "value": 1}]},
                {
                    "event": "Order Completed",
                    "count": {"is": "gte", "value": 1},
                    "where": {"all": [{"attribute": "total", "is": "gt", "value": 3}]},
                    "without": {"event": "Returned"},
                },
            ]
        },
    )

    named = {(kind, key) for kind, key, _field in references(Kind.OFFER, body_of(offer))}

    assert {
        (Kind.PURPOSE, "ads"),
        (Kind.PLACEMENT, "web.hero"),
        (Kind.SEGMENT, "gold"),
        (Kind.ATTRIBUTE, "spend"),
        (Kind.ATTRIBUTE, "tier"),
        (Kind.EVENT_TYPE, "Order Completed"),
        (Kind.EVENT_TYPE, "Returned"),
    } <= named
    assert (Kind.ATTRIBUTE, "total") not in named  # a property of the event


def test_used_by_names_every_user(live):
    users = candidate_of(None).users

    assert users[Kind.SEGMENT, "gold"] == (Use(Kind.OFFER, "winter-sale", "eligibility"),)
    assert users[Kind.OFFER, "winter-sale"] == (Use(Kind.CAMPAIGN, "winter", "offers"),)
    assert users[Kind.CHANNEL, "web"] == (Use(Kind.PLACEMENT, "web.hero", "channel"),)
    assert users[Kind.EVENT_TYPE, "Order Completed"] == (
        Use(Kind.CAMPAIGN, "winter", "goal_event"),
    )
    assert {use.kind for use in users[Kind.PURPOSE, "ads"]} == {
        Kind.ATTRIBUTE,
        Kind.EVENT_TYPE,
        Kind.OFFER,
    }


def test_a_form_lists_who_uses_the_thing(live, mia):
    item = Item.objects.get(kind=Kind.SEGMENT, key="gold")

    page = signed_in(mia).get(reverse("admin:campaigns_segment_change", args=[item.pk]))

    card = page.content.decode().partition('id="used-by"')[2].partition("</section>")[0]
    assert "Winter sale" in card


def test_what_is_in_use_is_not_archived_and_its_users_are_named(shop, change):
    plan = planned("archive", change, shop["gold"], shop["loose"])

    assert [effect.item.key for effect in plan.ready] == ["loose"]
    assert plan.refused[0].users == (Use(Kind.OFFER, "winter-sale", "eligibility"),)


def test_users_that_are_archived_with_it_do_not_stand_in_the_way(shop, change):
    plan = planned("archive", change, shop["gold"], shop["winter-sale"], shop["winter"])

    assert len(plan.ready) == 3


def test_archived_things_come_back(shop, change, mia, ada):
    done("archive", change, mia, shop["loose"])
    publishing.submit(change, by=mia, now=NOW)
    go_live(change, by=ada)
    again = drafts.open_change(mia, now=NOW)

    plan = planned("restore", again, shop["loose"], shop["spring"])
    assert [effect.item.key for effect in plan.ready] == ["loose"]
    assert done("restore", again, mia, shop["loose"]) == 1

    assert (Kind.OFFER, "loose") in candidate_of(again).bodies


def test_tags_need_no_review_and_keep_their_case(live, mia):
    item = Item.objects.get(key="winter-sale")

    signed_in(mia).post(reverse("admin:rtts-tags", args=[item.pk]), {"tags": " Q4, #Winter ,q4"})

    assert Item.objects.get(pk=item.pk).tags == ["Q4", "Winter"]
    assert Change.objects.count() == 1
    assert tags.tags_of_kind(Kind.OFFER) == ["Q4", "Winter"]


@pytest.mark.parametrize("text", ["x" * 41, ",".join(f"t{n}" for n in range(21))])
def test_too_long_and_too_many_tags_are_refused(text):
    with pytest.raises(tags.TagRefused):
        tags.read_tags(text)


def test_an_analyst_tags_and_copies_nothing(live, ana):
    item, client = Item.objects.get(key="winter-sale"), signed_in(ana)
    for name in ("rtts-tags", "rtts-clone"):
        assert (
            client.post(reverse(f"admin:{name}", args=[item.pk]), {"tags": "x"}).status_code == 403
        )
    url = reverse("admin:rtts-bulk", args=["offer", "archive"])
    assert client.post(url, {"things": str(item.pk), "step": "do"}).status_code == 403
    assert Item.objects.get(pk=item.pk).tags == []


def test_many_things_are_tagged_and_filtered(shop, change, mia):
    things = [shop[key] for key in ("spring", "autumn", "loose")]
    assert done("tag", change, mia, *things, tags=["Season"]) == 3
    spring = Item.objects.get(key="spring")
    assert done("untag", change, mia, spring, tags=["season"]) == 1
    spring.refresh_from_db()
    assert planned("untag", change, spring, tags=["season"]).ready == []

    rows = signed_in(mia).get(OFFERS, {"tag": "Season"}).context["cl"].result_list

    assert {item.key for item in rows} == {"autumn", "loose"}


def test_a_copy_has_everything_but_key_and_name(live, change, mia):
    item = Item.objects.get(key="winter-sale")
    tags.set_tags(item, ["Winter"])
    item.refresh_from_db()

    copy = cloning.clone(item, change=change, author=mia, now=NOW)
    second = cloning.clone(item, change=change, author=mia, now=NOW)

    assert copy.body["eligibility"] == item.live_revision.body["eligibility"]
    assert {**copy.body, "key": item.key, "name": item.name} == item.live_revision.body
    assert (copy.item.key, copy.body["name"]) == ("winter-sale-copy", "Copy of Winter sale")
    assert second.item.key == "winter-sale-copy-2"
    assert Item.objects.get(pk=copy.item_id).tags == ["Winter"]
    assert item.live_revision == Item.objects.get(pk=item.pk).live_revision


def test_a_copied_experiment_splits_people_otherwise(live, change, mia):
    arms = tuple(ArmSpec(key=key, share=0.5) for key in ("a", "b"))
    spec = ExperimentSpec(key="e", name="E", campaign="winter", salt="one", arms=arms)
    revision = save(change, Kind.EXPERIMENT, spec, author=mia)

    copy = cloning.clone(revision.item, change=change, author=mia, now=NOW)

    assert copy.body["salt"] != "one"
    assert not candidate_of(change).findings()


def test_a_copy_is_made_from_its_page(live, mia):
    item = Item.objects.get(key="gold")

    answer = signed_in(mia).post(reverse("admin:rtts-clone", args=[item.pk]), follow=True)

    assert "Copy of Gold members" in answer.content.decode()


def test_a_purpose_is_added_where_it_is_missing(shop, change, mia):
    plan = planned("purpose", change, shop["spring"], shop["tier"], purpose="service")
    assert len(plan.ready) == 2

    done("purpose", change, mia, shop["spring"], purpose="service")
    again = planned("purpose", change, shop["spring"], purpose="service")

    assert candidate_of(change).bodies[Kind.OFFER, "spring"]["purposes"] == ["ads", "service"]
    assert again.refused[0].refusal


def test_offers_move_and_no_campaign_is_left_empty(shop, change, mia):
    plan = planned("move", change, shop["spring"], shop["autumn"], shop["loose"], campaign="winter")

    assert [effect.item.key for effect in plan.refused] == ["spring", "autumn"]
    assert plan.refused[0].users[0].key in ("spring-only", "both")

    done("move", change, mia, shop["autumn"], shop["loose"], campaign="winter")
    bodies = candidate_of(change).bodies
    assert bodies[Kind.CAMPAIGN, "winter"]["offers"] == ["winter-sale", "autumn", "loose"]
    assert bodies[Kind.CAMPAIGN, "both"]["offers"] == ["spring"]


def test_dates_change_and_impossible_ones_are_refused(shop, change, mia):
    def dates(**moments):
        return {"dates": moments, "zone": "Europe/Berlin"}

    until = "2026-12-24T18:00:00+01:00"
    assert done("dates", change, mia, shop["spring"], **dates(ends_at=until)) == 1
    early = planned("dates", change, shop["spring"], **dates(starts_at="2027-01-01T00:00:00+01:00"))
    same = planned("dates", change, shop["autumn"], **dates(ends_at=None))

    assert candidate_of(change).bodies[Kind.OFFER, "spring"]["ends_at"].startswith("2026-12-24")
    assert "end must come after" in early.refused[0].refusal
    assert same.ready == []


def test_a_preview_writes_nothing(shop, mia):
    client, before = signed_in(mia), Revision.objects.count()
    things = ",".join(str(shop[key].pk) for key in ("loose", "winter-sale"))
    url = reverse("admin:rtts-bulk", args=["offer", "archive"])

    answer = client.post(url, {"things": things})
    page, shown = answer.content.decode(), answer.context["shown"]

    assert "1 thing will change" in page
    assert "left alone" in page
    assert reverse("admin:campaigns_campaign_change", args=[shop["winter"].pk]) in page
    assert Revision.objects.count() == before
    client.post(url, {"things": things, "step": "do", "shown": shown})
    assert Revision.objects.count() == before + 1


def test_what_became_another_effect_is_shown_again(shop, change, mia):
    client, url = signed_in(mia), reverse("admin:rtts-bulk", args=["offer", "purpose"])
    fields = {"things": str(shop["spring"].pk), "purpose": "service", "step": "preview"}
    shown = client.post(url, fields).context["shown"]
    spec = OfferSpec(key="spring", name="May", purposes=("ads",), variants=(variant(),))
    save(change, Kind.OFFER, spec, author=mia)
    before = Revision.objects.count()

    again = client.post(url, fields | {"step": "do", "shown": shown})

    assert again.status_code == 200
    assert Revision.objects.count() == before
    client.post(url, fields | {"step": "do", "shown": again.context["shown"]})
    assert Revision.objects.count() == before + 1


def test_what_comes_back_is_what_was_live_not_a_colleagues_draft(shop, change, mia, max_, ada):
    publishing.submit(change, by=mia, now=NOW)
    go_live(change, by=ada)
    theirs = drafts.open_change(max_, now=NOW)
    spec = OfferSpec(key="loose", name="Theirs", purposes=("ads",), variants=(variant(),))
    save(theirs, Kind.OFFER, spec, author=max_)
    gone = drafts.open_change(mia, now=NOW)
    done("archive", gone, mia, shop["loose"])
    publishing.submit(gone, by=mia, now=NOW)
    go_live(gone, by=ada)
    again = drafts.open_change(mia, now=NOW)
    done("restore", again, mia, shop["loose"])

    assert candidate_of(again).bodies[Kind.OFFER, "loose"]["name"] == "Loose"


def test_the_list_starts_an_act(shop, mia):
    answer = signed_in(mia).post(
        OFFERS, {"action": "tag", "_selected_action": [shop["loose"].pk], "index": "0"}
    )

    assert answer.status_code == 200
    assert f'value="{shop["loose"].pk}"' in answer.content.decode()


@pytest.mark.parametrize(
    ("act", "said"),
    [
        ("tag", {"tags": ""}),
        ("tag", {"tags": "x" * 99}),
        ("purpose", {"purpose": "nobody"}),
        ("move", {"campaign": ""}),
        ("dates", {"zone": "Mars", "starts_at": "soon"}),
        ("dates", {"zone": "Europe/Berlin", "starts_at": "2027-03-28T02:30"}),
        ("dates", {"zone": "Europe/Berlin"}),
        ("archive", {"things": "0,-1,x,99999999999999999999"}),
    ],
)
def test_odd_input_is_told_and_changes_nothing(shop, mia, act, said):
    before = Revision.objects.count()
    url = reverse("admin:rtts-bulk", args=["offer", act])

    answer = signed_in(mia).post(url, {"things": str(shop["loose"].pk), "step": "do"} | said)

    assert answer.status_code == 200
    assert Revision.objects.count() == before


def test_many_drafts_are_saved_in_a_few_queries(change, mia, django_assert_max_num_queries):
    segments = [
        body_of(SegmentSpec(key=f"s{number}", name=f"S{number}", condition=GOLD))
        for number in range(200)
    ]
    made = [drafts.Draft(kind=Kind.SEGMENT, key=body["key"], body=body) for body in segments]

    with django_assert_max_num_queries(20):
        saved = drafts.save_drafts(change, made, author=mia, now=NOW)

    assert [row.number for row in saved] == [1] * 200
    assert drafts.save_drafts(change, made[:1], author=mia, now=NOW)[0].number == 2
    assert len(candidate_of(change).bodies) == 200 + 9
