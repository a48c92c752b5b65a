"""The HTTP of people's rights: ask for one, see how far it is, fetch the copy."""

from typing import Any, ClassVar

from django.http import FileResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from consent.forms import StrictSerializer
from consent.models import RightsRequest
from consent.rights import asking, exporting, running
from rtts_site.foundation.api_access import KeyedView
from rtts_site.foundation.problems import Problem, invalid_field


class RightsForm(StrictSerializer):
    """The body."""

    kind = serializers.ChoiceField(RightsRequest.Kind.choices)
    person = serializers.CharField(
        max_length=300, help_text="`user:<user_id>`, `anonymous:<anonymous_id>` or a person id."
    )
    jurisdiction = serializers.CharField(
        max_length=10, default="*", help_text="ISO 3166-2; its clock counts. `*` is not known."
    )
    verified_how = serializers.CharField(
        max_length=200, help_text="How you made sure that the person asks themselves."
    )
    attributes = serializers.DictField(
        required=False, help_text="Of a rectification: attribute to value; null removes."
    )
    purposes = serializers.ListField(
        child=serializers.CharField(max_length=100),
        required=False,
        help_text="Of an objection; all that can be objected to where none is named.",
    )
    lift = serializers.BooleanField(required=False, help_text="Of a restriction: end it.")


class RightsView(KeyedView):
    """Requests of people."""

    scopes: ClassVar[dict[str, str]] = {"POST": "erasure"}

    @extend_schema(
        summary="Ask for what a person has a right to: a copy, a correction, an objection, restriction or erasure",
        description="Carried out by workers, step by step; an open request of the same kind is answered again.",
        operation_id="rights_request",
        request=RightsForm,
        responses={202: OpenApiTypes.OBJECT},
    )
    def post(self, request: Request) -> Response:
        form = RightsForm(data=request.data)
        form.is_valid(raise_exception=True)
        said: dict[str, Any] = form.validated_data
        details: dict[str, Any] = {
            name: said[name] for name in ("attributes", "purposes", "lift") if name in said
        }
        row = begin(
            said["kind"],
            said["person"],
            by=f"key {self.key.name}",
            verified_how=said["verified_how"],
            jurisdiction=said["jurisdiction"],
            details=details,
        )
        return Response(described(row), status=202)


def begin(
    kind: str,
    person: str,
    *,
    by: str,
    verified_how: str,
    jurisdiction: str = "*",
    details: dict[str, Any] | None = None,
) -> RightsRequest:
    """Take a program's request in and start it.

    Raises:
        Problem: 422, the person is named in no known way.
    """
    now = timezone.now()
    intake = asking.Intake(by=by[:150], through="api", jurisdiction=jurisdiction)
    try:
        row = asking.take_in(kind, person, intake=intake, now=now, details=details)
    except ValueError as error:
        raise invalid_field("/person", str(error)) from error
    if row.state == RightsRequest.State.RECEIVED:
        asking.verify(row, how=verified_how, now=now)
    if row.state in (RightsRequest.State.VERIFIED, RightsRequest.State.FAILED):
        try:
            asking.start(row, by=by[:150])
        except asking.NotPossible as error:
            raise Problem(409, "Not possible now", str(error)) from error
    return row


class OneRightsView(KeyedView):
    """One request."""

    scopes: ClassVar[dict[str, str]] = {"GET": "erasure"}

    @extend_schema(
        summary="See how far a request about rights is, with the certificate of an erasure",
        operation_id="rights_read",
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, _request: Request, pk: int) -> Response:
        return Response(described(_row(pk)))


class RightsFileView(KeyedView):
    """The copy that was asked for."""

    scopes: ClassVar[dict[str, str]] = {"GET": "erasure"}

    @extend_schema(
        summary="Fetch the copy of what is known of a person, until it expires",
        operation_id="rights_file",
        responses={(200, "application/zip"): OpenApiTypes.BINARY},
    )
    def get(self, _request: Request, pk: int) -> HttpResponseBase:
        row = _row(pk)
        return file_of(row, by=f"key {self.key.name}")


def file_of(row: RightsRequest, *, by: str) -> HttpResponseBase:
    """Return the copy of a request and note that it was fetched.

    Raises:
        Problem: 404, there is none or its time is over.
    """
    now = timezone.now()
    path = exporting.folder() / row.file if row.file else None
    if path is None or not path.exists() or (row.file_expires_at and row.file_expires_at <= now):
        raise Problem(404, "Not found", "There is no file, or its seven days are over.")
    running.fetched(row, by=by, now=now)
    return FileResponse(path.open("rb"), as_attachment=True, filename=f"request-{row.pk}.zip")


def _row(pk: int) -> RightsRequest:
    row = RightsRequest.objects.filter(pk=pk).first()
    if row is None:
        raise Problem(404, "Not found", "There is no such request.")
    return row


def described(row: RightsRequest) -> dict[str, Any]:
    """Return a request as programs are told."""
    return {
        "request": row.pk,
        "kind": row.kind,
        "state": row.state,
        "received_at": row.received_at,
        "due_at": row.due_at,
        "steps": row.steps,
        "waits_for": row.trouble,
        "outcome": row.outcome,
        "denied_because": row.denial,
        "certificate": row.certificate,
        "has_file": bool(row.file),
    }
