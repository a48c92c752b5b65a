"""The only importer of pyarrow: rows of Parquet files, a batch at a time."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from decisioning.connections.layouts import COLUMNS, Unreadable
from decisioning.rules.phrases import Filled
from decisioning.rules.phrases import gettext_noop as _

BATCH: Final = 500  # rows in memory at once


def columns_of(path: Path) -> tuple[str, ...]:
    """Return the top-level columns of a file.

    Raises:
        Unreadable: no Parquet, or too many columns.
    """
    with _opened(path) as file:
        names = tuple(file.schema_arrow.names)
    if not names or len(names) > COLUMNS:
        raise Unreadable(Filled(_("A file may have 1 to {most} columns."), most=COLUMNS))
    return names


def count_rows(path: Path) -> int:
    """Return how many rows a file says that it has; reads its end only."""
    with _opened(path) as file:
        return int(file.metadata.num_rows)


def rows_of(path: Path, *, since: int) -> Iterator[dict[str, Any]]:
    """Yield the rows behind the first `since`; row groups before them are not read.

    Raises:
        Unreadable: damaged, or of types that have no text.
    """
    with _opened(path) as file:
        for group in range(file.num_row_groups):
            length = file.metadata.row_group(group).num_rows
            if since >= length:
                since -= length
                continue
            yield from _group(file, group, since)
            since = 0


def _group(file: Any, group: int, since: int) -> Iterator[dict[str, Any]]:
    try:
        batches = file.iter_batches(batch_size=BATCH, row_groups=[group], use_threads=False)
        for batch in batches:
            if since >= batch.num_rows:
                since -= batch.num_rows
                continue
            yield from batch.slice(since).to_pylist()
            since = 0
    except (pa.ArrowException, ValueError, OSError) as error:
        raise Unreadable(f"The file is damaged: {error}"[:300]) from error


def _opened(path: Path) -> Any:
    try:
        return pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20)
    except (pa.ArrowException, OSError) as error:
        raise Unreadable(f"This is no Parquet file: {error}"[:300]) from error
