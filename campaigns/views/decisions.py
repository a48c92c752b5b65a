"""The latest decisions, and the page of one: what was shown, why, and the consent that covered it."""

from typing import Any

import msgspec
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from campaigns.views.pages import needs, page
from decisioning.decision_log import DecisionErased, load_decision
from decisioning.models import DecisionRecord, OutcomeRecord
from decisioning.replay import explain_logged
from decisioning.tokens import TokenError, parse_decision_id
from rtts_site.foundation.redis_clients import redis_client

LATEST = 50


@require_GET
@needs("decisioning.view_decisionrecord")
def decisions(request: HttpRequest) -> HttpResponse:
    wanted = request.GET.get("id", "").strip()[:200]
    if wanted:
        return decision(request, wanted)
    latest = DecisionRecord.objects.defer("body").order_by("-decided_at")[:LATEST]
    return page(request, "campaigns/decisions.html", {"latest": latest}, title="Decisions")


@require_GET
@needs("decisioning.view_decisionrecord")
def decision(request: HttpRequest, decision_id: str) -> HttpResponse:
    client = redis_client()
    try:
        row = load_decision(client, parse_decision_id(decision_id))
    except TokenError as error:
        raise Http404("This is not the id of a decision.") from error
    except DecisionErased as error:
        return page(
            request, "campaigns/decision.html", {"erased": str(error)}, title="One decision"
        )
    if row is None:
        raise Http404("There is no such decision.")
    explained = explain_logged(row, client)
    context: dict[str, Any] = {
        "decision_id": decision_id,
        "row": row,
        "decided_at": msgspec.structs.asdict(row)["at_ms"],
        "placements": [
            {"placed": placed, "reasons": [one for one in explained if one.placement == placed.key]}
            for placed in row.decision.placed
        ],
        "facts": sorted(row.decision.used.items()),
        "outcomes": OutcomeRecord.objects.filter(decision_id=decision_id).order_by("occurred_at"),
    }
    return page(request, "campaigns/decision.html", context, title="One decision")
