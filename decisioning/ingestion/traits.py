"""The only place that decides which traits of an identify call become attributes, and of what type."""

from collections.abc import Mapping, Sequence
from typing import Any

from decisioning.rules import limits
from decisioning.rules.values import conform
from decisioning.specs import AttributeSpec

_EXAMPLES = {
    "number": "12.5",
    "text": '"gold"',
    "boolean": "true",
    "date": '"2026-11-22" or "2026-11-22T09:00:00Z"',
    "list": '["a", "b"]',
    "place": '{"lat": 48.2, "lon": 16.4}',
    "version": '"2.10.0"',
}


class TraitRefused(Exception):
    """A trait that may not be set, or not to this value; the message says what to send."""

    def __init__(self, key: str, detail: str) -> None:
        super().__init__(detail)
        self.key = key


def read_traits(
    traits: Mapping[str, Any],
    *,
    attributes: Mapping[str, AttributeSpec],
    is_browser: bool,
    sources: Sequence[str] = ("profile",),
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return (attributes as facts, the other traits). A null removes an attribute.

    Raises:
        TraitRefused: wrong type, too large, or a trusted attribute from a browser key.
    """
    known: dict[str, Any] = {}
    others: dict[str, Any] = {}
    for key, value in traits.items():
        spec = attributes.get(key)
        if spec is None or spec.source not in sources:
            others[key] = value
        else:
            known[key] = _read(spec, value, is_browser=is_browser)
    return known, others


def _read(spec: AttributeSpec, value: Any, *, is_browser: bool) -> Any:
    if is_browser and spec.trusted:
        raise TraitRefused(spec.key, f"{spec.key} is trusted: only a secret key may set it.")
    if value is None:
        return None
    fact = conform(value, spec.type)
    if fact is None:
        detail = f"{spec.key} is of type {spec.type}; send a value such as {_EXAMPLES[spec.type]}."
        raise TraitRefused(spec.key, detail)
    if not _fits(fact):
        detail = f"{spec.key}: send at most {limits.MAX_TEXT} characters and {limits.MAX_LIST_VALUES} entries."
        raise TraitRefused(spec.key, detail)
    return fact


def _fits(fact: Any) -> bool:
    if isinstance(fact, str):
        return len(fact) <= limits.MAX_TEXT
    if isinstance(fact, list):
        return len(fact) <= limits.MAX_LIST_VALUES and all(map(_fits, fact))
    return True
