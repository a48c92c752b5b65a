"""How many people each thing of a change reaches, for the rules that ask for more approvals above a size."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Final

from campaigns.audiences.counting import find, text_of
from campaigns.body_rules import is_everyone
from campaigns.candidates import Candidate, candidate_of, changed_drafts
from campaigns.mapping import Refused
from campaigns.models import ApprovalRule, Change
from campaigns.models.items import Kind
from campaigns.sampling import load_people
from decisioning.rules.compiler import CompileError
from decisioning.rules.conditions import (
    Catalogue,
    ConditionError,
    Node,
    aggregates,
    inline_segments,
    parse,
)
from rtts_site.foundation.redis_clients import Down, redis_client

CONDITIONS = {Kind.SEGMENT: "condition", Kind.OFFER: "eligibility", Kind.CAMPAIGN: "eligibility"}
MOST = 40  # things measured of one change; the rest counts as reaching everybody

SECONDS: Final = 2.0  # of counting, for all of them together

Reach = dict[str, int | None]  # "offer:winter-sale" -> people; None: unknown, or everybody


def measure(change: Change, *, now: datetime) -> Reach:
    """Return how many people at most each thing reaches that a change touches, before or after it.

    Where people were sampled, the upper end of the interval counts. Nothing is measured where no rule asks
    for a size. Takes about SECONDS: call it before anything is locked.
    """
    if not ApprovalRule.objects.exclude(above_people=None).exists():
        return {}
    touched = [(row.item.kind, row.item.key) for row in changed_drafts(change)]
    before, after = (
        _trees(side, touched[:MOST]) for side in (candidate_of(None), candidate_of(change))
    )
    asked = {("b", *place): tree for place, tree in before.items() if tree is not None}
    asked |= {("a", *place): tree for place, tree in after.items() if tree is not None}
    people = _people(asked, now=now)
    reached: Reach = {}
    for place in touched:
        sides = [
            people.get((side, *place))
            for side, trees in (("b", before), ("a", after))
            if place in trees
        ]
        known = [number for number in sides if number is not None]
        reached[":".join(place)] = max(known) if known and len(known) == len(sides) else None
    return reached


def kept(reached: Reach, before: Candidate, after: Candidate) -> Reach:
    """Return what was measured of one candidate for the next one; None for what may find other people there."""
    places = [(kind, key) for kind, _colon, key in (name.partition(":") for name in reached)]
    earlier, later = _trees(before, places), _trees(after, places)
    same = {
        ":".join(place) for place in places if _text(earlier.get(place)) == _text(later.get(place))
    }
    return {name: people if name in same else None for name, people in reached.items()}


Place = tuple[str, str]  # kind and key


def _trees(side: Candidate, places: Iterable[Place]) -> dict[Place, Node | None]:
    """Return the conditions of those that are there, segments put in place; None: everybody, or not readable."""
    found: dict[Place, Node | None] = {}
    catalogue = _catalogue(side)
    for kind, key in places:
        body, field = side.bodies.get((kind, key)), CONDITIONS.get(Kind(kind))
        if body is None:
            continue
        condition = body.get(field or "") or {}
        found[kind, key] = None
        if catalogue is not None and not is_everyone(condition):
            with suppress(ConditionError):
                found[kind, key] = inline_segments(parse(condition, catalogue))
    return found


def _catalogue(side: Candidate) -> Catalogue | None:
    try:
        return Catalogue.of(side.spec)
    except Refused:
        return None


def _text(tree: Node | None) -> str:
    return "" if tree is None else text_of(tree)


Asked = tuple[str, str, str]  # side, kind and key


def _people(trees: Mapping[Asked, Node], *, now: datetime) -> dict[Asked, int]:
    """Return how many people each finds at most; nothing where they cannot be counted now."""
    names = {str(number): name for number, name in enumerate(trees)}
    needed = {one for tree in trees.values() for one in aggregates(tree)}
    if not trees:
        return {}
    try:
        people = load_people(redis_client(), aggregates=needed, now=now)
        asked = {number: trees[name] for number, name in names.items()}
        found = find(people, asked, now=now.timestamp(), seconds=SECONDS)
    except (CompileError, *Down):
        return {}
    return {names[number]: one.estimate.high for number, one in found.items()}
