"""A small made-up stream of events, so that the demo's windows stay alive while it runs."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from random import Random

import redis

from campaigns.candidates import candidate_of
from campaigns.demo.departments import DEPARTMENTS
from campaigns.demo.identifiers import user_id
from campaigns.demo.intake import Message, accept
from decisioning.ingestion.wire import Intake

logger = logging.getLogger("campaigns")


HOUSEHOLDS = 2_500
SHOPPABLE = [name for name in DEPARTMENTS.values() if name != "Fuel"]
# Of a hundred visits, this many only look, put something into the basket, buy.
KINDS = ("look", "fill", "buy")
WEIGHTS = (70, 20, 10)


def visit(chance: Random, *, now: datetime) -> Iterator[Message]:
    """Yield the two to four events of one visit to the shop, all at `now`."""
    household = chance.randrange(1, HOUSEHOLDS + 1)
    department = chance.choice(SHOPPABLE)
    kind = chance.choices(KINDS, WEIGHTS)[0]
    path = f"/{department.lower().replace(' ', '-')}"
    product = {
        "product_id": str(chance.randrange(25_000, 18_000_000)),
        "department": department,
        "price": round(chance.uniform(0.5, 20), 2),
    }
    engaged = {
        "path": path,
        "scroll_depth_percent": chance.randrange(101),
        "time_on_page_s": chance.randrange(120),
    }
    calls = [("Product Viewed", product), ("Page Engaged", engaged)]
    if kind != "look":
        calls.append(("Product Added", product))
    if kind == "buy":
        calls.append(("Order Completed", _order(chance, department)))
    for event, properties in calls:
        yield {
            "type": "track",
            "event": event,
            "messageId": f"trickle-{chance.getrandbits(96):024x}",
            "userId": user_id(household),
            "timestamp": now.astimezone(UTC).isoformat(timespec="milliseconds"),
            "properties": properties,
            "context": {"synthetic": True},
        }


def _order(chance: Random, department: str) -> Message:
    departments = {department, *chance.sample(SHOPPABLE, chance.randrange(4))}
    items = chance.randrange(1, 20)
    return {
        "order_id": f"trickle-{chance.getrandbits(48):012x}",
        "value": round(items * chance.uniform(1.5, 4.5), 2),
        "currency": "USD",
        "quantity": items,
        "items": items,
        "store": str(chance.choice((292, 323, 330, 381, 406, 436, 450))),
        "departments": sorted(departments),
        "coupon_discount": 0.0,
        "retail_discount": round(chance.uniform(0, 5), 2),
    }


class Stream:
    """Sends visits by the road of production events."""

    def __init__(self, client: redis.Redis, *, pepper: bytes, chance: Random) -> None:
        """Read the live catalogue once; it need not be the newest."""
        self._client = client
        self._pepper = pepper
        self._chance = chance
        self._attributes = {one.key: one for one in candidate_of(None).spec.attributes}

    def send_visit(self, *, now: datetime) -> int:
        """Send the events of one visit and return how many; a store that is away is tried again next time."""
        items = list(visit(self._chance, now=now))
        intake = Intake(
            attributes=self._attributes,
            received_at_ms=int(now.timestamp() * 1000),
            pepper=self._pepper,
            source="demo",
        )
        try:
            accept(self._client, items, intake=intake)
        except redis.RedisError as error:
            logger.warning("demo.trickle_waits reason=%s", type(error).__name__)
        return len(items)
