"""The only place that touches the files of imports: as they were sent, and the rows that were refused."""

import contextlib
import csv
import hashlib
import io
import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from django.conf import settings

from decisioning.connections.acceptance import RefusedLine, shown
from decisioning.connections.casting import to_text
from decisioning.connections.layouts import Layout, Unreadable
from decisioning.rules.phrases import Filled
from decisioning.rules.phrases import gettext_noop as _

if TYPE_CHECKING:
    from typing_extensions import Buffer

BYTES: Final = 4_000_000_000  # of one file as sent
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def folder() -> Path:
    """Return where the files are, which web processes and workers share."""
    path = settings.RTTS_VAR / "imports"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def data_path(pk: int) -> Path:
    """Return where the file of an import is until it is done."""
    return folder() / f"{pk}.data"


def refused_path(pk: int) -> Path:
    """Return where an import's refused rows are."""
    return folder() / f"{pk}.refused.csv"


def keep(chunks: Iterable[bytes]) -> tuple[Path, str, int]:
    """Write a file as it comes; return where it is for now, its sha256 and its bytes.

    Raises:
        Unreadable: larger than BYTES.
    """
    digest, size = hashlib.sha256(), 0
    descriptor, name = tempfile.mkstemp(dir=folder(), suffix=".part")
    path = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for chunk in chunks:
                size += len(chunk)
                if size > BYTES:
                    raise Unreadable(
                        Filled(
                            _("A file may have at most {most:,} MB; split it."), most=BYTES // 10**6
                        )
                    )
                digest.update(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path, digest.hexdigest(), size


def forget(pk: int, *, refused: bool = False) -> None:
    """Remove the file of an import, and its refused rows too where asked."""
    data_path(pk).unlink(missing_ok=True)
    if refused:
        refused_path(pk).unlink(missing_ok=True)


def append_refused(pk: int, layout: Layout, lines: Sequence[RefusedLine], *, since: int) -> int:
    """Write refused rows behind the first `since` bytes, which count; return how many count now.

    What a killed worker wrote behind them is cut off.
    """
    if not lines:
        return since
    text = io.StringIO()
    writer = csv.writer(text)
    if not since:
        columns = layout.columns or ("data",)
        writer.writerow(["row", "column", "reason", *map(_guarded, columns)])
    for one in lines:
        writer.writerow([one.line.number, _guarded(one.column), one.reason, *_cells(layout, one)])
    with open(refused_path(pk), "ab") as file:
        file.truncate(since)
        file.write(text.getvalue().encode("utf-8", "replace"))
        file.flush()
        os.fsync(file.fileno())
        return file.tell()


def _cells(layout: Layout, refused: RefusedLine) -> list[str]:
    cells = {name: shown(value) for name, value in refused.line.cells.items()}
    if not layout.columns:
        return [msgspec.json.encode(cells).decode()]
    return [_guarded(to_text(cells.get(name, ""))) for name in layout.columns]


def _guarded(text: str) -> str:
    """Return a cell that no spreadsheet takes for a formula; numbers stay as they are."""
    if text.startswith(_FORMULA):
        with contextlib.suppress(ValueError):
            float(text)
            return text
        return f"'{text}"
    return text


class Head(io.RawIOBase):
    """The first bytes of a file: what a worker writes behind them does not count yet."""

    def __init__(self, path: Path, size: int) -> None:
        self._file, self._left = path.open("rb"), size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "Buffer") -> int:
        with memoryview(buffer) as view:
            part = self._file.read(min(len(view), self._left))
            view[: len(part)] = part
        self._left -= len(part)
        return len(part)

    def close(self) -> None:
        self._file.close()
        super().close()
