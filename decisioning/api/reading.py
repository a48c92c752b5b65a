"""What the management API reads of deciding: a logged decision, a profile with its provenance."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

import msgspec
from django.db import DatabaseError
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from consent.forms import parse_person
from decisioning.decision_log import DecisionErased
from decisioning.ingestion.origins import message_ids
from decisioning.inspecting import DecisionUnavailable, Inspected, inspect
from decisioning.profiles.profile import Profile
from decisioning.profiles.store import load_profile
from decisioning.tokens import parse_decision_id
from rtts_site.foundation.api_access import KeyedView
from rtts_site.foundation.problems import Problem, invalid_field
from rtts_site.foundation.redis_clients import Down, redis_client

TIMEOUT_MS = 1_000


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
        "consent": {"trusted": row.state.consent.trusted, "states": found.consents()},
        "outcomes": [
            {"kind": one.kind, "occurred_at": one.occurred_at, "value": one.value, "late": one.late}
            for one in found.outcomes
        ],
    }
    return told | {"facts": row.state.facts} if with_facts else told


class ProfileView(KeyedView):
    """What is known of a person now."""

    scopes: ClassVar[dict[str, str]] = {"GET": "profiles"}

    @extend_schema(
        summary="Read a profile with where each value came from",
        operation_id="profiles_read",
        parameters=[
            OpenApiParameter("fields", OpenApiTypes.STR, description="Attribute keys, with commas.")
        ],
        responses={200: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request, person: str) -> Response:
        try:
            named = parse_person(person)
        except ValueError as error:
            raise Problem(404, "Not found", str(error)) from error
        try:
            owner, profile = load_profile(redis_client(timeout_ms=TIMEOUT_MS), named.id)
        except Down as error:
            raise Problem(503, "Not readable now", "Profiles do not answer; try again.") from error
        if profile is None:
            raise Problem(404, "Not found", "Nothing is known of this person.")
        known = _message_ids(owner, profile)
        return Response(describe_profile(owner, profile, fields_of(request), message_ids=known))


def _message_ids(person: str, profile: Profile) -> dict[int, str]:
    try:
        return message_ids(person, profile)
    except DatabaseError:  # a profile can be read while history does not answer
        return {}


def fields_of(request: Request) -> frozenset[str] | None:
    """Return the attributes asked for; None for all.

    Raises:
        Problem: 422, the parameter is there and empty, or too long.
    """
    text = request.query_params.get("fields")
    if text is None:
        return None
    fields = frozenset(one.strip() for one in text.split(",") if one.strip())
    if not 0 < len(fields) <= 200:
        raise invalid_field("/fields", "Name 1 to 200 attributes, with commas between them.")
    return fields


def describe_profile(
    person: str,
    profile: Profile,
    fields: frozenset[str] | None,
    *,
    message_ids: Mapping[int, str],
) -> dict[str, Any]:
    """Return a profile as the API tells it; a message that history does not tell is null."""
    return {
        "person_id": person,
        "as_of": profile.position,
        "first_seen": moment(profile.first_seen_ms),
        "newest_event": moment(profile.newest_ms),
        "identifiers": sorted(profile.identifiers),
        "attributes": {
            key: {
                "value": cell.value,
                "event_time": moment(cell.event_time_ms),
                "message_id": message_ids.get(cell.message),
                "source": cell.source,
            }
            for key, cell in sorted(profile.attributes.items())
            if cell.value is not None and (fields is None or key in fields)
        },
    }


def moment(epoch_ms: int) -> datetime | None:
    """Return epoch milliseconds as an aware time; None for 0, which is never."""
    return datetime.fromtimestamp(epoch_ms / 1000, UTC) if epoch_ms else None
