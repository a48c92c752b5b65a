import uuid
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from campaigns import drafts, publishing, reports, sampling, simulation
from campaigns.candidates import candidate_of
from campaigns.models.items import Kind
from consent import people
from consent.people import Identifier, person_id
from decisioning.decision_log import copy_in
from decisioning.models import OutcomeRecord, ShownRecord
from decisioning.profiles.cells import Cell, message_digest
from decisioning.profiles.profile import Profile, encode_profile
from decisioning.rules.catalogue import Catalogue
from decisioning.specs import SegmentSpec
from rtts_site.foundation.models import ApiKey
from rtts_site.foundation.redis_clients import redis_client
from tests.campaigns.conftest import GOLD, NOW, go_live, person, save
from tests.campaigns.posting import group, leaf, together
from tests.campaigns.test_authoring import browser, marketer  # noqa: F401 - a fixture


def put_person(redis, user_id, **attributes):
    from django.conf import settings

    identifier = Identifier("user", user_id)
    known = person_id(identifier, pepper=settings.RTTS_PEPPER)
    cells = {
        key: Cell(value, 1_700_000_000_000, message_digest("m"), "k")
        for key, value in attributes.items()
    }
    profile = Profile(attributes=cells, identifiers={f"user:{user_id}": 1})
    redis.set(people.profile_key(known), encode_profile(profile))
    return known


@pytest.fixture
def crowd(redis):
    """Return ten people, four of them gold."""
    for number in range(10):
        tier = "gold" if number < 4 else "silver"
        put_person(redis, f"c-{number}", tier=tier, spend=number * 100)
    return redis


def test_audience_counts_whole_and_parts(live, crowd):
    catalogue = Catalogue.of(candidate_of(None).spec)
    spends = {"attribute": "spend", "is": "gt", "value": 150}
    condition = {"all": [*GOLD["all"], spends]}

    found = simulation.audience(condition, catalogue, now=NOW, parts=(GOLD["all"][0], spends))

    assert (found.matched, found.sampled, found.population) == (2, 10, 10)
    assert tuple(part.people for part in found.parts) == (4, 8)


def test_effect_tells_before_and_after_of_what_moves(live, mia, crowd):
    change = drafts.open_change(mia, now=NOW)
    silver = {"all": [{"attribute": "tier", "is": "eq", "value": "silver"}]}
    spec = SegmentSpec(key="gold", name="Members", condition=silver)
    save(change, Kind.SEGMENT, spec, author=mia)

    effects = {one.key: one for one in simulation.effect_of(change, now=NOW)}

    assert set(effects) == {"gold", "winter-sale"}
    assert (effects["gold"].before.people, effects["gold"].after.people) == (4, 6)
    assert effects["winter-sale"].difference == 2


def test_effect_is_kept_as_the_reviewer_saw_it(live, mia, ada, crowd, marketer):  # noqa: F811
    change = drafts.open_change(mia, now=NOW)
    silver = {"all": [{"attribute": "tier", "is": "eq", "value": "silver"}]}
    spec = SegmentSpec(key="gold", name="Members", condition=silver)
    save(change, Kind.SEGMENT, spec, author=mia)
    publishing.submit(change, by=mia, now=NOW)
    url = reverse("admin:rtts-effect", args=[change.pk])
    seen = marketer.get(url).content
    go_live(change, by=ada)

    assert b"6 people" in seen
    assert marketer.get(url).content == seen


def test_sample_estimates_from_what_it_scanned(crowd, monkeypatch):
    monkeypatch.setattr(sampling, "SAMPLE", 5)

    sample = sampling.load_sample(crowd, most=5)

    assert len(sample.profiles) == 5
    assert sample.population == 10


def test_effect_page_says_people(live, mia, crowd, marketer):  # noqa: F811
    change = drafts.open_change(mia, now=NOW)
    spec = SegmentSpec(
        key="rich",
        name="Rich",
        condition={"all": [{"attribute": "spend", "is": "gte", "value": 700}]},
    )
    save(change, Kind.SEGMENT, spec, author=mia)

    page = marketer.get(reverse("admin:rtts-effect", args=[change.pk])).content.decode()

    assert "3 people" in page
    assert "not there" in page


def shown_row(number, at, **fields):
    row = {
        "shown_id": f"d{number}/web.hero/1",
        "decision_id": f"d{number}",
        "decided_at": at,
        "person_id": "p",
        "release_version": 1,
        "placement": "web.hero",
        "channel": "web",
        "status": "offers",
        "reason": "ELIGIBLE",
        "rank": 1,
        "offer": "winter-sale",
        "variant": "a",
        "campaign": "winter",
        "experiment": "",
        "arm": "",
        "score": 0.5,
        "propensity": 1.0,
    } | fields
    return tuple(row[one.attname] for one in ShownRecord._meta.concrete_fields)


def outcome_row(number, kind, at, value=None):
    row = {
        "outcome_id": f"o{number}{kind}",
        "recorded_at": at,
        "occurred_at": at,
        "kind": kind,
        "attribution": "token",
        "decision_id": f"d{number}",
        "person_id": "p",
        "placement": "web.hero",
        "offer": "winter-sale",
        "variant": "a",
        "campaign": "winter",
        "experiment": "",
        "arm": "",
        "message_id": f"m{number}{kind}",
        "value": value,
        "late": False,
    }
    return tuple(row[one.attname] for one in OutcomeRecord._meta.concrete_fields)


def record(shown, outcomes):
    names = [one.attname for one in ShownRecord._meta.concrete_fields]
    copy_in("decisioning_shown", names, shown)
    names = [one.attname for one in OutcomeRecord._meta.concrete_fields]
    copy_in("decisioning_outcome", names, outcomes)


def test_reports_count_what_came_of_offers(live, marketer):  # noqa: F811
    now = timezone.now()
    earlier = now - timedelta(days=1)
    record(
        [shown_row(number, earlier) for number in range(4)],
        [outcome_row(number, "impression", earlier) for number in range(4)]
        + [outcome_row(0, "conversion", earlier, value=30.0)],
    )
    since = now - timedelta(days=7)

    rows = reports.results(kind="offer", key="winter-sale", by="placement", since=since, until=now)
    page = marketer.get(reverse("admin:rtts-report", args=["campaign", "winter"]))
    overview = marketer.get(reverse("admin:rtts-reports"))

    assert [(r.name, r.decisions, r.impressions, r.conversions, r.value) for r in rows] == [
        ("web.hero", 4, 4, 1, 30.0)
    ]
    assert rows[0].conversion_rate == 0.25
    assert "<svg" in page.content.decode()
    assert "25%" in page.content.decode()
    assert "Winter sale" in overview.content.decode()


def test_home_numbers_are_bounded_in_queries(live, django_assert_max_num_queries):
    now = timezone.now()
    record([shown_row(1, now - timedelta(minutes=5))], [])

    with django_assert_max_num_queries(9):
        today = reports.today(now)
        hours = reports.decisions_per_hour(now, hours=24)
        warned = reports.warnings(now)

    assert today.decisions == 0
    assert len(hours) == 24
    assert [one.text for one in warned] == []


def test_keys_are_made_rotated_and_revoked(live, redis):
    admin = browser(person("root", "Admin"))
    url = reverse("admin:rtts-connect")
    fields = {"name": "Web shop", "kind": "secret", "scopes": ["decisions", "events"]}

    made = admin.post(url, fields)
    key = ApiKey.objects.get()
    assert made.context["secret"].startswith("rtts_sk_")
    assert made.context["secret"] in made.content.decode()
    assert made.context["secret"] not in admin.get(url).content.decode()

    rotated = admin.post(reverse("admin:rtts-key-rotate", args=[key.pk]))
    assert rotated.context["secret"] != made.context["secret"]
    admin.post(reverse("admin:rtts-key-revoke", args=[key.pk]))
    key.refresh_from_db()
    assert key.revoked_at is not None
    assert admin.post(reverse("admin:rtts-key-revoke", args=[uuid.uuid4()])).status_code == 404


@pytest.mark.parametrize(
    "bad",
    [
        {"name": ""},
        {"scopes": ["everything"]},
        {"kind": "browser"},
        {"kind": "browser", "origins": "shop"},
    ],
)
def test_bad_keys_are_refused_in_words(live, redis, bad):
    admin = browser(person("root", "Admin"))
    fields = {"name": "Web", "kind": "secret", "scopes": ["decisions"], **bad}

    answer = admin.post(reverse("admin:rtts-connect"), fields)

    assert answer.context["form"].errors
    assert not ApiKey.objects.exists()


def test_marketer_makes_no_keys(live, redis, marketer):  # noqa: F811
    fields = {"name": "Mine", "kind": "secret", "scopes": ["decisions"]}
    marketer.post(reverse("admin:rtts-connect"), fields)

    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("kind", ["change", "release"])
@pytest.mark.parametrize("name", ["abc", "²", "99999999999999999999", "-1"])
def test_a_row_that_never_was_is_not_found(live, marketer, kind, name):  # noqa: F811
    answer = marketer.get(f"/admin/campaigns/{kind}/{name}/change/")

    assert answer.status_code == 404


def test_a_row_leads_to_its_page(live, marketer):  # noqa: F811
    answer = marketer.get(f"/admin/campaigns/release/{live.pk}/change/")

    assert answer.headers["Location"] == reverse("admin:rtts-release", args=[live.pk])


@pytest.fixture
def redis_away(settings):
    settings.REDIS_URL = "unix:///nowhere/redis.sock"
    redis_client.cache_clear()
    yield
    redis_client.cache_clear()


def test_pages_say_that_people_cannot_be_counted(live, mia, marketer, redis_away):  # noqa: F811
    change = drafts.open_change(mia, now=NOW)
    silver = {"all": [{"attribute": "tier", "is": "eq", "value": "silver"}]}
    save(change, Kind.SEGMENT, SegmentSpec(key="gold", name="G", condition=silver), author=mia)
    posted = together({"rb": ["rule"]}, group("rule", 1, "", "all"))
    posted = together(posted, leaf("rule", 2, "1", "attribute:tier", "eq", "gold"))

    effect = marketer.get(reverse("admin:rtts-effect", args=[change.pk]))
    preview = marketer.post(reverse("admin:rule-builder-preview"), posted)

    assert (effect.status_code, preview.status_code) == (200, 200)
    assert "does not answer now" in effect.content.decode()
    assert "does not answer now" in preview.content.decode()
