"""From an offer: sampled people who would see it, and who just miss it by the fewest conditions."""

from django.urls import reverse

from campaigns.stages import staged
from campaigns.viewers import viewers_of
from consent.models import RecordRead
from decisioning.arbitration import reasons
from tests.campaigns.conftest import NOW, person
from tests.campaigns.test_authoring import browser, marketer  # noqa: F401 - a fixture
from tests.campaigns.test_pages import put_person
from tests.campaigns.test_simulator import consented, offer, shop, trust

PICKY = {
    "all": [
        {"attribute": "tier", "is": "eq", "value": "gold"},
        {"attribute": "spend", "is": "gte", "value": 100},
    ]
}


def crowd(redis):
    trust(redis)
    found = {
        "sees": put_person(redis, "c-1", tier="gold", spend=500),
        "misses one": put_person(redis, "c-2", tier="silver", spend=500),
        "misses two": put_person(redis, "c-3", tier="silver", spend=5),
    }
    for known in found.values():
        consented(redis, known)
    return found


def test_the_fewest_failing_conditions_come_first(live, mia, redis):
    found = crowd(redis)
    change = shop(mia, offer("picky", eligibility=PICKY, priority=0.9))

    with staged(redis, change) as stage:
        viewers = viewers_of(redis, stage, "picky", now=NOW)

    assert [one.person for one in viewers.would] == [found["sees"]]
    assert [one.person for one in viewers.just_miss] == [found["misses one"], found["misses two"]]
    assert viewers.just_miss[0].failing == ("Tier is gold",)
    assert viewers.just_miss[0].code == reasons.NOT_ELIGIBLE
    assert (viewers.seen, viewers.looked_at, viewers.population) == (1, 3, 3)


def test_page_leads_to_the_simulator_and_notes_the_reading(live, redis, marketer):  # noqa: F811
    found = crowd(redis)

    page = marketer.get(reverse("admin:rtts-viewers", args=["winter-sale"]))
    text = page.content.decode()

    assert f'value="{found["sees"]}"' in text
    assert "Tier is gold" in text
    assert set(RecordRead.objects.values_list("person", flat=True)) == set(found.values())


def test_page_says_that_no_campaign_shows_it(live, mia, redis, marketer):  # noqa: F811
    from tests.campaigns.test_simulator import author

    author(mia, ("offer", offer("idle")))

    page = marketer.get(reverse("admin:rtts-viewers", args=["idle"]) + "?mine")

    assert "put it into one" in page.content.decode()


def test_there_is_no_page_of_an_unknown_offer(live, marketer):  # noqa: F811
    assert marketer.get(reverse("admin:rtts-viewers", args=["nope"])).status_code == 404


def test_page_is_closed_without_the_permission(live, db):
    dora = person("dora", "Analyst")
    dora.groups.clear()

    url = reverse("admin:rtts-viewers", args=["winter-sale"])

    assert browser(dora).get(url).status_code == 403
