"""Say, check by check, whether the consent ledger is what was once signed."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from consent.proof.anchoring import anchored_notes
from consent.proof.checking import Finding, Question, verify
from consent.proof.offline import Refused, parse_key
from consent.proof.signing import own_publics


class Command(BaseCommand):
    help = (
        "Check the consent ledger: numbering, hashes, roots, signatures, anchored checkpoints, receipts, erasures, "
        "policies and approvals. Exit code 1 where anything was altered, 2 where a promise was kept late (--strict)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--checkpoint",
            type=Path,
            nargs="*",
            default=[],
            metavar="FILE",
            help="checkpoints that somebody kept, beside those of the anchor folder",
        )
        parser.add_argument(
            "--key",
            nargs="*",
            default=[],
            help="public keys that are believed, rtts-ledger-…+…+… or a file with one; none: the ledger's first",
        )
        parser.add_argument("--json", action="store_true", help="write findings as JSON")
        parser.add_argument("--strict", action="store_true", help="fail on late receipts too")

    def handle(self, *_: Any, **options: Any) -> None:
        kept = [(str(path), path.read_text()) for path in options["checkpoint"]]
        question = Question(
            now=timezone.now(),
            anchored=[*anchored_notes(), *kept],
            trusted=[_parsed(key) for key in options["key"]],
            own=own_publics(),
            progress=_nothing if options["json"] else self._show,
        )
        with _one_moment() as cursor:
            found = verify(cursor, question)
        if options["json"]:
            self.stdout.write(json.dumps([_told(one) for one in found], indent=2))
        else:
            self._write(found)
        if any(one.count for one in found):
            sys.exit(1)
        if options["strict"] and any(one.warnings for one in found):
            sys.exit(2)

    def _show(self, done: int, total: int) -> None:
        self.stderr.write(f"\r{done:,} of {total:,} leaves", ending="")

    def _write(self, found: list[Finding]) -> None:
        self.stderr.write("")
        for one in found:
            mark = "FAIL" if one.count else "late" if one.warnings else "ok"
            self.stdout.write(f"{mark:<5} {one.name}")
            for trouble in one.told:
                self.stdout.write(f"        {trouble.words}")
            more = one.count + one.warnings - len(one.told)
            if more:
                self.stdout.write(f"        … and {more} more")


@contextmanager
def _one_moment() -> Iterator[CursorWrapper]:
    """Read all of it as of one moment: what is recorded meanwhile would look like an alteration."""
    inside = connection.in_atomic_block  # somebody else's transaction has begun to read
    with transaction.atomic(), connection.cursor() as cursor:
        if not inside:
            cursor.execute("set transaction isolation level repeatable read, read only")
        yield cursor


def _parsed(key: str) -> bytes:
    try:
        return parse_key(key)
    except (Refused, ValueError, OSError) as error:
        raise CommandError(f"--key {key}: {error}") from error


def _nothing(_done: int, _total: int) -> None:
    """Show no progress: the output is for a program."""


def _told(one: Finding) -> dict[str, Any]:
    return {
        "check": one.name,
        "ok": one.is_well,
        "troubles": one.count,
        "late": one.warnings,
        "told": [trouble.words for trouble in one.told],
    }
