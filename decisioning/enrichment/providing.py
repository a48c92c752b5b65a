"""The only place that asks providers what is true of places now; workers do, requests never."""

import time
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import redis

from decisioning.enrichment.fences import Point
from decisioning.enrichment.placing import cell_of
from decisioning.enrichment.stored import Provided, keep_provided, load_provided
from decisioning.enrichment.terms import Provider, Terms
from rtts_site.foundation.addresses import AddressRefused, look_up
from rtts_site.foundation.calling import NoAnswer, Sent, fetch

SECONDS: Final = 5.0
MOST_BYTES: Final = 64 * 1024
RENEW: Final = 0.5  # share of its validity after which a value is asked for again


def ask_all(client: "redis.Redis", terms: Terms, *, now_ms: int) -> dict[str, int]:
    """Ask every provider for the places that are due, and return how many each answered."""
    return {one.key: ask(client, one, terms, now_ms=now_ms) for one in terms.providers}


def ask(client: "redis.Redis", provider: Provider, terms: Terms, *, now_ms: int) -> int:
    """Ask one provider; a place that it does not answer for keeps what was said until that is stale."""
    held = load_provided(client, provider.key)
    found: Provided = {}
    renew_ms = provider.valid_s * 1000 * RENEW
    for cell, point in cells(provider, terms).items():
        if held.get(cell, ({}, 0))[1] - now_ms > renew_ms:
            continue
        values = read_answer(provider, _fetched(provider, point))
        if values:
            found[cell] = (values, _now_ms() + provider.valid_s * 1000)
    keep_provided(client, provider.key, found)
    return len(found)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def cells(provider: Provider, terms: Terms) -> dict[str, Point]:
    """Return the cells that are asked for: of the provider's places and of every geofence."""
    centres = [fence.centre or fence.corners[0] for fence in terms.fences]
    return {cell_of(point): point for point in (*centres, *provider.places)}


def _fetched(provider: Provider, point: Point) -> bytes:
    """Return what a provider answered, b"" where it did not; it learns the cell's place alone."""
    address = provider.address.replace("{latitude}", f"{point[0]:.1f}")
    address = address.replace("{longitude}", f"{point[1]:.1f}")
    try:
        asked = Sent("GET", {"Accept": "application/json"})
        answer = fetch(asked, look_up(address), seconds=SECONDS, limit=MOST_BYTES)
    except (NoAnswer, AddressRefused):
        return b""
    return answer.body if answer.status == 200 else b""


def read_answer(provider: Provider, body: bytes) -> dict[str, Any]:
    """Return the wanted fields of an answer; {} where there is none that can be read."""
    try:
        said = msgspec.json.decode(body) if body else {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    found = {name: _at(said, path) for name, path in provider.fields.items()}
    return {name: value for name, value in found.items() if isinstance(value, str | int | float)}


def _at(said: Any, path: str) -> Any:
    """Return what stands at a path such as ``current.condition``."""
    for step in path.split("."):
        said = said.get(step) if isinstance(said, Mapping) else None
    return said
