"""The management API of emergency stops: stop an offer or campaign at once, let it run again."""

from typing import Any, ClassVar

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns import stopping
from campaigns.api.access import ManagementView
from campaigns.api.forms import RollBackForm, StopAnswer
from campaigns.api.reading import find_item, said_in
from campaigns.models import Item, Stop
from rtts_site.foundation.problems import Problem
from rtts_site.foundation.redis_clients import Down, redis_client

KIND = OpenApiParameter("kind", str, OpenApiParameter.PATH, enum=["offers", "campaigns"])


class StopView(ManagementView):
    """Stops a thing; a program may do so too."""

    permissions: ClassVar[dict[str, str]] = {"POST": "view_change"}

    @extend_schema(
        summary="Stop an offer or campaign at once",
        description="No review; in force within 2 s. It holds until it is lifted or the thing is published anew.",
        parameters=[KIND],
        request=RollBackForm,
        responses={201: StopAnswer},
    )
    def post(self, request: Request, kind: str, key: str) -> Response:
        said = said_in(RollBackForm, request)
        item = find_item(kind, key)
        made = stopping.stop(item, by=self.actor, why=said["why"], now=timezone.now())
        _push()
        return Response(_stop(item, made), status=201)


class LiftView(ManagementView):
    """Lets a thing run again; by an approver who did not stop it."""

    permissions: ClassVar[dict[str, str]] = {"POST": "approve_change"}
    people_only = True

    @extend_schema(
        summary="Let a stopped thing run again",
        parameters=[KIND],
        request=RollBackForm,
        responses=StopAnswer,
    )
    def post(self, request: Request, kind: str, key: str) -> Response:
        said = said_in(RollBackForm, request)
        item = find_item(kind, key)
        found = Stop.objects.filter(item=item, lifted_at=None).first()
        if found is None:
            raise Http404("It is not stopped.")
        lifted = stopping.lift(found, by=self.actor, why=said["why"], now=timezone.now())
        _push()
        return Response(_stop(item, lifted))


def _push() -> None:
    try:
        words = "" if stopping.push(redis_client()) else stopping.not_in_force()
    except Down:
        words = "It is recorded, and takes effect as soon as Redis answers again."
    if words:
        raise Problem(503, "Not yet in force", words, extra={"recorded": True})


def _stop(item: Item, stop: Stop) -> dict[str, Any]:
    return {
        "kind": item.kind,
        "key": item.key,
        "why": stop.why,
        "stopped_by": stop.stopped_by.get_username(),
        "stopped_at": stop.stopped_at,
        "lifted_at": stop.lifted_at,
    }
