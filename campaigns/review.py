"""What a reviewer reads: everything that a change or release says otherwise than what was live before."""

from dataclasses import dataclass

from campaigns import mapping, wording
from campaigns.candidates import candidate_of, changed_drafts, conflicts
from campaigns.cautions import cautions
from campaigns.drafts import drafts_of
from campaigns.models import Change, Release, Revision
from campaigns.wording import Line, Names


@dataclass(frozen=True, slots=True)
class Told:
    """One thing of a change, in words."""

    revision: Revision
    verb: str  # "new", "changed", "archived"
    lines: list[Line]
    is_conflict: bool = False

    @property
    def name(self) -> str:
        """Return what the thing is called in this revision."""
        return str(self.revision.body.get("name") or self.revision.item)


def tell(change: Change) -> list[Told]:
    """Return everything that a change says otherwise than what it was written on."""
    # One set of names for both sides: a renamed segment is no news for an offer that uses it.
    names = Names({**candidate_of(None).bodies, **candidate_of(change).bodies})
    if not change.is_editable and change.state != Change.State.PREPARING:
        return [told_of(row.base, row, names) for row in drafts_of(change)]
    stale = {draft.pk for draft in conflicts(change)}
    return [
        told_of(row.item.live_revision, row, names, is_conflict=row.pk in stale)
        for row in changed_drafts(change)
    ]


def told_of(
    before: Revision | None, after: Revision, names: Names, *, is_conflict: bool = False
) -> Told:
    """Return one thing before and after."""
    verb = "archived" if after.removed else "changed" if before else "new"
    return Told(after, verb, _lines(before, after, names), is_conflict)


def _lines(before: Revision | None, after: Revision, names: Names) -> list[Line]:
    kind = after.item.kind
    was = _described(kind, before, names) if before else {}
    now = _described(kind, after, names) if not after.removed else {}
    return [line for line in wording.diff(was, now) if line.change != "same"]


def _described(kind: str, revision: Revision, names: Names) -> dict[str, str]:
    name = {"Name": str(revision.body.get("name", ""))}
    return name | wording.describe(kind, revision.body, names, revision.details)


def tell_release(release: Release) -> list[Told]:
    """Return everything that a release says otherwise than the one it followed."""
    after = _by_item(release)
    before = _by_item(release.base) if release.base else {}
    rows = [*before.values(), *after.values()]
    names = Names({(row.item.kind, row.item.key): row.body for row in rows})
    told = [
        told_of(before.get(item), row, names)
        for item, row in after.items()
        if item not in before or before[item].pk != row.pk
    ]
    gone = [Told(row, "archived", []) for item, row in before.items() if item not in after]
    return told + gone


def _by_item(release: Release) -> dict[int, Revision]:
    rows = release.revisions.select_related("item", "author").order_by("item__kind", "item__key")
    return {row.item_id: row for row in rows}


def doubts(change: Change) -> list[str]:
    """Return what may be published but is hardly meant, of the things that a change touches."""
    candidate = candidate_of(change)
    touched = {(row.item.kind, row.item.key) for row in changed_drafts(change)}
    try:
        found = cautions(candidate.spec)
    except mapping.Refused:
        return []
    return sorted({str(one) for one in found if (one.kind, one.key) in touched})


def faults(change: Change) -> list[str]:
    """Return what keeps a change from being submitted, in words."""
    candidate = candidate_of(change)
    try:
        found = [str(finding) for finding in candidate.findings()]
    except mapping.Refused as refused:
        found = [f"{error.field}: {error.message}" for error in refused.errors]
    names = [f"“{draft.item}” went live otherwise meanwhile" for draft in conflicts(change)]
    return [*(f"{name}: open, compare and save it again." for name in names), *found]
