"""What a reviewer reads: everything that a change or release says otherwise than what was live before."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from campaigns import comparing, mapping, stopping, wording
from campaigns.analysis.placing import address_of, items_of
from campaigns.candidates import candidate_of, changed_drafts, conflicts
from campaigns.drafts import drafts_of
from campaigns.models import Change, Release, Revision
from campaigns.wording import Line, Names

CONDITIONS = frozenset({"condition", "eligibility", "leaving"})


@dataclass(frozen=True, slots=True)
class Difference:
    """One field before and after, in words."""

    field: str  # of the body, e.g. "eligibility"; what comments on it name
    label: str
    before: tuple[comparing.Row, ...]
    after: tuple[comparing.Row, ...]
    line: Line  # the same without marks

    @property
    def change(self) -> str:
        """Return "added", "removed" or "changed"."""
        return self.line.change


@dataclass(frozen=True, slots=True)
class Told:
    """One thing of a change, in words."""

    revision: Revision
    verb: str  # "new", "changed", "archived"
    differences: tuple[Difference, ...]
    is_conflict: bool = False

    @property
    def name(self) -> str:
        """Return what the thing is called in this revision."""
        return str(self.revision.body.get("name") or self.revision.item)

    @property
    def lines(self) -> list[Line]:
        """Return each difference as a line before and after."""
        return [one.line for one in self.differences]


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
    return Told(after, verb, tuple(_differences(before, after, names)), is_conflict)


def _differences(before: Revision | None, after: Revision, names: Names) -> Iterator[Difference]:
    was = _said(before) if before and not before.removed else {}
    now = _said(after) if not after.removed else {}
    sides = (was, before), (now, after)
    for name in [*now, *(name for name in was if name not in now)]:
        lines = wording.diff(*(_described(name, said, row, names) for said, row in sides))
        for line in lines:
            if line.change != "same":
                yield Difference(name, line.label, *_rows(name, line, was, now, names), line)


def _said(revision: Revision) -> dict[str, Any]:
    body = {name: value for name, value in revision.body.items() if name != "key"}
    return body | {"description": revision.details.get("description", "")}


def _described(
    name: str, said: dict[str, Any], revision: Revision | None, names: Names
) -> dict[str, str]:
    if revision is None or name not in said:
        return {}
    if name in ("name", "description"):
        label = _("Name") if name == "name" else _("Description")
        return {label: str(said[name])}
    zone = {"time_zone": revision.details.get("time_zone")}
    return wording.describe(revision.item.kind, {name: said[name]}, names, zone)


def _rows(
    name: str, line: Line, was: dict[str, Any], now: dict[str, Any], names: Names
) -> tuple[tuple[comparing.Row, ...], tuple[comparing.Row, ...]]:
    if name in CONDITIONS and (was.get(name) or now.get(name)):
        words = partial(_words, names=names)
        return comparing.compare_conditions(was.get(name), now.get(name), words=words)
    return comparing.compare_texts(line.before, line.after)


def _words(leaf: dict[str, Any], *, names: Names) -> str:
    is_group = any(kind in leaf for kind in comparing.GROUPS)
    return wording.words_of(leaf if is_group else {"all": [leaf]}, names)


def stopped(change: Change) -> list[str]:
    """Return what publishing a change would let run again, in words; a dozen queries."""
    items = [row.item_id for row in changed_drafts(change) if not row.removed]
    words = _("“%(name)s” is stopped in an emergency; publishing this lets it run again.")
    return [words % {"name": one.item} for one in stopping.lifted_by(change, items)]


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
    gone = [Told(row, "archived", ()) for item, row in before.items() if item not in after]
    return told + gone


def _by_item(release: Release) -> dict[int, Revision]:
    rows = release.revisions.select_related("item", "author").order_by("item__kind", "item__key")
    return {row.item_id: row for row in rows}


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that keeps a change from being submitted, and where to put it right."""

    text: str
    url: str = ""

    def __str__(self) -> str:
        return self.text


def faults(change: Change) -> list[Fault]:
    """Return what keeps a change from being submitted, in words."""
    candidate = candidate_of(change)
    try:
        findings = candidate.findings()
        items = items_of(findings) if findings else {}
        found = [Fault(str(finding), address_of(finding, items)) for finding in findings]
    except mapping.Refused as refused:
        found = [Fault(f"{error.field}: {error.message}") for error in refused.errors]
    meanwhile = _("“{item}” went live otherwise meanwhile: open, compare and save it again.")
    stale = [
        Fault(meanwhile.format(item=draft.item), reverse("admin:rtts-item", args=[draft.item_id]))
        for draft in conflicts(change)
    ]
    return [*stale, *found]
