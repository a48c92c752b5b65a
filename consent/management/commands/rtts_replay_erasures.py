"""Erases again, after a restore and before the service opens, whoever the restored copy brought back."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from consent.rights import anchor, erasing
from consent.rights.replaying import unreplayed


class Command(BaseCommand):
    help = (
        "Erase again whoever a restored database brought back, as the file outside of it says "
        "(RTTS_ERASURES_FILE). Run it while nothing else runs; running it again changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="Only say what is missing.")

    def handle(self, *args: Any, **options: Any) -> None:
        missing = unreplayed()
        self.stdout.write(
            f"{sum(1 for _ in anchor.noted())} erasures on file, {len(missing)} missing here."
        )
        if options["check"]:
            if missing:
                raise SystemExit(1)
            return
        for store, count in erasing.replay(now=timezone.now()).items():
            if count:
                self.stdout.write(f"{count} removed: {store}")
        self.stdout.write("The service may open.")
