"""`manage.py up`: the whole product in one foreground process."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from rtts_site import stack
from rtts_site.embedded import ServerError
from rtts_site.supervisor import ServiceFailed


class Command(BaseCommand):
    help = "Start stores, web, workers and beat; Ctrl-C stops them."
    requires_system_checks: list[str] = []  # the database may not run yet

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--no-demo", action="store_true", help="load no demo data")

    def handle(self, *args: Any, **options: Any) -> None:
        if pid := stack.running_pid():
            raise CommandError(f"It runs already (process {pid}); `manage.py down` stops it.")
        try:
            stack.run(with_demo=not options["no_demo"])
        except (ServiceFailed, ServerError) as error:
            raise CommandError(str(error)) from error
