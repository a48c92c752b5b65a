"""Findings on Home, at a change and on each thing: told, dismissed, back when they change."""

from dataclasses import replace

import pytest
from django.urls import reverse
from django.utils import timezone

from campaigns import drafts, sampling, tasks
from campaigns.analysis import runs
from campaigns.analysis.findings import Oddity
from campaigns.analysis.telling import RANK, SAYINGS, tell, tell_all
from campaigns.candidates import candidate_of
from campaigns.models import Analysis, Dismissal, Item
from campaigns.models.items import Kind
from campaigns.wording import names_of
from decisioning.specs import AttributeSpec, OfferSpec, SegmentSpec
from rtts_site.foundation.jobs import Job
from tests.campaigns.conftest import NOW, save, variant
from tests.campaigns.posting import fields_of
from tests.campaigns.test_authoring import browser, marketer  # noqa: F401 - a fixture
from tests.campaigns.test_pages import put_person

APART = {
    "all": [
        {"attribute": "spend", "is": "gt", "value": 500},
        {"attribute": "spend", "is": "lt", "value": 200},
    ]
}
ARGS = {
    "what": {"condition": APART["all"][0]},
    "other": {"condition": APART["all"][1]},
    "of": ["Tier"],
    "names": ["Tier", "Spend"],
    "offer": "Sale",
    "campaign": "Winter",
    "purpose": "ads",
    "people": 2_000,
    "share": 0.25,
    "missing": 0.004,
    "winner": "Other",
    "winning": "0.90",
    "score": "0.20",
    "placement": "Hero",
    "more": 2,
    "ended": "2026-11-01T00:00:00+00:00",
    "starts": "2026-12-01T00:00:00+00:00",
    "ends": "2026-12-01T00:00:00+00:00",
    "attribute": "tier",
    "trouble": "host",
    "link": "https://x",
    "host": "x",
    "day": "1 Nov",
    "price": "€5",
    "field": "price",
    "value": "6",
    "text": "TODO",
    "ground": "#fff",
    "ratio": "2.1",
    "language": "qq",
    "arm": "a",
    "experiment": "Other",
    "segment": "Gold members",
    "cap": {"limit": 3, "counts": "impression", "scope": "person", "window_s": 86_400},
}


def quiet(done, total, message=""):
    pass


def add(change, spec, user, kind=Kind.SEGMENT):
    return save(change, kind, spec, author=user)


@pytest.fixture
def broken(live, mia):
    """Return a change with a segment that is never true."""
    change = drafts.open_change(mia, now=NOW)
    drafts.switch_change(mia, change)
    add(change, SegmentSpec(key="never", name="Never", condition=APART), mia)
    return change


@pytest.mark.parametrize("code", SAYINGS)
def test_every_finding_has_words(live, code):
    args = ARGS | ({"other": ARGS["cap"]} if code == "cap_idle" else {})

    told = tell(Oddity(code, "offer", "winter-sale", "name", args), names_of(candidate_of(None)))

    assert "{" not in told.what
    assert told.name == "Winter sale"
    assert told.do.endswith(".")


def test_conditions_are_told_as_sentences(broken):
    (told,) = runs.told_of_thing(candidate_of(broken), "segment", "never", now=NOW)

    assert "Total spend is more than 500" in told.what
    assert "Total spend is less than 200" in told.what


def test_the_most_severe_comes_first(live):
    found = [Oddity("segment_unused", "segment", "gold"), Oddity("offer_nowhere", "offer", "x")]

    told = tell_all(found, names_of(candidate_of(None)))

    assert [one.oddity.code for one in told] == ["offer_nowhere", "segment_unused"]
    assert RANK["untactful"] == 0


def test_a_save_tells_what_is_odd(broken, mia, marketer):  # noqa: F811
    item = Item.objects.get(key="never")
    url = reverse("admin:campaigns_segment_change", args=[item.pk])
    page = marketer.get(url)

    answer = marketer.post(url, fields_of(page), follow=True)

    assert "exclude each other" in page.content.decode()
    words = [str(message) for message in answer.context["messages"]]
    assert any("exclude each other" in one and "#field=condition" in one for one in words)


def test_home_shows_what_is_live_and_its_place(live, mia, marketer, redis):  # noqa: F811
    put_people(redis)
    runs.analyse(runs.LIVE, now=timezone.now(), report=quiet)

    page = marketer.get(reverse("admin:index")).content.decode()

    assert "Of 10 people nobody" in page
    offer = Item.objects.get(key="winter-sale")
    assert f"{reverse('admin:campaigns_offer_change', args=[offer.pk])}#field=eligibility" in page


def put_people(redis, tier="silver"):
    for number in range(10):
        put_person(redis, f"c-{number}", tier=tier, spend=number * 100)
    sampling.forget()


def test_a_dismissed_finding_stays_away_until_it_changes(live, mia, marketer, redis):  # noqa: F811
    put_people(redis)
    runs.analyse(runs.LIVE, now=NOW, report=quiet)
    before = runs.attention_of(mia)
    mark = before.told[0].oddity.mark

    marketer.post(reverse("admin:rtts-attention-dismiss"), {"mark": mark, "reason": "Known"})
    runs.analyse(runs.LIVE, now=NOW, report=quiet)
    after = runs.attention_of(mia, notes=True)

    assert mark not in [one.oddity.mark for one in after.told]
    assert [row.reason for _, row in after.dismissed] == ["Known"]
    page = marketer.get(reverse("admin:rtts-attention") + "?notes=1").content.decode()
    assert "“Known”" in page
    marketer.post(reverse("admin:rtts-attention-back"), {"mark": mark})
    assert not Dismissal.objects.exists()


def test_a_dismissal_is_one_users_and_needs_a_reason(live, mia, ada, marketer, redis):  # noqa: F811
    put_people(redis)
    runs.analyse(runs.LIVE, now=NOW, report=quiet)
    mark = runs.attention_of(mia).told[0].oddity.mark

    refused = marketer.post(reverse("admin:rtts-attention-dismiss"), {"mark": mark, "reason": " "})
    runs.dismiss(ada, mark, reason="Not mine", now=NOW)

    assert refused.status_code == 422
    assert mark in [one.oddity.mark for one in runs.attention_of(mia).told]


def test_a_change_lists_what_it_brings(broken, mia, marketer, redis):  # noqa: F811
    put_people(redis, tier="gold")
    url = reverse("admin:rtts-change-attention", args=[broken.pk])
    first = marketer.get(url).content.decode()

    started = marketer.post(reverse("admin:rtts-change-look", args=[broken.pk])).content.decode()
    runs.analyse(runs.subject_of(broken), now=NOW, report=quiet)
    Job.objects.filter(kind=runs.KIND).update(state=Job.State.DONE)
    last = marketer.get(url).content.decode()

    assert "exclude each other" in first
    assert "every 1s" in started
    assert "Of 10 people nobody is in it" not in last  # it is said already: never
    assert "Looked at with 10 of 10 people" in last
    assert "every 1s" not in last


def test_a_job_is_not_asked_for_twice(broken):
    assert runs.request_analysis(broken).pk == runs.request_analysis(broken).pk


def test_an_edit_makes_an_analysis_old(broken, mia, redis):
    runs.analyse(runs.subject_of(broken), now=NOW, report=quiet)
    row = Analysis.objects.get(subject=runs.subject_of(broken))
    assert runs.is_current(row, broken)

    add(broken, SegmentSpec(key="never", name="Later", condition=APART), mia)

    assert not runs.is_current(row, broken)


def test_what_is_live_is_looked_at_when_it_is_new_or_old(live, redis):
    assert runs.live_is_due(now=NOW)

    runs.analyse(runs.LIVE, now=NOW, report=quiet)

    assert not runs.live_is_due(now=NOW)
    assert runs.live_is_due(now=NOW + 2 * runs.MAX_AGE)


def test_an_offer_may_not_say_what_is_sensitive(live, mia):
    change = drafts.open_change(mia, now=NOW)
    spend = AttributeSpec(
        key="spend", name="Total spend", type="number", purposes=("ads",), sensitive=True
    )
    add(change, spend, mia, Kind.ATTRIBUTE)
    sale = OfferSpec(
        key="winter-sale",
        name="Winter sale",
        purposes=("ads",),
        variants=(replace(variant(), content={"headline": "You spent {{ spend }}"}),),
    )
    add(change, sale, mia, Kind.OFFER)

    fields = [one.field for one in candidate_of(change).findings()]
    told = runs.told_of_thing(candidate_of(change), "offer", "winter-sale", now=NOW)

    assert fields == ["variants[0].content.headline"]
    assert "untactful" in [one.oddity.code for one in told]
    add(change, replace(spend, sayable=True), mia, Kind.ATTRIBUTE)
    assert candidate_of(change).findings() == []


def test_one_job_at_a_time_looks_at_what_is_live(live, redis):
    for _tick in range(2):
        tasks.ask_for_analysis()
        tasks.do_jobs()

    (job,) = Job.objects.filter(kind=runs.KIND)
    assert (job.state, job.subject) == (Job.State.DONE, runs.LIVE)
    assert Analysis.objects.get().digest == live.digest
