"""Which variants fit a request's context, the closest first; pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar

from decisioning.rules.phrases import Phrases
from decisioning.rules.phrases import gettext_noop as _
from decisioning.rules.value_words import listed
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
    return tuple(dict.fromkeys(language for _weight, _place, language in sorted(found)))


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
    return [one for _how, one in sorted(fitting, key=lambda pair: pair[0])]


def context_detail(facts: Mapping[str, Any]) -> str:
    """Return what a context says that variants are chosen by, as records keep it: "language fr, save_data True"."""
    return ", ".join(f"{key} {facts[key]}" for key in CONTEXT if key in facts) or _NOTHING


def context_words(detail: str, phrases: Phrases) -> str:
    """Return a `context_detail` for people, e.g. "language fr, saving data"."""
    if detail == _NOTHING:
        return phrases.gettext(_NOTHING)
    return ", ".join(_context_part(part, phrases) for part in detail.split(", "))


def _context_part(part: str, phrases: Phrases) -> str:
    if part in _SAVING:
        return phrases.gettext(_SAVING[part])
    key, _space, value = part.partition(" ")
    if key not in _NAMES:  # the rest of a value that has commas
        return part
    return phrases.gettext(_NAMES[key]).format(value=value)


_NOTHING: Final = _("nothing said of it")
_NAMES: Final = {
    LANGUAGE: _("language {value}"),
    DEVICE: _("device {value}"),
    NETWORK: _("network {value}"),
}
_SAVING: Final = {
    f"{SAVE_DATA} {wanted}": words
    for wanted, words in ((True, _("saving data")), (False, _("not saving data")))
}


def fit_words(fit: FitSpec, phrases: Phrases) -> str:
    """Return the contexts of a fit, "" for any, e.g. "de, mobile, saving data"."""
    named = (fit.languages, fit.devices, fit.networks)
    said = [listed(values, phrases) for values in named if values]
    if fit.save_data is not None:
        said.append(phrases.gettext(_SAVING[f"{SAVE_DATA} {fit.save_data}"]))
    return ", ".join(said)
