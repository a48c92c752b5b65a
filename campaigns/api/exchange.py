"""The management API of whole documents: everything live or one change out, a document in as a change."""

from typing import Any, ClassVar

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns import exchange
from campaigns.api.access import ManagementView
from campaigns.api.forms import ImportAnswer, ImportForm
from campaigns.api.reading import IDEMPOTENCY_KEY, asked_for, repeatable, said_in
from campaigns.models import Change
from rtts_site.foundation.problems import FieldProblem, Problem

VERSIONS = OpenApiParameter(
    "versions",
    str,
    enum=["true", "false"],
    description="`true`: each thing names the `version` it is read at, which its import heeds. "
    "Leave it out for a document that another installation is to import.",
)


class ExportView(ManagementView):
    """Everything that is live."""

    permissions: ClassVar[dict[str, str]] = {"GET": "view_item"}

    @extend_schema(
        summary="Export everything that is live",
        parameters=[VERSIONS],
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, request: Request) -> Response:
        return Response(exchange.export_live(versions=_wants_versions(request)))


class ChangeExportView(ManagementView):
    """What a change says."""

    permissions: ClassVar[dict[str, str]] = {"GET": "view_change"}

    @extend_schema(summary="Export a change", parameters=[VERSIONS], responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, pk: int) -> Response:
        change = get_object_or_404(Change, pk=pk)
        return Response(exchange.export_change(change, versions=_wants_versions(request)))


def _wants_versions(request: Request) -> bool:
    return asked_for(request, "versions", ["true", "false"]) == "true"


class ImportView(ManagementView):
    """A document becomes a change; it is reviewed like any other."""

    permissions: ClassVar[dict[str, str]] = {"POST": "change_change"}

    @extend_schema(
        summary="Import a document as a change",
        description="All or nothing: 422 names each wrong row. What is live as it stands is left out. "
        "`findings` are what would keep the change from being submitted. `dry_run` leaves nothing behind. "
        "A thing that names the `version` it was read at is refused with 412 where another revision of it went "
        "live meanwhile; one without is saved over whatever is live.",
        parameters=[IDEMPOTENCY_KEY],
        request=ImportForm,
        responses={200: ImportAnswer, 201: ImportAnswer},
    )
    @repeatable
    def post(self, request: Request) -> Response:
        said = said_in(ImportForm, request)
        self.require_kinds(exchange.kinds_in(said["document"]))
        done = exchange.import_document(
            said["document"],
            author=self.actor,
            title=said["title"],
            now=timezone.now(),
            dry_run=said["dry_run"],
        )
        if done.is_refused:
            raise _refusal(done)
        return Response(_told(done, said["dry_run"]), status=201 if done.change else 200)


def _refusal(done: exchange.Imported) -> Problem:
    errors = [
        FieldProblem(pointer=f"/document{one.pointer}", detail=one.message) for one in done.findings
    ]
    if all(one.is_stale for one in done.findings):
        return Problem(412, "Changed meanwhile", done.findings[0].message, errors=errors)
    first = errors[0]
    words = f"{first['pointer']}: {first['detail']}"
    return Problem(422, "Request not valid", words, errors=errors)


def _told(done: exchange.Imported, dry_run: bool) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "change": done.change.pk if done.change else None,
        "saved": done.saved,
        "same": done.same,
        "findings": [
            {"row": one.row, "pointer": f"/document{one.pointer}", "detail": one.message}
            for one in done.findings
        ],
    }
