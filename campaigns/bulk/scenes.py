"""The only place that gathers what an act on many things looks at."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import F, Q

from campaigns.candidates import Candidate
from campaigns.drafts import Draft
from campaigns.mapping import Body
from campaigns.models import Change, Item, Revision

Said = Mapping[str, Any]  # what the form of the act says, e.g. {"purpose": "ads"}


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
