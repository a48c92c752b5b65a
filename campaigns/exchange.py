"""The only place that writes authored things to a JSON document and reads them back into a change."""

from collections.abc import Iterator
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
FIELDS = frozenset({"kind", "key", "body", "details", "removed"})
DETAILS = frozenset({"description", "time_zone"})
ORDER = {kind: number for number, kind in enumerate(PROXIES)}

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RowFinding:
    """What is wrong with one row of a document; row -1 is the document itself."""

    row: int
    pointer: str  # JSON pointer into the document, e.g. "/things/3/body/eligibility"
    message: str


@dataclass(slots=True)
class Imported:
    """What an import did, or would do."""

    change: Change | None = None
    saved: list[str] = field(default_factory=list)  # "offer:winter-sale"
    same: int = 0  # rows that say what is live already
    findings: list[RowFinding] = field(default_factory=list)  # nothing is saved where `is_refused`
    is_refused: bool = False


def export_live() -> Document:
    """Return everything that is live; three queries."""
    release = live_release()
    said = {"version": release.version, "digest": release.digest} if release else None
    return _document(live_revisions().values(), release=said)


def export_change(change: Change) -> Document:
    """Return what a change says otherwise than what is live, or said once it is live itself; three queries."""
    rows = changed_drafts(change) if change.is_editable else list(drafts.drafts_of(change))
    return _document(rows, change={"title": change.title, "state": change.state})


def _document(rows: Any, **about: Any) -> Document:
    ordered = sorted(rows, key=lambda row: (ORDER[row.item.kind], row.item.key))
    return {"format": FORMAT, **about, "things": [_thing(row) for row in ordered]}


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

    The change is reviewed like any other; `dry_run` leaves nothing behind.
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


def _read(document: object, done: Imported) -> Iterator[tuple[int, drafts.Draft]]:
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        _refuse(done, -1, "/format", _("Use a document with the format “%s”.") % FORMAT)
        return
    things = document.get("things")
    if not isinstance(things, list) or len(things) > MOST:
        _refuse(done, -1, "/things", _("Give a list of at most %s things.") % f"{MOST:,}")
        return
    seen: set[tuple[str, str]] = set()
    for row, thing in enumerate(things):
        wrong = _wrong(thing)
        if not wrong and (thing["kind"], thing["key"]) in seen:
            wrong = "key", _("This thing is in the document twice.")
        if wrong:
            _refuse(done, row, f"/things/{row}/{wrong[0]}".rstrip("/"), wrong[1])
            continue
        seen.add((thing["kind"], thing["key"]))
        yield row, _draft(thing)


def _refuse(done: Imported, row: int, pointer: str, message: str) -> None:
    done.findings.append(RowFinding(row, pointer, message))
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
    rows: list[tuple[int, drafts.Draft]],
    done: Imported,
    *,
    author: AbstractUser,
    title: str,
    now: datetime,
) -> bool:
    live = {(row.item.kind, row.item.key): row for row in live_revisions().values()}
    done.change = drafts.open_change(author, now=now, title=title[:120])
    numbers: dict[tuple[str, str], int] = {}
    for number, draft in rows:
        if _is_live(draft, live.get((draft.kind, draft.key))):
            done.same += 1
            continue
        try:
            drafts.save_draft(done.change, draft, author=author, now=now)
        except Refused as refused:
            for error in refused.errors:
                _refuse(done, number, _pointer(number, error.field), error.message)
            continue
        done.saved.append(f"{draft.kind}:{draft.key}")
        numbers[draft.kind, draft.key] = number
    if not done.is_refused:
        done.findings += _candidate_findings(done.change, numbers)
    return not done.is_refused


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
