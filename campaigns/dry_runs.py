"""The only place that says what a file would do to what its author sees, with an error for each cell; nothing is written."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns import csv_files, tags, wording
from campaigns.candidates import Candidate
from campaigns.checking import check_some
from campaigns.csv_files import Row, RowError, Said, Table
from campaigns.drafts import Draft
from campaigns.mapping import Refused, body_of, parse
from campaigns.models import CsvImport, Item, Revision
from campaigns.review import Told, told_of

SHOWN_ERRORS: Final = 200
SHOWN_ROWS: Final = 50  # before and after
STEP: Final = 100  # rows between two reports
Report = Callable[[int, int, str], None]


@dataclass(slots=True)
class Reading:
    """What a file would do."""

    new: list[str] = field(default_factory=list)  # keys
    changed: list[str] = field(default_factory=list)
    same: int = 0
    tagged: dict[str, list[str]] = field(default_factory=dict)  # key -> tags
    errors: list[RowError] = field(default_factory=list)
    drafts: list[Draft] = field(default_factory=list)
    befores: dict[str, Said] = field(default_factory=dict)  # of what is changed, by key

    def outcome(self) -> dict[str, Any]:
        """Return what is kept of it for the page."""
        shown = sorted(self.errors, key=lambda error: error.row)[:SHOWN_ERRORS]
        return {
            "new": len(self.new),
            "changed": len(self.changed),
            "same": self.same,
            "tagged": len(self.tagged),
            "wrong": len({error.row for error in self.errors}),
            "errors": [[error.row, error.column, error.message] for error in shown],
            "more_errors": max(0, len(self.errors) - SHOWN_ERRORS),
            "rows": [
                [
                    {"body": said.body, "details": said.details}
                    for said in (self.befores[draft.key], draft)
                ]
                for draft in [one for one in self.drafts if one.key in self.befores][:SHOWN_ROWS]
            ],
        }


def read_file(
    kind: str, table: Table, candidate: Candidate, *, report: Report | None = None
) -> Reading:
    """Return what a table would do to what an author sees; nothing is written; four queries."""
    reading = Reading()
    known = {row.item.key: row for row in candidate.revisions if row.item.kind == kind}
    keys = [row.cells.get("key", "").strip() for row in table.rows]
    others = _elsewhere(kind, keys, known)
    # Tags change without a release: a candidate that is kept may have old ones.
    rows = Item.objects.filter(kind=kind, key__in=keys).values_list("key", "tags", "live_revision")
    fresh = {key: (kept, live) for key, kept, live in rows}
    lines: dict[str, int] = {}
    for count, row in enumerate(table.rows, start=1):
        key = row.cells.get("key", "").strip()
        fault = _key_fault(key, lines, others)
        if fault:
            reading.errors.append(RowError(row.number, "key", fault))
            continue
        lines[key] = row.number
        before = known.get(key)
        kept, live = fresh.get(key, ([], None))
        said = Said(before.body, before.details, kept) if before else None
        _read(reading, kind, row, said, live)
        if report and count % STEP == 0:
            report(count, len(table.rows), _("Reading"))
    reading.errors += _misfits(kind, reading, candidate, lines)
    return reading


def _elsewhere(kind: str, keys: list[str], known: Iterable[str]) -> dict[str, str]:
    """Return why keys that exist cannot be written: they are archived, or in somebody's draft."""
    rows = Item.objects.filter(kind=kind, key__in=keys).exclude(key__in=list(known))
    return {
        row.key: _("It is archived: restore it first.")
        if row.archived_at
        else _("A colleague is drafting a thing of this key.")
        for row in rows
    }


def _key_fault(key: str, lines: dict[str, int], others: dict[str, str]) -> str:
    if not key:
        return _("Give each row a key.")
    if key in lines:
        return _("This key is in row %(row)s already.") % {"row": lines[key]}
    return others.get(key, "")


def _read(reading: Reading, kind: str, row: Row, before: Said | None, live: int | None) -> None:
    said, errors = csv_files.read_row(kind, row, before)
    if said is None:
        reading.errors += errors
        return
    try:
        body = body_of(parse(kind, said.body))
        kept = tags.read_tags(",".join(said.tags)) if said.tags is not None else None
    except Refused as refused:
        reading.errors += [
            RowError(row.number, _column(error.field), error.message) for error in refused.errors
        ]
        return
    except tags.TagRefused as error:
        reading.errors.append(RowError(row.number, csv_files.TAGS, str(error)))
        return
    new = Said(body, said.details, kept)
    version = row.cells.get(csv_files.VERSION, "").strip()
    if before and version not in ("", str(live or "")) and not _is_same(new, before):
        reading.errors.append(RowError(row.number, csv_files.VERSION, _outdated()))
        return
    _compare(reading, kind, new, before)


def _outdated() -> str:
    return _(
        "A colleague published this since the file was written: export it again, or empty this"
        " cell to overwrite it."
    )


def _is_same(said: Said, before: Said) -> bool:
    return (said.body, said.details) == (before.body, before.details)


def _column(field_name: str) -> str:
    return field_name.partition("[")[0].partition(".")[0]


def _compare(reading: Reading, kind: str, said: Said, before: Said | None) -> None:
    key = said.body["key"]
    old_tags = before.tags or [] if before else []
    if said.tags is not None and set(said.tags) != set(old_tags):
        reading.tagged[key] = said.tags
    if before and _is_same(said, before):
        reading.same += 1
        return
    (reading.changed if before else reading.new).append(key)
    if before:
        reading.befores[key] = before
    why = _("Imported from a file")
    reading.drafts.append(Draft(kind=kind, key=key, body=said.body, details=said.details, why=why))


def _misfits(
    kind: str, reading: Reading, candidate: Candidate, lines: dict[str, int]
) -> Iterator[RowError]:
    """Yield what does not fit to the rest of the catalogue: a purpose that is not there, and the like."""
    bodies = {(draft.kind, draft.key): draft.body for draft in reading.drafts}
    trial = Candidate({**candidate.bodies, **bodies}, candidate.revisions)
    try:
        found = check_some(trial.spec, trial.purposes, bodies.keys())
    except Refused as refused:
        yield RowError(1, "", str(refused))
        return
    for finding in found:
        yield RowError(lines[finding.key], _column(finding.field), finding.message)


def changed_rows(row: CsvImport, candidate: Candidate) -> list[Told]:
    """Return the first of what a file changes, each before and after, in the reader's words."""
    names = wording.names_of(candidate)
    return [
        told_of(_revision(row.kind, before), _revision(row.kind, after), names)
        for before, after in row.outcome.get("rows", ())
    ]


def _revision(kind: str, said: dict[str, Any]) -> Revision:
    return Revision(item=Item(kind=kind, key=said["body"]["key"]), **said)


def outcome_words(outcome: dict[str, Any]) -> str:
    """Return e.g. "3 new, 1 changed, 12 as they are"."""
    parts = (
        ngettext("%(n)s new", "%(n)s new", outcome["new"]) % {"n": f"{outcome['new']:,}"},
        ngettext("%(n)s changed", "%(n)s changed", outcome["changed"])
        % {"n": f"{outcome['changed']:,}"},
        ngettext("%(n)s as it is", "%(n)s as they are", outcome["same"])
        % {"n": f"{outcome['same']:,}"},
    )
    return ", ".join(parts)
