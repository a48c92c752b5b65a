"""What every address of the management API reads and answers in the same way: bodies, pages, versions, repeats."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, cast

from django.db.models import Model, QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from campaigns.models import Item
from campaigns.models.items import Kind
from rtts_site.foundation.idempotency import Answer, Repeatable, answer_once
from rtts_site.foundation.problems import Problem, Unprocessable, invalid_field

PAGE_SIZE = 100
PLURALS: dict[str, Kind] = {
    "attributes": Kind.ATTRIBUTE,
    "event-types": Kind.EVENT_TYPE,
    "channels": Kind.CHANNEL,
    "placements": Kind.PLACEMENT,
    "segments": Kind.SEGMENT,
    "offers": Kind.OFFER,
    "campaigns": Kind.CAMPAIGN,
    "experiments": Kind.EXPERIMENT,
    "triggers": Kind.TRIGGER,
    "purposes": Kind.PURPOSE,
    "jurisdictions": Kind.JURISDICTION,
    "privacy-notices": Kind.NOTICE,
    "release-settings": Kind.SETTINGS,
}
KIND = OpenApiParameter("kind", str, OpenApiParameter.PATH, enum=sorted(PLURALS))
IF_MATCH = OpenApiParameter(
    "If-Match",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="The ETag that was read; 412 where it was saved meanwhile.",
)
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="`*`: only where there is none yet, else 412.",
)
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key", OpenApiTypes.STR, OpenApiParameter.HEADER, description="Kept 24 hours."
)
PAGING = [
    OpenApiParameter("cursor", str, description="`next` of the page before."),
    OpenApiParameter("limit", int, description=f"1 to {PAGE_SIZE}, which is the default."),
]


def kind_of(plural: str) -> Kind:
    """Return the kind of an address; 404 where there is none."""
    if plural not in PLURALS:
        raise Http404(f"There is nothing called “{plural}”.")
    return PLURALS[plural]


def find_item(plural: str, key: str) -> Item:
    """Return a thing; 404 where there is none."""
    kind = kind_of(plural)
    if not key.isprintable():
        raise Http404("A key has no such characters.")
    return get_object_or_404(Item.objects.select_related("live_revision"), kind=kind, key=key)


def said_in(form: type[Serializer[Any]], request: Request) -> dict[str, Any]:
    """Return the checked body; 422 with a pointer to each wrong field."""
    bound = form(data=request.data)
    if not bound.is_valid():
        raise Unprocessable(bound.errors)
    return cast("dict[str, Any]", bound.validated_data)


def asked_for(request: Request, name: str, allowed: list[str] | None = None) -> str:
    """Return a filter of the query, "" where it is not given; 422 where it is none of `allowed`."""
    value = request.query_params.get(name, "")
    if "\0" in value or len(value) > 200:
        raise invalid_field(f"/{name}", "Use at most 200 characters that can be seen.")
    if value and allowed is not None and value not in allowed:
        raise invalid_field(f"/{name}", f"Use one of {', '.join(allowed)}.")
    return value


@dataclass(frozen=True, slots=True)
class Order:
    """What pages go by: a field without equal values."""

    field: str  # "key", "-pk"
    type: type  # of its values

    @property
    def after(self) -> str:
        """Return the look-up of what comes after a value."""
        return f"{self.field.lstrip('-')}__{'lt' if self.field.startswith('-') else 'gt'}"


def page_of(request: Request, rows: QuerySet[Any], order: Order) -> tuple[list[Any], str | None]:
    """Return the rows of the page that is asked for, and the cursor of the next (None: it is the last)."""
    size = _size(request.query_params.get("limit", str(PAGE_SIZE)))
    cursor = request.query_params.get("cursor", "")
    if cursor:
        rows = rows.filter(**{order.after: _read_cursor(cursor, order)})
    found = list(rows.order_by(order.field)[: size + 1])
    following = _cursor(found[size - 1], order) if len(found) > size else None
    return found[:size], following


def _size(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 4 and 1 <= int(text) <= PAGE_SIZE):
        raise invalid_field("/limit", f"Use a whole number from 1 to {PAGE_SIZE}.")
    return int(text)


def _cursor(row: Model, order: Order) -> str:
    last = json.dumps(getattr(row, order.field.lstrip("-")))
    return base64.urlsafe_b64encode(last.encode()).decode().rstrip("=")


def _read_cursor(cursor: str, order: Order) -> Any:
    try:
        value = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        sound = type(value) is order.type and len(str(value)) < 300 and "\0" not in str(value)
    except (ValueError, RecursionError):
        sound = False
    if not sound or (order.type is int and not -(2**63) <= value < 2**63):
        raise invalid_field("/cursor", "Use the `next` of the page before.")
    return value


def check_version(request: Request, current: str, *, exists: bool) -> str | None:
    """Return the version that a write expects, None where the client does not care.

    Raises:
        Problem: 412 where If-Match or If-None-Match does not hold.
    """
    match, none_match = (request.headers.get(name) for name in ("If-Match", "If-None-Match"))
    if none_match is not None:
        if exists and (none_match.strip() == "*" or current in _tags(none_match)):
            words = "It is there already: read it, then use If-Match."
            raise Problem(412, "There already", words, headers=[("ETag", f'"{current}"')])
        return current
    if match is None:
        return None
    if (match.strip() == "*" and not exists) or (
        match.strip() != "*" and current not in _tags(match)
    ):
        words = "Somebody saved this since you read it. Read it again, then save."
        raise Problem(412, "Changed meanwhile", words, headers=[("ETag", f'"{current}"')])
    return current


def _tags(header: str) -> list[str]:
    return [tag.strip().removeprefix("W/").strip('"') for tag in header.split(",")]


def with_version(
    request: Request, body: dict[str, Any], version: str, status: int = 200
) -> Response:
    """Return an answer with its ETag; 304 where the reader has it already."""
    headers = {"ETag": f'"{version}"'}
    known = request.headers.get("If-None-Match", "")
    if request.method == "GET" and known and version in _tags(known):
        return Response(status=304, headers=headers)
    return Response(body, status=status, headers=headers)


Method = Callable[..., Response]


def repeatable(method: Method) -> Method:
    """Let a write with an Idempotency-Key happen once; its repeat is answered the same for 24 hours."""

    @wraps(method)
    def once(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = request.headers.get("Idempotency-Key", "")
        if not key:
            return method(view, request, *args, **kwargs)
        about = f"{request.method} {request.get_full_path()}\n".encode()
        asked = Repeatable(view.caller, key, about + bytes(request.body))

        def perform() -> Answer:
            answer = method(view, request, *args, **kwargs)
            return Answer(answer.status_code, JSONRenderer().render(answer.data))

        kept, is_repeat = answer_once(asked, perform, now=timezone.now())
        body = json.loads(kept.body) if kept.body else None
        headers = {"Idempotency-Replayed": "true"} if is_repeat else {}
        if isinstance(body, dict) and "version" in body and isinstance(body["version"], str):
            headers["ETag"] = f'"{body["version"]}"'
        return Response(body, status=kept.status, headers=headers)

    return once
