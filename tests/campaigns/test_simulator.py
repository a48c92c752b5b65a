"""The simulator: who sees what, why, and what would flip it; nothing personal stands in an address."""

from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.urls import reverse

from campaigns import drafts, publishing
from campaigns.models import Release
from campaigns.models.items import Kind
from campaigns.stages import staged
from campaigns.trials import Question, try_out
from consent import people, state
from consent.models import RecordRead
from consent.people import Identifier, person_id
from consent.policy import State, Status
from decisioning.arbitration import reasons
from decisioning.messages import ConsentAsk, PlacementAsk
from decisioning.specs import CampaignSpec, CapSpec, OfferSpec, SegmentSpec
from rtts_site.foundation.redis_clients import server_run_id
from tests.campaigns.conftest import NOW, go_live, person, save, variant
from tests.campaigns.test_authoring import browser, marketer  # noqa: F401 - a fixture
from tests.campaigns.test_pages import put_person

URL = "admin:rtts-simulator"
RICH = {"all": [{"attribute": "spend", "is": "gte", "value": 500}]}
BUYER = {"all": [{"event": "Order Completed", "count": {"is": "gte", "value": 2}, "within": "30d"}]}


def trust(redis):
    state.trust(redis, server_run_id(redis), range(people.PARTITIONS), watermark_ms=0)


def consented(redis, who, *, status=Status.GIVEN):
    states = {("ads", "*"): State(status, 1.0, None, "evt-1")}
    state.write_state_if_newer(redis, who, 1, state.pack_states(states))


def ask(redis, *, under=None, who="c-1", now=NOW, **fields):
    """Return the one placement's offers by key."""
    identifier = Identifier("user", who)
    question = Question(
        person=person_id(identifier, pepper=settings.RTTS_PEPPER),
        placements=(PlacementAsk("web.hero", 1),),
        now=now,
        **fields,
    )
    with staged(redis, under) as stage:
        trial = try_out(redis, stage, question)
    return {one.told.offer: one for one in trial.placements[0].offers}


def author(mia, *specs):
    change = drafts.open_change(mia, now=NOW, title="More offers")
    for kind, spec in specs:
        save(change, kind, spec, author=mia)
    return change


def offer(key, **fields):
    return OfferSpec(key=key, name=key.title(), purposes=("ads",), variants=(variant(),), **fields)


def shop(mia, *offers):
    """Return a change with these offers in the winter campaign beside the live one."""
    keys = ("winter-sale", *(one.key for one in offers))
    winter = CampaignSpec(
        key="winter", name="Winter", offers=tuple(sorted(keys)), goal_event="Order Completed"
    )
    return author(mia, *((Kind.OFFER, one) for one in offers), (Kind.CAMPAIGN, winter))


def test_a_person_sees_what_consent_and_conditions_allow(live, redis):
    trust(redis)
    known = put_person(redis, "c-1", tier="gold", spend=10)

    before = ask(redis)["winter-sale"]
    supposed = ask(redis, consent={"ads": "allow"})["winter-sale"]
    denied = ask(redis, consent={"ads": "deny"})["winter-sale"]
    consented(redis, known)

    assert before.told.code == reasons.CONSENT
    assert before.flips[0].steps[0].consents == ("ads",)
    assert before.flips[0].then.code == reasons.SHOWN
    assert supposed.told.code == reasons.SHOWN
    assert supposed.lost_by[0].steps[0].changes[0].fact == "tier"
    assert denied.told.code == reasons.CONSENT
    assert denied.flips[0].steps[0].signals == ("denied:ads",)
    assert ask(redis)["winter-sale"].told.code == reasons.SHOWN
    assert ask(redis, consent={"ads": "unknown"})["winter-sale"].told.code == reasons.CONSENT


def test_the_nearest_change_is_tried_out(live, mia, redis):
    trust(redis)
    known = put_person(redis, "c-1", tier="silver", spend=487.6)
    consented(redis, known)
    change = shop(mia, offer("rich", eligibility=RICH), offer("buyers", eligibility=BUYER))

    offers = ask(redis, under=change)
    (rich,) = offers["rich"].flips[0].steps
    (buyers,) = offers["buyers"].flips[0].steps

    assert (rich.changes[0].before, rich.changes[0].value) == (487.6, 500)
    assert (buyers.changes[0].before, buyers.changes[0].value) == (0, 2)
    again = ask(redis, under=change, given={"spend": 500})
    assert again["rich"].told.code == reasons.SHOWN


def test_a_start_and_consent_together_flip_it(live, mia, redis):
    trust(redis)
    put_person(redis, "c-1", tier="gold")
    start = NOW + timedelta(days=9)
    change = shop(mia, offer("later", starts_at=start, priority=0.9), offer("past", ends_at=NOW))

    offers = ask(redis, under=change)

    steps = offers["later"].flips[0].steps
    assert steps[0].at == start
    assert steps[1].consents == ("ads",)
    assert offers["past"].flips == ()
    after = ask(redis, under=change, now=start, consent={"ads": "allow"})
    assert after["later"].told.code == reasons.SHOWN


def test_a_cap_says_when_it_frees(live, mia, redis):
    trust(redis)
    known = put_person(redis, "c-1", tier="gold")
    consented(redis, known)
    cap = CapSpec(scope="person", counts="click", limit=1, window_s=3600)
    change = shop(mia, offer("capped", caps=(cap,)))
    clicked = int((NOW - timedelta(minutes=20)).timestamp() * 1000)
    redis.hset(people.caps_key(known), "click|capped", str(clicked))

    found = ask(redis, under=change)["capped"]

    assert found.told.code == reasons.CAP_REACHED
    assert found.flips[0].steps[0].at == NOW + timedelta(minutes=40)


def test_an_outranked_offer_says_what_to_beat(live, mia, redis):
    trust(redis)
    known = put_person(redis, "c-1", tier="gold")
    consented(redis, known)
    change = shop(mia, offer("best", priority=0.9))

    offers = ask(redis, under=change)

    assert offers["best"].told.code == reasons.SHOWN
    assert offers["winter-sale"].told.code == reasons.OUTRANKED
    assert offers["winter-sale"].flips[0].to_beat == 0.9


def test_somebody_made_up_is_a_newcomer(live, redis):
    trust(redis)
    put_person(redis, "c-1", tier="gold")
    alone = {"is_made_up": True, "consent": {"ads": "allow"}}

    unknown = ask(redis, **alone)["winter-sale"]
    gold = ask(redis, **alone, given={"tier": "gold"})["winter-sale"]

    assert unknown.told.code == reasons.NOT_ELIGIBLE
    assert unknown.told.conditions[0]["truth"] == "unknown"
    assert gold.told.code == reasons.SHOWN


def test_a_signal_denies_what_it_governs(live, mia, redis):
    from consent.policy import PurposeSpec

    trust(redis)
    put_person(redis, "c-1", tier="gold")
    change = author(mia, (Kind.PURPOSE, PurposeSpec(key="ads", name="Offers", gpc=True)))
    said = {"consent": {"ads": "allow"}, "signals": ConsentAsk(gpc=True)}

    found = ask(redis, under=change, **said)["winter-sale"]

    assert found.told.code == reasons.CONSENT
    assert found.flips[0].steps[0].signals == ("gpc",)


def test_a_past_release_answers_as_it_did(live, mia, ada, redis):
    from campaigns import publishing

    trust(redis)
    put_person(redis, "c-1", tier="silver", spend=700)
    spec = OfferSpec(
        key="winter-sale",
        name="Winter sale",
        purposes=("ads",),
        variants=(variant(),),
        eligibility=RICH,
    )
    change = author(mia, (Kind.OFFER, spec))
    publishing.submit(change, by=mia, now=NOW)
    go_live(change, by=ada)
    live.refresh_from_db()

    now = ask(redis, consent={"ads": "allow"})["winter-sale"]
    then = ask(redis, under=live, consent={"ads": "allow"})["winter-sale"]

    assert (now.told.code, then.told.code) == (reasons.SHOWN, reasons.NOT_ELIGIBLE)


def of_another_version(**fields):
    Release.objects.exclude(version=None).update(**fields)


def test_rules_that_another_version_compiled_are_compiled_again(live, redis):
    trust(redis)
    of_another_version(artifact=b'{"format":999}')

    assert ask(redis, consent={"ads": "allow"})["winter-sale"].told.code == reasons.NOT_ELIGIBLE


# The page


def posted(who="c-1", **fields):
    return {"who": "person", "person": who, "zone": "UTC", **fields}


def test_page_tells_reasons_flips_and_the_request(live, redis, marketer):  # noqa: F811
    trust(redis)
    consented(redis, put_person(redis, "c-1", tier="silver", spend=10))

    answer = marketer.post(reverse(URL), posted())
    text = answer.content.decode()

    assert answer.status_code == 200
    assert "not eligible" in text
    assert "Nearest change:" in text
    assert "Tier is gold" in text
    assert "YOUR_KEY" in text
    assert '"user_id": "c-1"' in answer.context["curl"]
    assert "c-1" not in answer.context["link"]
    assert RecordRead.objects.get().what == "simulator"


def test_page_says_that_a_release_is_of_another_version(live, mia, ada, redis, marketer):  # noqa: F811
    trust(redis)
    change = drafts.open_change(mia, now=NOW)
    save(change, Kind.SEGMENT, SegmentSpec(key="rich", name="Rich", condition=RICH), author=mia)
    publishing.submit(change, by=mia, now=NOW)
    go_live(change, by=ada)
    of_another_version(spec=b'{"format":999}')
    past = Release.objects.get(state=Release.State.RETIRED)

    for fields in ({}, {"under": f"release-{past.pk}"}):
        answer = marketer.post(reverse(URL), posted(**fields))

        assert answer.status_code == 200
        assert "publish it again" in answer.content.decode()
    shown = marketer.post(reverse("admin:rtts-simulator-fields"), {"under": f"release-{past.pk}"})
    viewers = marketer.get(reverse("admin:rtts-viewers", args=["winter-sale"]))
    assert shown.status_code == 200
    assert "publish it again" in viewers.content.decode()


def test_page_takes_somebody_made_up(live, redis, marketer):  # noqa: F811
    trust(redis)
    page = marketer.get(reverse(URL))
    dice = page.context["form"]["dice"].value()
    fields = {"who": "made-up", "dice": dice, "zone": "Europe/Berlin", "consent-ads": "allow"}

    answer = marketer.post(reverse(URL), fields | {"fact-tier": "gold", "fact-spend": "12.5"})

    assert answer.context["places"][0].fates[0].badge == "shown, rank 1"
    assert answer.context["form"].given == {"tier": "gold", "spend": 12.5}
    assert f'"anonymous_id": "{dice}"' in answer.context["curl"]
    assert not RecordRead.objects.exists()


def test_an_address_never_says_who(live, redis, marketer):  # noqa: F811
    page = marketer.get(reverse(URL), {"person": "c-1", "placements": "web.hero"})

    assert "trial" not in page.context
    assert not page.context["form"]["person"].value()
    assert page.context["form"]["placements"].value() == ["web.hero"]


def test_an_analyst_without_people_asks_about_made_up_ones_only(live, redis):
    from django.contrib.auth.models import Permission

    dora = person("dora", "Compliance")
    dora.groups.clear()
    dora.user_permissions.set(Permission.objects.filter(codename="view_release"))
    there = browser(dora)

    assert there.post(reverse(URL), posted()).status_code == 403
    assert there.post(reverse(URL), {"who": "made-up", "zone": "UTC"}).status_code == 200


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        ({"person": "x" * 300}, "person"),
        ({"person": ""}, "person"),
        ({"fact-spend": "lots"}, "fact-spend"),
        ({"fact-spend": "inf"}, "fact-spend"),
        ({"fact-tier": "bronze"}, "fact-tier"),
        ({"placements": "nowhere"}, "placements"),
        ({"at": "soon"}, "at"),
        ({"at": "2027-03-28T02:30", "zone": "Europe/Berlin"}, "at"),
        ({"under": "change-9999"}, "under"),
        ({"consent-ads": "perhaps"}, "consent-ads"),
    ],
)
def test_page_names_the_wrong_field(live, redis, marketer, bad, field):  # noqa: F811
    answer = marketer.post(reverse(URL), posted() | bad)

    assert list(answer.context["form"].errors) == [field]


def test_fields_follow_what_is_asked_under(live, mia, redis, marketer):  # noqa: F811
    change = shop(mia, offer("buyers", eligibility=BUYER))
    url = reverse("admin:rtts-simulator-fields")

    before = marketer.post(url, posted()).content.decode()
    after = marketer.post(url, posted(under=f"change-{change.pk}", **{"fact-spend": "7"}))

    assert "The number of “Order”" not in before
    assert "The number of “Order” in the last 30 days" in after.content.decode()
    assert 'value="7"' in after.content.decode()


def test_page_says_that_the_store_is_away(live, marketer, settings):  # noqa: F811
    from rtts_site.foundation.redis_clients import redis_client

    settings.REDIS_URL = "unix:///nowhere/redis.sock"
    redis_client.cache_clear()
    try:
        answer = marketer.post(reverse(URL), posted())
    finally:
        redis_client.cache_clear()

    assert "does not answer now" in answer.content.decode()


def test_hours_of_the_week_say_when_it_opens(live, mia, redis):
    from decisioning.specs import HoursSpec

    trust(redis)
    put_person(redis, "c-1", tier="gold")
    keys = ("winter-sale",)
    hours = (HoursSpec(days=(0,), starts="08:20", ends="10:00"),)  # Mondays; NOW is a Sunday
    winter = CampaignSpec(
        key="winter", name="Winter", offers=keys, goal_event="Order Completed", hours=hours
    )
    change = author(mia, (Kind.CAMPAIGN, winter))

    found = ask(redis, under=change, consent={"ads": "allow"})["winter-sale"]

    assert found.told.code == reasons.NOT_RUNNING
    assert found.flips[0].steps[0].at == datetime(2026, 11, 23, 8, 20, tzinfo=UTC)
