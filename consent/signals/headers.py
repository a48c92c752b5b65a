"""What headers and events say about consent by themselves: Global Privacy Control, categories. Pure; they only narrow."""

from collections.abc import Iterable, Mapping
from typing import Any

MAX_CATEGORIES = 100


def gpc_header(values: Iterable[str]) -> bool:
    """Return whether Sec-GPC headers say no: one that is exactly ``1`` does, whatever the others say.

    Source: W3C Global Privacy Control, section 3.2.
    """
    return any(value.strip(" \t") == "1" for value in values)


def narrowed_purposes(context: Mapping[str, Any]) -> frozenset[str]:
    """Return the purposes that an event's context says no to; a yes in an event is no evidence and says nothing.

    Reads ``context.consent.categoryPreferences`` of the Segment API, e.g. ``{"personalised_ads": false}``. Whatever is
    not exactly true counts as no.
    """
    consent = context.get("consent")
    preferences = consent.get("categoryPreferences") if isinstance(consent, Mapping) else None
    if not isinstance(preferences, Mapping):
        return frozenset()
    said = list(preferences.items())[:MAX_CATEGORIES]
    return frozenset(name for name, value in said if value is not True and 0 < len(name) <= 100)
