"""`manage.py rtts_demo`: the demo's people, release, history and consents; `--all` for the whole year."""

import signal
import sys
import threading
import time
from random import SystemRandom
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from campaigns.demo import trickle
from campaigns.demo.bar import Bar
from campaigns.demo.intake import NobodyFolds
from rtts_site.foundation.redis_clients import redis_client

MAX_RATE = 50.0  # events a second


class Command(BaseCommand):
    help = "Load the demo: people who sign in, a published release, households, consents."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--all", action="store_true", help="load all 1.47 million lines")
        parser.add_argument(
            "--trickle", action="store_true", help="send made-up events until stopped"
        )
        parser.add_argument(
            "--rate",
            type=float,
            default=1.0,
            help=f"of --trickle: events a second, <= {MAX_RATE:g}",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["trickle"]:
            self.send_trickle(min(options["rate"], MAX_RATE))
        else:
            self.load(whole=options["all"])

    def load(self, *, whole: bool) -> None:
        # The data set's reader takes 300 MB, which the trickle, always running, does not need.
        from campaigns.demo import history
        from campaigns.demo.journey import DemoDataMissing
        from campaigns.demo.launch import NotPublished
        from campaigns.demo.whole import Demo

        started = time.monotonic()
        bar = Bar(sys.stdout)
        purchases = history.PURCHASES if whole else history.LAST_WEEKS
        try:
            demo = Demo(redis_client(), pepper=settings.RTTS_PEPPER, progress=bar)
            demo.load(purchases, now=timezone.now())
        except (DemoDataMissing, NotPublished, NobodyFolds) as error:
            raise CommandError(str(error)) from error
        finally:
            bar.close()
        self.stdout.write(f"demo: loaded in {time.monotonic() - started:.0f} s")

    def send_trickle(self, rate: float) -> None:
        stopped = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stopped.set())
        stream = trickle.Stream(redis_client(), pepper=settings.RTTS_PEPPER, chance=SystemRandom())
        while not stopped.is_set():
            sent = stream.send_visit(now=timezone.now())
            stopped.wait(sent / max(rate, 0.01))
