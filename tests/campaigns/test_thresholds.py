"""The numbers behind a condition: their spread, their worth for a goal, an experiment over them."""

import re
from datetime import datetime, timedelta

import pytest
from django.http import QueryDict
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from campaigns import drafts, sampling, tasks
from campaigns.candidates import candidate_of
from campaigns.jobs import TRIES
from campaigns.models import Item
from campaigns.models.items import Kind
from campaigns.rule_builder.stored import read_condition
from campaigns.rule_builder.widgets import RuleBuilder
from campaigns.thresholds import history as told
from campaigns.thresholds import jobs
from campaigns.thresholds.comparing import arm_key, values_of
from campaigns.thresholds.distribution import distribution
from campaigns.thresholds.history import Goal, read_past
from campaigns.thresholds.measures import measure
from campaigns.thresholds.questions import Question, question_of
from consent import people
from consent.people import Identifier, person_id
from decisioning.ingestion.history import _row, write
from decisioning.ingestion.records import Record
from decisioning.profiles.cells import Cell
from decisioning.profiles.profile import Profile, encode_profile
from decisioning.rules.catalogue import Catalogue
from rtts_site.foundation.jobs import Job
from tests.campaigns.conftest import NOW
from tests.campaigns.rule_builder.catalogue import CATALOGUE
from tests.campaigns.rule_builder.test_views import Inputs
from tests.campaigns.test_authoring import browser

DAY = timedelta(days=1)
SPEND = {"attribute": "spend", "is": "gte", "value": 300}
ORDERS = {"event": "Order Completed", "count": {"is": "gte", "value": 2}, "within": "90d"}


def asked(leaf, catalogue=CATALOGUE):
    return question_of(read_condition({"all": [leaf]}).children[0], catalogue)


@pytest.fixture(autouse=True)
def fresh_sample():
    sampling.forget()
    yield
    sampling.forget()


@pytest.mark.parametrize(
    ("leaf", "side", "strict", "threshold"),
    [
        ({"attribute": "spend", "is": "gt", "value": 500}, "at_least", True, 500),
        ({"attribute": "spend", "is": "lte", "value": 0.5}, "at_most", False, 0.5),
        ({"attribute": "spend", "is": "gte", "value": "lots"}, "at_least", False, None),
        (ORDERS, "at_least", False, 2),
        ({"event": "Order Completed", "since_last": {"is": "lt", "value": "2d"}}, "at_most", True, 172_800),
    ],
)  # fmt: skip
def test_the_number_of_a_condition_is_found(leaf, side, strict, threshold):
    found = asked(leaf)

    assert (found.side, found.strict, found.threshold) == (side, strict, threshold)


@pytest.mark.parametrize(
    "leaf",
    [
        {"attribute": "tier", "is": "eq", "value": "gold"},
        {"attribute": "spend", "is": "between", "value": [1, 2]},
        {"attribute": "nobody knows", "is": "gt", "value": 1},
        {"event": "Order Completed", "then": {"event": "Product Viewed"}, "within": "7d"},
        {"segment": "gold"},
    ],
)
def test_other_conditions_have_no_threshold(leaf):
    assert asked(leaf) is None


VALUES = st.lists(st.none() | st.integers(-50, 5000) | st.floats(-1e6, 1e6), max_size=60)


@given(VALUES, st.sampled_from(["gt", "gte", "lt", "lte"]), st.integers(-50, 5000))
def test_every_known_person_is_in_one_bar_and_judged_once(values, operator, threshold):
    question = asked({"attribute": "spend", "is": operator, "value": threshold})

    found = distribution(values, question)

    assert sum(bar.people for bar in found.bars) == found.known
    assert len(found.bars) <= 22
    assert found.found == sum(question.finds(value, threshold) for value in values)


PAST = st.lists(st.tuples(st.none() | st.integers(0, 40), st.booleans()), max_size=60)


@given(PAST, st.sampled_from(["gt", "gte", "lt", "lte"]))
def test_measures_are_those_of_their_definition(past, operator):
    question = asked({"attribute": "spend", "is": operator, "value": 20})

    for one in measure(past, question):
        found = [followed for value, followed in past if question.finds(value, one.threshold)]
        assert one.found == len(found)
        assert one.precision == (sum(found) / len(found) if found else None)
        assert one.false_positives == found.count(False)
        assert one.recall is None or one.recall * one.reached == pytest.approx(sum(found))


def test_the_number_of_the_rule_is_among_the_candidates():
    question = asked({"attribute": "spend", "is": "gte", "value": 77})

    found = measure([(float(n), n % 3 == 0) for n in range(1000)], question)

    assert 77 in [one.threshold for one in found]
    assert len(found) <= 13


def test_numbers_are_read_as_typed():
    assert values_of("400, 600;1,200 30d 400") == ("400", "600", "1,200", "30d")
    assert arm_key("1,200") == "at-1200"


# On what people did


class Crowd:
    """People with orders at days before NOW."""

    def __init__(self, redis):
        self.redis = redis
        self.rows = []

    def add(self, name, *, days, spend=(), now=None, merged=()):
        from django.conf import settings

        now = now or NOW
        who = person_id(Identifier("user", name), pepper=settings.RTTS_PEPPER)
        moments = [now - DAY * day for day in days]
        records = [self.record(who, at, event="Order Completed", type="track") for at in moments]
        records += [
            self.record(who, now - DAY * day, type="identify", attributes={"spend": value})
            for day, value in spend
        ]
        records += [self.record(who, now, kind="merge_in", other=other) for other in merged]
        self.rows += [
            _row(people.partition_of(who), f"{len(self.rows) + i}-0", record)
            for i, record in enumerate(records)
        ]
        first = min(record.event_time_ms for record in records)
        cells = {"spend": Cell(spend[-1][1], first, 1, "k")} if spend else {}
        profile = Profile(first_seen_ms=first, newest_ms=first, attributes=cells)
        self.redis.set(people.profile_key(who), encode_profile(profile))
        return who

    def record(self, who, at, **fields):
        ms = int(at.timestamp() * 1000)
        number = len(self.rows)
        message = f"m{number}-{fields.get('type')}-{ms}-{who}"
        return Record(
            message_id=message, person=who, identifiers=(), event_time_ms=ms, received_at_ms=ms, **fields
        )  # fmt: skip

    def keep(self):
        write(self.rows)


@pytest.fixture
def crowd(live, redis):
    return Crowd(redis)


def past_of(redis, leaf, days, *, now=NOW):
    catalogue = Catalogue.of(candidate_of(None).spec)
    goal = Goal("Order Completed", days)
    return read_past(redis, asked(leaf, catalogue), goal, now=now, report=lambda done, total: True)


def test_people_are_as_they_were_and_what_followed_is_the_goal(crowd, redis):
    crowd.add("ana", days=[40, 30, 5])  # two orders by then, one after
    crowd.add("ben", days=[20])  # one order by then, none after
    crowd.add("cleo", days=[3])  # not known then
    crowd.keep()

    assert sorted(past_of(redis, ORDERS, 10)) == [(1.0, False), (2.0, True)]


def test_an_attribute_is_what_it_was_then(crowd, redis):
    crowd.add("ana", days=[4], spend=[(30, 100), (5, 900)])
    crowd.keep()

    assert past_of(redis, SPEND, 10) == [(100.0, True)]


def test_who_merged_into_a_person_brings_their_history(crowd, redis):
    other = crowd.add("phone", days=[25, 24])
    crowd.redis.delete(people.profile_key(other))
    crowd.add("ana", days=[30], merged=[other])
    crowd.keep()

    assert past_of(redis, ORDERS, 10) == [(3.0, False)]


def test_reading_stops_when_told_and_at_its_bound(crowd, redis, monkeypatch):
    for number in range(120):
        crowd.add(f"c-{number}", days=[40])
    crowd.keep()
    goal = Goal("Order Completed", 10)
    question = asked(ORDERS, Catalogue.of(candidate_of(None).spec))

    stopped = read_past(redis, question, goal, now=NOW, report=lambda done, total: done < 50)
    monkeypatch.setattr(told, "RECORDS", 10)

    assert stopped is None
    assert len(past_of(redis, ORDERS, 10)) == 50


# Pages


def page_of(condition, catalogue, **more):
    data = Inputs(RuleBuilder(catalogue).render("condition", condition)).data
    data["rb"] = "condition"
    for key, value in more.items():
        data[key.replace("__", "-")] = value
    return data


@pytest.fixture
def marketer(mia):
    return browser(mia)


def post(client, name, data):
    assert isinstance(data, QueryDict)
    return client.post(
        reverse(f"admin:{name}"), data.urlencode(), "application/x-www-form-urlencoded"
    )


@pytest.fixture
def catalogue(live):
    return Catalogue.of(candidate_of(None).spec)


def test_the_spread_is_drawn_with_the_share_that_is_found(crowd, catalogue, marketer):
    for number in range(10):
        crowd.add(f"c-{number}", days=[1], spend=[(5, number * 100)])
    data = page_of(SPEND, catalogue, node="2")

    html = post(marketer, "rule-builder-threshold", data).content.decode()

    assert "<svg" in html
    assert "<strong>70.0%</strong> of 10 sampled people reach 300" in html
    assert "Show as table" in html
    assert "Winter: Winter sale" in html


def recent(crowd):
    now = datetime.now(NOW.tzinfo)
    for number in range(30):
        days = [40, 3] if number >= 20 else [40]
        crowd.add(f"c-{number}", days=days, spend=[(50, number * 10)], now=now)
    crowd.keep()


def test_a_threshold_is_measured_on_history(crowd, catalogue, marketer):
    recent(crowd)
    data = page_of(
        SPEND | {"value": 200}, catalogue, node="2", step="measure",
        condition__2__goal="Order Completed", condition__2__days="14",
    )  # fmt: skip

    html = post(marketer, "rule-builder-threshold", data).content.decode()

    assert "Of 30 people as they were 14 days ago, 10 reached the goal since." in html
    own = html.partition('class="rb-own"')[2].partition("</tr>")[0]
    text = re.sub(r"<[^>]+>|^>", " ", own).split()
    assert text == ["200", "10", "100%", "100%", "0", "in", "the", "rule"]
    assert 'data-rb-use="condition-2-value"' in html


def test_long_measuring_becomes_a_job_that_the_page_asks_for(
    crowd, catalogue, marketer, monkeypatch
):
    recent(crowd)
    monkeypatch.setattr(jobs, "PATIENCE_S", 0)
    data = page_of(
        SPEND, catalogue, node="2", step="measure",
        condition__2__goal="Order Completed", condition__2__days="14",
    )  # fmt: skip

    waiting = post(marketer, "rule-builder-threshold", data).content.decode()
    job = Job.objects.get(kind=jobs.JOB_KIND)
    url = reverse("admin:rule-builder-measured", args=[job.pk]) + "?prefix=condition-2-"
    before = marketer.get(url)
    tasks.do_jobs()
    after = marketer.get(url)

    assert "<progress" in waiting
    assert before.status_code == 200
    assert after.status_code == 286
    assert "10 reached the goal since" in after.content.decode()


def test_what_a_killed_worker_measured_is_measured_again(crowd, catalogue, redis):
    recent(crowd)
    goal = Goal("Order Completed", 14)
    left, hopeless = (jobs.start(redis, asked(SPEND), goal, words="x") for _ in range(2))
    long_ago = datetime.now(NOW.tzinfo) - timedelta(hours=1)
    running = Job.objects.filter(pk__in=[left.pk, hopeless.pk])
    running.update(state=Job.State.RUNNING, updated_at=long_ago)
    running.filter(pk=hopeless.pk).update(attempts=TRIES)

    tasks.do_jobs()

    states = dict(running.values_list("pk", "state"))
    assert states == {left.pk: Job.State.DONE, hopeless.pk: Job.State.FAILED}


def test_thresholds_become_the_arms_of_an_experiment(catalogue, marketer, mia):
    data = page_of(
        SPEND, catalogue, node="2", condition__2__values="300, 1,200",
        condition__2__experiment="Spend 300 or 1200",
    )  # fmt: skip
    data["condition-2-about-offer"] = "winter/winter-sale"

    html = post(marketer, "rule-builder-compare", data).content.decode()

    body = drafts.draft_of(Item.objects.get(kind=Kind.EXPERIMENT), drafts.current_change(mia)).body
    assert "is drafted in your change" in html
    assert [(arm["key"], arm["share"]) for arm in body["arms"]] == [
        ("at-300", 0.5),
        ("at-1200", 0.5),
    ]
    assert body["arms"][1]["eligibility"] == {"winter-sale": {"all": [SPEND | {"value": 1200}]}}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"condition-2-values": "300"}, "two numbers or more"),
        ({"condition-2-values": "300, many"}, "no number that fits"),
        ({"condition-2-experiment": ""}, "Give the experiment a name"),
        ({"condition-2-about-offer": "winter/nothing"}, "There is no offer of the campaign"),
        ({"condition-2-about-offer": ""}, "Choose the offer"),
        ({"condition-2-subject": "attribute:x"}, "Finish the rule first"),
        ({"node": "77"}, "no longer there"),
    ],
)
def test_an_experiment_that_cannot_be_is_refused_in_words(catalogue, marketer, changes, words):
    data = page_of(
        {"all": [SPEND, SPEND]}, catalogue, node="2", condition__2__values="300, 600",
        condition__2__experiment="Spend",
    )  # fmt: skip
    data["condition-2-about-offer"] = "winter/winter-sale"
    for key, value in changes.items():
        data[key] = value

    html = post(marketer, "rule-builder-compare", data).content.decode()

    assert words in html
    assert not Item.objects.filter(kind=Kind.EXPERIMENT).exists()


def test_an_analyst_sees_numbers_and_drafts_nothing(catalogue, ana, crowd):
    analyst = browser(ana)
    data = page_of(SPEND, catalogue, node="2")

    seen = post(analyst, "rule-builder-threshold", data)
    drafted = post(analyst, "rule-builder-compare", data)

    assert seen.status_code == 200
    assert b"Draft the experiment" not in seen.content
    assert drafted.status_code == 403


def test_questions_travel_to_the_worker_whole():
    import msgspec

    asked_for = jobs.Asked(asked(ORDERS), Goal("Order Completed", 14))

    packed = msgspec.msgpack.encode(asked_for)

    assert msgspec.msgpack.decode(packed, type=jobs.Asked) == asked_for
    assert isinstance(asked_for.question, Question)
