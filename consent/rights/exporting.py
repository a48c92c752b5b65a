"""The only place that writes what is known of a person into one file: JSON and CSV, notices, receipts and proofs."""

import csv
import io
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
from django.conf import settings

from consent import policy_store
from consent.models import NoticeText, RightsRequest
from consent.proof.proving import public_keys
from consent.rights.stores import Section, Subject, registered

KEPT: Final = timedelta(days=7)
LEFT_BEHIND: Final = timedelta(hours=1)  # an export that nobody wrote to for as long was killed
# What people gave us themselves or made by what they did: article 20, not what was derived.
PORTABLE: Final = frozenset(
    {
        "events",
        "attributes",
        "identifiers",
        "person",
        "states of consent",
        "consent history",
        "receipts",
        "proofs of receipts",
    }
)
About = Callable[[], Mapping[str, Any]]
_about: list[About] = []


def on_describing(tell: About) -> None:
    """Have what `tell` returns stand in every export: recipients, sources, retention of what an app keeps."""
    _about.append(tell)


def folder() -> Path:
    """Return where exports are until they expire."""
    path: Path = settings.RTTS_VAR / "rights"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def write_export(request: RightsRequest, subject: Subject, *, now: datetime) -> tuple[str, int]:
    """Write the file of a request and return its name and how many rows are in it.

    Rows go to the disk as they are read, so the file may be larger than the memory.
    """
    name = f"{request.pk}-{os.urandom(8).hex()}.zip"
    wanted = PORTABLE if request.kind == RightsRequest.Kind.PORTABILITY else None
    _drop_scratch(request)
    with tempfile.TemporaryDirectory(prefix=_scratch(request), dir=folder()) as scratch:
        counts = _spread(Path(scratch), subject, wanted)
        draft = Path(scratch) / "export.zip"
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("about.json", _json(_about_this(request, counts, now=now)))
            for section in counts:
                _pack(archive, Path(scratch), section)
            _add_notices(archive, Path(scratch))
        draft.chmod(0o600)
        draft.replace(folder() / name)
    return name, sum(counts.values())


def _spread(scratch: Path, subject: Subject, wanted: frozenset[str] | None) -> dict[str, int]:
    counts: dict[str, int] = {}
    files: dict[str, io.TextIOWrapper] = {}
    try:
        for section in _sections(subject, wanted):
            if section.name not in files:
                files[section.name] = (scratch / _slug(section.name)).open("w", encoding="utf-8")
                counts[section.name] = 0
            files[section.name].write(_json(section.row) + "\n")
            counts[section.name] += 1
    finally:
        for file in files.values():
            file.close()
    return counts


def _sections(subject: Subject, wanted: frozenset[str] | None) -> Iterator[Section]:
    for store in registered():
        for section in store.export(subject):
            if wanted is None or section.name in wanted:
                yield section


def _pack(archive: zipfile.ZipFile, scratch: Path, section: str) -> None:
    slug = _slug(section)
    columns: dict[str, None] = {}
    with (scratch / slug).open(encoding="utf-8") as lines, archive.open(f"{slug}.json", "w") as out:
        for number, line in enumerate(lines):
            columns |= dict.fromkeys(json.loads(line))
            out.write((",\n" if number else "[\n").encode() + line.rstrip("\n").encode())
        out.write(b"\n]\n")
    with (
        (scratch / slug).open(encoding="utf-8") as lines,
        archive.open(f"{slug}.csv", "w") as out,
        io.TextIOWrapper(out, encoding="utf-8", newline="") as text,
    ):
        writer = csv.DictWriter(text, list(columns))
        writer.writeheader()
        for line in lines:
            row = json.loads(line)
            writer.writerow({key: _cell(value) for key, value in row.items()})


def _cell(value: Any) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    text = value if isinstance(value, str) else "" if value is None else _json(value)
    return (
        f"'{text}"
        if isinstance(value, str) and text.startswith(("=", "+", "-", "@", "\t"))
        else text
    )


def _add_notices(archive: zipfile.ZipFile, scratch: Path) -> None:
    """Add every notice that the person's consents name, byte by byte as it was shown."""
    history = scratch / _slug("consent history")
    if not history.exists():
        return
    shown: set[tuple[str, str]] = set()
    with history.open(encoding="utf-8") as lines:
        for line in lines:
            evidence = json.loads(line).get("evidence", {})
            shown.add((str(evidence.get("notice_version", "")), str(evidence.get("language", ""))))
    for reference, language in sorted(shown):
        notice, _, version = reference.partition("@")
        if not version.isdigit():
            continue
        for text in NoticeText.objects.filter(
            notice=notice, version=int(version), language=language
        ):
            archive.writestr(
                f"notices/{reference}.{language}.{text.sha256[7:19]}", bytes(text.content)
            )


def _about_this(
    request: RightsRequest, counts: Mapping[str, int], *, now: datetime
) -> dict[str, Any]:
    """Return what article 15(1) wants beside the data."""
    live = policy_store.live_policy()
    told: dict[str, Any] = {
        "request": str(request.reference),
        "kind": request.kind,
        "made_at": now,
        "expires_at": now + KEPT,
        "sections": counts,
        "purposes": msgspec.to_builtins(live.purposes) if live is not None else [],
        "ledger": public_keys(),  # what the receipts and the checkpoints of their proofs verify with
        "rights": "You may have this corrected, restricted or erased, object to it, and complain to your authority.",
    }
    for tell in _about:
        told |= tell()
    return told


def _slug(name: str) -> str:
    # No two names give one: their rows would stand in one file.
    return "".join(
        one if one.isalnum() else {" ": "-", "-": "_"}.get(one, f"~{ord(one):x}~") for one in name
    )


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    try:
        return msgspec.to_builtins(value)
    except TypeError:
        return str(value)


def drop_copy(request: RightsRequest) -> None:
    """Delete the file of a request, and what a killed worker left of one."""
    if request.file:
        (folder() / request.file).unlink(missing_ok=True)
    _drop_scratch(request)


def _scratch(request: RightsRequest) -> str:
    return f"{request.pk}-scratch-"


def _drop_scratch(request: RightsRequest) -> None:
    for path in folder().glob(f"{_scratch(request)}*"):
        shutil.rmtree(path, ignore_errors=True)


def _forget_scratch(*, now: datetime) -> int:
    """Delete what killed workers left, unencrypted; return how many exports that was."""
    gone = 0
    for path in folder().iterdir():
        if not path.is_dir():
            continue
        written = max(one.stat().st_mtime for one in (path, *path.iterdir()))
        if written < (now - LEFT_BEHIND).timestamp():
            shutil.rmtree(path)
            gone += 1
    return gone


def forget_expired(*, now: datetime) -> int:
    """Delete the files whose time is over, any that no request knows and what killed workers left; return how many."""
    fresh = RightsRequest.objects.filter(file_expires_at__gt=now).exclude(file="")
    known = set(fresh.values_list("file", flat=True))
    gone = _forget_scratch(now=now)
    for path in folder().glob("*.zip"):
        if path.name not in known:
            path.unlink(missing_ok=True)
            gone += 1
    RightsRequest.objects.filter(file_expires_at__lte=now).exclude(file="").update(file="")
    return gone
