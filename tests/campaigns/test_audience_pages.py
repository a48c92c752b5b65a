"""What the panel, the exact count, the overlaps and the history tell, through the same doors as a browser."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from campaigns import drafts, sampling, simulation
from campaigns.audiences import exact, history, stock, tasks
from campaigns.audiences.people import People
from campaigns.candidates import candidate_of
from campaigns.models import AudienceRecord, ExactCount, ExactRange, Item
from campaigns.models.items import Kind
from campaigns.templatetags.campaigns_tags import percent
from consent.policy import PurposeSpec, seal_policy
from consent.policy_store import put_policy
from decisioning.rules.catalogue import Catalogue
from decisioning.rules.conditions import parse
from decisioning.specs import SegmentSpec
from rtts_site.foundation.jobs import Job
from tests.campaigns.conftest import GOLD, save
from tests.campaigns.crowds import crowd, enrol, give
from tests.campaigns.posting import group, leaf, together
from tests.campaigns.test_authoring import marketer  # noqa: F401 - a fixture

POOR = {"attribute": "spend", "is": "lt", "value": 100}


@pytest.fixture(autouse=True)
def _fresh(monkeypatch):
    monkeypatch.setattr(exact, "AT_ONCE", 64)
    monkeypatch.setattr(exact, "RANGES", (0, 64, 128, 192))
    sampling.forget()
    yield
    sampling.forget()


@pytest.fixture
def town(live, redis):
    """Return 300 people of the small release; half of the first 40 allow ads."""
    profiles = crowd(300)
    enrol(redis, profiles)
    give(redis, list(profiles)[:20])
    put_policy(redis, seal_policy((PurposeSpec(key="ads", name="Personalised offers"),), version=1))
    return profiles


def golden(profiles):
    return [p for p, one in profiles.items() if one.attributes["tier"].value == "gold"]


def draft(*leaves):
    return together({"rb": ["rule"]}, group("rule", 1, "", "all"), *leaves)


GOLD_LEAF = leaf("rule", 2, "1", "attribute:tier", "eq", "gold")


def post(client, name, data, **where):
    return client.post(reverse(f"admin:{name}", kwargs=where or None), data)


def rows(page, title):
    """Return {words: number} of the panel's table with this heading."""
    table = page[page.index(title) :].partition("</table>")[0]
    cells = re.findall(r"<td[^>]*>(.*?)</td>", table, re.S)
    plain = [" ".join(re.sub(r"<[^>]*>", " ", cell).split()) for cell in cells]
    return dict(zip(plain[::2], plain[1::2], strict=True))


def test_panel_tells_people_parts_and_reach(town, marketer):  # noqa: F811
    poor = leaf("rule", 3, "1", "attribute:spend", "lt", "100")
    page = post(marketer, "rule-builder-preview", draft(GOLD_LEAF, poor)).content.decode()

    found = simulation.audience(
        {"all": [*GOLD["all"], POOR]}, _catalogue(), now=timezone.now(), parts=(GOLD, POOR)
    )
    assert f"<strong>{found.people}</strong>" in page
    assert list(rows(page, "Each part on its own").values()) == [
        str(len(golden(town))),
        str(found.parts[1].people),
    ]
    assert list(rows(page, "consent allows")) == ["Personalised offers"]


def _catalogue():
    return Catalogue.of(candidate_of(None).spec)


def test_a_sample_is_told_with_its_interval(town, marketer, monkeypatch):  # noqa: F811
    monkeypatch.setattr(sampling, "SAMPLE", 100)

    page = post(marketer, "rule-builder-preview", draft(GOLD_LEAF)).content.decode()

    told = simulation.audience(GOLD, _catalogue(), now=timezone.now()).estimate
    assert f"about {told.people}" in page
    assert f"Between {told.low} and {told.high}, 95 times in 100; counted on 100 people" in page
    assert told.low <= len(golden(town)) <= told.high


def test_overlaps_are_named_and_linked(town, redis, marketer):  # noqa: F811
    poor = leaf("rule", 2, "1", "attribute:spend", "lt", "100")
    before = post(marketer, "rule-builder-preview", draft(poor)).content.decode()
    tasks.take_stock()

    after = post(marketer, "rule-builder-preview", draft(poor)).content.decode()

    both = [p for p in golden(town) if _spend(town[p]) < 100]
    share = percent(len(both) / sum(_spend(one) < 100 for one in town.values()))
    assert "Also in" not in before
    link = reverse("admin:rtts-item", args=[Item.objects.get(kind=Kind.SEGMENT).pk])
    assert f'href="{link}"' in after
    assert rows(after, "Also in") == {f"Gold members {share} of these people": str(len(both))}


def _spend(profile):
    cell = profile.attributes.get("spend")
    return 1e9 if cell is None else cell.value


def test_a_worker_that_took_too_long_leaves_another_s_lock(town, redis, monkeypatch):
    counted = stock._counted

    def slowly(client, *, now):
        client.set(stock.LOCK_KEY, "another's")  # its own ran out meanwhile
        return counted(client, now=now)

    monkeypatch.setattr(stock, "_counted", slowly)

    assert stock.take_stock(redis, digest="a", now=timezone.now())
    assert redis.get(stock.LOCK_KEY) == b"another's"


def test_the_places_of_one_stock_are_not_given_for_another():
    reader = stock._Reader()
    few, many = stock.Stock(("p",), {}), stock.Stock(("p", "q", "r"), {})
    people = People({}, population=0)

    assert reader.places(many, people) == [-1, -1, -1]
    assert reader.places(few, people) == [-1]


def test_a_segment_does_not_overlap_with_itself(town, marketer):  # noqa: F811
    tasks.take_stock()

    page = post(
        marketer, "rule-builder-preview", draft(GOLD_LEAF) | {"rule-exclude": ["gold"]}
    ).content.decode()

    assert "Also in" not in page


def test_stock_is_taken_again_for_another_release_or_when_old(town, redis):
    now = timezone.now()

    assert stock.take_stock(redis, digest="a", now=now)
    assert not stock.take_stock(redis, digest="a", now=now)
    assert stock.take_stock(redis, digest="b", now=now)
    assert stock.take_stock(redis, digest="b", now=now + timedelta(seconds=stock.OLD_S + 1))


def count_all(redis, count_id, *, now):
    """Count every range, as two workers might: some twice."""
    policy = seal_policy((PurposeSpec(key="ads", name="Personalised offers"),), version=1)
    ended = []
    for first in (*exact.RANGES[:2], *exact.RANGES):
        done = exact.count_range(
            redis, count_id, first, policy=policy, channels={"web": "Web"}, now=now
        )
        ended += [done] if done else []
    return ended


def test_exact_count_is_of_everybody_and_ends_once(town, redis, mia):
    now = timezone.now()
    count = exact.ask(parse(GOLD, _catalogue()), by=mia, now=now)
    ((sent, ranges),) = exact.ranges_to_send(now=now)
    assert (sent, ranges, list(exact.ranges_to_send(now=now))) == (count.pk, [*exact.RANGES], [])

    (done,) = count_all(redis, count.pk, now=now)

    allowed = set(list(town)[:20]) & set(golden(town))
    assert (done.people, done.population) == (len(golden(town)), 300)
    assert done.lines == [("Personalised offers", "", len(allowed))]
    assert Job.objects.get(pk=done.job_id).state == Job.State.DONE
    assert ExactRange.objects.count() == len(exact.RANGES)


def test_exact_count_agrees_with_the_panel_where_everybody_is_sampled(town, redis, mia):
    now = timezone.now()
    for condition in (GOLD, {"all": [POOR]}, {"none": [POOR, *GOLD["all"]]}):
        count = exact.ask(parse(condition, _catalogue()), by=mia, now=now)
        list(exact.ranges_to_send(now=now))
        (done,) = count_all(redis, count.pk, now=now)

        shown = simulation.audience(condition, _catalogue(), now=now)
        assert done.people == shown.people
        assert shown.exact == done


def test_asking_twice_is_one_count(town, mia):
    tree, now = parse(GOLD, _catalogue()), timezone.now()

    assert exact.ask(tree, by=mia, now=now) == exact.ask(tree, by=mia, now=now)


def test_ranges_that_fell_silent_are_sent_again(town, redis, mia):
    now = timezone.now()
    count = exact.ask(parse(GOLD, _catalogue()), by=mia, now=now)
    list(exact.ranges_to_send(now=now))
    exact.count_range(redis, count.pk, exact.RANGES[0], policy=None, channels={}, now=now)

    later = now + exact.SILENCE + timedelta(seconds=5)

    assert list(exact.ranges_to_send(now=later)) == [(count.pk, list(exact.RANGES[1:]))]


def test_exact_count_is_asked_followed_and_stopped_on_the_page(town, redis, marketer):  # noqa: F811
    asked = post(marketer, "rtts-count", draft(GOLD_LEAF)).content.decode()
    count = ExactCount.objects.get()
    url = reverse("admin:rtts-count-progress", args=[count.pk])
    assert f'hx-get="{url}?name=rule"' in asked
    assert "Everybody is being counted" in marketer.get(url).content.decode()

    panel = post(marketer, "rule-builder-preview", draft(GOLD_LEAF)).content.decode()
    stopped = post(marketer, "rtts-count-cancel", {"name": "rule"}, pk=count.pk).content.decode()

    assert f'hx-get="{url}' in panel
    assert "was stopped" in stopped
    assert "Count exactly" in stopped
    assert marketer.get(url).status_code == 286
    assert (
        exact.count_range(redis, count.pk, 0, policy=None, channels={}, now=timezone.now()) is None
    )


def test_the_exact_result_stays_until_the_rule_changes(town, redis, marketer):  # noqa: F811
    post(marketer, "rtts-count", draft(GOLD_LEAF))
    now = timezone.now()
    list(exact.ranges_to_send(now=now))
    count_all(redis, ExactCount.objects.get().pk, now=now)

    same = post(marketer, "rule-builder-preview", draft(GOLD_LEAF)).content.decode()
    silver = leaf("rule", 2, "1", "attribute:tier", "eq", "silver")
    other = post(marketer, "rule-builder-preview", draft(silver)).content.decode()

    assert f"Exactly <strong>{len(golden(town))}</strong> of 300" in same
    assert "Exactly" not in other


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"rb": ["no such"]},
        {"rb": ["rule"]},
        draft(leaf("rule", 2, "1", "attribute:tier", "gt", "x")),
        draft(leaf("rule", 2, "1", "attribute:mood", "eq", "x")),
    ],
)
def test_an_unfinished_rule_is_not_counted(town, marketer, data):  # noqa: F811
    answer = post(marketer, "rtts-count", data)

    assert answer.status_code in (200, 422)
    assert not ExactCount.objects.filter(text__contains="mood").exists()


def test_enough_counts_at_once_are_enough(town, mia, monkeypatch):
    monkeypatch.setattr(exact, "RUNNING_AT_ONCE", 1)
    now = timezone.now()
    exact.ask(parse(GOLD, _catalogue()), by=mia, now=now)

    with pytest.raises(exact.TooMany, match="wait for one"):
        exact.ask(parse({"all": [POOR]}, _catalogue()), by=mia, now=now)


def test_history_is_recorded_at_publishing_and_daily(town, redis, marketer):  # noqa: F811
    now = timezone.now()

    assert history.record_due(redis, now=now) == 2  # a segment and an offer
    assert history.record_due(redis, now=now) == 0
    assert history.record_due(redis, now=now + timedelta(days=1)) == 2

    item = Item.objects.get(kind=Kind.SEGMENT, key="gold")
    told = [(one.how, one.people) for one in item.audiences.order_by("pk")]
    assert told == [("published", len(golden(town))), ("daily", len(golden(town)))]
    page = marketer.get(reverse("admin:rtts-audience", args=[item.pk])).content.decode()
    assert "<svg" in page
    assert "Show as table" in page
    assert f"<strong>{len(golden(town))}</strong> of 300 people" in page


def test_an_exact_count_of_what_is_live_is_recorded(town, redis, mia):
    now = timezone.now()
    count = exact.ask(parse(GOLD, _catalogue()), by=mia, now=now)
    list(exact.ranges_to_send(now=now))
    (done,) = count_all(redis, count.pk, now=now)

    history.record_exact(done, now=now)

    (told,) = AudienceRecord.objects.all()
    assert (told.item.key, told.how, told.people) == ("gold", "exact", len(golden(town)))
    assert told.low == told.high == told.people


def test_effect_tells_intervals_and_reach_on_both_sides(town, redis, mia, monkeypatch):
    monkeypatch.setattr(sampling, "SAMPLE", 150)
    change = drafts.open_change(mia, now=timezone.now())
    silver = {"all": [{"attribute": "tier", "is": "eq", "value": "silver"}]}
    save(change, Kind.SEGMENT, SegmentSpec(key="gold", name="M", condition=silver), author=mia)

    effects = {one.key: one for one in simulation.effect_of(change, now=timezone.now())}

    assert set(effects) == {"gold", "winter-sale"}
    before, after = effects["gold"].before, effects["gold"].after
    assert before.estimate.low <= len(golden(town)) <= before.estimate.high
    assert after.people > before.people
    assert [one.name for one in before.reach] == ["Personalised offers"]
    assert 0 < after.reach[0].lines[0].estimate.high < 300


def test_a_change_of_the_catalogue_touches_every_condition(town, mia):
    before = candidate_of(None)
    change = drafts.open_change(mia, now=timezone.now())
    spec = next(one for one in before.spec.attributes if one.key == "tier")
    save(change, Kind.ATTRIBUTE, spec, author=mia, why="as it is")

    assert simulation.effect_of(change, now=timezone.now()) == []
