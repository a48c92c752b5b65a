from datetime import timedelta

import pytest
from django.utils import timezone

from rtts_site.foundation.jobs import Job, claim_job, running_job

pytestmark = pytest.mark.django_db


def test_a_job_is_claimed_once():
    job = Job.objects.create(kind="campaigns.prepare")

    assert claim_job(job.pk) is not None
    assert claim_job(job.pk) is None


def test_a_job_that_waited_long_is_fresh_once_it_is_claimed():
    job = Job.objects.create(kind="campaigns.prepare")
    long_ago = timezone.now() - timedelta(hours=1)
    Job.objects.filter(pk=job.pk).update(updated_at=long_ago)

    claimed = claim_job(job.pk)

    assert claimed.updated_at > timezone.now() - timedelta(minutes=1)


def test_a_job_that_ends_well_says_so():
    job = Job.objects.create(kind="campaigns.prepare")

    with running_job(job.pk) as running:
        running.report(1, 4, "a quarter")
    job.refresh_from_db()

    assert (job.state, job.message, job.percent, job.is_over) == ("done", "a quarter", 25, True)


def test_a_job_that_fails_keeps_the_reason():
    job = Job.objects.create(kind="campaigns.prepare")

    with pytest.raises(ValueError, match="no room"), running_job(job.pk):
        raise ValueError("no room")
    job.refresh_from_db()

    assert (job.state, job.message, job.attempts) == ("failed", "no room", 1)
