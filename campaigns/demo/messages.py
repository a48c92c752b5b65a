"""What the data set says as tracking messages, shifted in time and with ids that never change."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from heapq import merge

from campaigns.demo.identifiers import anonymous_id, share_of, store_place, user_id
from campaigns.demo.intake import Message
from campaigns.demo.journey import (
    FIRST_MS,
    LAST_MS,
    Basket,
    Household,
    Journey,
    Line,
    Redemption,
)

# Only every tenth household browses before it signs in, so merges stay rare, as they are in life.
BROWSES_EVERY = 10
APP_VERSIONS = ("3.9.2", "4.0.0", "4.1.3", "4.2.0", "4.10.1")


def moment(at_ms: int, *, anchor_ms: int) -> str:
    """Return a time of the data set as text, moved so that its last basket falls on the anchor."""
    moved = datetime.fromtimestamp((at_ms - LAST_MS + anchor_ms) / 1000, UTC)
    return moved.isoformat(timespec="milliseconds")


class Tiers:
    """Loyalty tiers by spend in the year: the top tenth is gold, the next three tenths silver."""

    def __init__(self, households: Iterable[Household]) -> None:
        """Rank all households once."""
        spends = sorted(household.spend for household in households)
        self._bounds = (spends[len(spends) * 6 // 10], spends[len(spends) * 9 // 10])

    def tier(self, spend: float) -> str:
        """Return ``bronze``, ``silver`` or ``gold``."""
        return ("bronze", "silver", "gold")[bisect_right(self._bounds, spend)]


def household_message(
    household: Household, *, tiers: Tiers, mailings: list[str], anchor_ms: int
) -> Message:
    """Return the identify call that carries all that is known about a household."""
    number = household.number
    survey = household.demographics
    traits = {
        "loyalty_tier": tiers.tier(household.spend),
        "lifetime_value": household.spend,
        "visits": household.visits,
        "home_store": household.store,
        "home_place": store_place(household.store),
        "favourite_departments": list(household.favourites),
        "mailings": mailings,
        "member_since": _member_since(number, anchor_ms=anchor_ms),
        "email_opt_in": share_of(number, salt="e-mail") < 0.6,
        "age_band": survey.get("age"),
        "income_band": survey.get("income"),
        "home_ownership": survey.get("home_ownership"),
        "marital_status": survey.get("marital_status"),
        "household_kind": survey.get("household_comp"),
        "household_size": _count(survey.get("household_size")),
        "kids": _count(survey.get("kids_count")),
        "app_version": _app_version(number),
    }
    return {
        "type": "identify",
        "messageId": f"journey-household-{number}",
        "userId": user_id(number),
        "traits": {key: value for key, value in traits.items() if value is not None},
        "timestamp": moment(FIRST_MS, anchor_ms=anchor_ms),
    }


def _count(text: str | None) -> int | None:
    return int(text.rstrip("+")) if text else None


def _app_version(number: int) -> str | None:
    share = share_of(number, salt="app")
    return APP_VERSIONS[int(share * 2 * len(APP_VERSIONS))] if share < 0.5 else None


def _member_since(number: int, *, anchor_ms: int) -> str:
    days = int(share_of(number, salt="member") * 1500) + 5
    return moment(LAST_MS - days * 86_400_000, anchor_ms=anchor_ms)[:10]


def basket_message(basket: Basket, *, anchor_ms: int) -> Message:
    """Return a basket as one order."""
    lines = basket.lines
    return {
        "type": "track",
        "event": "Order Completed",
        "messageId": f"journey-order-{basket.basket_id}",
        "userId": user_id(basket.household),
        "timestamp": moment(basket.at_ms, anchor_ms=anchor_ms),
        "properties": {
            "order_id": basket.basket_id,
            "value": round(sum(line.price for line in lines), 2),
            "currency": "USD",
            "quantity": sum(line.quantity for line in lines),
            "items": len(lines),
            "store": basket.store,
            "departments": sorted({line.department for line in lines}),
            "categories": sorted({line.category for line in lines if line.category}),
            "coupon_discount": basket.coupon_discount,
            "retail_discount": basket.retail_discount,
            "products": [_product(line) for line in lines],
        },
    }


def _product(line: Line) -> Message:
    return {
        "product_id": line.product_id,
        "category": line.category,
        "department": line.department,
        "quantity": line.quantity,
        "price": line.price,
    }


def redemption_message(
    redemption: Redemption, *, kinds: dict[tuple[int, str], tuple[str, str]], anchor_ms: int
) -> Message:
    """Return a redemption; `kinds` maps (campaign, coupon) to (department, category)."""
    department, category = kinds[redemption.campaign, redemption.coupon]
    return {
        "type": "track",
        "event": "Coupon Redeemed",
        "messageId": f"journey-redemption-{redemption.position}",
        "userId": user_id(redemption.household),
        "timestamp": moment(redemption.at_ms, anchor_ms=anchor_ms),
        "properties": {
            "coupon": redemption.coupon,
            "campaign": f"journey-{redemption.campaign}",
            "department": department,
            "category": category,
        },
    }


def browsing_messages(household: Household, *, anchor_ms: int) -> list[Message]:
    """Return two product views of a browser that was not signed in, and the sign-in that merges it."""
    number = household.number
    browser = anonymous_id(number)
    start = LAST_MS - int(share_of(number, salt="browse") * 3 * 86_400_000) - 900_000
    views: list[Message] = [
        {
            "type": "track",
            "event": "Product Viewed",
            "messageId": f"journey-view-{number}-{index}",
            "anonymousId": browser,
            "timestamp": moment(start + index * 60_000, anchor_ms=anchor_ms),
            "properties": {"department": department},
        }
        for index, department in enumerate(household.favourites[:2])
    ]
    sign_in: Message = {
        "type": "identify",
        "messageId": f"journey-sign-in-{number}",
        "userId": user_id(number),
        "anonymousId": browser,
        "traits": {},
        "timestamp": moment(start + 600_000, anchor_ms=anchor_ms),
    }
    return [*views, sign_in]


def people(journey: Journey, *, anchor_ms: int) -> Iterator[Message]:
    """Yield who the households are: traits of all, then the browsing of every tenth."""
    tiers = Tiers(journey.households)
    mailings: dict[int, list[str]] = {}
    for campaign in journey.campaigns:
        for number in campaign.households:
            mailings.setdefault(number, []).append(f"journey-{campaign.number}")
    for household in journey.households:
        yield household_message(
            household,
            tiers=tiers,
            mailings=mailings.get(household.number, []),
            anchor_ms=anchor_ms,
        )
    for household in journey.households:
        if household.number % BROWSES_EVERY == 0:
            yield from browsing_messages(household, anchor_ms=anchor_ms)


def purchases(journey: Journey, *, anchor_ms: int) -> Iterator[Message]:
    """Yield orders and redemptions, the newest first, so that a position in it says how far back one is."""
    kinds = {(one.campaign, one.upc): (one.department, one.category) for one in journey.coupons}
    orders: Iterable[Basket | Redemption] = journey.baskets()
    coupons: Iterable[Basket | Redemption] = journey.redemptions
    for row in merge(orders, coupons, key=lambda one: -one.at_ms):
        if isinstance(row, Basket):
            yield basket_message(row, anchor_ms=anchor_ms)
        else:
            yield redemption_message(row, kinds=kinds, anchor_ms=anchor_ms)
