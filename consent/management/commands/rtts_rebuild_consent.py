"""Write everybody's consent to Redis again from PostgreSQL."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from consent import relay
from rtts_site.foundation.redis_clients import redis_client


class Command(BaseCommand):
    help = "Write everybody's consent, the policy in force and the API keys to Redis again."

    def handle(self, *_: Any, **__: Any) -> None:
        for written in relay.rebuild(redis_client(), now=timezone.now()):
            self.stderr.write(f"\r{written:,} people", ending="")
        self.stdout.write("\nConsent in Redis is what PostgreSQL says.")
