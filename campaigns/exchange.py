"""The only place that writes authored things to a JSON document and reads them back into a change."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AbstractUser
from django.db import transaction
from django.utils.translation import gettext as _

from campaigns import drafts
from campaigns.candidates import candidate_of, changed_drafts, live_release, live_revisions
from campaigns.checking import Finding
from campaigns.mapping import Refused
from campaigns.models import PROXIES, Change, Revision
from campaigns.models.items import Kind

FORMAT = "rtts-export-1"
MOST = 10_000  # things in a document
FIELDS = frozenset({"kind", "key", "body", "details", "removed", "version"})
DETAILS = frozenset({"description", "time_zone"})
ORDER = {kind: number for number, kind in enumerate(PROXIES)}

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RowFinding:
    """What is wrong with one row of a document; row -1 is the document itself."""

    row: int
    pointer: str  # JSON pointer into the document, e.g. "/things/3/body/eligibility"
    message: str
    is_stale: bool = False  # nothing is wrong with it, but another revision went live meanwhile


@dataclass(frozen=True, slots=True)
class Row:
    """A thing of a document that can be read."""

    number: int
    draft: drafts.Draft
    expect: str | None  # what `drafts.seen` has to give; None: the document does not say


@dataclass(slots=True)
class Imported:
    """What an import did, or would do."""

    change: Change | None = None
    saved: list[str] = field(default_factory=list)  # "offer:winter-sale"
    same: int = 0  # rows that say what is live already
    findings: list[RowFinding] = field(default_factory=list)  # nothing is saved where `is_refused`
    is_refused: bool = False


def export_live(*, versions: bool = False) -> Document:
    """Return everything that is live; three queries.

    With `versions` each thing names the revision it was read at, and is refused where another went live before it
    is imported: for editing here, not for another installation.
    """
    release = live_release()
    said = {"version": release.version, "digest": release.digest} if release else None
    read = live_revisions().values()
    return _document(read, {row.pk: row.pk for row in read} if versions else {}, release=said)


def export_change(change: Change, *, versions: bool = False) -> Document:
    """Return what a change says otherwise than what is live, or said once it is live itself; three queries."""
    rows = changed_drafts(change) if change.is_editable else list(drafts.drafts_of(change))
    is_live = change.state == Change.State.LIVE
    read = {row.pk: (None if row.removed else row.pk) if is_live else row.base_id for row in rows}
    about = {"title": change.title, "state": change.state}
    return _document(rows, read if versions else {}, change=about)


def _document(rows: Iterable[Revision], read: Mapping[int, int | None], **about: Any) -> Document:
    """Return a document of revisions; `read` has what was live of their things when they were written."""
    ordered = sorted(rows, key=lambda row: (ORDER[Kind(row.item.kind)], row.item.key))
    things = [
        _thing(row) | ({"version": f":{read[row.pk] or ''}"} if row.pk in read else {})
        for row in ordered
    ]
    return {"format": FORMAT, **about, "things": things}


def _thing(row: Revision) -> dict[str, Any]:
    thing: dict[str, Any] = {"kind": row.item.kind, "key": row.item.key}
    if row.removed:
        return thing | {"removed": True}
    details = {name: text for name, text in sorted(row.details.items()) if text}
    return thing | {"body": row.body} | ({"details": details} if details else {})


def kinds_in(document: object) -> set[str]:
    """Return the kinds of things that a document names."""
    things = document.get("things") if isinstance(document, dict) else None
    rows = things if isinstance(things, list) else []
    named = {str(row.get("kind")) for row in rows if isinstance(row, dict)}
    return named & set(PROXIES)


def import_document(
    document: object, *, author: AbstractUser, title: str, now: datetime, dry_run: bool = False
) -> Imported:
    """Save every thing of a document that is not live as it stands there into a new change, all or nothing.

    The change is reviewed like any other; `dry_run` leaves nothing behind. A thing that names its version is refused
    where another revision went live since.
    """
    done = Imported()
    rows = list(_read(document, done))
    if done.is_refused:
        return done
    with transaction.atomic():
        is_sound = _save(rows, done, author=author, title=title, now=now)
        if dry_run or not (is_sound and done.saved):
            transaction.set_rollback(True)
            done.change = None
    return done


def _read(document: object, done: Imported) -> Iterator[Row]:
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        _refuse(done, -1, "/format", _("Use a document with the format “%s”.") % FORMAT)
        return
    things = document.get("things")
    if not isinstance(things, list) or len(things) > MOST:
        _refuse(done, -1, "/things", _("Give a list of at most %s things.") % f"{MOST:,}")
        return
    seen: set[tuple[str, str]] = set()
    for number, thing in enumerate(things):
        wrong = _wrong(thing)
        if not wrong and (thing["kind"], thing["key"]) in seen:
            wrong = "key", _("This thing is in the document twice.")
        if wrong:
            _refuse(done, number, f"/things/{number}/{wrong[0]}".rstrip("/"), wrong[1])
            continue
        seen.add((thing["kind"], thing["key"]))
        yield Row(number, _draft(thing), _expected(thing))


def _expected(thing: dict[str, Any]) -> str | None:
    # A new change has no drafts yet: only what is live can be newer than what was read.
    version = thing.get("version")
    return None if version is None else f":{version.rpartition(':')[2]}"


def _refuse(
    done: Imported, row: int, pointer: str, message: str, *, is_stale: bool = False
) -> None:
    done.findings.append(RowFinding(row, pointer, message, is_stale))
    done.is_refused = True


def _wrong(thing: object) -> tuple[str, str] | None:
    """Return the field of a row that has the wrong shape, and what to do."""
    if not isinstance(thing, dict):
        return "", _("Give an object with kind, key and body.")
    unknown = sorted(set(thing) - FIELDS)
    if unknown:
        return unknown[0], _("There is no such field.")
    if thing.get("kind") not in PROXIES:
        return "kind", _("Use one of %s.") % ", ".join(PROXIES)
    if not isinstance(thing.get("key"), str):
        return "key", _("Give the key as text.")
    if thing.get("removed") not in (None, True, False):
        return "removed", _("Use true or false.")
    if not isinstance(thing.get("version", ""), str):
        return "version", _("Give the version that was read as text, or leave it out.")
    if not thing.get("removed") and not isinstance(thing.get("body"), dict):
        return "body", _("Give what the thing says as an object.")
    return _wrong_details(thing.get("details", {}))


def _wrong_details(details: object) -> tuple[str, str] | None:
    if not isinstance(details, dict) or set(details) - DETAILS:
        return "details", _("Give description and time_zone only.")
    if not all(isinstance(text, str) and len(text) <= 2000 for text in details.values()):
        return "details", _("Use texts of at most 2,000 characters.")
    return None


def _draft(thing: dict[str, Any]) -> drafts.Draft:
    removed = bool(thing.get("removed"))
    return drafts.Draft(
        kind=thing["kind"],
        key=thing["key"],
        body={} if removed else {"key": thing["key"], **thing["body"]},
        details=thing.get("details", {}),
        removed=removed,
        why=_("Imported"),
    )


def _save(
    rows: list[Row],
    done: Imported,
    *,
    author: AbstractUser,
    title: str,
    now: datetime,
) -> bool:
    live = {(row.item.kind, row.item.key): row for row in live_revisions().values()}
    done.change = drafts.open_change(author, now=now, title=title[:120])
    numbers: dict[tuple[str, str], int] = {}
    for row in rows:
        place = row.draft.kind, row.draft.key
        if _is_live(row.draft, live.get(place)):
            done.same += 1
        elif _save_row(done.change, row, done, author=author, now=now):
            done.saved.append(":".join(place))
            numbers[place] = row.number
    if not done.is_refused:
        done.findings += _candidate_findings(done.change, numbers)
    return not done.is_refused


def _save_row(
    change: Change, row: Row, done: Imported, *, author: AbstractUser, now: datetime
) -> bool:
    try:
        drafts.save_draft(change, row.draft, author=author, now=now, expect=row.expect)
    except Refused as refused:
        for error in refused.errors:
            _refuse(done, row.number, _pointer(row.number, error.field), error.message)
        return False
    except drafts.StaleDraft as stale:
        pointer = f"/things/{row.number}/version"
        _refuse(done, row.number, pointer, str(stale), is_stale=True)
        return False
    return True


def _is_live(draft: drafts.Draft, live: Revision | None) -> bool:
    if live is None:
        return draft.removed
    details = {name: text for name, text in live.details.items() if text}
    given = {name: text for name, text in draft.details.items() if text}
    return not draft.removed and (draft.body, given) == (live.body, details)


def _pointer(row: int, field: str) -> str:
    steps = [step for step in field.replace("[", ".").replace("]", "").split(".") if step]
    return "/".join([f"/things/{row}/body", *steps])


def _candidate_findings(change: Change, numbers: dict[tuple[str, str], int]) -> list[RowFinding]:
    """Return what would keep the change from being submitted, at the rows that say so."""
    return [_as_row(one, numbers) for one in candidate_of(change).findings()]


def _as_row(finding: Finding, numbers: dict[tuple[str, str], int]) -> RowFinding:
    row = numbers.get((finding.kind, finding.key))
    if row is None:
        return RowFinding(-1, f"/{Kind(finding.kind)}/{finding.key}", str(finding))
    return RowFinding(row, _pointer(row, finding.field), finding.message)
