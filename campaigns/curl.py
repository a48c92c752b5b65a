"""The only place that writes a question of the simulator as the request that a channel would send."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from campaigns.trials import Question
from consent.people import Identifier
from decisioning.specs import AttributeSpec

KEY = "YOUR_KEY"  # the page never knows a key


def request_body(
    question: Question,
    identifier: Identifier | None,
    attributes: Mapping[str, AttributeSpec],
    *,
    now: datetime | None,
) -> dict[str, Any]:
    """Return the body of ``POST /v1/decisions`` that asks the same; `now` None is the moment it is sent."""
    given = {key: question.given[key] for key in question.given if key in attributes}
    context = {key: one for key, one in given.items() if attributes[key].source == "context"}
    denied = [key for key, saying in question.consent.items() if saying == "deny"]
    said = question.signals
    consent: dict[str, Any] = {"gpc": said.gpc, "tcf": said.tcf, "gpp": said.gpp, "denied": denied}
    body: dict[str, Any] = {
        "person": {f"{identifier.namespace}_id": identifier.value} if identifier else {},
        "placements": [{"key": one.key, "count": one.count} for one in question.placements],
        "context": _sent(context, attributes),
        "attributes": _sent({k: v for k, v in given.items() if k not in context}, attributes),
        "consent": {key: one for key, one in consent.items() if one},
        "options": {"explain": "trace", "dry_run": True}
        | ({"now": now.isoformat()} if now else {}),
    }
    return {key: one for key, one in body.items() if one or key == "person"}


def _sent(facts: Mapping[str, Any], attributes: Mapping[str, AttributeSpec]) -> dict[str, Any]:
    return {key: as_json(value, attributes[key].type) for key, value in facts.items()}


def as_json(value: Any, kind: str) -> Any:
    """Return a fact as it is sent: dates as ISO 8601, places with lat and lon."""
    if kind == "date":
        return datetime.fromtimestamp(value, UTC).isoformat()
    if kind == "place":
        return {"lat": value[0], "lon": value[1]}
    return value


def curl(address: str, body: Mapping[str, Any], *, headers: Mapping[str, str] | None = None) -> str:
    """Return the command line of a request; for a shell, so quotes inside are escaped."""
    more = "".join(
        f" \\\n  -H {_quoted(f'{name}: {value}')}" for name, value in (headers or {}).items()
    )
    return (
        f"curl -sS {_quoted(f'{address}/v1/decisions')} \\\n"
        f"  -H 'Authorization: Bearer {KEY}' \\\n"
        f"  -H 'Content-Type: application/json'{more} \\\n"
        f"  -d {_quoted(json.dumps(body, ensure_ascii=False))}"
    )


def _quoted(text: str) -> str:
    escaped = text.replace("'", "'\\''")
    return f"'{escaped}'"
