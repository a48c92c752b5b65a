"""The only place that says what moving offers to one campaign does to the others."""

from collections.abc import Iterator

from django.utils.translation import gettext as _

from campaigns import wording
from campaigns.bulk.plans import Effect, Plan
from campaigns.bulk.scenes import Scene
from campaigns.candidates import Candidate
from campaigns.drafts import Draft
from campaigns.mapping import Body
from campaigns.models import Item
from campaigns.models.items import Kind
from campaigns.uses import Use


def move(scene: Scene) -> Plan:
    """Plan to have offers in one campaign and in no other."""
    target = scene.said["campaign"]
    campaigns = {
        key: body for (kind, key), body in scene.candidate.bodies.items() if kind == Kind.CAMPAIGN
    }
    names = wording.names_of(scene.candidate)
    effects = [_moved(scene, item, campaigns, names) for item in scene.items]
    leaving = {effect.item.key for effect in effects if not effect.refusal}
    effects = [_not_emptying(effect, campaigns, leaving, target) for effect in effects]
    moving = [effect.item.key for effect in effects if not effect.refusal]
    edits = dict(_edited(campaigns, moving, target))
    made = tuple(
        Draft(
            kind=Kind.CAMPAIGN,
            key=key,
            body=body,
            details=_details(scene.candidate, key),
            why=_("Offers moved"),
        )
        for key, body in edits.items()
    )
    beside = tuple(
        _sizes(names.of(Kind.CAMPAIGN, key), campaigns[key], edits[key]) for key in edits
    )
    return Plan("move", effects, made, beside)


def _moved(scene: Scene, item: Item, campaigns: dict[str, Body], names: wording.Names) -> Effect:
    target = scene.said["campaign"]
    homes = [key for key, body in campaigns.items() if item.key in body["offers"]]
    others = tuple(
        Use(Kind.CAMPAIGN, key, "fallback_offer")
        for key, body in campaigns.items()
        if body["fallback_offer"] == item.key and key != target
    )
    tried = tuple(
        use
        for use in scene.candidate.users.get((item.kind, item.key), ())
        if use.kind == Kind.EXPERIMENT
        and scene.candidate.bodies[use.kind, use.key]["campaign"] != target
    )
    if not scene.is_there(item):
        return Effect(item, refusal=_("It is archived, or a colleague's draft."))
    if homes == [target]:
        return Effect(item, refusal=_("It is in this campaign already."))
    if others or tried:
        return Effect(
            item, refusal=_("Another campaign or its experiment needs it."), users=others + tried
        )
    before = names.all(Kind.CAMPAIGN, homes)
    return Effect(item, before, names.of(Kind.CAMPAIGN, target))


def _not_emptying(
    effect: Effect, campaigns: dict[str, Body], leaving: set[str], target: str
) -> Effect:
    if effect.refusal:
        return effect
    emptied = tuple(
        Use(Kind.CAMPAIGN, key, "offers")
        for key, body in campaigns.items()
        if key != target and effect.item.key in body["offers"] and set(body["offers"]) <= leaving
    )
    if not emptied:
        return effect
    return Effect(effect.item, refusal=_("A campaign would have no offer left."), users=emptied)


def _edited(
    campaigns: dict[str, Body], moving: list[str], target: str
) -> Iterator[tuple[str, Body]]:
    if not moving:
        return
    for key, body in campaigns.items():
        offers = [offer for offer in body["offers"] if offer not in moving]
        if key == target:
            offers = [*body["offers"], *(offer for offer in moving if offer not in body["offers"])]
        if offers != body["offers"]:
            yield key, {**body, "offers": offers}


def _details(candidate: Candidate, key: str) -> Body:
    rows = candidate.revisions
    return next(
        (row.details for row in rows if (row.item.kind, row.item.key) == (Kind.CAMPAIGN, key)), {}
    )


def _sizes(name: str, before: Body, after: Body) -> str:
    return _("Campaign “%(name)s”: %(before)s offers now, %(after)s then.") % {
        "name": name,
        "before": f"{len(before['offers']):,}",
        "after": f"{len(after['offers']):,}",
    }
