"""The management API of releases and reports: read them, roll back."""

from datetime import timedelta
from typing import Any, ClassVar, cast

from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns import publishing, reports
from campaigns.api.access import ManagementView
from campaigns.api.forms import ReleaseAnswer, ResultAnswer, RollBackForm
from campaigns.api.reading import (
    IDEMPOTENCY_KEY,
    PAGING,
    Order,
    find_item,
    page_of,
    repeatable,
    said_in,
)
from campaigns.models import Release
from rtts_site.foundation.problems import invalid_field

NEWEST_FIRST = Order("-version", int)


class ReleasesView(ManagementView):
    """Releases, newest first."""

    permissions: ClassVar[dict[str, str]] = {"GET": "view_release"}

    @extend_schema(summary="List releases", parameters=PAGING, responses=ReleaseAnswer(many=True))
    def get(self, request: Request) -> Response:
        rows = Release.objects.exclude(version=None).select_related("approved_by")
        light = rows.defer("spec", "artifact", "policy")
        releases, following = page_of(request, light, NEWEST_FIRST)
        told = [_release(release) for release in releases]
        return Response({"releases": told, "next": following})


class ReleaseView(ManagementView):
    """One release."""

    permissions: ClassVar[dict[str, str]] = {"GET": "view_release"}

    @extend_schema(summary="Read one release", responses=ReleaseAnswer)
    def get(self, request: Request, version: int) -> Response:
        return Response(_release(get_object_or_404(Release, version=version)))


class RollBackView(ManagementView):
    """Restore what a release said, as a new version."""

    permissions: ClassVar[dict[str, str]] = {"POST": "roll_back_release"}
    people_only = True

    @extend_schema(
        summary="Roll back to a release",
        parameters=[IDEMPOTENCY_KEY],
        request=RollBackForm,
        responses={202: ReleaseAnswer},
    )
    @repeatable
    def post(self, request: Request, version: int) -> Response:
        said = said_in(RollBackForm, request)
        release = get_object_or_404(Release, version=version)
        restored = publishing.roll_back(release, by=self.actor, why=said["why"], now=timezone.now())
        return Response(_release(restored), status=202)


def _release(release: Release) -> dict[str, Any]:
    return {
        "id": release.pk,
        "version": release.version,
        "state": release.state,
        "digest": release.digest,
        "approved_digest": release.approved_digest,
        "approved_by": release.approved_by.get_username() if release.approved_by else None,
        "published_at": release.published_at,
        "change": release.change_id,
        "restores": release.restores_id,
    }


class ReportView(ManagementView):
    """What came of an offer or campaign."""

    permissions: ClassVar[dict[str, str]] = {"GET": "view_release"}

    @extend_schema(
        summary="Read what came of an offer or campaign",
        parameters=[
            OpenApiParameter("kind", str, OpenApiParameter.PATH, enum=["offers", "campaigns"]),
            OpenApiParameter("by", str, enum=["day", "placement", "variant", "arm"]),
            OpenApiParameter("days", int, description="1 to 366"),
        ],
        responses=ResultAnswer(many=True),
    )
    def get(self, request: Request, kind: str, key: str) -> Response:
        if kind not in ("offers", "campaigns"):
            raise Http404("There are reports of offers and campaigns.")
        item = find_item(kind, key)
        by, days = request.query_params.get("by", "day"), request.query_params.get("days", "28")
        if by not in ("day", "placement", "variant", "arm"):
            raise invalid_field("/by", "Use day, placement, variant or arm.")
        if not (days.isascii() and days.isdigit() and len(days) < 4 and 1 <= int(days) <= 366):
            raise invalid_field("/days", "Use a whole number from 1 to 366.")
        now = timezone.now()
        rows = reports.results(
            kind=cast("Any", item.kind),
            key=key,
            by=cast("reports.Grouping", by),
            since=now - timedelta(days=int(days)),
            until=now,
        )
        return Response({"results": ResultAnswer(rows, many=True).data})
