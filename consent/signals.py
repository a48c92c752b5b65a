"""What a request says about consent by itself: Global Privacy Control, TCF and GPP strings, categories. Pure.

A signal can only narrow. Nothing here reads TCF or GPP strings yet; that one is present is enough to deny the
purposes that it governs.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from consent.policy import Signals

MAX_STRING = 16_384  # characters; a longer string is no signal that anybody sent in earnest
MAX_CATEGORIES = 100


class SignalError(ValueError):
    """A signal has the wrong form; `pointer` names the field, e.g. ``/gpc``."""

    def __init__(self, pointer: str, detail: str) -> None:
        super().__init__(detail)
        self.pointer = pointer


def gpc_header(values: Iterable[str]) -> bool:
    """Return whether Sec-GPC headers say no: one that is exactly ``1`` does, whatever the others say.

    Source: W3C Global Privacy Control, section 3.2.
    """
    return any(value.strip(" \t") == "1" for value in values)


def parse_signals(consent: Mapping[str, Any], *, gpc: bool = False) -> Signals:
    """Return the signals of a request's ``consent`` object, e.g. ``{"gpc": true, "tcf": "…", "gpp": "…"}``.

    `gpc` is what the header says; either is enough.

    Raises:
        SignalError: a field of the wrong form; unknown fields are refused, since one could mean no.
    """
    for name in consent:
        if name not in ("gpc", "tcf", "gpp", "denied"):
            raise SignalError(f"/{name}", "Known here are gpc, tcf, gpp and denied.")
    flag = consent.get("gpc", False)
    if not isinstance(flag, bool):
        raise SignalError("/gpc", "Must be true or false.")
    return Signals(
        gpc=gpc or flag,
        tcf=_string(consent, "tcf"),
        gpp=_string(consent, "gpp"),
        denied=_purposes(consent.get("denied", [])),
    )


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


def _string(consent: Mapping[str, Any], name: str) -> str:
    value = consent.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > MAX_STRING:
        raise SignalError(f"/{name}", f"Must be text of at most {MAX_STRING:,} characters.")
    return value


def _purposes(value: Any) -> frozenset[str]:
    is_list = isinstance(value, list) and len(value) <= MAX_CATEGORIES
    if not is_list or not all(isinstance(one, str) for one in value):
        raise SignalError("/denied", f"Must be a list of at most {MAX_CATEGORIES} purposes.")
    return frozenset(value)
