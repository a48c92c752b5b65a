"""The interests that a person sees and edits themselves: attributes that the catalogue marks so."""

import asyncio
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import redis
from asgiref.sync import sync_to_async

from decisioning.ingestion.log import event_log
from decisioning.ingestion.records import Record
from decisioning.profiles.store import load_profile
from decisioning.rules.conditions import conform
from decisioning.specs import AttributeSpec, ReleaseSpec
from rtts_site.foundation.redis_clients import Down

SOURCE: Final = "own page"
LONGEST: Final = 500  # characters of a text, or of all values of a list
WAIT_S: Final = 2.0  # for the worker, so that the next decision knows it
PAUSE_S: Final = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One attribute as the page shows it."""

    key: str
    name: str
    kind: str  # "boolean", "number", "text", "list"
    value: str
    values: tuple[str, ...]  # to choose from; () is free text
    owner: str
    data_class: str
    retention_days: int | None

    @property
    def chosen(self) -> tuple[str, ...]:
        return tuple(one.strip() for one in self.value.split(","))


def editable(release: ReleaseSpec) -> list[AttributeSpec]:
    """Return the attributes that people may edit, by name."""
    kinds = ("boolean", "number", "text", "list")
    found = [one for one in release.attributes if one.editable and one.type in kinds]
    return sorted((one for one in found if one.source == "profile"), key=lambda one: one.name)


def fields_of(person: str, release: ReleaseSpec | None, client: redis.Redis) -> list[Field]:
    """Return what a person can edit with what is known now; nothing while it cannot be read."""
    specs = editable(release) if release else []
    if not specs:
        return []
    try:
        _, profile = load_profile(client, person)
    except Down:
        return []
    known = profile.attributes if profile else {}
    return [
        Field(
            key=one.key,
            name=one.name,
            kind=one.type,
            value=_written(known[one.key].value) if one.key in known else "",
            values=one.values,
            owner=one.owner,
            data_class=one.data_class,
            retention_days=one.retention_days,
        )
        for one in specs
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What a person says of their interests, accepted and on its way into their profile."""

    person: str
    facts: Mapping[str, Any]
    client: redis.Redis


def save(
    person: str, said: Any, release: ReleaseSpec, client: redis.Redis, *, now: datetime
) -> Saved | None:
    """Accept what a person says of their interests as an event of theirs; None where it cannot be read."""
    facts: dict[str, Any] = {}
    for spec in editable(release):
        values = [one.strip()[:LONGEST] for one in said.getlist(spec.key) if one.strip()]
        fact = _fact(values, spec)
        if fact is None and values:
            return None
        facts[spec.key] = fact
    if not facts:
        return None
    _, profile = load_profile(client, person)
    now_ms = int(now.timestamp() * 1000)
    record = Record(
        message_id=f"own-page-{uuid.uuid4().hex}",
        person=person,
        identifiers=tuple(sorted(profile.identifiers)) if profile else (),
        type="identify",
        attributes=facts,
        event_time_ms=now_ms,
        received_at_ms=now_ms,
        source=SOURCE,
    )
    event_log(client).accept([record])
    return Saved(person=person, facts=facts, client=client)


async def wait_for(saved: Saved) -> None:
    """Return once a worker has folded it, so that the next decision knows it, or after two seconds.

    No thread waits meanwhile.
    """
    until = time.monotonic() + WAIT_S
    look = sync_to_async(_is_folded, thread_sensitive=False)
    while time.monotonic() < until and not await look(saved):
        await asyncio.sleep(PAUSE_S)


def _is_folded(saved: Saved) -> bool:
    try:
        _, profile = load_profile(saved.client, saved.person)
    except Down:
        return False  # it is accepted, and folded when Redis is back
    known = {key: cell.value for key, cell in profile.attributes.items()} if profile else {}
    return all(known.get(key) == value for key, value in saved.facts.items())


def _fact(values: list[str], spec: AttributeSpec) -> Any:
    if spec.type == "boolean":
        return values == ["true"]
    if not values:
        return None
    if spec.values and not set(values) <= set(spec.values):
        return None
    match spec.type:
        case "number":
            return _number(values[0])
        case "list":
            return conform(values, "list")
        case _:
            return conform(values[0], "text")


def _number(text: str) -> Any:
    try:
        return conform(float(text.replace(",", ".")), "number")
    except (ValueError, OverflowError):
        return None


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else ""
    return ", ".join(value) if isinstance(value, list | tuple) else str(value)
