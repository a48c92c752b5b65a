"""Import a file of events or profiles from the command line; the workers take its rows."""

import time
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from decisioning.connections import folder, importing
from decisioning.connections.acceptance import by_place, reading_for
from decisioning.connections.layouts import Unreadable
from decisioning.connections.mapping import Mapping
from decisioning.connections.presets import PRESETS
from decisioning.connections.sampling import sample
from decisioning.models import Import
from rtts_site.foundation.jobs import Job
from rtts_site.foundation.redis_clients import redis_client

BLOCK = 1 << 20
REPORT_S = 1.0


class Command(BaseCommand):
    help = "Import events or profiles from CSV, JSON lines or Parquet, plain or as gzip."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--mapping", type=Path, help="JSON: how a row becomes a message")
        parser.add_argument("--preset", choices=sorted(PRESETS), help="a mapping of a known shape")
        parser.add_argument("--dry-run", action="store_true", help="show 20 rows, take none")
        parser.add_argument("--no-wait", action="store_true", help="leave it to the workers")

    def handle(self, *_: Any, file: Path, **chosen: Any) -> None:
        mapping = read_mapping(chosen["mapping"], chosen["preset"])
        try:
            row = importing.receive(
                blocks_of(file),
                file_name=file.name,
                sender=importing.Sender(),
                now=timezone.now(),
            )
            if chosen["dry_run"]:
                self.show(row, mapping)
                return
            importing.start(row, mapping, now=timezone.now())
        except (Unreadable, importing.NotStarted, OSError) as error:
            raise CommandError(str(error)) from error
        self.stderr.write(f"Import {row.pk} waits for a worker.")
        if not chosen["no_wait"]:
            self.watch(row)

    def show(self, row: Import, mapping: Mapping) -> None:
        try:
            lines = importing.first_rows(row)
            now_ms = int(timezone.now().timestamp() * 1000)
            reading = reading_for(redis_client(), source="", now_ms=now_ms)
            unique = by_place(importing.base_of(row, mapping))
            for one in sample(mapping, lines, reading=reading, unique=unique):
                told = one.told()
                if one.refused is not None:
                    told = {"refused": str(one.refused.reason), "column": one.refused.column}
                said = msgspec.json.encode({"row": one.line.number, **told})
                self.stdout.write(said.decode())
        finally:
            folder.forget(row.pk)
            row.delete()

    def watch(self, row: Import) -> None:
        while not row.is_over:
            time.sleep(REPORT_S)
            row.refresh_from_db()
            self.stderr.write(words_of(row))
        self.stdout.write(words_of(row))
        if row.state != Import.State.DONE:
            raise CommandError(row.trouble or f"The import is {row.state}.")
        if row.refused:
            self.stdout.write(f"Refused rows: {folder.refused_path(row.pk)}")


def blocks_of(file: Path) -> Iterator[bytes]:
    """Yield the bytes of a file."""
    with file.open("rb") as opened:
        while block := opened.read(BLOCK):
            yield block


def read_mapping(file: Path | None, preset: str | None) -> Mapping:
    """Return the mapping of a file, a preset, or that of rows which are messages already.

    Raises:
        CommandError: both are given, or the file holds no mapping.
    """
    if file is not None and preset is not None:
        raise CommandError("Give --mapping or --preset, not both.")
    if preset is not None:
        return PRESETS[preset].mapping
    if file is None:
        return Mapping(call="message")
    try:
        return msgspec.json.decode(file.read_bytes(), type=Mapping)
    except (OSError, msgspec.MsgspecError) as error:
        raise CommandError(f"--mapping: {error}") from error


def words_of(row: Import) -> str:
    """Return how an import comes on, in one line."""
    job = Job.objects.filter(pk=row.job or 0).first()
    pace = importing.pace_of(row, done=job.done if job is not None else 0)
    left = f", {pace.left_s:,.0f} s left" if pace.left_s is not None else ""
    trouble = f" {row.trouble}" if row.trouble else ""
    return (
        f"{row.state}: {pace.percent}%, {row.rows:,} rows, {row.accepted:,} accepted, "
        f"{row.repeats:,} repeats, {row.refused:,} refused, {pace.rate:,.0f} rows a second{left}.{trouble}"
    )
