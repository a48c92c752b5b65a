"""Why a person was shown what a decision showed them, in plain words, with the consent that covered it."""

from dataclasses import dataclass
from datetime import UTC, datetime

import redis
from django.utils.translation import gettext as _

from consent.ledger import current_person
from consent.policy import PolicySpec
from decisioning.arbitration.unwanted import Kind
from decisioning.decision_log import DecisionErased
from decisioning.inspecting import Inspected, inspect
from decisioning.messages import Chosen, LogRow
from decisioning.rules.catalogue import Catalogue
from decisioning.rules.words import sentence
from decisioning.specs import OfferSpec
from decisioning.tokens import parse_decision_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One thing that was shown."""

    name: str
    basis: str  # why it might be chosen for them, in a sentence
    since: datetime | None  # when the consent that covered it was given
    record: str  # id of that consent, "" where it rests on none
    conditions: str  # whom it is for, "" where it is for everybody or is not known any more
    less: tuple[tuple[Kind, str, str], ...]  # what "less like this" can be about: kind, key, name


def shown_to(
    person: str, decision: str, *, policy: PolicySpec | None, client: redis.Redis
) -> tuple[datetime, list[Shown]] | None:
    """Return when a decision was made and what it showed; None where it is none of this person's.

    Loads the decision's release: tens of milliseconds.

    Raises:
        decisioning.inspecting.DecisionUnavailable: the log does not answer.
    """
    try:
        found = inspect(parse_decision_id(decision), client)
    except (ValueError, DecisionErased):
        return None
    if found is None or current_person(found.row.ask.person) != person:
        return None
    chosen = [one for placed in found.row.decision.placed for one in placed.chosen if one.offer]
    return found.decided_at, [_shown(one, found, policy) for one in chosen]


def _shown(one: Chosen, found: Inspected, policy: PolicySpec | None) -> Shown:
    release = found.release
    offers = {offer.key: offer for offer in release.offers} if release else {}
    offer = offers.get(one.offer)
    campaigns = {each.key: each.name for each in release.campaigns} if release else {}
    return Shown(
        name=offer.name if offer else one.offer,
        basis=_basis(one, policy),
        since=_since(one, found.row),
        record=one.record,
        conditions=_conditions(offer, Catalogue.of(release)) if offer and release else "",
        less=tuple(_less(one, offer, campaigns.get(one.campaign, one.campaign))),
    )


def _basis(one: Chosen, policy: PolicySpec | None) -> str:
    purpose = policy.purpose(one.purpose) if policy else None
    name = purpose.name if purpose else one.purpose
    match one.basis:
        case "consent":
            return _("You allowed “{purpose}”.").format(purpose=name)
        case "legitimate_interest":
            return _("We have an interest in “{purpose}”, and you did not object.").format(
                purpose=name
            )
        case "contract":
            return _("It belongs to what you ordered: “{purpose}”.").format(purpose=name)
        case _:
            return _("Everybody sees it: nothing about you was used.")


def _since(one: Chosen, row: LogRow) -> datetime | None:
    states = row.state.consent.states.values()
    known = next((state for state in states if one.record and state.record == one.record), None)
    return datetime.fromtimestamp(known.since, UTC) if known else None


def _conditions(offer: OfferSpec, catalogue: Catalogue) -> str:
    return sentence(offer.eligibility, catalogue) if offer.eligibility else ""


def _less(one: Chosen, offer: OfferSpec | None, campaign: str) -> list[tuple[Kind, str, str]]:
    found: list[tuple[Kind, str, str]] = [("offer", one.offer, offer.name if offer else one.offer)]
    if one.campaign:
        found.append(("campaign", one.campaign, campaign))
    if offer is not None and offer.category:
        found.append(("category", offer.category, offer.category))
    return found
