"""The templates of conditions to start from, as data over roles that a catalogue's events and attributes play."""

import copy
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.rule_builder.form_tree import Node, TreeError
from campaigns.rule_builder.stored import read_condition
from decisioning.rules.catalogue import Catalogue
from decisioning.specs import Condition, EventTypeSpec, ValueType


@dataclass(frozen=True, slots=True)
class Role:
    """What an event or a property is in the catalogue, whatever it is called there."""

    words: str | Promise  # "a purchase": follows "needs an event for"
    example: str  # "Order Completed"
    names: tuple[str, ...]  # any of these in its key or name, the likelier first


@dataclass(frozen=True, slots=True)
class Starter:
    """A condition in which ``$role`` stands for what the catalogue has; numbers are there to be changed."""

    key: str
    name: str | Promise
    about: str | Promise
    condition: Condition


# Names are compared without case, spaces and punctuation.
EVENT_ROLES: Final[dict[str, Role]] = {
    "purchase": Role(
        gettext_lazy("a purchase"),
        "Order Completed",
        (
            *("ordercompleted", "purchase", "orderplaced", "checkoutcompleted", "bookingcompleted"),
            *("subscriptionstarted", "subscribed", "accountopened", "enrolled", "donation"),
            *("ordercreated", "transaction", "sale", "booking", "order"),
        ),
    ),
    "cart": Role(
        gettext_lazy("something put into the basket"),
        "Product Added",
        (
            *("productadded", "addtocart", "addedtocart", "cartupdated", "addtobasket"),
            *("checkoutstarted", "applicationstarted", "bookingstarted", "basket", "cart"),
        ),
    ),
    "view": Role(
        gettext_lazy("looking at something"),
        "Product Viewed",
        (
            *("productviewed", "viewitem", "itemviewed", "articleread", "contentviewed"),
            *("videostarted", "courseviewed", "searchperformed", "listingviewed"),
            *("pageviewed", "pageview", "viewed", "page"),
        ),
    ),
}
MONEY: Final = Role(
    gettext_lazy("a number such as its value"),
    "value",
    ("value", "revenue", "total", "amount", "price", "sum"),
)


def _did(role: str, measure: str, operator: str, value: Any, **more: Any) -> Condition:
    return {"event": f"${role}", measure: {"is": operator, "value": value}, **more}


STARTERS: Final = (
    Starter(
        "lapsed",
        gettext_lazy("Lapsed"),
        gettext_lazy("Bought before, but not lately."),
        {
            "all": [
                _did("purchase", "count", "gte", 1, within="90d"),
                _did("purchase", "since_last", "gt", "30d"),
            ]
        },
    ),
    Starter(
        "high-intent",
        gettext_lazy("High intent"),
        gettext_lazy("Looked several times this week, or put something into the basket."),
        {
            "any": [
                _did("view", "count", "gte", 5, within="7d"),
                _did("cart", "count", "gte", 1, within="7d"),
            ]
        },
    ),
    Starter(
        "abandoned-cart",
        gettext_lazy("Abandoned basket"),
        gettext_lazy("Put something into the basket and did not buy within the day."),
        {"event": "$cart", "without": {"event": "$purchase"}, "within": "24h"},
    ),
    Starter(
        "browsed-not-bought",
        gettext_lazy("Browsed, not bought"),
        gettext_lazy("Looked in the last week and did not buy after it."),
        {"event": "$view", "without": {"event": "$purchase"}, "within": "7d"},
    ),
    Starter(
        "new-visitor",
        gettext_lazy("New visitor"),
        gettext_lazy("Came for the first time in the last three days and never bought."),
        {
            "all": [
                _did("view", "since_first", "lt", "3d"),
                {"none": [_did("purchase", "count", "gte", 1)]},
            ]
        },
    ),
    Starter(
        "first-time-buyer",
        gettext_lazy("First-time buyer"),
        gettext_lazy("Bought exactly once, in the last month."),
        {
            "all": [
                _did("purchase", "count", "eq", 1),
                _did("purchase", "since_last", "lte", "30d"),
            ]
        },
    ),
    Starter(
        "loyal",
        gettext_lazy("Loyal"),
        gettext_lazy("Buys again and again."),
        {
            "all": [
                _did("purchase", "count", "gte", 4, within="90d"),
                _did("purchase", "since_last", "lt", "30d"),
            ]
        },
    ),
    Starter(
        "big-spender",
        gettext_lazy("Big spender"),
        gettext_lazy("Spent much in the last three months."),
        {
            "event": "$purchase",
            "sum": {"property": "$money", "is": "gte", "value": 500},
            "within": "90d",
        },
    ),
    Starter(
        "buys-after-looking",
        gettext_lazy("Looked, then bought"),
        gettext_lazy("Bought within a week of looking."),
        {"event": "$view", "then": {"event": "$purchase"}, "within": "7d"},
    ),
)
BY_KEY: Final = {one.key: one for one in STARTERS}


@dataclass(frozen=True, slots=True)
class Offered:
    """A template as the page lists it; `lacks` says why it cannot be used here."""

    starter: Starter
    lacks: str


def offered(catalogue: Catalogue) -> list[Offered]:
    """Return all templates, those that fit the catalogue first; none for the filter of an event."""
    if catalogue.event is not None or not catalogue.attributes:
        return []
    found = [Offered(one, _lacking(one, catalogue)) for one in STARTERS]
    return sorted(found, key=lambda one: bool(one.lacks))


def starter_tree(key: str, catalogue: Catalogue) -> Node:
    """Return a template's part of a tree, with the events of this catalogue in it.

    Raises:
        TreeError: no such template, or the catalogue has no event that fits.
    """
    starter = BY_KEY.get(key)
    if starter is None:
        raise TreeError(_("There is no such template. Reload the page and try again."))
    lacks = _lacking(starter, catalogue)
    if lacks:
        raise TreeError(lacks)
    root = read_condition(_filled(copy.deepcopy(starter.condition), catalogue))
    return root.children[0] if len(root.children) == 1 else root


def event_for(role: str, catalogue: Catalogue) -> EventTypeSpec | None:
    """Return the event that plays a role, the likeliest by its key or name."""
    found: EventTypeSpec | None = _likeliest(
        EVENT_ROLES[role], catalogue.events.values(), lambda one: (one.key, one.name)
    )
    return found


def property_for(event: EventTypeSpec, role: Role, type_: ValueType) -> str:
    """Return the key of the property that plays a role, "" where none does."""
    fitting = [one for one in event.properties if one.type == type_]
    found = _likeliest(role, fitting, lambda one: (one.key,))
    return found.key if found else ""


def _likeliest(role: Role, entries: Iterable[Any], texts: Any) -> Any:
    known = [(one, [_plain(text) for text in texts(one)]) for one in entries]
    for name in role.names:
        for one, names in known:
            if any(name in text for text in names):
                return one
    return None


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _roles(part: Any) -> set[str]:
    if isinstance(part, dict):
        return set().union(*map(_roles, part.values()))
    if isinstance(part, list):
        return set().union(*map(_roles, part))
    return {part[1:]} if isinstance(part, str) and part.startswith("$") else set()


def _lacking(starter: Starter, catalogue: Catalogue) -> str:
    roles = _roles(starter.condition)
    for role in sorted(roles - {"money"}):
        if event_for(role, catalogue) is None:
            wanted = EVENT_ROLES[role]
            return _(
                "“%(name)s” needs an event for %(role)s, such as %(example)s. "
                "Add one to the catalogue first."
            ) % {"name": starter.name, "role": wanted.words, "example": wanted.example}
    purchase = event_for("purchase", catalogue)
    if "money" in roles and purchase and not property_for(purchase, MONEY, "number"):
        return _("“%(name)s” needs %(role)s among the properties of %(event)s.") % {
            "name": starter.name,
            "role": MONEY.words,
            "event": purchase.name,
        }
    return ""


def _filled(part: Any, catalogue: Catalogue) -> Any:
    if isinstance(part, dict):
        return {key: _filled(value, catalogue) for key, value in part.items()}
    if isinstance(part, list):
        return [_filled(value, catalogue) for value in part]
    if part == "$money":
        purchase = event_for("purchase", catalogue)
        return property_for(purchase, MONEY, "number") if purchase else ""
    if isinstance(part, str) and part.startswith("$"):
        event = event_for(part[1:], catalogue)
        return event.key if event else ""
    return part
