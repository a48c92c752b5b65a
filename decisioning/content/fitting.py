"""Which variants fit a request's context, the closest first; pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar

from decisioning.rules.values import conform
from decisioning.specs import FitSpec, ValueType

LANGUAGE: Final = "language"
DEVICE: Final = "device_class"
NETWORK: Final = "effective_type"
SAVE_DATA: Final = "save_data"
# Keys of the context that choose variants and pictures, whether a catalogue names them or not.
CONTEXT: Final[dict[str, ValueType]] = {
    LANGUAGE: "text",
    DEVICE: "text",
    NETWORK: "text",
    SAVE_DATA: "boolean",
}
NETWORKS: Final = ("slow-2g", "2g", "3g", "4g")  # Source: Network Information API, effectiveType
MAX_RANGES = 20  # of an Accept-Language header

_RANGE: Final = re.compile(r"([a-z]{1,8}(?:-[a-z0-9]{1,8})*|\*)(?:;q=([01](?:\.[0-9]{0,3})?))?")


def context_fact(key: str, value: Any) -> Any:
    """Return what a context says that the catalogue does not name, None where it chooses nothing."""
    kind = CONTEXT.get(key)
    return None if kind is None else conform(value, kind)


class Fitted(Protocol):
    """What has contexts that it is made for."""

    @property
    def fit(self) -> FitSpec: ...


T = TypeVar("T", bound=Fitted)


def named_keys(fit: FitSpec) -> frozenset[str]:
    """Return the keys of the context that a fit asks about."""
    said = (
        (LANGUAGE, bool(fit.languages)),
        (DEVICE, bool(fit.devices)),
        (NETWORK, bool(fit.networks)),
        (SAVE_DATA, fit.save_data is not None),
    )
    return frozenset(key for key, is_named in said if is_named)


def preferred_languages(said: Any) -> tuple[str, ...]:
    """Return languages, the most wanted first, from "de-AT", a list, or "de-AT,de;q=0.9,en;q=0.8".

    Source: RFC 9110 section 12.5.4.
    """
    parts = said.split(",") if isinstance(said, str) else said if isinstance(said, Sequence) else ()
    found: list[tuple[float, int, str]] = []
    for place, part in enumerate(parts[:MAX_RANGES]):
        matched = _RANGE.fullmatch(str(part).replace(" ", "").replace("_", "-").lower())
        if matched is not None and matched[1] != "*":
            weight = float(matched[2] or 1)
            if weight > 0:
                found.append((-weight, place, matched[1]))
    return tuple(dict.fromkeys(language for _, _, language in sorted(found)))


def language_rank(languages: Iterable[str], wanted: Sequence[str]) -> tuple[int, int] | None:
    """Return how well languages serve somebody, lower is better, or None: which wish, how shortened.

    de-AT is served by de-AT, then by de; de is not served by de-AT.

    Source: RFC 4647 section 3.4, lookup.
    """
    spoken = {language.lower() for language in languages}
    for place, language in enumerate(wanted):
        parts = language.split("-")
        for cut in range(len(parts)):
            if "-".join(parts[: len(parts) - cut]) in spoken:
                return place, cut
    return None


Rank = tuple[int, int, int]


def rank(fit: FitSpec, facts: Mapping[str, Any], wanted: Sequence[str]) -> Rank | None:
    """Return how closely a fit meets a context, lower is closer; None where it does not.

    The language counts first, then how much else is named, then how exact the language is.
    """
    spoken = language_rank(fit.languages, wanted) if fit.languages else (len(wanted), 0)
    if spoken is None:
        return None
    named = 0
    for values, key in ((fit.devices, DEVICE), (fit.networks, NETWORK)):
        if values:
            if facts.get(key) not in values:
                return None
            named += 1
    if fit.save_data is not None:
        # Nothing said is no wish to save data.
        if bool(facts.get(SAVE_DATA, False)) is not fit.save_data:
            return None
        named += 1
    return spoken[0], -named, spoken[1]


def by_closeness(variants: Iterable[T], facts: Mapping[str, Any]) -> list[T]:
    """Return the variants that fit, the closest first; equally close ones in the order authored."""
    wanted = preferred_languages(facts.get(LANGUAGE, ()))
    ranked = ((rank(one.fit, facts, wanted), one) for one in variants)
    fitting = [(how, one) for how, one in ranked if how is not None]
    return [one for _, one in sorted(fitting, key=lambda pair: pair[0])]


def context_words(facts: Mapping[str, Any]) -> str:
    """Return what a context says that variants are chosen by, e.g. "language fr, device_class mobile"."""
    said = [f"{key} {facts[key]}" for key in CONTEXT if key in facts]
    return ", ".join(said) or "nothing said of it"


def fit_words(fit: FitSpec) -> str:
    """Return the contexts of a fit, "" for any, e.g. "de, mobile, saving data"."""
    said = [" or ".join(values) for values in (fit.languages, fit.devices, fit.networks) if values]
    if fit.save_data is not None:
        said.append("saving data" if fit.save_data else "not saving data")
    return ", ".join(said)
