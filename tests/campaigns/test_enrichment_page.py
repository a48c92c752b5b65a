"""The page about events on their way in: steps, the box to try one, terms, the product table."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from decisioning.enrichment import stored
from decisioning.enrichment.holding import IntakeHolder
from decisioning.models import IntakeDocument
from tests.campaigns.conftest import person

EVENT = """{"type": "track", "event": "Viewed", "userId": "ana",
 "context": {"ip": "203.0.113.77", "timezone": "Europe/Berlin"}}"""


@pytest.fixture
def admin(db, redis, client):
    client.force_login(person("ada", "Admin"))
    return client


def test_shows_what_each_step_does_to_an_event(admin):
    sent = {"event": EVENT, "headers": "cf-ipcountry: AT"}

    text = admin.post(reverse("admin:rtts-enrichment"), sent).content.decode()

    assert "203.0.113.0" in text
    assert "context.country" in text
    assert IntakeDocument.objects.count() == 0


def test_says_what_is_wrong_with_an_event(admin):
    sent = {"event": '{"type": "track", "event": "Viewed"}', "headers": ""}

    assert "Send userId" in admin.post(reverse("admin:rtts-enrichment"), sent).content.decode()


def test_steps_are_moved_and_turned_off_for_every_process(admin, redis):
    sent = {"on": ["region", "campaign"], "place-campaign": "1", "place-region": "2"}

    admin.post(reverse("admin:rtts-enrichment-steps"), sent)

    terms = stored.load_terms(redis)
    assert terms.order[:2] == ("campaign", "region")
    assert "device" in terms.off
    holder = IntakeHolder(redis, salt=b"salt")
    holder.look()
    assert [step.key for step in holder.preparing({}).steps][:2] == ["campaign", "region"]


def test_terms_are_kept_and_wrong_ones_change_nothing(admin, redis):
    good = '{"fences": [{"key": "store", "name": "Store", "centre": [52.5, 13.4]}]}'

    admin.post(reverse("admin:rtts-enrichment-terms"), {"terms": good})
    admin.post(reverse("admin:rtts-enrichment-terms"), {"terms": '{"event_days": {"a": -1}}'})

    assert [fence.key for fence in stored.live_terms().fences] == ["store"]
    redis.flushall()
    assert stored.push(redis) == 1
    assert stored.load_terms(redis) == stored.live_terms()


def test_the_product_table_is_replaced(admin, redis):
    file = SimpleUploadedFile("p.csv", b"id,category,price\np1,Hats,12.5\n")

    admin.post(reverse("admin:rtts-enrichment-products"), {"file": file})

    assert stored.load_products(redis) == {"p1": {"category": "Hats", "price": 12.5}}


def test_who_may_only_look_changes_nothing(db, redis, client):
    client.force_login(person("ann", "Analyst"))

    assert client.get(reverse("admin:rtts-enrichment")).status_code == 200
    assert client.post(reverse("admin:rtts-enrichment-steps"), {}).status_code == 403


def rows(name, *given):
    """Return the fields of rows of the terms' form."""
    found = {f"{name}-TOTAL_FORMS": len(given), f"{name}-INITIAL_FORMS": 0}
    for number, row in enumerate(given):
        found |= {f"{name}-{number}-{key}": value for key, value in row.items()}
    return found


STORE = {
    "key": "store",
    "name": "Store",
    "shape": "circle",
    "points": "52.52, 13.405",
    "radius_m": "150",
    "dwell_s": "600",
    "silent_s": "900",
}
WEATHER = {
    "key": "weather",
    "address": "https://weather.example/?lat={latitude}&lon={longitude}",
    "fields_kept": "condition = current.condition",
    "places": "",
    "valid_s": "1800",
}


def posted(*, fences=(), providers=(), event_days=()):
    return {
        "undeclared": "hash",
        "hashed": "income, plan",
        **rows("fences", *fences),
        **rows("providers", *providers),
        **rows("event_days", *event_days),
        **rows("attribute_days"),
    }


def test_terms_are_set_in_fields_and_shown_there_again(admin):
    days = {"key": "Page Viewed", "days": "30"}
    sent = posted(fences=[STORE], providers=[WEATHER], event_days=[days])

    saved = admin.post(reverse("admin:rtts-enrichment-fields"), sent)

    assert saved.status_code == 302
    terms = stored.live_terms()
    assert (terms.undeclared, terms.hashed) == ("hash", ("income", "plan"))
    assert (terms.fences[0].centre, terms.fences[0].silent_s) == ((52.52, 13.405), 900)
    assert terms.providers[0].fields == {"condition": "current.condition"}
    assert terms.event_days == {"Page Viewed": 30}
    text = admin.get(reverse("admin:rtts-enrichment")).content.decode()
    assert "52.52, 13.405" in text
    assert "condition = current.condition" in text


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"points": ""}, "A circle needs its centre"),
        ({"shape": "polygon"}, "A polygon needs 3 to 100 corners"),
        ({"points": "north"}, "“north” is no place"),
        ({"points": "99, 1"}, "Give latitude -90 to 90"),
        ({"silent_s": "5"}, "greater than or equal to 60"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(admin, row, words):
    answer = admin.post(reverse("admin:rtts-enrichment-fields"), posted(fences=[STORE | row]))

    assert answer.status_code == 200
    assert words in answer.content.decode()
    assert IntakeDocument.objects.count() == 0
