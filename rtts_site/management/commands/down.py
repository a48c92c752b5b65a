"""`manage.py down`: stops what `manage.py up` started from this directory."""

import os
import signal
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from rtts_site import stack

PATIENCE_S = 60.0


class Command(BaseCommand):
    help = "Stop the product that runs from this directory, and its embedded stores."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        if pid := stack.running_pid():
            os.kill(pid, signal.SIGTERM)
            self._wait(pid)
            self.stdout.write("Stopped.")
        for name in stack.stop_stores():
            self.stdout.write(f"Stopped {name}.")

    def _wait(self, pid: int) -> None:
        end = time.monotonic() + PATIENCE_S
        while stack.running_pid() == pid:
            if time.monotonic() > end:
                raise CommandError(f"Process {pid} does not end; its last lines say why.")
            time.sleep(0.05)
