"""The one registry of what can be done to many things at once: it plans an act, and then does exactly that."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.contrib.auth.models import AbstractUser
from django.utils.translation import gettext_lazy, ngettext

from campaigns import drafts, tags
from campaigns.bulk import moving, steps
from campaigns.bulk.plans import Plan
from campaigns.bulk.scenes import Scene
from campaigns.models import Change
from campaigns.models.items import Kind

MOST: Final = 2_000  # things in one act


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
    "tag": Act(
        gettext_lazy("Add tags"), _tagged_words, steps.each("tag", steps.tag), EVERY, "tags"
    ),
    "untag": Act(
        gettext_lazy("Remove tags"), _tagged_words, steps.each("untag", steps.untag), EVERY, "tags"
    ),
    "purpose": Act(
        gettext_lazy("Add a purpose"),
        _saved,
        steps.each("purpose", steps.add_purpose),
        WITH_PURPOSES,
        "purpose",
    ),
    "move": Act(
        gettext_lazy("Move to a campaign"), _saved, moving.move, frozenset({Kind.OFFER}), "campaign"
    ),
    "dates": Act(
        gettext_lazy("Change the dates"),
        _saved,
        steps.each("dates", steps.change_dates),
        DATED,
        "dates",
    ),
    "archive": Act(gettext_lazy("Archive"), _saved, steps.each("archive", steps.archive), EVERY),
    "restore": Act(
        gettext_lazy("Restore from the archive"),
        _saved,
        steps.each("restore", steps.restore),
        EVERY,
    ),
}


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
