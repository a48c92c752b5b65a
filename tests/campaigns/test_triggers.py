"""Triggers and segments that remember are authored like everything else; destinations and exports have pages."""

from dataclasses import replace

import pytest
from django.apps import apps
from django.urls import reverse

from campaigns import drafts, exchange, wording
from campaigns.candidates import candidate_of
from campaigns.mapping import Refused, body_of, parse
from campaigns.models import Item, Revision
from campaigns.models.items import Kind
from decisioning.dispatching import exporting
from decisioning.models import Destination, MemberExport, Sending
from decisioning.rules.compiler import compile_release
from decisioning.specs import SegmentSpec, TriggerSpec
from decisioning.watching.watch_set import WatchSet, watch_set
from tests.campaigns.conftest import GOLD, NOW, person, save
from tests.campaigns.posting import fields_of, group, leaf, rule
from tests.campaigns.test_authoring import browser

CART = TriggerSpec(
    key="cart",
    name="Cart left",
    on="absence",
    event="Order Completed",
    then="Order Completed",
    within="30m",
    act="webhook",
    destination="crm",
    purposes=("ads",),
)


@pytest.fixture
def crm(db):
    return Destination.objects.create(
        key="crm", name="CRM", url="https://crm.example/", created_at=NOW
    )


@pytest.fixture
def marketer(mia):
    return browser(mia)


@pytest.fixture
def change(live, mia):
    return drafts.open_change(mia, now=NOW, title="Triggers")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"on": "entered"}, "segment"),
        ({"within": ""}, "within"),
        ({"within": "30s"}, "within"),
        ({"destination": ""}, "destination"),
        ({"act": "push", "destination": ""}, "placement"),
        ({"act": "email", "placement": "web.hero", "purposes": ()}, "purposes"),
        ({"every_s": 0}, "every_s"),
    ],
)
def test_what_a_trigger_needs_is_said_at_its_field(fields, field):
    with pytest.raises(Refused) as refused:
        parse(Kind.TRIGGER, body_of(replace(CART, **fields)))

    assert field in [error.field for error in refused.value.errors]


def test_what_it_names_has_to_be_there_and_to_allow_its_purposes(change, mia):
    save(change, Kind.TRIGGER, replace(CART, event="No Event", then="Order Completed"), author=mia)
    (finding,) = candidate_of(change).findings()
    assert (finding.kind, finding.key, finding.field) == ("trigger", "cart", "event")

    wrong = replace(CART, condition={"all": [{"segment": "gold"}]}, purposes=("ads",))
    save(change, Kind.TRIGGER, wrong, author=mia, why="again")
    assert candidate_of(change).findings() == []


def test_a_trigger_is_part_of_the_release_and_watched(change, mia):
    save(change, Kind.TRIGGER, CART, author=mia)
    spec = candidate_of(change).spec

    assert [one.key for one in spec.triggers] == ["cart"]
    functions = [one.function for one in compile_release(spec).aggregates]
    assert "since_last" in functions
    assert watch_set(spec, named=(), before=WatchSet(), now_ms=5).triggers[0].since_ms == 5
    names = wording.names_of(candidate_of(change))
    assert wording.summary(Kind.TRIGGER, body_of(CART), names) == (
        "Order, and no Order for 30 minutes: call a webhook"
    )
    assert [thing["kind"] for thing in exchange.export_change(change)["things"]] == ["trigger"]


def test_a_segment_in_use_by_a_trigger_is_not_unused(change, mia):
    save(change, Kind.TRIGGER, replace(CART, on="entered", segment="gold"), author=mia)

    users = candidate_of(change).users["segment", "gold"]
    assert ("trigger", "cart") in [(use.kind, use.key) for use in users]


def test_the_form_writes_a_trigger(live, crm, marketer):
    page = marketer.get(reverse("admin:campaigns_trigger_add"))
    fields = fields_of(page) | {
        "name": ["Cart left"],
        "key": ["cart"],
        "on": ["absence"],
        "event": ["Order Completed"],
        "then": ["Order Completed"],
        "wait": ["30"],
        "act": ["webhook"],
        "destination": ["crm"],
        "purposes": ["ads"],
    }
    saved = marketer.post(reverse("admin:campaigns_trigger_add"), fields)

    assert saved.status_code == 302, saved.content.decode()
    revision = Revision.objects.get(item__kind=Kind.TRIGGER)
    assert parse(Kind.TRIGGER, revision.body) == CART
    edit = reverse("admin:campaigns_trigger_change", args=[revision.item_id])
    again = marketer.post(edit, fields_of(marketer.get(edit)) | {"every": ["2"]})
    assert again.status_code == 302
    newest = Revision.objects.filter(item__kind=Kind.TRIGGER).latest("pk")
    assert parse(Kind.TRIGGER, newest.body) == replace(CART, every_s=2 * 86_400)


def test_filters_of_its_events_are_built_and_told_in_words(live, crm, marketer):
    page = marketer.get(reverse("admin:campaigns_trigger_add"))
    fields = fields_of(page) | {
        "name": ["Big cart"],
        "key": ["big"],
        "on": ["event"],
        "event": ["Order Completed"],
        "act": ["webhook"],
        "destination": ["crm"],
        "purposes": ["ads"],
    }
    fields |= rule(
        "where", group("where", 1, "", "all"), leaf("where", 2, 1, "attribute:total", "gt", "50")
    )
    wrong = fields | {"event": [""], "on": ["event"]}

    refused = marketer.post(reverse("admin:campaigns_trigger_add"), wrong)
    saved = marketer.post(reverse("admin:campaigns_trigger_add"), fields)

    assert refused.status_code == 200
    assert saved.status_code == 302, saved.content.decode()
    revision = Revision.objects.get(item__kind=Kind.TRIGGER)
    assert revision.body["where"] == {"all": [{"attribute": "total", "is": "gt", "value": 50}]}
    edit = marketer.get(reverse("admin:campaigns_trigger_change", args=[revision.item_id]))
    assert "Total is more than 50" in edit.content.decode()
    told = wording.describe(
        "trigger", revision.body, wording.Names(candidate_of(None).bodies, candidate_of(None))
    )
    assert told["Filter on the event"] == "Total is more than 50"


def test_a_filters_builder_asks_for_the_event_first(live, marketer):
    page = fields_of(marketer.get(reverse("admin:campaigns_trigger_add")))
    root = page["where-node"][0].partition(":")[0]
    asked = page | {"rb": ["where"], "do": [f"add:{root}"]}

    edit = reverse("admin:rule-builder-edit")
    chosen = marketer.post(edit, asked | {"event": ["Order Completed"]}).content.decode()
    without = marketer.post(edit, asked | {"event": [""]}).content.decode()

    assert "When it happened" in chosen
    assert "attribute:total" in chosen
    assert "attribute:total" not in without
    assert "Start from a template" not in chosen


def test_the_form_writes_a_shortest_stay(live, marketer):
    item = Item.objects.get(kind=Kind.SEGMENT, key="gold")
    edit = reverse("admin:campaigns_segment_change", args=[item.pk])

    saved = marketer.post(edit, fields_of(marketer.get(edit)) | {"stay": ["2"], "unit": ["hours"]})

    assert saved.status_code == 302, saved.content.decode()
    revision = Revision.objects.filter(item=item).latest("pk")
    assert revision.body["stay_s"] == 7_200
    assert revision.body["leaving"] == {}
    assert revision.body["condition"] == GOLD


def test_a_leaving_condition_is_checked_and_worded(change, mia):
    leaving = {"all": [{"attribute": "spend", "is": "lt", "value": 10}]}
    spec = SegmentSpec(key="keen", name="Keen", condition=GOLD, leaving=leaving, stay_s=600)
    save(change, Kind.SEGMENT, spec, author=mia)
    names = wording.names_of(candidate_of(change))

    assert candidate_of(change).findings() == []
    assert wording.summary(Kind.SEGMENT, body_of(spec), names) == (
        "Tier is gold; leaves: Total spend is less than 10; for at least 10 minutes"
    )
    broken = {"all": [{"attribute": "none", "is": "lt", "value": 10}]}
    save(change, Kind.SEGMENT, replace(spec, leaving=broken), author=mia, why="again")
    assert [one.field for one in candidate_of(change).findings()] == ["leaving"]


def test_destinations_are_made_tested_and_removed_by_who_may(live, settings, ada):
    settings.RTTS_WEBHOOKS_PRIVATE = True
    admin = browser(person("root", "Admin"))
    url = reverse("admin:rtts-destinations")
    made = admin.post(
        url,
        {
            "name": "CRM",
            "key": "crm",
            "kind": "webhook",
            "url": "http://localhost:1/",
            "wants": ["segments"],
            "segments": ["gold"],
            "purposes": ["ads"],
            "share": "1",
            "recipient": "email",
        },
    )
    row = Destination.objects.get()

    assert "whsec_" in made.content.decode()
    assert b"whsec_" not in bytes(row.sealed)
    assert row.purposes == ["ads"]
    assert browser(ada).get(url).status_code == 403
    admin.post(reverse("admin:rtts-destination-test", args=[row.pk]))
    page = admin.get(reverse("admin:rtts-destination", args=[row.pk]))
    assert Sending.objects.get().message in page.content.decode()
    Sending.objects.update(state="dead")
    admin.post(reverse("admin:rtts-sending-again", args=[Sending.objects.get().pk]))
    assert Sending.objects.get().state == "waiting"
    told = admin.get(reverse("admin:rtts-history", args=["destination", row.pk])).content.decode()
    assert "root" in told
    assert "http://localhost:1/" in told
    assert (
        browser(ada).get(reverse("admin:rtts-history", args=["destination", row.pk])).status_code
        == 403
    )
    admin.post(reverse("admin:rtts-destination-remove", args=[row.pk]))
    kept = apps.get_model("campaigns", "DestinationEvent").objects.order_by("pgh_id")
    assert [one.pgh_label for one in kept] == ["insert", "delete"]
    assert not Destination.objects.exists()


def test_an_export_is_asked_for_and_taken_by_who_may(live, ada, tmp_path, settings):
    settings.RTTS_VAR = tmp_path
    admin = browser(person("root", "Admin"))
    url = reverse("admin:rtts-member-exports")
    asked = {
        "segment": "gold",
        "purpose": "ads",
        "channel": "",
        "namespaces": ["user"],
        "format": "csv",
        "why": "Newsletter",
    }

    assert browser(ada).post(url, asked).status_code == 403
    assert admin.post(url, asked).status_code == 302
    row = MemberExport.objects.get()
    assert (row.state, row.user.username, row.channel) == ("waiting", "root", "*")
    assert admin.get(url).status_code == 200
    take = reverse("admin:rtts-member-file", args=[row.pk])
    assert admin.get(take).status_code == 404
    exporting.path_of(row).write_text("person_id,user\n")
    MemberExport.objects.update(state="done")
    assert b"".join(admin.get(take).streaming_content) == b"person_id,user\n"
