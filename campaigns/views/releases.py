"""Pages of releases: what one says, how its preparation goes, and rolling back to it."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import HttpResponseStopPolling

from campaigns import publishing, review
from campaigns.models import Release
from campaigns.views.pages import attempt, needs, page, text_of, user_of
from rtts_site.foundation.jobs import Job


def job_of(release: Release | None) -> Job | None:
    """Return the job that prepares a release."""
    return Job.objects.filter(pk=release.job).first() if release and release.job else None


@require_GET
@needs("view_release")
def job(request: HttpRequest, pk: int) -> HttpResponse:
    """Answer the poll of a progress bar; 286 ends it."""
    found = get_object_or_404(Job, pk=pk, kind=publishing.JOB_KIND)
    response = render(request, "campaigns/job.html", {"job": found})
    if found.is_over:
        stop = HttpResponseStopPolling(response.content)
        stop["HX-Refresh"] = "true"
        return stop
    return response


@require_GET
@needs("view_release")
def release_page(request: HttpRequest, pk: int) -> HttpResponse:
    related = ("change", "base", "restores", "approved_by", "published_by")
    release = get_object_or_404(Release.objects.select_related(*related), pk=pk)
    context = {
        "release": release,
        "told": review.tell_release(release),
        "job": job_of(release),
        "may_roll_back": release.state == Release.State.RETIRED
        and user_of(request).has_perm("campaigns.roll_back_release"),
    }
    return page(request, "campaigns/release.html", context, title=str(release))


@require_POST
@needs("roll_back_release")
def roll_back(request: HttpRequest, pk: int) -> HttpResponse:
    release = get_object_or_404(Release, pk=pk)
    made: list[Release] = []

    def step() -> None:
        why = text_of(request, "why", most=500)
        made.append(publishing.roll_back(release, by=user_of(request), why=why, now=timezone.now()))

    response = attempt(
        request,
        step,
        done=_("%(release)s is being restored as a new version.") % {"release": release},
        to=reverse("admin:rtts-release", args=[pk]),
    )
    if made:
        response["Location"] = reverse("admin:rtts-release", args=[made[0].pk])
    return response
