"""What Celery runs of the intake's terms: keeping Redis at them, asking providers, forgetting what is too old."""

from typing import Any

from celery import shared_task
from django.utils import timezone

from decisioning.enrichment import forgetting, providing, stored
from rtts_site.foundation.redis_clients import redis_client


@shared_task(name="decisioning.push_intake")
def push_intake(**_: Any) -> None:
    stored.push(redis_client())


@shared_task(name="decisioning.ask_providers")
def ask_providers(**_: Any) -> None:
    client, now = redis_client(), timezone.now()
    providing.ask_all(client, stored.load_terms(client), now_ms=round(now.timestamp() * 1000))


@shared_task(name="decisioning.forget_old")
def forget_old(**_: Any) -> None:
    client, now = redis_client(), timezone.now()
    terms = stored.live_terms()
    forgetting.forget_events(terms, now=now)
    forgetting.expire_attributes(client, terms, now_ms=round(now.timestamp() * 1000))
