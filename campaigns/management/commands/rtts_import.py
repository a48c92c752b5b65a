"""`manage.py rtts_import`: a JSON document becomes a change, to be reviewed like any other."""

import json
import sys
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from campaigns import exchange


class Command(BaseCommand):
    help = "Read a document of rtts_export into a new change. Exits with 1 where a row is refused."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="the document; - is standard input")
        parser.add_argument("--user", required=True, help="user name of the author")
        parser.add_argument("--title", default="Import")
        parser.add_argument("--dry-run", action="store_true", help="check only; save nothing")
        parser.add_argument("--format", choices=["text", "json"], default="text")

    def handle(self, *args: Any, **options: Any) -> None:
        author = User.objects.filter(username=options["user"], is_active=True).first()
        if author is None or not author.has_perm("campaigns.change_change"):
            raise CommandError(f"“{options['user']}” may not edit: name somebody who may.")
        done = exchange.import_document(
            self.document(options["file"]),
            author=author,
            title=options["title"],
            now=timezone.now(),
            dry_run=options["dry_run"],
        )
        self.tell(done, as_json=options["format"] == "json")
        if done.is_refused:
            raise SystemExit(1)

    def document(self, name: str) -> object:
        try:
            text = sys.stdin.read() if name == "-" else Path(name).read_text()
            return json.loads(text)
        except (OSError, ValueError, RecursionError) as error:
            raise CommandError(f"{name} cannot be read as JSON: {error}") from error

    def tell(self, done: exchange.Imported, *, as_json: bool) -> None:
        findings = [
            {"row": one.row, "pointer": one.pointer, "detail": one.message} for one in done.findings
        ]
        change = done.change.pk if done.change else None
        if as_json:
            told = {"change": change, "saved": done.saved, "same": done.same}
            self.stdout.write(json.dumps(told | {"refused": done.is_refused, "findings": findings}))
            return
        for one in findings:
            self.stdout.write(f"{one['pointer']}: {one['detail']}")
        where = f"change {change}" if change else "no change: nothing is saved"
        self.stdout.write(f"{len(done.saved)} to save, {done.same} as they are live, {where}.")
