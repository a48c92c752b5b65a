"""Emergency stops: at once, loud, undone by review or by another approver."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied

from campaigns import drafts, going_live, publishing, review, stopping
from campaigns.models import Item, Notice, Stop
from campaigns.models.items import Kind
from campaigns.publishing import NotPossible
from decisioning.specs import OfferSpec
from decisioning.stops import Stops, load_stops, put_stops
from rtts_site.foundation.redis_clients import redis_client
from tests.campaigns.conftest import NOW, go_live, person, save, variant
from tests.campaigns.test_authoring import browser


@pytest.fixture
def sale(live):
    return Item.objects.get(kind="offer", key="winter-sale")


def test_stop_is_one_post_and_reaches_redis(sale, mia, ada, redis):
    answer = browser(mia).post(
        "/admin/stops/", {"item": sale.pk, "why": "Wrong price"}, follow=True
    )

    assert b"stopped everywhere within 2 seconds" in answer.content
    assert load_stops(redis, known=Stops()).things == {
        "offer:winter-sale": str(Stop.objects.get().pk)
    }
    assert "Stopped: Winter sale" in browser(ada).get("/admin/").content.decode()
    assert Notice.objects.filter(user=ada, event="thing.stopped").exists()


def test_another_approver_lifts_it(sale, mia, ada, redis):
    mia.groups.add(*ada.groups.all())
    made = stopping.stop(sale, by=mia, why="Wrong price", now=NOW)
    stopping.push(redis)

    with pytest.raises(PermissionDenied, match="other than"):
        stopping.lift(made, by=type(mia).objects.get(pk=mia.pk), why="Mended", now=NOW)
    browser(ada).post(f"/admin/stops/{made.pk}/lift/", {"why": "Mended"})

    assert load_stops(redis, known=Stops()).things == {}
    assert Stop.objects.get().lifted_why == "Mended"


def test_reviewed_change_of_the_thing_lifts_it(sale, mia, ada, redis):
    stopping.stop(sale, by=mia, why="Wrong price", now=NOW)
    change = drafts.open_change(mia, now=NOW)
    spec = OfferSpec(key="winter-sale", name="Sale", purposes=("ads",), variants=(variant(),))
    save(change, Kind.OFFER, spec, author=mia)

    assert "lets it run again" in review.stopped(change)[0]
    publishing.submit(change, by=mia, now=NOW)
    go_live(change, by=ada)
    assert stopping.stops_in_force() == []


def test_change_that_was_approved_before_the_stop_leaves_it_stopped(sale, mia, ada):
    change = drafts.open_change(mia, now=NOW)
    spec = OfferSpec(key="winter-sale", name="Sale", purposes=("ads",), variants=(variant(),))
    save(change, Kind.OFFER, spec, author=mia)
    publishing.submit(change, by=mia, now=NOW)
    digest = publishing.candidate_for(change).review_digest
    publishing.approve(change, by=ada, digest=digest, now=NOW)
    stopping.stop(sale, by=ada, why="Wrong price", now=NOW + timedelta(minutes=5))

    assert review.stopped(change) == []
    release = publishing.publish(change, by=ada, now=NOW + timedelta(minutes=10))
    going_live.take_live(release, now=NOW + timedelta(minutes=11))
    assert len(stopping.stops_in_force()) == 1


def test_stop_comes_into_force_after_the_database_was_restored(sale, mia, ada, redis):
    for minute in range(3):
        made = stopping.stop(sale, by=mia, why="Wrong price", now=NOW + timedelta(minutes=minute))
        stopping.push(redis)
        stopping.lift(made, by=ada, why="Mended", now=NOW + timedelta(minutes=minute))
        stopping.push(redis)
    known = load_stops(redis, known=Stops())
    Stop.objects.all().delete()
    made = stopping.stop(sale, by=mia, why="Wrong price", now=NOW + timedelta(minutes=9))

    assert stopping.push(redis)
    assert load_stops(redis, known=known).things == {"offer:winter-sale": str(made.pk)}


def test_page_says_that_a_stop_is_not_in_force(sale, mia, redis):
    put_stops(redis, Stops(2**50))
    answer = browser(mia).post("/admin/stops/", {"item": sale.pk, "why": "Wrong"}, follow=True)

    assert b"not in force" in answer.content
    assert b"stopped everywhere" not in answer.content


def test_other_release_leaves_it_stopped(sale, mia, ada):
    stopping.stop(sale, by=mia, why="Wrong price", now=NOW)
    change = drafts.open_change(mia, now=NOW)
    spec = OfferSpec(key="other", name="Other", purposes=("ads",), variants=(variant(),))
    save(change, Kind.OFFER, spec, author=mia)
    publishing.submit(change, by=mia, now=NOW)
    go_live(change, by=ada)

    assert len(stopping.stops_in_force()) == 1


@pytest.mark.parametrize(("key", "why"), [("winter-sale", " "), ("gold", "Wrong")])
def test_refuses_without_reason_or_what_cannot_run(live, mia, key, why):
    with pytest.raises(NotPossible):
        stopping.stop(Item.objects.get(key=key), by=mia, why=why, now=NOW)


def test_who_only_reads_stops_nothing(sale, ana):
    browser(ana).post("/admin/stops/", {"item": sale.pk, "why": "Because"})

    assert not Stop.objects.exists()


def test_stop_is_recorded_where_redis_is_away(sale, mia, settings):
    settings.REDIS_URL = "unix:///nowhere/redis.sock"
    redis_client.cache_clear()
    answer = browser(mia).post("/admin/stops/", {"item": sale.pk, "why": "Wrong"}, follow=True)
    redis_client.cache_clear()

    assert b"as soon as Redis answers again" in answer.content
    assert Stop.objects.get().why == "Wrong"


def test_nothing_is_stopped_twice(sale, mia):
    stopping.stop(sale, by=mia, why="Wrong", now=NOW)

    with pytest.raises(NotPossible, match="stopped already"):
        stopping.stop(sale, by=person("mo", "Marketer"), why="Wrong", now=NOW)


def test_stop_and_lift_over_the_api(sale, mia, ada, redis):
    path = "/v1/catalogue/offers/winter-sale"

    def ask(user, step, why):
        body = {"why": why}
        return browser(user).post(f"{path}/{step}", body, content_type="application/json")

    stopped = ask(mia, "stop", "Wrong price")
    assert stopped.status_code == 201
    assert load_stops(redis, known=Stops()).things == {
        "offer:winter-sale": str(Stop.objects.get().pk)
    }
    assert ask(mia, "stop", "Again").status_code == 409
    assert ask(mia, "lift", "Mended").status_code == 403
    assert ask(ada, "lift", "Mended").json()["lifted_at"]
    assert load_stops(redis, known=Stops()).things == {}
    assert ask(ada, "lift", "Again").status_code == 404


def test_pages_of_what_runs_lead_to_its_stop_and_its_one_history(sale, mia):
    client = browser(mia)
    page = client.get(f"/admin/campaigns/offer/{sale.pk}/change/").content.decode()

    assert f"/admin/stops/?item={sale.pk}" in page
    answer = client.get(f"/admin/campaigns/offer/{sale.pk}/history/")
    assert answer["Location"] == f"/admin/history/item/{sale.pk}/"


def test_page_of_a_change_leads_to_its_history_and_its_export(sale, mia):
    change = sale.live_revision.change_id
    page = browser(mia).get(f"/admin/changes/{change}/").content.decode()

    assert f"/admin/history/change/{change}/" in page
    assert f"/admin/changes/{change}/export/" in page
