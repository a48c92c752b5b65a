"""How foreign systems call: a source's own address, its proof checked, its rows read by its mapping, answered at once.

Django serves it, from PostgreSQL, and not the fast paths: such systems send little and repeat what fails.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
import redis
from django.db.models import F
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from decisioning.connections import hooks, sources
from decisioning.connections.acceptance import (
    Taken,
    Understood,
    by_content,
    by_place,
    reading_for,
    take,
    understand,
)
from decisioning.connections.hooks import HookSpec, NotProven
from decisioning.connections.lines import Line
from decisioning.connections.pulling import TOLD, set_apart
from decisioning.enrichment.terms import TermsRefused
from decisioning.ingestion.log import SOFT_MARK, LogAway, LogFull
from decisioning.models import Source, SourceRun
from decisioning.releases import ReleaseRefused
from rtts_site.foundation.limits import HOOKS, Limiter
from rtts_site.foundation.problems import Problem, exception_handler, invalid_field
from rtts_site.foundation.redis_clients import redis_client
from rtts_site.foundation.sealing import SealError

BODY_BYTES: Final = 1_000_000
TIMEOUT_MS: Final = 1_000
_limiter = Limiter()


class HookView(APIView):
    """A source's own address; its proof stands in the place of an API key."""

    authentication_classes: list[Any] = []
    permission_classes: list[Any] = []
    parser_classes: list[Any] = []

    def get_exception_handler(self) -> Any:
        return exception_handler

    @extend_schema(
        summary="Take rows that a connected system sends to its own address",
        description="The source's proof is checked: Standard Webhooks, an HMAC of the body, or a shared secret.",
        operation_id="hooks_receive",
        request={"application/json": OpenApiTypes.OBJECT},
        responses={200: OpenApiTypes.OBJECT},
        auth=[],
    )
    def post(self, request: Request, source: str) -> Response:
        now = datetime.now(UTC)
        body = read_body(request)
        found = Source.objects.filter(key=source, kind=Source.Kind.HOOK, is_active=True).first()
        spec, said = prove(found, request, body, now=now)
        if found is None:  # `prove` refused it
            raise not_proven("")
        try:
            lines = hooks.rows_of(spec, body)
        except ValueError as error:
            raise invalid_field("", str(error)) from error
        return Response(receive(found, lines, said, now=now))


def read_body(request: Request) -> bytes:
    """Return a call's body.

    Raises:
        Problem: 413, 415.
    """
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or int(length) > BODY_BYTES:
        raise Problem(413, "Body too large", f"This path takes at most {BODY_BYTES} bytes.")
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise Problem(415, "Encoding not supported", "Send the body plain.")
    body = bytes(request._request.body)
    if len(body) > BODY_BYTES:
        raise Problem(413, "Body too large", f"This path takes at most {BODY_BYTES} bytes.")
    return body


def prove(
    found: Source | None, request: Request, body: bytes, *, now: datetime
) -> tuple[HookSpec, str]:
    """Return how a source calls, and the id of this call; a source that is not there proves nothing either.

    Raises:
        Problem: 401, 429, 503.
    """
    try:
        if found is None:
            raise NotProven("There is no active source of this name, or the proof is wrong.")
        spec = msgspec.convert(found.settings, HookSpec)
        secret = sources.secrets_of(found).get("signing", "")
        headers = {name.lower(): value for name, value in request.headers.items()}
        said = hooks.check(spec, secret, headers, body, now=now)
    except NotProven as error:
        raise not_proven(str(error)) from error
    except SealError as error:
        raise Problem(503, "Not readable now", "The source's secret must be set again.") from error
    allow(found)  # after the proof: nobody else can use the source's calls up
    return spec, said


def not_proven(detail: str) -> Problem:
    """Return the answer to a call without its proof."""
    return Problem(401, "Not authorised", detail)


def allow(found: Source) -> None:
    """Count a call against its source's rate.

    Raises:
        Problem: 429; 503 while Redis is away.
    """
    try:
        client = redis_client(timeout_ms=TIMEOUT_MS)
        allowance = _limiter.take_sync(client, HOOKS, f"hook:{found.pk}")
    except (redis.RedisError, OSError) as error:
        raise later(503) from error
    if not allowance.allowed:
        detail = f"This source may call {HOOKS.quota:,} times in {HOOKS.window_s} s."
        raise Problem(429, "Too many requests", detail, headers=allowance.headers())


def later(status: int) -> Problem:
    """Return the answer to a call that failed for a passing reason; senders repeat it."""
    words = "Rows cannot be taken now; send them again later."
    return Problem(status, "Try again later", words, headers=[("Retry-After", "5")])


def receive(source: Source, lines: list[Line], said: str, *, now: datetime) -> dict[str, Any]:
    """Take the rows of a call, each once however often it is sent, and say what became of them."""
    base = f"source:{source.key}"
    mapping = sources.mapping_of(source)
    if not said and mapping.call == "identify":
        # Who may come back to what was said before: the same words are the same call for a minute alone.
        base = f"{base}:{now:%Y%m%d%H%M}"
    unique = by_place(f"{base}:{said}") if said else by_content(base)
    client = redis_client(timeout_ms=TIMEOUT_MS)
    try:
        reading = reading_for(
            client, source=f"source:{source.key}", now_ms=int(now.timestamp() * 1000)
        )
        told = understand(mapping, lines, reading=reading, unique=unique)
        taken = take(client, told, reading=reading, mark=SOFT_MARK)
        set_apart(client, told)
    except LogFull as error:
        raise later(429) from error
    except (LogAway, redis.RedisError, OSError, ReleaseRefused, TermsRefused) as error:
        raise later(503) from error
    refused = [
        {"row": one.line.number, "column": one.column, "reason": one.reason} for one in told.refused
    ]
    count(source, told, taken, refused, now=now)
    return {"accepted": taken.accepted, "duplicates": taken.repeats, "refused": refused}


def count(
    source: Source,
    told: Understood,
    taken: Taken,
    refused: list[dict[str, Any]],
    *,
    now: datetime,
) -> None:
    """Add a call to the run of its hour."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    run, _made = SourceRun.objects.get_or_create(
        source=source,
        started_at=hour,
        defaults={"state": SourceRun.State.DONE, "ended_at": hour + timedelta(hours=1)},
    )
    more = {"refusals": refused[:TOLD]} if refused else {}
    SourceRun.objects.filter(pk=run.pk).update(
        pages=F("pages") + 1,
        rows=F("rows") + len(told.lines) + len(refused),
        accepted=F("accepted") + taken.accepted,
        repeats=F("repeats") + taken.repeats,
        refused=F("refused") + len(refused),
        **more,
    )
