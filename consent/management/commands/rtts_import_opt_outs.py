"""Record the opt-outs of a CSV file."""

import csv
import hashlib
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from consent.changes import Actor, ConsentChange, Evidence
from consent.channels import Channels, known_channels
from consent.forms import parse_person
from consent.importing import Import, import_changes
from consent.policy import EVERY_CHANNEL, Status
from consent.policy_store import live_policy

NEEDED = ("person", "purpose")
PEOPLE = 10_000  # held in memory at a time


class Command(BaseCommand):
    help = (
        "Record opt-outs from a CSV file with the columns person (user:<user_id>, anonymous:<anonymous_id> or a person "
        "id), purpose and, if wanted, channel. Broken off, run it again: who was recorded is left alone."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--rest",
            type=float,
            default=1.0,
            help="how long to leave the stores to decisions, as a multiple of the work",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        path, now, done = options["file"], timezone.now(), 0
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()[:32]
        source = Import(
            name=f"opt-outs:{digest}", evidence=Evidence(source="csv"), actor=Actor(kind="staff")
        )
        for number, said in enumerate(_people(path, now=now)):
            part = Import(
                name=f"{source.name}:{number}", evidence=source.evidence, actor=source.actor
            )
            for count in import_changes(said, source=part, now=now, rest=options["rest"]):
                done += count
                self.stderr.write(f"\r{done:,} people", ending="")
        self.stdout.write(f"\n{done:,} people opted out.")


def _people(path: Path, *, now: datetime) -> Iterator[dict[str, list[ConsentChange]]]:
    said: defaultdict[str, list[ConsentChange]] = defaultdict(list)
    for person, change in _changes(path, now=now):
        if len(said) == PEOPLE and person not in said:
            yield said
            said = defaultdict(list)
        said[person].append(change)
    if said:
        yield said


def _changes(path: Path, *, now: datetime) -> Iterator[tuple[str, ConsentChange]]:
    policy = live_policy()
    purposes = {purpose.key for purpose in policy.purposes} if policy else set()
    channels = known_channels()
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        missing = [name for name in NEEDED if name not in (reader.fieldnames or ())]
        if missing:
            raise CommandError(f"{path}: the first line needs the columns {', '.join(missing)}.")
        for row in reader:
            where = f"{path}, line {reader.line_num}"
            if row["purpose"] not in purposes:
                raise CommandError(f"{where}: purpose: the policy has no “{row['purpose']}”.")
            try:
                person = parse_person(row["person"] or "").id
            except ValueError as error:
                raise CommandError(f"{where}: person: {error}") from error
            change = ConsentChange(
                purpose=row["purpose"],
                status=Status.WITHDRAWN,
                event_time=now,
                channel=_channel(row.get("channel") or EVERY_CHANNEL, channels, where=where),
            )
            yield person, change


def _channel(said: str, channels: Channels, *, where: str) -> str:
    """Return the channel that is meant: a whole file of opt-outs from none that exists is a mistake to put right."""
    found = channels.find(said)
    if found is not None:
        return found
    if not channels.names:
        raise CommandError(f"{where}: channel: which there are cannot be read now; run it again.")
    known = ", ".join(sorted(channels.names))
    raise CommandError(
        f"{where}: channel: there is no “{said}”, there is: {known}. Leave it empty for all."
    )
