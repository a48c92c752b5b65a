"""Values seen so far: only what several people share, nothing sensitive."""

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from campaigns import drafts, sampling
from campaigns.models.items import Kind
from decisioning.specs import AttributeSpec, EventTypeSpec, PropertySpec
from tests.campaigns.conftest import NOW, go_live, save  # noqa: F401 - for `authored`
from tests.campaigns.test_authoring import browser
from tests.campaigns.test_pages import put_person

AUTHORED = [
    (Kind.ATTRIBUTE, AttributeSpec(key="city", name="City", type="text", purposes=("ads",))),
    (
        Kind.ATTRIBUTE,
        AttributeSpec(
            key="illness", name="Illness", type="text", purposes=("ads",), sensitive=True
        ),
    ),
    (Kind.ATTRIBUTE, AttributeSpec(key="likes", name="Likes", type="list", purposes=("ads",))),
    (
        Kind.EVENT_TYPE,
        EventTypeSpec(
            key="Product Viewed",
            name="View",
            properties=(PropertySpec(key="shelf", type="text"),),
            purposes=("ads",),
        ),
    ),
]


@pytest.fixture
def client(live, mia, redis):
    change = drafts.open_change(mia, now=NOW)
    for kind, spec in AUTHORED:
        save(change, kind, spec, author=mia)
    drafts.switch_change(mia, change)
    sampling.forget()
    yield browser(mia)
    sampling.forget()


def values(client, key, event="", **more):
    return client.get(reverse("admin:rule-builder-values"), {"key": key, "event": event, **more})


def test_values_that_several_people_share_are_offered(client, redis):
    for number in range(5):
        put_person(redis, f"c-{number}", city="Graz" if number else "A lonely street 5")

    html = values(client, "city").content.decode()

    assert '<option value="Graz">' in html
    assert "4 people" in html
    assert "lonely" not in html


def test_lists_are_offered_by_entry_as_buttons(client, redis):
    for number in range(3):
        put_person(redis, f"c-{number}", likes=["tents", "boots" if number else "socks"])

    html = values(client, "likes", **{"as": "buttons", "into": "rule-2-value"}).content.decode()

    assert 'data-rb-line="rule-2-value"' in html
    assert 'value="tents"' in html
    assert "boots" not in html


def test_properties_are_offered_from_events(client, redis):
    from tests.campaigns.test_thresholds import Crowd

    crowd = Crowd(redis)
    now = datetime.now(UTC)
    for number in range(3):
        who = crowd.add(f"c-{number}", days=[1], now=now)
        record = crowd.record(
            who, now - timedelta(days=1), event="Product Viewed", properties={"shelf": "left"}
        )
        from consent import people
        from decisioning.ingestion.history import _row

        crowd.rows.append(_row(people.partition_of(who), f"9{number}-0", record))
    crowd.keep()

    html = values(client, "shelf", event="Product Viewed").content.decode()

    assert '<option value="left">' in html


@pytest.mark.parametrize(
    ("key", "event"),
    [("illness", ""), ("spend", ""), ("nothing", ""), ("shelf", ""), ("city", "Product Viewed")],
)
def test_nothing_else_is_shown(client, key, event):
    assert values(client, key, event=event).status_code == 404


def test_a_sensitive_attribute_has_no_suggestions_in_the_page(client, mia):
    from campaigns.candidates import candidate_of
    from campaigns.rule_builder.widgets import RuleBuilder
    from decisioning.rules.catalogue import Catalogue

    catalogue = Catalogue.of(candidate_of(drafts.current_change(mia)).spec)
    leaf = {"is": "eq", "value": "x"}

    shown = RuleBuilder(catalogue).render("rule", {"all": [{"attribute": "city", **leaf}]})
    hidden = RuleBuilder(catalogue).render("rule", {"all": [{"attribute": "illness", **leaf}]})

    assert "<datalist" in shown
    assert "<datalist" not in hidden
