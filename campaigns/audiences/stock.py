"""The only place that holds whom each live segment finds: taken by a worker, read beside a draft for overlaps."""

import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
import redis
from redis.exceptions import LockError

from campaigns.audiences.counting import Found, find
from campaigns.audiences.estimates import Estimate, estimate
from campaigns.audiences.people import People
from campaigns.candidates import candidate_of
from campaigns.models import Item
from campaigns.models.items import Kind
from campaigns.sampling import load_people
from decisioning.rules.conditions import (
    Catalogue,
    ConditionError,
    Node,
    aggregates,
    inline_segments,
    parse,
)
from decisioning.rules.membership import meaning

STOCK_KEY: Final = "audience:stock"
DIGEST_FIELD, MADE_FIELD, BODY_FIELD = "digest", "made", "body"
LOCK_KEY: Final = "audience:stock:taking"
LOCK_S: Final = 120
OLD_S: Final = 600.0
PEOPLE: Final = 2_000
SECONDS: Final = 20.0  # of a worker, for each stock
SHOWN: Final = 5


class Stock(msgspec.Struct, frozen=True):
    """Whom each live segment finds of the same people: a 1 or a 0 for each of `persons`."""

    persons: tuple[str, ...]
    segments: dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Overlap:
    """People whom a draft shares with a live segment."""

    key: str
    name: str
    item: int  # row of the segment
    matched: int
    sampled: int
    population: int
    of_draft: float  # share of the draft's people, [0, 1]

    @property
    def estimate(self) -> Estimate:
        return estimate(self.matched, sampled=self.sampled, population=self.population)


def take_stock(client: redis.Redis, *, digest: str, now: datetime) -> bool:
    """Count all live segments where that is due, and say whether it was; bounded in time.

    `digest` is the live release's. One worker at a time.
    """
    made: Any = client.hmget(STOCK_KEY, DIGEST_FIELD, MADE_FIELD)
    age = now.timestamp() - float(made[1] or 0)
    is_new = made[0] == digest.encode() and age < OLD_S
    lock = client.lock(LOCK_KEY, timeout=LOCK_S)
    if is_new or not lock.acquire(blocking=False):
        return False
    try:
        body = zlib.compress(msgspec.msgpack.encode(_counted(client, now=now)))
        fields: dict[Any, Any] = {
            DIGEST_FIELD: digest,
            MADE_FIELD: now.timestamp(),
            BODY_FIELD: body,
        }
        client.hset(STOCK_KEY, mapping=fields)
    finally:
        with suppress(LockError):  # it took longer: another worker's now
            lock.release()
    return True


def _counted(client: redis.Redis, *, now: datetime) -> Stock:
    trees = live_trees(Kind.SEGMENT)
    needed = {one for tree in trees.values() for one in aggregates(tree)}
    people = load_people(client, aggregates=needed, now=now).first(PEOPLE)
    found = find(people, trees, now=now.timestamp(), seconds=SECONDS) if trees else {}
    least = min((one.sampled for one in found.values()), default=0)
    return Stock(people.persons[:least], {key: one.flags[:least] for key, one in found.items()})


def live_trees(*kinds: Kind) -> dict[str, Node]:
    """Return the conditions of live segments or offers, by key (by ``kind:key`` where several are asked).

    One that cannot be read is left out.
    """
    spec = candidate_of(None).spec
    catalogue = Catalogue.of(spec)
    conditions = {
        Kind.SEGMENT: {one.key: meaning(one) for one in spec.segments},
        Kind.OFFER: {one.key: one.eligibility for one in spec.offers},
    }
    found = {}
    for kind in kinds:
        for key, condition in conditions[kind].items():
            with suppress(ConditionError):
                tree = inline_segments(parse(condition, catalogue))
                found[key if len(kinds) == 1 else f"{kind.value}:{key}"] = tree
    return found


class _Reader:
    """The newest stock, decoded once in each process; threads share it, so each answer is of one stock."""

    def __init__(self) -> None:
        self._read: tuple[bytes | None, Stock] = (None, Stock((), {}))  # when it was made, and it
        self._placed: tuple[Stock, People | None, list[int]] = (Stock((), {}), None, [])

    def read(self, client: redis.Redis) -> Stock:
        made: Any = client.hget(STOCK_KEY, MADE_FIELD)
        known, stock = self._read
        if made == known:
            return stock
        body: Any = client.hget(STOCK_KEY, BODY_FIELD)
        packed = zlib.decompress(body) if body else b""
        stock = msgspec.msgpack.decode(packed, type=Stock) if packed else Stock((), {})
        self._read = made, stock
        return stock

    def places(self, stock: Stock, people: People) -> list[int]:
        """Return where each person of the stock stands in a sample, -1 for who is not in it."""
        of, among, places = self._placed
        if of is not stock or among is not people:
            numbers = {person: number for number, person in enumerate(people.persons)}
            places = [numbers.get(person, -1) for person in stock.persons]
            self._placed = stock, people, places
        return places


_reader = _Reader()


def overlaps_of(
    client: redis.Redis, found: Found, people: People, *, catalogue: Catalogue
) -> tuple[Overlap, ...] | None:
    """Return the live segments that share most people with a draft, at most SHOWN; None before any was counted."""
    stock = _reader.read(client)
    if not stock.persons:
        return None
    places = _reader.places(stock, people)
    seen = [number for number, place in enumerate(places) if 0 <= place < found.sampled]
    draft = bytes(found.flags[places[number]] for number in seen)
    own = Found(draft, found.population)
    shared = {
        key: own.together(bytes(map(flags.__getitem__, seen))).matched
        for key, flags in stock.segments.items()
        if key in catalogue.segments
    }
    return _largest(shared, own, catalogue)


def _largest(shared: Mapping[str, int], own: Found, catalogue: Catalogue) -> tuple[Overlap, ...]:
    top = sorted((key for key in shared if shared[key]), key=lambda key: (-shared[key], key))
    keys = top[:SHOWN]
    rows = Item.objects.filter(kind=Kind.SEGMENT, key__in=keys).values_list("key", "pk")
    numbers = dict(rows) if keys else {}
    return tuple(
        Overlap(
            key,
            catalogue.segments[key].name,
            numbers[key],
            shared[key],
            own.sampled,
            own.population,
            shared[key] / own.matched,
        )
        for key in keys
        if key in numbers
    )
