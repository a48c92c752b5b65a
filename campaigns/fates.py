"""Lays a trial out as the simulator's page reads it: each offer's fate, reasons, terms, and what would flip it."""

from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.flip_wording import FlipWords, no_flip
from campaigns.trials import OfferTrial, PlacementTrial, Trial
from decisioning.arbitration import reasons
from decisioning.messages import TermOut
from decisioning.picturing import REASON_WORDS, STATUS_WORDS, TERM_WORDS

FATES: Final[dict[str, tuple[Any, str]]] = {  # code -> badge, its class
    reasons.SHOWN: (gettext_lazy("shown"), "ok"),
    reasons.STOPPED: (gettext_lazy("stopped"), "bad"),
    reasons.NOT_RUNNING: (gettext_lazy("not in time"), "warn"),
    reasons.QUIET_HOURS: (gettext_lazy("quiet hours"), "warn"),
    reasons.CONSENT: (gettext_lazy("consent"), "bad"),
    reasons.UNWANTED: (gettext_lazy("not wanted"), "warn"),
    reasons.NOT_ELIGIBLE: (gettext_lazy("not eligible"), "bad"),
    reasons.CAPS_UNAVAILABLE: (gettext_lazy("caps unknown"), "warn"),
    reasons.CAP_REACHED: (gettext_lazy("capped"), "warn"),
    reasons.SOLD_OUT: (gettext_lazy("used up"), "warn"),
    reasons.HELD_OUT: (gettext_lazy("held out"), "info"),
    reasons.CAMPAIGN_HELD_OUT: (gettext_lazy("held out"), "info"),
    reasons.ARM_EXCLUDES: (gettext_lazy("experiment arm"), "info"),
    reasons.NO_VARIANT: (gettext_lazy("no variant"), "warn"),
    reasons.MISSING_TOKEN: (gettext_lazy("content has a hole"), "warn"),
    reasons.DUPLICATE: (gettext_lazy("shown elsewhere"), "info"),
    reasons.CATEGORY: (gettext_lazy("same category"), "info"),
    reasons.OUTRANKED: (gettext_lazy("outranked"), "info"),
}


@dataclass(frozen=True, slots=True)
class Bar:
    """One term of a score."""

    name: str
    value: float | None
    weight: float
    part: float  # what it adds to the score


@dataclass(frozen=True, slots=True)
class Fate:
    """One offer as the page shows it."""

    offer: OfferTrial
    badge: str
    badge_class: str
    bars: tuple[Bar, ...]
    trees: tuple[dict[str, Any], ...]
    flips: tuple[dict[str, Any], ...]
    lost_by: tuple[dict[str, Any], ...]
    no_flip: str  # why there is none, "" where flips were found or not looked for


@dataclass(frozen=True, slots=True)
class Place:
    """One placement as the page shows it."""

    trial: PlacementTrial
    status: str
    why: str
    fates: tuple[Fate, ...]


def lay_out(trial: Trial, words: FlipWords, *, looked: bool = True) -> list[Place]:
    """Return the placements of a trial, in the order asked; `looked` says that flips were looked for."""
    return [
        Place(
            one,
            str(STATUS_WORDS[one.placed.status]),
            str(REASON_WORDS.get(one.placed.reason, one.placed.reason)),
            tuple(_fate(offer, words, looked=looked) for offer in one.offers),
        )
        for one in trial.placements
    ]


def _fate(offer: OfferTrial, words: FlipWords, *, looked: bool) -> Fate:
    told = offer.told
    badge, badge_class = FATES.get(told.code, (told.code, ""))
    if told.rank:
        badge = _("shown, rank {rank}").format(rank=told.rank)
    flips = tuple(words.flip(flip) for flip in offer.flips)
    return Fate(
        offer,
        str(badge),
        badge_class,
        tuple(_bar(term) for term in told.terms or ()),
        tuple(tree for tree in told.conditions or () if tree.get("parts") or "actual" in tree),
        flips,
        tuple(words.flip(flip) for flip in offer.lost_by),
        "" if flips or told.rank or not looked else no_flip(told.code),
    )


def _bar(term: TermOut) -> Bar:
    name = str(TERM_WORDS.get(term.term, term.term))
    return Bar(name, term.value, term.weight, (term.value or 0.0) * term.weight)
