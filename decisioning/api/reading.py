"""What the management API reads of deciding: a logged decision, a profile with its provenance."""

from typing import Any, ClassVar

import msgspec
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from consent.rights.api import begin, described
from consent.signals.honouring import GpcStatus, gpc_status
from decisioning.api.portraits import parse_fields, portrait
from decisioning.decision_log import DecisionErased
from decisioning.inspecting import DecisionUnavailable, Inspected, inspect
from decisioning.messages import LogRow, sent_gpc
from decisioning.tokens import parse_decision_id
from rtts_site.foundation.api_access import KeyedView
from rtts_site.foundation.problems import Problem
from rtts_site.foundation.redis_clients import Down, redis_client

TIMEOUT_MS = 1_000
FIELDS = (
    "What to read, with commas: first_seen, newest_event, identifiers, groups, attributes, aggregates, "
    "segments, or one of them as attributes.loyalty_tier, aggregates.Order Completed, segments.gold."
)


class DecisionView(KeyedView):
    """A logged decision."""

    scopes: ClassVar[dict[str, str]] = {"GET": "decisions"}

    @extend_schema(
        summary="Read a logged decision, its explanation and the consent that covered it",
        description="Found from the moment it was answered. Facts are told to keys with decisions:trace only.",
        operation_id="decisions_read",
        responses={200: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request, decision: str) -> Response:
        try:
            found = inspect(parse_decision_id(decision), redis_client(timeout_ms=TIMEOUT_MS))
        except ValueError as error:
            raise Problem(404, "Not found", str(error)) from error
        except DecisionErased as error:
            raise Problem(410, "Erased", str(error)) from error
        except DecisionUnavailable as error:
            raise Problem(503, "Not readable now", str(error)) from error
        if found is None:
            raise Problem(404, "Not found", "There is no decision of this id.")
        return Response(describe(found, with_facts=self.key.allows("decisions:trace")))


def gpc_of(row: LogRow) -> GpcStatus:
    """Return what became of the browser's Global Privacy Control in a logged decision."""
    states = row.state.consent.states
    said = ((purpose, state) for (purpose, _), state in states.items())
    return gpc_status({purpose for purpose, _ in states}, said, gpc=sent_gpc(row.ask))


def describe(found: Inspected, *, with_facts: bool) -> dict[str, Any]:
    """Return a decision as the API tells it."""
    row = found.row
    explanation = msgspec.to_builtins(found.explanation)
    if not with_facts:
        for one in explanation:
            one.pop("conditions", None)
    told = {
        "decision_id": found.decision_id,
        "state": found.state,
        "decided_at": found.decided_at,
        "person_id": row.ask.person,
        "release": {
            "version": row.release_version,
            "digest": row.release_digest,
            "canary": row.canary,
        },
        "policy": {"version": row.policy_version, "digest": row.policy_digest},
        "degraded": row.degraded,
        "as_of": {"profile": row.state.position, "consent_version": row.state.consent.version},
        "learned_version": row.state.learned_version,
        "placements": msgspec.to_builtins(
            [
                {
                    "key": placed.key,
                    "status": placed.status,
                    "reason": placed.reason,
                    "offers": [
                        {name: getattr(chosen, name) for name in chosen.__struct_fields__}
                        for chosen in placed.chosen
                    ],
                }
                for placed in row.decision.placed
            ]
        ),
        "explanation": explanation,
        "gpc": gpc_of(row),
        "consent": {"trusted": row.state.consent.trusted, "states": found.consents()},
        "outcomes": [
            {"kind": one.kind, "occurred_at": one.occurred_at, "value": one.value, "late": one.late}
            for one in found.outcomes
        ],
    }
    return told | {"facts": row.state.facts} if with_facts else told


class ProfileView(KeyedView):
    """What is known of a person now."""

    scopes: ClassVar[dict[str, str]] = {"GET": "profiles", "DELETE": "rights"}

    @extend_schema(
        summary="Erase a person everywhere",
        description="Workers carry it out; `/v1/rights/{request}` says how far it is and has the certificate.",
        operation_id="profiles_erase",
        responses={202: OpenApiTypes.OBJECT},
    )
    def delete(self, _request: Request, person: str) -> Response:
        said = f"key {self.key.name}"
        row = begin("erasure", person, key=self.key, verified_how=said)
        return Response(described(row), status=202)

    @extend_schema(
        summary="Read a profile with where each value came from",
        description="Parts that are not asked for are neither read nor computed.",
        operation_id="profiles_read",
        parameters=[
            OpenApiParameter("fields", OpenApiTypes.STR, description=FIELDS),
        ],
        responses={200: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request, person: str) -> Response:
        wanted = parse_fields(request.query_params.get("fields"))
        found = portrait(redis_client(timeout_ms=TIMEOUT_MS), person)
        if found is None:
            raise Problem(404, "Not found", "Nothing is known of this person.")
        try:
            return Response(found.told(wanted))
        except Down as error:
            raise Problem(503, "Not readable now", "Redis does not answer; try again.") from error
