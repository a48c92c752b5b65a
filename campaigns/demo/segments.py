"""The demo's segments: every family of conditions is in at least one of them."""

from typing import Any

from campaigns.demo.journey import Coupon
from decisioning.specs import Condition, SegmentSpec

# What a coupon is for, by words of its category; the first that fits wins.
AISLES: dict[str, tuple[str, ...]] = {
    "buys-breakfast": (
        "Cold cereal",
        "Eggs",
        "Fluid milk products",
        "Yogurt",
        "Frozen breakfast foods",
    ),
    "buys-dairy": ("Cheese", "Butter", "Other dairy", "Margarines", "Chilled dough products"),
    "buys-frozen-food": (
        *("Frozen meat / meat dinners", "Frozen pizza", "Frozen pie / desserts"),
        *("Frozen potatoes", "Frozen bread / dough", "Ice cream / milk / sherbet"),
    ),
    "buys-pantry-food": (
        *("Pasta sauce", "Dry beans / vegetables / potato / rice", "Pnt btr / jelly / jams"),
        "Salad dressing / sandwich spread",
    ),
    "buys-pet-food": ("Cat food", "Dog foods"),
    "buys-snacks-and-drinks": ("Soft drinks", "Isotonic drinks", "Packaged natural snacks"),
}
FOR_CHILDREN = ("Baby foods", "Diapers & disposables", "Infant formula")
DEPARTMENT_SEGMENTS = {
    "Cosmetics": "buys-care",
    "Drugstore": "buys-care",
    "Meat": "buys-fresh",
    "Produce": "buys-fresh",
}


def segment_of_coupon(coupon: Coupon) -> str:
    """Return the segment whose people a coupon is for."""
    if coupon.category in FOR_CHILDREN:
        return "families"
    for segment, categories in AISLES.items():
        if coupon.category in categories:
            return segment
    return DEPARTMENT_SEGMENTS.get(coupon.department, "active-shoppers")


def _is(attribute: str, operator: str, value: Any = None) -> Condition:
    leaf = {"attribute": attribute, "is": operator}
    return leaf if value is None else {**leaf, "value": value}


def _ordered(
    function: str,
    operator: str,
    value: Any,
    *,
    within: str = "",
    where: Condition | None = None,
    **more: Any,
) -> Condition:
    leaf: Condition = {
        "event": "Order Completed",
        function: {"is": operator, "value": value, **more},
    }
    if within:
        leaf["within"] = within
    if where:
        leaf["where"] = where
    return leaf


def _segment(key: str, name: str, *conditions: Condition) -> SegmentSpec:
    return SegmentSpec(key=key, name=name, condition={"all": list(conditions)})


def _aisle(key: str, name: str, categories: tuple[str, ...]) -> SegmentSpec:
    bought = _is("categories", "contains_any", list(categories))
    return _segment(key, name, _ordered("count", "gte", 1, within="60d", where=bought))


def _buys(key: str, name: str, departments: list[str], times: int) -> SegmentSpec:
    bought = _is("departments", "contains_any", departments)
    return _segment(key, name, _ordered("count", "gte", times, within="30d", where=bought))


AISLE_SEGMENTS = (
    *(
        _aisle(key, key.replace("-", " ").capitalize(), categories)
        for key, categories in AISLES.items()
    ),
    _buys("buys-care", "Buys care products", ["Cosmetics", "Drugstore"], 1),
    _buys("buys-fresh", "Buys fresh food", ["Meat", "Produce", "Seafood"], 2),
)
SHOPPER_SEGMENTS = (
    _segment("active-shoppers", "Active shoppers", _ordered("count", "gte", 1, within="30d")),
    _segment("frequent-shoppers", "Frequent shoppers", _ordered("count", "gte", 6, within="30d")),
    _segment(
        "big-baskets",
        "Big baskets",
        _ordered("average", "gte", 50, within="30d", property="value"),
        _ordered("max", "gt", 80, within="30d", property="value"),
    ),
    _segment(
        "high-spenders",
        "High spenders",
        {
            "any": [
                _ordered("sum", "gt", 400, within="30d", property="value"),
                {"all": [_is("loyalty_tier", "eq", "gold"), _is("visits", "gte", 100)]},
            ]
        },
    ),
    _segment(
        "lapsing",
        "Lapsing shoppers",
        _ordered("since_last", "gt", "14d"),
        _ordered("count", "gte", 1, within="90d"),
        {"none": [_ordered("count", "gte", 1, within="14d")]},
    ),
    _segment(
        "shops-around",
        "Uses several stores",
        _ordered("distinct", "gte", 2, within="30d", property="store"),
    ),
    _segment(
        "coupon-lovers",
        "Loves coupons",
        {
            "any": [
                {"event": "Coupon Redeemed", "count": {"is": "gte", "value": 1}, "within": "90d"},
                _ordered("sum", "gt", 1.5, within="30d", property="coupon_discount"),
            ]
        },
    ),
    _segment(
        "browsed-not-bought",
        "Looked and did not buy",
        {
            "event": "Product Viewed",
            "without": {"event": "Order Completed"},
            "within": "7d",
        },
    ),
    _segment(
        "looked-then-bought",
        "Looked and bought",
        {"event": "Product Viewed", "then": {"event": "Order Completed"}, "within": "7d"},
    ),
    _segment(
        "engaged-now",
        "Reading closely in this session",
        {
            "event": "Page Engaged",
            "count": {"is": "gte", "value": 1},
            "within": "session",
            "where": {
                "all": [_is("scroll_depth_percent", "gt", 60), _is("time_on_page_s", "gt", 30)]
            },
        },
    ),
)
HOUSEHOLD_SEGMENTS = (
    _segment(
        "families",
        "Families with children",
        {
            "any": [
                _is("kids", "gte", 1),
                _is("household_kind", "any_of", ["1 Adult Kids", "2 Adults Kids"]),
            ]
        },
    ),
    _segment(
        "young-families",
        "Young families",
        {"segment": "families"},
        _is("age_band", "any_of", ["19-24", "25-34", "35-44"]),
    ),
    _segment("gold-members", "Gold members", _is("loyalty_tier", "eq", "gold")),
    _segment(
        "new-members", "Members for less than 90 days", _is("member_since", "within_last", "90d")
    ),
    _segment(
        "newsletter-readers",
        "Newsletter readers",
        _is("email_opt_in", "is_set"),
        _is("email_opt_in", "eq", True),
    ),
    _segment(
        "near-cincinnati",
        "Store within 30 km of the centre",
        _is("home_place", "within_km", {"lat": 39.1031, "lon": -84.512, "km": 30}),
    ),
    _segment("outdated-app", "App is out of date", _is("app_version", "lt", "4.1")),
    _segment(
        "evening-on-the-phone",
        "On the phone in the evening",
        _is("device_class", "eq", "mobile"),
        {
            "any": [
                _is("daypart", "any_of", ["evening", "night"]),
                _is("weekday", "any_of", ["saturday", "sunday"]),
            ]
        },
    ),
    _segment(
        "thrifty-families",
        "Thrifty families",
        {"segment": "families"},
        {
            "any": [
                {"segment": "coupon-lovers"},
                {
                    "all": [
                        _is("income_band", "any_of", ["Under 15K", "15-24K", "25-34K"]),
                        {"none": [{"segment": "high-spenders"}]},
                    ]
                },
            ]
        },
    ),
)

SEGMENTS = tuple(
    sorted((*AISLE_SEGMENTS, *SHOPPER_SEGMENTS, *HOUSEHOLD_SEGMENTS), key=lambda one: one.key)
)
