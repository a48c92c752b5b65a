"""Write people's profiles to Redis again from the history in PostgreSQL."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from consent import people
from decisioning.ingestion.backfill import BackfillStalled
from decisioning.ingestion.rebuilding import RebuildStalled, Rebuilt, rebuild
from rtts_site.foundation.redis_clients import redis_client

REPORT_S = 1.0


class Command(BaseCommand):
    help = "Write people's profiles to Redis again from history, while the workers run."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--partitions", default="", help="such as 3,40-47; all without it")
        parser.add_argument("--after", default="", help="go on behind this person id")

    def handle(self, *_: Any, partitions: str, after: str, **__: Any) -> None:
        wanted, so_far = _parse(partitions), Rebuilt(after)
        reported = time.monotonic()
        try:
            for so_far in rebuild(redis_client(), partitions=wanted, after=after):
                if time.monotonic() - reported > REPORT_S:
                    reported = time.monotonic()
                    self.stderr.write(_words(so_far))
        except (BackfillStalled, RebuildStalled, KeyboardInterrupt) as error:
            go_on = f" Go on with --after {so_far.person}." if so_far.person else ""
            raise CommandError(f"{str(error) or 'Interrupted.'}{go_on}") from error
        self.stdout.write(f"{_words(so_far)} Profiles are what history says.")


def _words(so_far: Rebuilt) -> str:
    return (
        f"{so_far.people:,} people read, {so_far.written:,} written, up to {so_far.person or '-'}."
    )


def _parse(text: str) -> list[int]:
    """Return the partitions that ``3,40-47`` names; all for "".

    Raises:
        CommandError: not such numbers, or none of 0..255.
    """
    every = range(people.PARTITIONS)
    if not text:
        return list(every)
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        last = last if dash else first
        if not (first.isdecimal() and last.isdecimal()):
            raise CommandError(f"--partitions: {part!r} is no number or range; send 3,40-47.")
        found |= set(range(int(first), int(last) + 1))
    if not found <= set(every):
        raise CommandError(f"--partitions: send numbers from 0 to {every[-1]}.")
    return sorted(found)
