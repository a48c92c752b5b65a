"""The only place that says what one act on many things would do to each, and then does exactly that."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import msgspec
from django.contrib.auth.models import AbstractUser
from django.db.models import F, Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from campaigns import drafts, tags, wording
from campaigns.candidates import Candidate
from campaigns.drafts import Draft
from campaigns.mapping import Body, Refused, parse
from campaigns.models import Change, Item, Revision
from campaigns.models.items import Kind
from campaigns.uses import Use

MOST: Final = 2_000  # things in one act
Said = Mapping[str, Any]  # what the form of the act says, e.g. {"purpose": "ads"}


class CannotDo(Exception):
    """An act that one thing does not allow; the message says why."""

    def __init__(self, message: str, users: tuple[Use, ...] = ()) -> None:
        super().__init__(message)
        self.users = users


@dataclass(frozen=True, slots=True)
class Effect:
    """What an act does to one thing."""

    item: Item
    before: str = ""
    after: str = ""
    refusal: str = ""  # why it is left alone
    users: tuple[Use, ...] = ()  # who stands in the way
    drafts: tuple[Draft, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What an act does to all things that were chosen."""

    act: str
    effects: list[Effect] = field(default_factory=list)
    more: tuple[Draft, ...] = ()  # of things beside those chosen
    beside: tuple[str, ...] = ()  # and what happens to them, in words

    @property
    def ready(self) -> list[Effect]:
        """Return what will be done."""
        return [effect for effect in self.effects if not effect.refusal]

    @property
    def refused(self) -> list[Effect]:
        """Return what is left alone."""
        return [effect for effect in self.effects if effect.refusal]

    @property
    def drafts(self) -> list[Draft]:
        """Return everything to save."""
        return [*(draft for effect in self.ready for draft in effect.drafts), *self.more]

    @property
    def digest(self) -> str:
        """Return the digest over all that will be done: a page that showed it may ask for just this."""
        ready = [
            (effect.item.pk, effect.before, effect.after, effect.drafts) for effect in self.ready
        ]
        said = msgspec.json.encode((self.act, ready, self.more), order="deterministic")
        return hashlib.sha256(said).hexdigest()


@dataclass(frozen=True, slots=True)
class Scene:
    """What an act looks at."""

    candidate: Candidate
    items: list[Item]
    bodies: dict[int, Body]  # what the author reads now, by item; of what is archived, as it was
    details: dict[int, Body]
    said: Said

    @property
    def chosen(self) -> frozenset[tuple[str, str]]:
        """Return the names of the things that were chosen."""
        return frozenset((item.kind, item.key) for item in self.items)

    def is_there(self, item: Item) -> bool:
        """Say whether a thing would be live, were the author's change published."""
        return (item.kind, item.key) in self.candidate.bodies

    def draft(self, item: Item, body: Body, why: str) -> Draft:
        """Return the draft of a new body."""
        return Draft(
            kind=item.kind, key=item.key, body=body, details=self.details.get(item.pk, {}), why=why
        )


def scene_of(
    items: Iterable[Item], *, candidate: Candidate, change: Change | None, said: Said
) -> Scene:
    """Return what an act on these things looks at; two queries."""
    things = list(items)
    inside = {(row.item.kind, row.item.key): row for row in candidate.revisions}
    bodies, details, absent = {}, {}, []
    for item in things:
        row = inside.get((item.kind, item.key))
        if row is None:
            absent.append(item.pk)
        else:
            bodies[item.pk], details[item.pk] = row.body, row.details
    for row in _last(absent, change):
        bodies[row.item_id], details[row.item_id] = row.body, row.details
    return Scene(candidate, things, bodies, details, said)


def _last(things: list[int], change: Change | None) -> Iterable[Revision]:
    """Return what was live last of each thing, else what a published change or this one said; one query."""
    # What a colleague drafts, or somebody discarded, was never reviewed.
    published = Q(releases__version__isnull=False) | Q(change__state=Change.State.LIVE)
    mine = Q(change=change.pk if change else 0)
    rows = Revision.objects.filter(published | mine, item__in=things, removed=False)
    version = F("releases__version").desc(nulls_last=True)
    return rows.order_by("item_id", version, "-number").distinct("item_id")


def plan(act: str, scene: Scene) -> Plan:
    """Return what an act does; nothing is written."""
    return ACTS[act].plan(scene)


def carry_out(
    made: Plan, scene: Scene, *, change: Change | None, by: AbstractUser, now: datetime
) -> int:
    """Do what a plan says and return to how many things; a plan with drafts needs a change."""
    if made.act in TAGGING:
        things = [effect.item.pk for effect in made.ready]
        return tags.change_tags(things, **{TAGGING[made.act]: scene.said["tags"]})
    if change is not None and made.drafts:
        drafts.save_drafts(change, made.drafts, author=by, now=now)
    return len(made.ready)


Step = Callable[[Scene, Item], Effect]


def _each(act: str, step: Step) -> Callable[[Scene], Plan]:
    def make(scene: Scene) -> Plan:
        return Plan(act, [_attempt(step, scene, item) for item in scene.items])

    return make


def _attempt(step: Step, scene: Scene, item: Item) -> Effect:
    try:
        effect = step(scene, item)
        for draft in effect.drafts:
            if not draft.removed:
                parse(draft.kind, draft.body)
    except CannotDo as error:
        return Effect(item, refusal=str(error), users=error.users)
    except Refused as error:
        return Effect(item, refusal=str(error))
    return effect


def _archive(scene: Scene, item: Item) -> Effect:
    if not scene.is_there(item) and not _is_drafted(item):
        raise CannotDo(_("It is archived already."))
    users = tuple(
        use
        for use in scene.candidate.users.get((item.kind, item.key), ())
        if (use.kind, use.key) not in scene.chosen
    )
    if users:
        raise CannotDo(_("It is in use."), users)
    removed = Draft(kind=item.kind, key=item.key, removed=True, why=_("Archived"))
    return Effect(item, after=_("archived once your change is published"), drafts=(removed,))


def _is_drafted(item: Item) -> bool:
    return item.live_revision_id is None and item.archived_at is None


def _restore(scene: Scene, item: Item) -> Effect:
    if scene.is_there(item):
        raise CannotDo(_("It is not archived."))
    body = scene.bodies.get(item.pk)
    if body is None:
        raise CannotDo(_("It is not archived."))
    names = wording.names_of(scene.candidate)
    words = wording.summary(item.kind, body, names)
    return Effect(item, after=words, drafts=(scene.draft(item, body, _("Restored")),))


def _tag(scene: Scene, item: Item) -> Effect:
    after = tags.with_tags(item.tags, scene.said["tags"])
    if len(after) > tags.MOST:
        raise CannotDo(_("It would have more than %(most)s tags.") % {"most": tags.MOST})
    return _tagged(item, after, _("It has these tags already."))


def _untag(scene: Scene, item: Item) -> Effect:
    gone = {tag.casefold() for tag in scene.said["tags"]}
    after = [tag for tag in item.tags if tag.casefold() not in gone]
    return _tagged(item, after, _("It has none of these tags."))


def _tagged(item: Item, after: list[str], unchanged: str) -> Effect:
    if set(after) == set(item.tags):
        raise CannotDo(unchanged)
    return Effect(
        item, ", ".join(item.tags) or wording.NOTHING, ", ".join(after) or wording.NOTHING
    )


def _add_purpose(scene: Scene, item: Item) -> Effect:
    body, purpose = _body(scene, item), scene.said["purpose"]
    if purpose in body["purposes"]:
        raise CannotDo(_("It has this purpose already."))
    names, after = wording.names_of(scene.candidate), [*body["purposes"], purpose]
    return Effect(
        item,
        names.all(Kind.PURPOSE, body["purposes"]),
        names.all(Kind.PURPOSE, after),
        drafts=(scene.draft(item, {**body, "purposes": after}, _("Purpose added")),),
    )


def _body(scene: Scene, item: Item) -> Body:
    if not scene.is_there(item):
        raise CannotDo(_("It is archived, or a colleague's draft: nothing to edit in your change."))
    return scene.bodies[item.pk]


def _change_dates(scene: Scene, item: Item) -> Effect:
    body = _body(scene, item)
    moved = {name: moment for name, moment in scene.said["dates"].items() if moment != body[name]}
    if not moved:
        raise CannotDo(_("It has these dates already."))
    after = {**body, **moved}
    draft = scene.draft(item, after, _("Dates changed"))
    return Effect(item, _span(body, scene.said), _span(after, scene.said), drafts=(draft,))


def _span(body: Body, said: Said) -> str:
    zone = said["zone"]
    start, end = (wording.moment(body[name], zone) for name in ("starts_at", "ends_at"))
    return _("from %(start)s until %(end)s") % {"start": start, "end": end}


def _move(scene: Scene) -> Plan:
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


@dataclass(frozen=True, slots=True)
class Act:
    """Something that can be done to many things of these kinds at once."""

    label: Any  # lazy: "Archive"
    done: Callable[[int], str]
    plan: Callable[[Scene], Plan]
    kinds: frozenset[str]
    asks: str = ""  # the part of the form that it needs: "tags", "purpose", "campaign", "dates"


def _saved(count: int) -> str:
    text = ngettext("Saved %(n)s draft.", "Saved %(n)s drafts.", count)
    return text % {"n": f"{count:,}"}


def _tagged_words(count: int) -> str:
    text = ngettext("Changed the tags of %(n)s thing.", "Changed the tags of %(n)s things.", count)
    return text % {"n": f"{count:,}"}


EVERY: Final = frozenset(Kind.values) - {Kind.SETTINGS}
DATED: Final = frozenset({Kind.OFFER, Kind.CAMPAIGN})
WITH_PURPOSES: Final = frozenset({Kind.OFFER, Kind.ATTRIBUTE, Kind.EVENT_TYPE})
TAGGING: Final = {"tag": "add", "untag": "remove"}
ACTS: Final[dict[str, Act]] = {
    "tag": Act(gettext_lazy("Add tags"), _tagged_words, _each("tag", _tag), EVERY, "tags"),
    "untag": Act(gettext_lazy("Remove tags"), _tagged_words, _each("untag", _untag), EVERY, "tags"),
    "purpose": Act(
        gettext_lazy("Add a purpose"),
        _saved,
        _each("purpose", _add_purpose),
        WITH_PURPOSES,
        "purpose",
    ),
    "move": Act(
        gettext_lazy("Move to a campaign"), _saved, _move, frozenset({Kind.OFFER}), "campaign"
    ),
    "dates": Act(
        gettext_lazy("Change the dates"), _saved, _each("dates", _change_dates), DATED, "dates"
    ),
    "archive": Act(gettext_lazy("Archive"), _saved, _each("archive", _archive), EVERY),
    "restore": Act(
        gettext_lazy("Restore from the archive"), _saved, _each("restore", _restore), EVERY
    ),
}
