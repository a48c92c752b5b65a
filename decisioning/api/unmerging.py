"""``/v1/people/unmerge``: undoing a merge of two people, and how far that is."""

from datetime import UTC, datetime
from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from consent.forms import StrictSerializer, parse_person
from consent.models import Parting
from decisioning.ingestion.parting import NotMerged, begin_parting, merge_of
from rtts_site.foundation.api_access import KeyedView
from rtts_site.foundation.problems import Problem, invalid_field
from rtts_site.foundation.redis_clients import Down, redis_client

TIMEOUT_MS = 1_000


class UnmergeForm(StrictSerializer):
    """The body."""

    person = serializers.CharField(
        max_length=300, help_text="Who was joined with another by mistake, e.g. `anonymous:d-9`."
    )
    why = serializers.CharField(max_length=500, help_text="Kept with the parting.")


class UnmergeView(KeyedView):
    """Merges that were mistakes."""

    scopes: ClassVar[dict[str, str]] = {"POST": "people"}

    @extend_schema(
        summary="Undo the merge by which an identifier became somebody else's",
        description="Both are told anew from history as if they had never been one, and stay apart: the same "
        "identifiers do not join them again. Neither gets personal offers until it is done.",
        operation_id="people_unmerge",
        request=UnmergeForm,
        responses={202: OpenApiTypes.OBJECT},
    )
    def post(self, request: Request) -> Response:
        form = UnmergeForm(data=request.data)
        form.is_valid(raise_exception=True)
        said: dict[str, str] = form.validated_data
        try:
            person = parse_person(said["person"]).id
        except ValueError as error:
            raise invalid_field("/person", str(error)) from error
        try:
            client = redis_client(timeout_ms=TIMEOUT_MS)
            merged = merge_of(client, person)
            row = begin_parting(
                client, merged, by=f"key {self.key.name}", why=said["why"], now=datetime.now(UTC)
            )
        except NotMerged as error:
            raise Problem(409, "Not merged", str(error)) from error
        except Down as error:
            raise Problem(503, "Not begun", "Profiles do not answer; try again.") from error
        return Response(told(row), status=202)


class UnmergedView(KeyedView):
    """One parting."""

    scopes: ClassVar[dict[str, str]] = {"GET": "people"}

    @extend_schema(
        summary="See whether two people are parted",
        operation_id="people_unmerge_read",
        responses={200: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request, pk: int) -> Response:
        row = Parting.objects.filter(pk=pk).first()
        if row is None:
            raise Problem(404, "Not found", "There is no parting of this id.")
        return Response(told(row))


def told(row: Parting) -> dict[str, Any]:
    """Return a parting as the API tells it."""
    return {
        "id": row.pk,
        "source": row.source,
        "target": row.target,
        "state": "done" if row.finished_at else "running",
        "parted_at": row.parted_at,
        "parted_by": row.parted_by,
        "why": row.why,
        "finished_at": row.finished_at,
    }
