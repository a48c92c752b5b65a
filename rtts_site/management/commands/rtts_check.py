"""`manage.py rtts_check`: says in words whether all is well; exit status 1 where not."""

import time
from typing import Any

from django.core.management.base import BaseCommand

from rtts_site import checkup


class Command(BaseCommand):
    help = "Say in words whether the running product is well."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        findings = list(checkup.check_everything(now=time.time()))
        for finding in findings:
            mark = self.style.SUCCESS("well ") if finding.is_well else self.style.ERROR("CHECK")
            self.stdout.write(f"{mark}  {finding.words}")
        bad = sum(not finding.is_well for finding in findings)
        self.stdout.write(f"\n{bad} of {len(findings)} need a look." if bad else "\nAll is well.")
        if bad:
            raise SystemExit(1)
