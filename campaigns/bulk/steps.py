"""The only place that says what acts do to one thing, whatever else was chosen beside it."""

from collections.abc import Callable

from django.utils.translation import gettext as _

from campaigns import tags, wording
from campaigns.bulk.plans import CannotDo, Effect, Plan
from campaigns.bulk.scenes import Said, Scene
from campaigns.drafts import Draft
from campaigns.mapping import Body, Refused, parse
from campaigns.models import Item
from campaigns.models.items import Kind

Step = Callable[[Scene, Item], Effect]


def each(act: str, step: Step) -> Callable[[Scene], Plan]:
    """Return the plan of an act that takes one step for each thing; what a thing does not allow is said."""

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


def archive(scene: Scene, item: Item) -> Effect:
    """Remove a thing that nothing uses, but for what goes with it."""
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


def restore(scene: Scene, item: Item) -> Effect:
    """Have an archived thing again as it was last."""
    if scene.is_there(item):
        raise CannotDo(_("It is not archived."))
    body = scene.bodies.get(item.pk)
    if body is None:
        raise CannotDo(_("It is not archived."))
    names = wording.names_of(scene.candidate)
    words = wording.summary(item.kind, body, names)
    return Effect(item, after=words, drafts=(scene.draft(item, body, _("Restored")),))


def tag(scene: Scene, item: Item) -> Effect:
    """Add the tags that the form says."""
    after = tags.with_tags(item.tags, scene.said["tags"])
    if len(after) > tags.MOST:
        raise CannotDo(_("It would have more than %(most)s tags.") % {"most": tags.MOST})
    return _tagged(item, after, _("It has these tags already."))


def untag(scene: Scene, item: Item) -> Effect:
    """Take away the tags that the form says, in whatever case they are written."""
    gone = {tag.casefold() for tag in scene.said["tags"]}
    after = [tag for tag in item.tags if tag.casefold() not in gone]
    return _tagged(item, after, _("It has none of these tags."))


def _tagged(item: Item, after: list[str], unchanged: str) -> Effect:
    if set(after) == set(item.tags):
        raise CannotDo(unchanged)
    return Effect(
        item, ", ".join(item.tags) or wording.NOTHING, ", ".join(after) or wording.NOTHING
    )


def add_purpose(scene: Scene, item: Item) -> Effect:
    """Ask for the consent to one purpose more."""
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


def change_dates(scene: Scene, item: Item) -> Effect:
    """Change those of the two dates that the form says."""
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
