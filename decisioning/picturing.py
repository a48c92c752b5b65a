"""Lays a logged decision out as a page reads it: winners, losers with reasons, scores as bars, what it rested on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from decisioning.arbitration import reasons
from decisioning.inspecting import Inspected
from decisioning.messages import Explained, Placed, TermOut

STATUS_WORDS = {
    "offers": gettext_lazy("Offers shown"),
    "fallback": gettext_lazy("Fallback shown"),
    "suppressed": gettext_lazy("Held back on purpose"),
    "error": gettext_lazy("Not answered"),
}
TERM_WORDS = {
    "priority": gettext_lazy("Priority"),
    "value": gettext_lazy("Value"),
    "recency": gettext_lazy("How recently the person was active"),
    "depth": gettext_lazy("How deep the page was read"),
    "outcome_rate": gettext_lazy("Learned outcome rate"),
}
REASON_WORDS = {
    reasons.NO_CANDIDATES: gettext_lazy("No offer is made for this placement."),
    reasons.UNKNOWN_PLACEMENT: gettext_lazy("The release has no such placement."),
    reasons.WON: gettext_lazy("At least one offer passed every check."),
    reasons.STOPPED: gettext_lazy("Every offer was stopped in an emergency."),
    reasons.NOT_RUNNING: gettext_lazy("No offer was running."),
    reasons.CONSENT: gettext_lazy("Consent did not allow any of the offers."),
    reasons.UNWANTED: gettext_lazy("The person asked for less like every offer."),
    reasons.NOT_ELIGIBLE: gettext_lazy("The person met no offer's conditions."),
    reasons.CAPS_UNAVAILABLE: gettext_lazy("How often offers were shown could not be read."),
    reasons.CAP_REACHED: gettext_lazy("Every fitting offer was shown as often as its cap allows."),
    reasons.SOLD_OUT: gettext_lazy("Every fitting offer is used up."),
    reasons.HELD_OUT: gettext_lazy(
        "The person is in the holdout that all campaigns are measured against."
    ),
    reasons.CAMPAIGN_HELD_OUT: gettext_lazy("The person is in a campaign's holdout."),
    reasons.ARM_EXCLUDES: gettext_lazy("The experiment's arm leaves every fitting offer out."),
    reasons.DUPLICATE: gettext_lazy("Every fitting offer was already shown in another placement."),
    reasons.CATEGORY: gettext_lazy("Every fitting offer is of a category already shown."),
    reasons.OUTRANKED: gettext_lazy("Other offers ranked higher."),
}


@dataclass(frozen=True, slots=True)
class Bar:
    """One term of a score."""

    name: str
    value: float | None
    weight: float

    @property
    def part(self) -> float:
        """What the term adds to the score."""
        return (self.value or 0.0) * self.weight


@dataclass(frozen=True, slots=True)
class Line:
    """One candidate with its fate."""

    name: str
    campaign: str
    told: Explained
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """One placement."""

    name: str
    status: str
    status_words: str
    why: str
    placed: Placed
    shown: tuple[Line, ...]
    dropped: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Fact:
    """One input of the decision."""

    name: str
    value: Any


def picture(found: Inspected) -> list[Picture]:
    """Return the placements of a decision, in the order asked."""
    names = _names(found)
    lines: dict[str, list[Line]] = {}
    for told in found.explanation:
        bars = tuple(_bar(term) for term in told.terms) if told.terms else ()
        line = Line(
            names.get(f"offer:{told.offer}", told.offer),
            names.get(f"campaign:{told.campaign}", told.campaign),
            told,
            bars,
        )
        lines.setdefault(told.placement, []).append(line)
    return [
        _placement(placed, lines.get(placed.key, []), names) for placed in found.row.decision.placed
    ]


def _placement(placed: Placed, lines: list[Line], names: Mapping[str, str]) -> Picture:
    shown = sorted(
        (one for one in lines if one.told.outcome == "shown"), key=lambda one: one.told.rank or 0
    )
    dropped = sorted(
        (one for one in lines if one.told.outcome == "dropped"),
        key=lambda one: (-reasons.ORDER.get(one.told.code, 0), -(one.told.score or 0.0), one.name),
    )
    return Picture(
        names.get(f"placement:{placed.key}", placed.key),
        placed.status,
        str(STATUS_WORDS[placed.status]),
        str(REASON_WORDS.get(placed.reason, placed.reason)),
        placed,
        tuple(shown),
        tuple(dropped),
    )


def _bar(term: TermOut) -> Bar:
    return Bar(str(TERM_WORDS.get(term.term, term.term)), term.value, term.weight)


def facts(found: Inspected) -> list[Fact]:
    """Return the inputs that some offer was chosen by, by name."""
    names = _names(found)
    return [
        Fact(names.get(f"attribute:{key}", _aggregate(key)), value)
        for key, value in sorted(found.row.state.facts.items())
    ]


def _aggregate(key: str) -> str:
    return _("Events counted") if key.startswith("agg:") else key


def _names(found: Inspected) -> dict[str, str]:
    release = found.release
    if release is None:
        return {}
    kinds = {
        "offer": release.offers,
        "campaign": release.campaigns,
        "placement": release.placements,
        "attribute": release.attributes,
    }
    return {f"{kind}:{one.key}": one.name for kind, every in kinds.items() for one in every}  # type: ignore[attr-defined]  # all have both
