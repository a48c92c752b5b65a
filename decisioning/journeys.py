"""The only place that reads shopping out of events: visits, carts, checkouts, orders and funnels. Pure."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from decisioning.ingestion.records import Record
from decisioning.ingestion.shopping import as_number

SILENCE_MS: Final = 30 * 60_000  # ends a visit whose sender names none
VIEWS: Final = frozenset({"Product Viewed", "Product List Viewed"})
ADDED: Final = "Product Added"
REMOVED: Final = "Product Removed"
ORDERED: Final = "Order Completed"
STEPS: Final = frozenset(
    {"Checkout Started", "Checkout Step Viewed", "Checkout Step Completed", "Payment Info Entered"}
)
CART: Final = frozenset({ADDED, REMOVED, ORDERED})
CHECKOUT: Final = STEPS | {ORDERED}
FUNNEL: Final[tuple[tuple[str, frozenset[str]], ...]] = (
    ("view", VIEWS),
    ("cart", frozenset({ADDED})),
    ("checkout", STEPS),
    ("purchase", frozenset({ORDERED})),
)


@dataclass(frozen=True, slots=True)
class Step:
    """One event of a visit."""

    record: Record
    visit: str
    index: int  # from 1, by event time; events of one moment share it

    @property
    def at_ms(self) -> int:
        return self.record.event_time_ms

    @property
    def event(self) -> str:
        return self.record.event

    @property
    def products(self) -> list[dict[str, Any]]:
        """The products that the event is about; one that carries a single one need not list it."""
        said = self.record.properties
        listed = said.get("products")
        if isinstance(listed, list):
            return [one for one in listed if isinstance(one, dict)]
        return [dict(said)] if "product_id" in said or "sku" in said else []

    @property
    def cart_id(self) -> str | None:
        found = self.record.properties.get("cart_id")
        return str(found) if found is not None else None

    @property
    def cart_value(self) -> float | None:
        return as_number(self.record.properties.get("cart_value"))

    @property
    def cart_created(self) -> bool | None:
        """Whether what was added is all that the cart holds; None where that was not said."""
        prices = [as_number(one.get("price")) for one in self.products]
        known = [price for price in prices if price is not None]
        if self.event != ADDED or self.cart_value is None or not known:
            return None
        return abs(sum(known) - self.cart_value) < 0.005

    @property
    def cart_emptied(self) -> bool | None:
        if self.event == ORDERED or self.cart_value is None:
            return None
        return self.cart_value == 0

    def checkout_step(self, *, last: int) -> int | None:
        """Return the number of the checkout's step; an order is the `last` one."""
        if self.event == ORDERED:
            return last
        number = as_number(self.record.properties.get("step"))
        return None if number is None else int(number)

    @property
    def entered_here(self) -> bool:
        return self.index == 1

    @property
    def revenue(self) -> float:
        said = self.record.properties
        return as_number(said.get("revenue")) or as_number(said.get("total")) or 0.0

    @property
    def quantity(self) -> float:
        """How many things an order holds, as it says, else as many as its products."""
        order = self.record.properties.get("transaction")
        said = as_number(order.get("total_quantity")) if isinstance(order, dict) else None
        return float(len(self.products)) if said is None else said


@dataclass(frozen=True, slots=True)
class Visit:
    """The events of one session, in order."""

    key: str
    steps: tuple[Step, ...]

    def of(self, events: Collection[str]) -> list[Step]:
        """Return the steps of these events."""
        return [step for step in self.steps if step.event in events]

    @property
    def started_ms(self) -> int:
        """When its first event was received."""
        return min(step.record.received_at_ms for step in self.steps)

    @property
    def ended_ms(self) -> int:
        return max(step.record.received_at_ms for step in self.steps)

    @property
    def carts_created(self) -> list[Step]:
        return [step for step in self.of({ADDED}) if step.cart_created]

    @property
    def carts_emptied(self) -> list[Step]:
        return [step for step in self.of({ADDED, REMOVED}) if step.cart_emptied]

    @property
    def cart_abandoned(self) -> bool:
        """Whether more carts were begun than ordered."""
        return len(self.carts_created) > len(self.of({ORDERED}))

    def steps_attempted(self, *, last: int) -> set[int]:
        """Return the numbers of the checkout's steps that were reached."""
        found = (step.checkout_step(last=last) for step in self.of(CHECKOUT))
        return {number for number in found if number is not None}

    def reached(self, funnel: Sequence[tuple[str, Collection[str]]] = FUNNEL) -> int:
        """Return how many steps of a funnel the visit went through, one after the other."""
        done = 0
        for step in self.steps:
            if done < len(funnel) and step.event in funnel[done][1]:
                done += 1
        return done


@dataclass(frozen=True, slots=True)
class FunnelStep:
    """How many visits came as far as a step."""

    name: str
    visits: int
    share: float  # of those that came to the first step, 0..1


def visits(records: Iterable[Record], *, apps: Collection[str] = ()) -> list[Visit]:
    """Return the visits in records, by when they began; a repeated message counts once.

    A visit is what the sender calls a session, else a person's events without `SILENCE_MS` between.
    `apps` keeps only events of these apps.
    """
    once = {record.message_id: record for record in records if record.event}
    kept = [one for one in once.values() if not apps or one.context.get("app") in apps]
    kept.sort(key=lambda one: (one.event_time_ms, one.message_id))
    grouped: dict[str, list[Record]] = defaultdict(list)
    key_of = _keys()
    for record in kept:
        grouped[key_of(record)].append(record)
    found = [Visit(key, tuple(_in_order(key, some))) for key, some in grouped.items()]
    return sorted(found, key=lambda visit: visit.steps[0].at_ms)


def _in_order(key: str, records: Iterable[Record]) -> Iterator[Step]:
    index, newest = 0, -1
    for record in records:
        if record.event_time_ms > newest:
            index, newest = index + 1, record.event_time_ms
        yield Step(record, key, index)


def _keys() -> Callable[[Record], str]:
    """Return a function that names the visit of each record of a run in time order."""
    last: dict[str, tuple[int, int]] = {}  # person -> number of the visit, its newest event

    def key_of(record: Record) -> str:
        said = record.context.get("session_id") or record.context.get("sessionId")
        if said is not None:
            return str(said)
        number, newest = last.get(record.person, (0, record.event_time_ms))
        if record.event_time_ms - newest > SILENCE_MS:
            number += 1
        last[record.person] = (number, record.event_time_ms)
        return f"{record.person}:{number}"

    return key_of


def funnel(
    visited: Sequence[Visit], steps: Sequence[tuple[str, Collection[str]]] = FUNNEL
) -> list[FunnelStep]:
    """Return how many visits came how far, in the order of the steps."""
    reached = [visit.reached(steps) for visit in visited]
    counts = [sum(1 for done in reached if done > place) for place in range(len(steps))]
    first = counts[0] if counts else 0
    return [
        FunnelStep(name, count, count / first if first else 0.0)
        for (name, _), count in zip(steps, counts, strict=True)
    ]


def first_and_last(steps: Sequence[Step]) -> tuple[int | None, int | None]:
    """Return when the first and the last of some steps happened, ms; None where there are none."""
    return (steps[0].at_ms, steps[-1].at_ms) if steps else (None, None)


def summary(visit: Visit, *, last_checkout_step: int = 4) -> Mapping[str, Any]:
    """Return one row of the report of visits; what never happened in a visit is left out."""
    found: dict[str, Any] = {
        "visit": visit.key,
        "started": visit.started_ms,
        "ended": visit.ended_ms,
    }
    for name, steps in (
        ("product_view", visit.of(VIEWS)),
        ("add_to_cart", visit.of({ADDED})),
        ("remove_from_cart", visit.of({REMOVED})),
        ("order", visit.of({ORDERED})),
        ("cart_created", visit.carts_created),
        ("cart_emptied", visit.carts_emptied),
    ):
        found[f"{name}s"] = len(steps)
        first, last = first_and_last(steps)
        found |= {f"first_{name}": first, f"last_{name}": last} if steps else {}
    orders = visit.of({ORDERED})
    found["cart_abandoned"] = visit.cart_abandoned
    found["checkout_steps_attempted"] = len(visit.steps_attempted(last=last_checkout_step))
    found["revenue"] = sum(step.revenue for step in orders)
    found["quantity"] = sum(step.quantity for step in orders)
    found["products_ordered"] = sum(len(step.products) for step in orders)
    return found
