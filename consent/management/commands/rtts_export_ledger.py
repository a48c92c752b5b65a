"""Write the consent ledger for whoever verifies it elsewhere."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from consent.proof import offline
from consent.proof.exporting import export_ledger


class Command(BaseCommand):
    help = (
        "Write leaves, checkpoints and facts as JSON lines; nothing in it names a person. "
        "--verifier also writes the program that checks it, one file that needs only `cryptography`."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--bodies", action="store_true", help="with people's bodies, encrypted")
        parser.add_argument("--verifier", type=Path, metavar="FILE")

    def handle(self, *_: Any, **options: Any) -> None:
        with options["file"].open("w") as file:
            file.writelines(f"{line}\n" for line in export_ledger(bodies=options["bodies"]))
        if options["verifier"]:
            options["verifier"].write_text(Path(offline.__file__).read_text())
        self.stdout.write(f"Written to {options['file']}.")
