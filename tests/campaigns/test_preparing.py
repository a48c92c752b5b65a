import pytest
from django.urls import reverse
from django.utils import timezone
from redis import exceptions as redis_errors

from campaigns import drafts, preparing, publishing
from campaigns.jobs import TRIES, pause_after
from campaigns.models import Change, Release
from campaigns.models.items import Kind
from campaigns.tasks import do_jobs
from consent.policy_store import live_policy, load_live_policy
from decisioning.releases import LIVE_KEY
from decisioning.specs import SegmentSpec
from rtts_site.foundation.jobs import Job
from tests.campaigns.conftest import GOLD, NOW, save, specs
from tests.campaigns.test_authoring import browser


@pytest.fixture
def published(mia, ada):
    """Return a first release that waits to be prepared."""
    change = drafts.open_change(mia, now=NOW, title="First")
    for kind, spec in specs():
        save(change, kind, spec, author=mia)
    publishing.submit(change, by=mia, now=NOW)
    digest = publishing.candidate_for(change).review_digest
    publishing.approve(change, by=ada, digest=digest, now=NOW)
    return publishing.publish(change, by=ada, now=NOW)


def test_worker_takes_the_release_and_its_policy_live(published, redis):
    do_jobs()
    published.refresh_from_db()
    job = Job.objects.get()

    assert published.state == Release.State.LIVE
    assert redis.hget(LIVE_KEY, "version") == b"1"
    assert redis.hget(LIVE_KEY, "digest").decode() == published.approved_digest
    assert load_live_policy(redis, known=None).purpose("ads") is not None
    assert (job.state, job.percent) == (Job.State.DONE, 100)


def test_changed_bytes_are_not_published(published, redis):
    Release.objects.filter(pk=published.pk).update(spec=bytes(published.spec) + b" ")

    do_jobs()
    published.refresh_from_db()

    assert published.state == Release.State.FAILED
    assert Change.objects.get().state == Change.State.DRAFT
    assert Job.objects.get().state == Job.State.FAILED
    assert not redis.exists(LIVE_KEY)


def test_killed_worker_is_followed_by_another(published, redis):
    job = Job.objects.get()
    Job.objects.update(state=Job.State.RUNNING)
    do_jobs()
    published.refresh_from_db()
    assert published.state == Release.State.PREPARING

    Job.objects.filter(pk=job.pk).update(updated_at=NOW.replace(year=2020))
    do_jobs()
    published.refresh_from_db()
    assert published.state == Release.State.LIVE


@pytest.fixture
def full(redis):
    """Return a Redis that takes no writes for lack of memory, as long as the test says."""
    redis.config_set("maxmemory", 1)
    yield redis
    redis.config_set("maxmemory", 0)


def wait_for_the_next_try():
    Job.objects.update(updated_at=timezone.now() - pause_after(TRIES))


def test_passing_failure_is_tried_again(published, full):
    with pytest.raises(redis_errors.ResponseError):
        do_jobs()
    do_jobs()  # too early: nothing happens
    job = Job.objects.get()
    assert (job.state, job.attempts) == (Job.State.WAITING, 1)

    full.config_set("maxmemory", 0)
    wait_for_the_next_try()
    do_jobs()
    published.refresh_from_db()

    assert published.state == Release.State.LIVE
    assert Job.objects.get().state == Job.State.DONE


def test_failure_that_does_not_pass_is_given_up(published, full, mia):
    for _ in range(TRIES):
        wait_for_the_next_try()
        with pytest.raises(redis_errors.ResponseError):
            do_jobs()
    wait_for_the_next_try()
    do_jobs()
    published.refresh_from_db()

    assert published.state == Release.State.FAILED
    assert published.change.state == Change.State.DRAFT
    assert live_policy() is None or live_policy().purpose("ads") is None
    assert Job.objects.get().state == Job.State.FAILED
    full.config_set("maxmemory", 0)
    publishing.submit(published.change, by=mia, now=NOW)


def test_emptied_redis_gets_the_live_release_again(published, redis):
    do_jobs()
    redis.flushall()

    assert preparing.push_live(redis, now=NOW)
    assert redis.hget(LIVE_KEY, "version") == b"1"
    assert not preparing.push_live(redis, now=NOW)


def test_policy_moves_forward_through_a_roll_back(published, redis, mia, ada):
    do_jobs()
    published.refresh_from_db()
    change = drafts.open_change(mia, now=NOW)
    save(change, Kind.SEGMENT, SegmentSpec(key="gold", name="G", condition=GOLD), author=mia)
    publishing.submit(change, by=mia, now=NOW)
    digest = publishing.candidate_for(change).review_digest
    publishing.approve(change, by=ada, digest=digest, now=NOW)
    publishing.publish(change, by=ada, now=NOW)
    do_jobs()
    before = live_policy().version

    publishing.roll_back(published, by=ada, why="Mistake", now=NOW)
    do_jobs()

    assert Release.objects.get(state="live").version == 3
    assert redis.hget(LIVE_KEY, "version") == b"3"
    assert live_policy().version == before


def test_progress_is_polled_until_it_is_over(published, redis, ada):
    client = browser(ada)
    url = reverse("admin:rtts-job", args=[published.job])

    assert client.get(url).status_code == 200
    do_jobs()
    assert client.get(url).status_code == 286
