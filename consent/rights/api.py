"""The HTTP of people's rights: ask for one, see how far it is, fetch the copy."""

from typing import Any, ClassVar, Final
from uuid import UUID

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
from consent.policy_store import live_policy
from consent.rights import asking, exporting, running
from consent.rights.reading import note_reading
from rtts_site.foundation.api_access import KeyedView
from rtts_site.foundation.api_keys import KeyRecord
from rtts_site.foundation.key_issuing import first_of
from rtts_site.foundation.problems import Problem, invalid_field

MOST: Final = 100  # attributes or purposes of one request


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
        max_length=MOST,
        help_text="Of an objection; all that can be objected to where none is named.",
    )
    lift = serializers.BooleanField(required=False, help_text="Of a restriction: end it.")

    def validate_attributes(self, value: dict[str, Any]) -> dict[str, Any]:
        if len(value) > MOST:
            raise serializers.ValidationError(f"Correct at most {MOST} attributes at once.")
        return value

    def validate_purposes(self, value: list[str]) -> list[str]:
        live = live_policy()
        known = {one.key for one in live.purposes} if live is not None else set()
        unknown = sorted(set(value) - known)
        if unknown:
            raise serializers.ValidationError(f"The policy in force has no {unknown[0]!r}.")
        return value


class RightsView(KeyedView):
    """Requests of people."""

    scopes: ClassVar[dict[str, str]] = {"POST": "rights"}

    @extend_schema(
        summary="Ask for what a person has a right to: a copy, a correction, an objection, restriction or erasure",
        description="Carried out by workers, step by step; an open request of the same kind is answered again. "
        "`request` is its reference: random, and known to the program that asked only.",
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
            key=self.key,
            verified_how=said["verified_how"],
            jurisdiction=said["jurisdiction"],
            details=details,
        )
        return Response(described(row), status=202)


def begin(
    kind: str,
    person: str,
    *,
    key: KeyRecord,
    verified_how: str,
    jurisdiction: str = "*",
    details: dict[str, Any] | None = None,
) -> RightsRequest:
    """Take a program's request in and start it.

    Raises:
        Problem: 422, the person is named in no known way.
    """
    now, by = timezone.now(), f"key {key.name}"
    intake = asking.Intake(
        by=by, through="api", jurisdiction=jurisdiction, program=first_of(key.id)
    )
    try:
        row = asking.take_in(kind, person, intake=intake, now=now, details=details)
    except ValueError as error:
        raise invalid_field("/person", str(error)) from error
    if row.state == RightsRequest.State.RECEIVED:
        asking.verify(row, how=verified_how, by="", now=now)
    if row.state in (RightsRequest.State.VERIFIED, RightsRequest.State.FAILED):
        try:
            asking.start(row, by=by)
        except asking.NotPossible as error:
            raise Problem(409, "Not possible now", str(error)) from error
    return row


class OneRightsView(KeyedView):
    """One request, for the program that asked."""

    scopes: ClassVar[dict[str, str]] = {"GET": "rights"}

    @extend_schema(
        summary="See how far a request about rights is, with the certificate of an erasure",
        description="Requests that another program or staff took in are answered 404, like unknown ones.",
        operation_id="rights_read",
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, _request: Request, reference: str) -> Response:
        return Response(described(_own(self.key, reference)))


class RightsFileView(KeyedView):
    """The copy that was asked for, for the program that asked."""

    scopes: ClassVar[dict[str, str]] = {"GET": "rights:copy"}

    @extend_schema(
        summary="Fetch the copy of what is known of a person, until it expires",
        description="Of requests that this program made itself. Each fetch is noted on the person's record.",
        operation_id="rights_file",
        responses={(200, "application/zip"): OpenApiTypes.BINARY},
    )
    def get(self, _request: Request, reference: str) -> HttpResponseBase:
        return file_of(_own(self.key, reference), by=f"key {self.key.name}")


def file_of(row: RightsRequest, *, by: str) -> HttpResponseBase:
    """Return the copy of a request and note who fetched it, on the person's record too.

    Raises:
        Problem: 404, there is none or its time is over.
    """
    now = timezone.now()
    path = exporting.folder() / row.file if row.file else None
    if path is None or not path.exists() or (row.file_expires_at and row.file_expires_at <= now):
        raise Problem(404, "Not found", "There is no file, or its seven days are over.")
    note_reading(row, "copy of everything, of request", by=by, now=now)
    running.fetched(row, by=by, now=now)
    return FileResponse(
        path.open("rb"), as_attachment=True, filename=f"request-{row.reference}.zip"
    )


def _own(key: KeyRecord, reference: str) -> RightsRequest:
    """Return a request that the key's program made; what others made is not there."""
    try:
        row = RightsRequest.objects.filter(reference=UUID(reference)).first()
    except ValueError:
        row = None
    if row is None or first_of(key.id) not in row.programs:
        raise Problem(404, "Not found", "This program made no such request.")
    return row


def described(row: RightsRequest) -> dict[str, Any]:
    """Return a request as programs are told."""
    return {
        "request": str(row.reference),
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
