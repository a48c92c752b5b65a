"""`manage.py rtts_export`: everything that is live, or one change, as a JSON document."""

import json
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from campaigns import exchange
from campaigns.models import Change


class Command(BaseCommand):
    help = "Write what is authored as a JSON document that rtts_import reads."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--change", type=int, help="id of a change; else everything live")
        parser.add_argument("--output", default="-", help="a file; else standard output")
        parser.add_argument("--format", choices=["json"], default="json")

    def handle(self, *args: Any, **options: Any) -> None:
        text = json.dumps(self.document(options["change"]), ensure_ascii=False, indent=2) + "\n"
        if options["output"] == "-":
            self.stdout.write(text, ending="")
            return
        Path(options["output"]).write_text(text)
        sys.stderr.write(f"Wrote {options['output']}.\n")

    def document(self, pk: int | None) -> exchange.Document:
        if pk is None:
            return exchange.export_live()
        change = Change.objects.filter(pk=pk).first()
        if change is None:
            raise CommandError(f"There is no change {pk}.")
        return exchange.export_change(change)
