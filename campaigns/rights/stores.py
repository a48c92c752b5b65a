"""What authoring's tables and keys hold of a person: test people of previews, samples of sources, links, who was counted."""

import zlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec
from django.apps import apps

from campaigns.audiences.stock import BODY_FIELD, STOCK_KEY
from campaigns.models import Preview
from campaigns.samples import PURPOSE as SAMPLE
from consent.rights.stores import Section, Store, Subject, exempt, register
from decisioning.previews import PREVIEWS_KEY
from rtts_site.foundation.redis_clients import redis_client
from rtts_site.foundation.sealing import SealError, unseal

OWN_APPS = ("campaigns", "auth", "admin", "sessions", "contenttypes", "pghistory")


def register_stores() -> None:
    """Register all of them, and exempt what staff write."""
    register(
        Store(
            name="previews for a test person",
            covers=("table:campaigns.Preview", "redis:release:previews"),
            remove=_end_previews,
            count=lambda subject: _previews(subject).count(),
            tell=_tell_previews,
        )
    )
    register(
        Store(
            name="samples, links and counted people",
            covers=(
                *("redis:connections:sample:{}", "redis:link:person:{}", "redis:audience:stock"),
                "redis:debug:read:{}:{}:{}",
            ),
            remove=lambda subject, _now: sum(map(_drop, _keys(subject))),
            count=lambda subject: sum(1 for _ in _keys(subject)),
        )
    )
    held = {label.partition(":")[2] for label in ("table:campaigns.Preview",)}
    exempt(
        [
            f"table:{model._meta.label}"
            for label in OWN_APPS
            for model in apps.get_app_config(label).get_models(include_auto_created=True)
            if model._meta.label not in held
        ],
        because="written by staff or about staff; how many people, never whom",
    )
    exempt(
        ["table:foundation.Job", "table:foundation.ApiKey"],
        because="what work there was and which program has a key",
    )
    exempt(
        [
            *("redis:audience:stock:taking", "redis:audience:history:taking", "redis:beat:seen"),
            *("redis:threshold:{}:asked", "redis:threshold:{}:found"),
            "redis:what_if:{}:{}:{}",
        ],
        because="locks, and distributions over many people that go within hours",
    )


def _previews(subject: Subject) -> Any:
    return Preview.objects.filter(person__in=subject.people)


def _tell_previews(subject: Subject) -> Iterator[Section]:
    for row in _previews(subject):
        yield Section("previews", {"made_at": row.created_at, "expires_at": row.expires_at})


def _end_previews(subject: Subject, now: datetime) -> int:
    """End the previews that were for this person alone; nobody else may come to see them."""
    client = redis_client()
    rows = list(_previews(subject))
    for row in rows:
        client.hdel(PREVIEWS_KEY, row.code)
        Preview.objects.filter(pk=row.pk).update(person="", revoked_at=row.revoked_at or now)
    return len(rows)


def _keys(subject: Subject) -> Iterator[bytes]:
    """Yield the keys of what is kept for a while and names a person."""
    client, named = redis_client(), [one.encode() for one in subject.people]
    texts = [*named, *(one.encode() for one in subject.texts)]
    stock: Any = client.hget(STOCK_KEY, BODY_FIELD)
    if stock and any(one in zlib.decompress(stock) for one in named):
        yield STOCK_KEY.encode()
    for key in client.scan_iter(match="debug:read:*", count=5_000):
        if any(key.endswith(one) for one in named):
            yield key
    for key in client.scan_iter(match="link:person:*", count=5_000):
        if client.get(key) in named:
            yield key
    for key in client.scan_iter(match="connections:sample:*", count=5_000):
        if any(one in _unsealed(client.get(key)) for one in texts):
            yield key


def _unsealed(body: Any) -> bytes:
    try:
        return unseal(body or b"", purpose=SAMPLE)
    except (SealError, msgspec.DecodeError):
        return b""


def _drop(key: bytes) -> int:
    return int(redis_client().delete(key))
