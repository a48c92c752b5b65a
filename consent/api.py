"""The HTTP of consent: record what people say, read where they stand, fetch receipts."""

import hashlib
import json
import uuid
from collections.abc import Collection
from dataclasses import asdict
from datetime import datetime
from typing import Any, ClassVar

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from consent import ledger, notices, policy_store, receipts
from consent.changes import TooMuchSaidError
from consent.forms import ConsentRequest, ConsentStanding, RecordedAnswer, parse_person
from consent.identities import link_identity
from consent.models import Person
from consent.policy import GRANTING, PolicySpec
from consent.rights.closing import StaysClosedError
from consent.standing import load_view_of_record, standings
from rtts_site.foundation.api_access import KeyedView
from rtts_site.foundation.idempotency import Answer, Repeatable, answer_once
from rtts_site.foundation.limits import BROWSER, CONSENTS, CONSENTS_OF_NEW, CONSENTS_OF_ONE, Rate
from rtts_site.foundation.problems import (
    CONTENT_TYPE,
    FieldProblem,
    Problem,
    Unprocessable,
    problem_body,
)

SIGNED_IN = (
    "This visitor is somebody signed in by now: withdraw here, but record what they grant by "
    "your server."
)
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key", OpenApiTypes.STR, OpenApiParameter.HEADER, description="Kept 24 hours."
)


class ConsentsView(KeyedView):
    """Changes of consent."""

    scopes: ClassVar[dict[str, str]] = {"POST": "consents"}
    rate: ClassVar[Rate] = CONSENTS
    is_open_to_browsers: ClassVar[bool] = True

    @extend_schema(
        summary="Record a change of consent",
        description="Answered 2xx, the change is in force: no decision that starts later uses what it ended.",
        operation_id="consents_record",
        request=ConsentRequest,
        responses={201: RecordedAnswer, 200: RecordedAnswer, 503: RecordedAnswer},
        parameters=[IDEMPOTENCY_KEY],
    )
    def post(self, request: Request) -> Response:
        now = timezone.now()
        repeatable = Repeatable(
            self.key.id, request.headers.get("Idempotency-Key", ""), bytes(request.body)
        )
        answer, _ = answer_once(
            repeatable, lambda: self._record(request, repeatable, now=now), now=now
        )
        kind = CONTENT_TYPE if answer.status >= 400 else None
        return Response(json.loads(answer.body), status=answer.status, content_type=kind)

    def check_throttles(self, request: Request) -> None:
        """Count a browser's request roughly: by whom it is about once that is read."""
        self.take_from(BROWSER if self.key.kind == "browser" else self.rate, self.key.id)

    def _record(self, request: Request, repeatable: Repeatable, *, now: datetime) -> Answer:
        form = ConsentRequest(data=request.data, context={"now": now, "policy": _policy()})
        if not form.is_valid():
            raise Unprocessable(form.errors)
        said = form.validated_data
        refused: frozenset[int] = frozenset()
        if self.key.kind == "browser":
            self._check_visitor(said)
            refused = _grants_of_somebody_else(said)
        if said["person"].identifier is not None:
            link_identity(said["person"].identifier, said["person"].id, now=now)
        try:
            recorded = ledger.record_change(
                said["person"].id,
                [one for index, one in enumerate(said["changes"]) if index not in refused],
                evidence=said["evidence"],
                actor=said["actor"],
                now=now,
                idempotency_key=_ledger_key(repeatable),
            )
        except StaysClosedError as error:
            raise Problem(410, "Erased", str(error)) from error
        except TooMuchSaidError as error:
            raise Problem(409, "Too much said", str(error)) from error
        except ledger.KeyTakenError as error:
            raise Problem(409, "Key taken", str(error)) from error
        except ledger.StoreUnavailableError as error:
            raise Problem(503, "Not recorded", str(error), extra={"recorded": False}) from error
        return _answer(recorded, refused)

    def _check_visitor(self, said: Any) -> None:
        """Let a browser speak for its own visitor only, and no faster than a visitor does."""
        identifier = said["person"].identifier
        if identifier is None or identifier.namespace != "anonymous":
            raise _not_for_browsers(
                "/person", "A browser key may only name anonymous:<anonymous_id>."
            )
        if said["actor"].kind != "subject":
            raise _not_for_browsers(
                "/actor/kind", "With a browser key it is the subject who speaks."
            )
        self.take_from(CONSENTS_OF_ONE, said["person"].id)
        # Ids can be made up, and must not use up what is there for those who withdraw.
        is_known = Person.objects.filter(id=said["person"].id).exists()
        self.take_from(CONSENTS if is_known else CONSENTS_OF_NEW, self.key.id)


class PersonConsentsView(KeyedView):
    """Where a person stands."""

    scopes: ClassVar[dict[str, str]] = {"GET": "consents"}
    rate: ClassVar[Rate] = CONSENTS

    @extend_schema(
        summary="Read where a person stands on every purpose",
        description="The person is `user:<user_id>`, `anonymous:<anonymous_id>` or a person id.",
        operation_id="consents_read",
        responses=ConsentStanding,
    )
    def get(self, _request: Request, person: str) -> Response:
        owner = ledger.current_person(_person(person))
        policy, view = _policy(), load_view_of_record(owner)
        body = {
            "person_id": owner,
            "version": view.version,
            "restricted": view.restricted,
            "policy": {"version": policy.version, "digest": policy.digest},
            "purposes": [asdict(line) for line in standings(policy, view, now=timezone.now())],
        }
        return Response(body)


class ReceiptView(KeyedView):
    """One receipt."""

    scopes: ClassVar[dict[str, str]] = {"GET": "consents"}
    rate: ClassVar[Rate] = CONSENTS

    @extend_schema(
        summary="Fetch the receipt of a consent event",
        operation_id="consents_receipt",
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, _request: Request, person: str, receipt: uuid.UUID) -> Response:
        try:
            owner = ledger.current_person(_person(person))
            return Response(receipts.load_receipt(owner, receipt))
        except receipts.NoSuchReceiptError as error:
            raise Problem(404, "Not found", str(error)) from error


class NoticeView(KeyedView):
    """What people were shown."""

    scopes: ClassVar[dict[str, str]] = {"GET": "consents"}
    rate: ClassVar[Rate] = CONSENTS

    @extend_schema(
        summary="Fetch a notice as the very bytes that people were shown",
        description="Of a version and language, e.g. `privacy@3` and `de`; its ETag is their SHA-256.",
        operation_id="notices_read",
        responses=OpenApiTypes.BINARY,
    )
    def get(self, _request: Request, reference: str, language: str) -> HttpResponse:
        kept = notices.find_text(reference, language)
        if kept is None:
            raise Problem(404, "Not found", "No such notice was published in this language.")
        headers = {
            "ETag": f'"{kept.sha256}"',
            "Content-Language": kept.language,
            "Cache-Control": "private, max-age=31536000, immutable",
            "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'",
        }
        content = bytes(kept.content)
        return HttpResponse(
            content, content_type=f"{kept.media_type}; charset=utf-8", headers=headers
        )


def _policy() -> PolicySpec:
    policy = policy_store.live_policy()
    if policy is None:
        raise Problem(409, "No policy", "Publish a consent policy first; it names the purposes.")
    return policy


def _person(text: str) -> str:
    try:
        return parse_person(text).id
    except ValueError as error:
        raise Problem(
            404, "Not found", str(error), errors=[{"pointer": "/person", "detail": str(error)}]
        ) from error


def _grants_of_somebody_else(said: Any) -> frozenset[int]:
    """Return which changes a browser may not record: what a visitor grants who has signed in by now.

    Raises:
        Problem: 403 where that is all they say.
    """
    grants = {index for index, one in enumerate(said["changes"]) if one.status in GRANTING}
    if not grants or ledger.current_person(said["person"].id) == said["person"].id:
        return frozenset()
    if len(grants) == len(said["changes"]):
        raise _not_for_browsers("/person", SIGNED_IN)
    return frozenset(grants)


def _not_for_browsers(pointer: str, detail: str) -> Problem:
    return Problem(403, "Not allowed", detail, errors=[{"pointer": pointer, "detail": detail}])


def _ledger_key(repeatable: Repeatable) -> str:
    """Return the key under which the ledger knows the request; another body is another request."""
    if not repeatable.key:
        return ""
    digest = hashlib.sha256(repeatable.body).hexdigest()[:32]
    return f"api:{repeatable.caller}:{digest}:{repeatable.key}"


def _answer(recorded: ledger.Recorded, refused: Collection[int]) -> Answer:
    body = {
        "recorded": True,
        "in_force": recorded.in_force,
        "person_id": recorded.person,
        "version": recorded.version,
        "recorded_at": recorded.recorded_at.isoformat(),
        "receipts": [str(event) for event in recorded.events],
    }
    if not recorded.in_force:
        words = "Recorded, and in force shortly; repeat with the same Idempotency-Key to be sure."
        return Answer(503, problem_body(Problem(503, "Not yet in force", words, extra=body)))
    if refused:
        errors: list[FieldProblem] = [
            {"pointer": f"/changes/{index}/status", "detail": SIGNED_IN}
            for index in sorted(refused)
        ]
        words = "What is withdrawn is recorded and in force, what is granted is not."
        partly = Problem(403, "Not all recorded", words, errors=errors, extra=body)
        return Answer(403, problem_body(partly))
    return Answer(200 if recorded.repeated else 201, json.dumps(body).encode())
