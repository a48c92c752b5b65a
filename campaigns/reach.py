"""How many people each thing of a change reaches, for the rules that ask for more approvals above a size."""

from datetime import datetime

from campaigns import simulation
from campaigns.candidates import Candidate, candidate_of, changed_drafts
from campaigns.mapping import Refused, is_everyone
from campaigns.models import ApprovalRule, Change
from campaigns.models.items import Kind
from decisioning.rules.catalogue import Catalogue
from decisioning.rules.compiler import CompileError
from decisioning.rules.conditions import ConditionError
from decisioning.specs import Condition
from rtts_site.foundation.redis_clients import Down

CONDITIONS = {Kind.SEGMENT: "condition", Kind.OFFER: "eligibility", Kind.CAMPAIGN: "eligibility"}
MOST = 40  # things measured of one change; the rest counts as reaching everybody

Reach = dict[str, int | None]  # "offer:winter-sale" -> people; None: unknown, or everybody


def measure(change: Change, *, now: datetime) -> Reach:
    """Return the larger of the audience before and after of each thing that a change touches.

    Nothing is measured where no rule asks for a size.
    """
    if not ApprovalRule.objects.exclude(above_people=None).exists():
        return {}
    sides = candidate_of(None), candidate_of(change)
    touched = [(row.item.kind, row.item.key) for row in changed_drafts(change)]
    return {
        f"{kind}:{key}": _largest(kind, key, sides, now=now) if number < MOST else None
        for number, (kind, key) in enumerate(touched)
    }


def _largest(kind: str, key: str, sides: tuple[Candidate, ...], *, now: datetime) -> int | None:
    field = CONDITIONS.get(Kind(kind))
    if field is None:
        return None
    found = []
    for side in sides:
        body = side.bodies.get((kind, key))
        if body is not None:
            found.append(_people(body[field], side, now=now))
    known = [people for people in found if people is not None]
    return max(known) if known and len(known) == len(found) else None


def _people(condition: Condition, candidate: Candidate, *, now: datetime) -> int | None:
    if is_everyone(condition):
        return None
    try:
        catalogue = Catalogue.of(candidate.spec)
        return simulation.audience(condition, catalogue, now=now).people
    except (Refused, ConditionError, CompileError, *Down):
        return None
