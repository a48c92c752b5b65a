"""What files under RTTS_VAR hold of a person: spools, exports of members, files of imports."""

import gzip
import zlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from django.conf import settings

from consent.rights.stores import NotYet, Section, Store, Subject
from decisioning.connections import folder as imports
from decisioning.decision_spool import read_rows
from decisioning.dispatching import exporting
from decisioning.ingestion.spool import EventSpool
from decisioning.lines_on_disk import read_lines
from decisioning.models import Import, MemberExport


def spools() -> Store:
    """Return the store of what waits on this machine's disk while Redis is away."""
    return Store(
        name="spools on disk",
        covers=("folder:spool",),
        remove=_erase_spooled,
        count=lambda subject: sum(1 for _ in _spooled(subject)),
    )


def _spooled(subject: Subject) -> Iterator[Path]:
    """Yield a file for each row that is of a person, the decisions' included: those are turned away when sent on."""
    directory = settings.RTTS_VAR / "spool"
    named = [one.encode() for one in subject.people]
    for path in directory.glob("events*"):
        if path.suffix not in (".lock", ".turn"):
            yield from (path for body in read_lines(path) if any(one in body for one in named))
    for path in directory.glob("decisions.*"):
        yield from (path for row in read_rows(path) if row.person in subject.people)


def _erase_spooled(subject: Subject, _now: datetime) -> int:
    before = sum(1 for _ in _spooled(subject))
    if before:
        spool = EventSpool(settings.RTTS_VAR / "spool")
        for one in subject.people:
            spool.erase(one)
    return before - sum(1 for _ in _spooled(subject))


def member_exports() -> Store:
    """Return the store of files with the members of a segment."""
    return Store(
        name="exports of members",
        covers=("folder:exports", "table:decisioning.MemberExport"),
        remove=_erase_members,
        count=lambda subject: sum(len(_lines_of(path, subject.people)) for path in _exports()),
        tell=_tell_members,
    )


def _exports() -> list[Path]:
    return [path for path in exporting.folder().iterdir() if path.is_file()]


def _lines_of(path: Path, named: tuple[str, ...]) -> list[bytes]:
    wanted = [one.encode() for one in named]
    with path.open("rb") as lines:
        return [line for line in lines if any(one in line for one in wanted)]


def _tell_members(subject: Subject) -> Iterator[Section]:
    for path in _exports():
        if _lines_of(path, subject.people):
            export = (
                MemberExport.objects.filter(pk=path.stem).first() if path.stem.isdigit() else None
            )
            yield Section(
                "exports of members",
                {"segment": export.segment if export else "", "file": path.name},
            )


def _erase_members(subject: Subject, _now: datetime) -> int:
    if MemberExport.objects.filter(state__in=MemberExport.OPEN).exists():
        raise NotYet("An export of members is being written.")
    gone = 0
    for path in _exports():
        found = _lines_of(path, subject.people)
        if found:
            gone += len(found)
            _without_lines(path, subject.people)
            if path.stem.isdigit():
                MemberExport.objects.filter(pk=path.stem).update(size=path.stat().st_size)
    return gone


def _without_lines(path: Path, named: tuple[str, ...]) -> None:
    wanted = [one.encode() for one in named]
    draft = path.with_suffix(".draft")
    with path.open("rb") as lines, draft.open("wb") as kept:
        draft.chmod(0o600)
        for line in lines:
            if not any(one in line for one in wanted):
                kept.write(line)
    draft.replace(path)


def imported_files() -> Store:
    """Return the store of files of imports: those that wait, and the rows that were refused."""
    return Store(
        name="files of imports",
        covers=("folder:imports", "table:decisioning.Import"),
        remove=_erase_imported,
        count=lambda subject: sum(_mentions(path, subject) for path in _imported()),
    )


def _imported() -> list[Path]:
    return [path for path in imports.folder().iterdir() if path.is_file()]


def _mentions(path: Path, subject: Subject) -> bool:
    """Return whether a file has one of the texts that denote somebody, or is packed so that nobody can tell."""
    wanted = [one.encode() for one in (*subject.texts, *subject.people)]
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    try:
        with gzip.open(path) if packed else path.open("rb") as lines:
            return any(one in line for line in lines for one in wanted)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        return True


def _erase_imported(subject: Subject, now: datetime) -> int:
    gone = 0
    for path in _imported():
        if not _mentions(path, subject):
            continue
        gone += 1
        if path.name.endswith(".refused.csv"):
            _without_lines(path, (*subject.texts, *subject.people))
            number = path.name.partition(".")[0]
            Import.objects.filter(pk=number).update(refused_bytes=path.stat().st_size)
        else:
            _drop_file(path, now)
    return gone


def _drop_file(path: Path, now: datetime) -> None:
    """Remove a file that is still to be read; the import that is at it is waited for."""
    number = path.stem
    row = Import.objects.filter(pk=number).first() if number.isdigit() else None
    if row is not None and row.state in Import.OPEN:
        raise NotYet("An import is reading a file that names them.")
    path.unlink(missing_ok=True)
    if row is not None and not row.is_over:
        Import.objects.filter(pk=row.pk).update(
            state=Import.State.CANCELLED,
            trouble="Its file named somebody who was erased; upload it again without them.",
            ended_at=now,
        )
