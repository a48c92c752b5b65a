"""What comes in is watched: people are told what is odd and what rests on it; drift is found and corrected."""

from datetime import timedelta

import pytest

from campaigns import drafts, jobs, reports
from campaigns.candidates import candidate_of
from campaigns.incoming import quality as told
from campaigns.incoming import reconciling
from campaigns.models import Notice
from campaigns.models.items import Kind
from decisioning.models import IntakeHour, QualityFault, Reconciliation, ValueHour
from decisioning.observing import quality
from decisioning.observing.judging import WEEK
from decisioning.specs import TriggerSpec
from rtts_site.foundation.jobs import Job
from tests.campaigns.conftest import GOLD, NOW, save
from tests.campaigns.test_authoring import browser

HOUR = quality.hour_of(NOW)


def hours(*events, event="Order Completed", source="shop"):
    """Store the last whole hour, then the same of the weeks before."""
    for week, count in enumerate(events):
        IntakeHour.objects.create(
            hour=HOUR - 1 - WEEK * week, source=source, event=event, events=count
        )


def values(hour, *, present=100, event="Order Completed", key="total", **fields):
    fields = {"types": {"number": present}, "low": 1.0, "high": 9.0} | fields
    return ValueHour.objects.create(
        hour=HOUR + hour, source="shop", event=event, key=key, looked=100, present=present, **fields
    )


def standing():
    return [(one.fault, one.event, one.key) for one in quality.standing_faults()]


def look(now=NOW):
    return quality.look(candidate_of(None).spec, now=now)


def test_people_are_told_once_of_what_went_wrong_and_what_rests_on_it(redis, live, mia):
    hours(0, 100, 120, 90)

    told.watch(now=NOW)
    told.watch(now=NOW + timedelta(minutes=5))

    (notice,) = Notice.objects.filter(user=mia, event="alert.raised")
    assert "shop: Order Completed: nothing came in the last hour, usual are 100" in notice.text
    assert "Rests on it: Winter" in notice.text
    assert any("nothing came" in one.text for one in reports.warnings(NOW))
    assert "nothing came" in browser(mia).get("/admin/").content.decode()


def test_a_fault_ends_and_may_begin_again(redis, live):
    hours(0, 100, 120, 90)
    look()
    IntakeHour.objects.filter(hour=HOUR - 1).update(events=100)

    assert [one.fault for one in look().ended] == ["silent"]
    IntakeHour.objects.filter(hour=HOUR - 1).update(events=0)
    assert [one.fault for one in look().began] == ["silent"]
    assert QualityFault.objects.count() == 2


def test_values_against_the_catalogue_and_the_days_before(redis, live):
    values(-1, present=50, types={"number": 40, "text": 10}, high=500.0)
    values(-30)
    values(-1, key="gone", event="View")
    values(-30, key="lost", event="View")

    look()

    assert sorted(standing()) == [
        ("missing", "Order Completed", "total"),
        ("missing", "View", "lost"),
        ("range", "Order Completed", "total"),
        ("types", "Order Completed", "total"),
    ]


def test_a_broken_attribute_names_segments_and_the_offers_behind_them(redis, live):
    fault = QualityFault(fault="missing", source="shop", event="", key="tier", seen=0.6, usual=0.1)

    users = told.users_of(fault, candidate_of(None))

    assert users == [(Kind.SEGMENT, "Gold members"), (Kind.OFFER, "Winter sale")]
    assert told.sentence(fault, {"shop": "Shop"}, candidate_of(None)) == (
        "Shop: traits, tier: 60% lack it, usual are 10%. Rests on it: Gold members, Winter sale"
    )


def test_triggers_and_experiments_rest_on_what_is_wrong_too(live, mia):
    change = drafts.open_change(mia, now=NOW, title="More")
    ordered = {"event": "Order Completed", "on": "event", "act": "webhook", "destination": "crm"}
    big = {"attribute": "total", "is": "gt", "value": 50}
    asks = TriggerSpec(key="big", name="Big order", where=big, condition=GOLD, **ordered)
    save(change, Kind.TRIGGER, asks, author=mia)
    save(change, Kind.TRIGGER, TriggerSpec(key="any", name="Any order", **ordered), author=mia)

    def users(**fields):
        fault = QualityFault(source="shop", seen=1, usual=0, **fields)
        return [name for _kind, name in told.users_of(fault, candidate_of(change))]

    assert "Big order" in users(fault="missing", event="", key="tier")
    assert users(fault="types", event="Order Completed", key="total") == ["Big order"]
    assert set(users(fault="silent", event="Order Completed", key="")) >= {"Big order", "Any order"}


def test_a_broken_property_names_only_what_reads_it():
    body = {"condition": {"all": [{"event": "Order", "sum": {"property": "total"}}]}}
    other = {"condition": {"event": "Order", "count": {}, "where": {"attribute": "dept"}}}
    fault = QualityFault(fault="types", event="Order", key="total", seen=1, usual=0)

    assert told._reads(body, fault)
    assert not told._reads(other, fault)
    assert told._reads(other, QualityFault(fault="silent", event="Order"))


def test_the_page_draws_volumes_and_values(redis, live, mia):
    hours(50, 60)
    values(-1)
    QualityFault.objects.create(
        fault="late", source="shop", event="X", seen=1000, usual=1, began_at=NOW, looked_at=NOW
    )
    browser_ = browser(mia)

    page = browser_.get("/admin/quality/").content.decode()
    assert "1,000 s late on average" in page
    detail = browser_.get("/admin/quality/?source=shop&event=Order Completed").content.decode()
    assert '<svg class="chart"' in detail
    assert browser_.get("/admin/quality/?source=\0&event=%00").status_code == 200


# Reconciliation


def test_a_run_is_asked_for_once_and_reports(redis, live, mia):
    reconciling.ask()
    with pytest.raises(reconciling.NotPossible):
        reconciling.ask()
    jobs.do_waiting(now=lambda: NOW)

    run = Reconciliation.objects.get()
    assert (run.looked, run.drifted) == (0, 0)
    assert Job.objects.get(kind=reconciling.JOB_KIND).state == "done"
    assert browser(mia).post("/admin/quality/reconcile/").status_code == 403
