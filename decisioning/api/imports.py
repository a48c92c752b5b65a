"""How programs import files: send one with its mapping, watch it, fetch what was refused, or cancel it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, cast

import msgspec
from django.http import FileResponse, HttpResponseBase
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from decisioning.connections import folder, importing
from decisioning.connections.acceptance import by_place, reading_for
from decisioning.connections.layouts import Unreadable
from decisioning.connections.mapping import Mapping as RowMapping
from decisioning.connections.mapping import faults_of
from decisioning.connections.sampling import sample
from decisioning.models import Import
from rtts_site.foundation.api_access import KeyedView
from rtts_site.foundation.jobs import Job
from rtts_site.foundation.problems import Problem, invalid_field
from rtts_site.foundation.redis_clients import redis_client

TIMEOUT_MS = 1_000
UPLOAD = {
    "type": "object",
    "required": ["file", "mapping"],
    "properties": {
        "file": {"type": "string", "format": "binary"},
        "mapping": {"type": "string", "description": "JSON: how a row becomes a message"},
        "dry_run": {"type": "string", "enum": ["true", "false"]},
    },
}


class ImportsView(KeyedView):
    """Files on their way in."""

    scopes: ClassVar[dict[str, str]] = {"POST": "import"}
    parser_classes = [MultiPartParser]

    @extend_schema(
        summary="Import a file of events or profiles: CSV, JSON lines or Parquet, plain or as gzip",
        description="With dry_run the first 20 rows are answered as read and as understood; nothing is taken.",
        operation_id="imports_create",
        request={"multipart/form-data": UPLOAD},
        responses={200: OpenApiTypes.OBJECT, 202: OpenApiTypes.OBJECT},
    )
    def post(self, request: Request) -> Response:
        said = cast("Mapping[str, str]", request.data)
        mapping = read_mapping(said.get("mapping", ""))
        sent = request.FILES.get("file")
        if sent is None:
            raise invalid_field("/file", "Send a file.")
        try:
            row = importing.receive(
                sent.chunks(),
                file_name=sent.name or "",
                sender=importing.Sender(key=self.key.id),
                now=datetime.now(UTC),
            )
        except Unreadable as error:
            raise invalid_field("/file", str(error)) from error
        if said.get("dry_run") == "true":
            return Response(self.dry_run(row, mapping))
        try:
            importing.start(row, mapping, now=datetime.now(UTC))
        except importing.NotStarted as error:
            discard(row)
            raise Problem(409, "Not started", str(error)) from error
        row.refresh_from_db()
        address = reverse("rtts-import", args=[row.pk])
        return Response(describe(row), status=202, headers={"Location": address})

    def dry_run(self, row: Import, mapping: RowMapping) -> dict[str, Any]:
        now_ms = int(datetime.now(UTC).timestamp() * 1000)
        try:
            lines = importing.first_rows(row)
            client = redis_client(timeout_ms=TIMEOUT_MS)
            reading = reading_for(client, source="", now_ms=now_ms)
            unique = by_place(importing.base_of(row, mapping))
            sampled = sample(mapping, lines, reading=reading, unique=unique)
        except Unreadable as error:
            raise invalid_field("/file", str(error)) from error
        finally:
            discard(row)
        columns = [*dict.fromkeys(name for line in lines for name in line.cells)]
        return {
            "columns": columns,
            "rows": [
                {
                    "row": one.line.number,
                    "read": dict(zip(columns, one.cells(columns), strict=True)),
                    "understood": one.told() or None,
                    "refused": one.refused
                    and {"column": one.refused.column, "reason": one.refused.reason},
                }
                for one in sampled
            ],
        }


def discard(row: Import) -> None:
    """Forget a file that was never started."""
    folder.forget(row.pk)
    row.delete()


def read_mapping(text: str) -> RowMapping:
    """Return the mapping that a program sends as JSON.

    Raises:
        Problem: 422, with a pointer into the mapping.
    """
    try:
        mapping = msgspec.json.decode(text, type=RowMapping)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise invalid_field("/mapping", str(error)[:300]) from error
    for fault in faults_of(mapping):
        raise invalid_field(f"/mapping{fault.pointer}", fault.reason)
    return mapping


class ImportView(KeyedView):
    """One import of the key's own."""

    scopes: ClassVar[dict[str, str]] = {"GET": "import", "DELETE": "import"}

    @extend_schema(
        summary="Watch an import",
        operation_id="imports_read",
        responses={200: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request, pk: int) -> Response:
        return Response(describe(self.own(pk)))

    @extend_schema(
        summary="Cancel an import; rows that were taken stay",
        operation_id="imports_cancel",
        responses={200: OpenApiTypes.OBJECT},
    )
    def delete(self, request: Request, pk: int) -> Response:
        row = self.own(pk)
        importing.cancel(row, now=datetime.now(UTC))
        row.refresh_from_db()
        return Response(describe(row))

    def own(self, pk: int) -> Import:
        return own_import(self.key.id, pk)


class RefusedRowsView(KeyedView):
    """The refused rows of an import."""

    scopes: ClassVar[dict[str, str]] = {"GET": "import"}

    @extend_schema(
        summary="Fetch the refused rows of an import as CSV, with the reason of each",
        operation_id="imports_refused",
        responses={(200, "text/csv"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, pk: int) -> HttpResponseBase:
        return refused_file(own_import(self.key.id, pk))


def own_import(key: str, pk: int) -> Import:
    """Return an import that this key sent.

    Raises:
        Problem: 404.
    """
    row = Import.objects.filter(pk=pk, key=key).first() if pk < 2**63 else None
    if row is None:
        raise Problem(404, "Not found", "This key has no import of this number.")
    return row


def refused_file(row: Import) -> HttpResponseBase:
    """Answer with an import's refused rows as a file.

    Raises:
        Problem: 404 where none was refused, or they are no longer kept.
    """
    path = folder.refused_path(row.pk)
    if not row.refused_bytes or not path.exists():
        raise Problem(404, "Not found", "There are no refused rows, or they are no longer kept.")
    return FileResponse(
        folder.Head(path, row.refused_bytes),
        as_attachment=True,
        filename=f"import-{row.pk}-refused.csv",
        content_type="text/csv; charset=utf-8",
    )


def describe(row: Import) -> dict[str, Any]:
    """Return an import as the API tells it."""
    job = Job.objects.filter(pk=row.job or 0).first()
    pace = importing.pace_of(row, done=job.done if job is not None else 0)
    return {
        "id": row.pk,
        "file": row.file_name,
        "state": row.state,
        "rows": row.rows,
        "accepted": row.accepted,
        "duplicates": row.repeats,
        "refused": row.refused,
        "percent": pace.percent,
        "rows_a_second": round(pace.rate, 1),
        "left_s": pace.left_s and round(pace.left_s, 1),
        "trouble": row.trouble,
    }
