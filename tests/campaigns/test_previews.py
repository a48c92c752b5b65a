"""Previews of a change: made ready by a job, shown by their token, renewed, revoked, ended."""

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from campaigns import previews, tasks
from campaigns.models import Preview, Release
from campaigns.models.items import Kind
from consent import people
from consent.policy import PurposeSpec
from decisioning.api.process import this_process
from decisioning.decision_log import archive
from decisioning.previews import PREVIEWS_KEY, read_preview
from decisioning.specs import AttributeSpec
from rtts_site.foundation.jobs import Job
from tests.campaigns.conftest import NOW, person, save
from tests.campaigns.test_authoring import browser, marketer  # noqa: F401 - a fixture
from tests.campaigns.test_simulator import author, offer, shop, trust
from tests.campaigns.test_simulator_agreement import put_in_force
from tests.decisioning import making

DAY = timedelta(days=1)


@pytest.fixture
def change(live, mia):
    plain = offer("plain")
    from dataclasses import replace

    return shop(mia, replace(plain, purposes=()))


def opened(change, mia, **fields):
    asked = previews.Asked(lasts=DAY, **fields)
    return previews.open_preview(change, asked, by=mia, now=timezone.now())


def made_ready(redis, preview):
    previews.prepare_preview(
        redis, preview, report=lambda done, total, words: None, now=timezone.now()
    )


def asked(redis, token):
    key = making.make_key(redis)

    async def ask():
        this_process().holder.poll()
        this_process().holder.previews.refresh()
        return await making.decide(key, "ana", "web.hero", options={"preview": token})

    return making.run(ask())


def test_the_token_shows_the_change(redis, change, mia):
    trust(redis)
    put_in_force(redis)
    preview = opened(change, mia)
    made_ready(redis, preview)

    reply = asked(redis, previews.token_of(preview))

    assert reply.json["placements"][0]["offers"][0]["offer"] == "plain"
    assert reply.json["release"]["digest"] == preview.digest
    assert not previews.is_behind(preview)


def test_an_edit_is_shown_after_renewing(redis, change, mia):
    preview = opened(change, mia)
    made_ready(redis, preview)
    author_change(change, mia)

    assert previews.is_behind(preview)
    before = preview.digest
    previews.renew_preview(preview, now=timezone.now())
    made_ready(redis, preview)

    assert not previews.is_behind(preview)
    assert preview.digest != before


def author_change(change, mia):
    from tests.campaigns.conftest import save

    save(change, Kind.OFFER, offer("more"), author=mia)


def test_a_preview_widens_no_purpose_of_live_data(live, mia):
    from campaigns.candidates import candidate_of

    wider = AttributeSpec(
        key="tier",
        name="Tier",
        type="text",
        values=("gold", "silver"),
        purposes=("ads", "profiling"),
    )
    change = author(mia, (Kind.ATTRIBUTE, wider))

    spec = previews.no_looser(candidate_of(change).spec, candidate_of(None).spec)

    assert next(one for one in spec.attributes if one.key == "tier").purposes == ("ads",)


def test_what_cannot_be_previewed_is_refused(live, change, mia):
    with pytest.raises(previews.PreviewImpossible):
        previews.open_preview(
            change, previews.Asked(lasts=timedelta(days=8)), by=mia, now=timezone.now()
        )
    change.state = "live"
    with pytest.raises(previews.PreviewImpossible):
        opened(change, mia)


def test_a_live_release_of_another_version_is_said_in_words(redis, live, change, mia):
    Release.objects.exclude(version=None).update(spec=b'{"format":999}')
    preview = opened(change, mia)

    tasks.do_jobs()

    job = Job.objects.get(pk=preview.job)
    assert job.state == Job.State.FAILED
    assert "publish it again" in job.message


def test_the_beat_makes_ready_and_ends(redis, change, mia):
    preview = opened(change, mia)
    tasks.do_jobs()
    preview.refresh_from_db()

    assert Job.objects.get(pk=preview.job).state == Job.State.DONE
    assert redis.hexists(PREVIEWS_KEY, preview.code)
    past = previews.open_preview(
        change, previews.Asked(lasts=timedelta(seconds=1)), by=mia, now=NOW - DAY
    )
    tasks.do_jobs()
    tasks.end_previews()
    assert Job.objects.get(pk=past.job).state == Job.State.FAILED
    assert not redis.hexists(PREVIEWS_KEY, past.code)


def test_page_makes_shows_renews_and_revokes(redis, change, mia, marketer):  # noqa: F811
    trust(redis)
    put_in_force(redis)
    url = reverse("admin:rtts-previews", args=[change.pk])
    fields = {"note": "Design team", "lasts": "24", "address": "https://shop.example/a?b=1#top"}

    marketer.post(url, fields)
    tasks.do_jobs()
    preview = Preview.objects.get()
    token = previews.token_of(preview)
    asked(redis, token)
    archive(redis, range(people.PARTITIONS))
    text = marketer.get(url).content.decode()

    assert f"https://shop.example/a?b=1&amp;rtts_preview={token}#top" in text
    assert f"X-RTTS-Preview: {token}" in text
    assert "/admin/decisioning/decisionrecord/d-" in text
    assert read_preview(token, now=datetime.now(UTC)) == preview.code
    marketer.post(reverse("admin:rtts-preview-step", args=[preview.pk, "renew"]))
    assert Job.objects.get(pk=Preview.objects.get().job).state == Job.State.WAITING
    marketer.post(reverse("admin:rtts-preview-step", args=[preview.pk, "revoke"]))
    assert token not in marketer.get(url).content.decode()
    assert asked(redis, token).status == 403


def test_page_says_that_purposes_are_not_previewed(change, mia, marketer):  # noqa: F811
    url = reverse("admin:rtts-previews", args=[change.pk])
    words = "A preview shows nothing of that"
    assert words not in marketer.get(url).content.decode()

    save(change, Kind.PURPOSE, PurposeSpec(key="ads", name="Own offers"), author=mia)

    assert words in marketer.get(url).content.decode()


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        ({"lasts": "9999"}, "lasts"),
        ({"address": "javascript:alert(1)"}, "address"),
        ({"address": "https://[bad/"}, "address"),
        ({"person": "user:"}, "person"),
    ],
)
def test_page_names_the_wrong_field(change, marketer, bad, field):  # noqa: F811
    url = reverse("admin:rtts-previews", args=[change.pk])

    answer = marketer.post(url, {"lasts": "24"} | bad)

    assert list(answer.context["form"].errors) == [field]
    assert not Preview.objects.exists()


def test_who_only_reads_makes_no_preview(change, mia):
    ann = browser(person("ann", "Analyst"))
    url = reverse("admin:rtts-previews", args=[change.pk])
    preview = opened(change, mia)
    step = reverse("admin:rtts-preview-step", args=[preview.pk, "revoke"])

    assert ann.get(url).status_code == 200
    assert ann.post(url, {"lasts": "24"}).status_code == 403
    assert ann.post(step).status_code == 403
