"""The only place that defines the built-in attributes: what people do, as the catalogue has it from the start.

Each is computed from events that the web SDK and shops send, and serves the purposes of those event types.
"""

from dataclasses import dataclass
from typing import Any, Final

from decisioning.rules.phrases import gettext_noop as _
from decisioning.rules.tree import AggregateFunction
from decisioning.specs import AggregateSpec, AttributeSpec

VIEWED: Final = "Page Viewed"
ENGAGED: Final = "Page Engaged"
ADDED: Final = "Product Added"
ORDERED: Final = "Order Completed"
PAID: Final = "value|total|revenue"  # the first that an order has
LINE: Final = "price*quantity"
READ_TO_THE_END: Final = {
    "attribute": "scroll_depth_percent", "family": "number", "is": "gt", "value": 90,
}  # fmt: skip
SIGNAL: Final = "agg:signal:"  # before the key of an attribute: the fact that tells it


@dataclass(frozen=True, slots=True)
class Signal:
    """A built-in attribute, what it is computed from, and how soon it follows the events."""

    attribute: AttributeSpec
    aggregate: AggregateSpec
    latency: str = "behavioural"  # class of the status page: folded within 300 ms


def _signal(
    key: str, name: str, function: AggregateFunction, event: str, unit: str = "", **fields: Any
) -> Signal:
    attribute = AttributeSpec(
        key=key, name=name, type="number", source="computed", unit=unit, inferred=True
    )
    aggregate = AggregateSpec(key=SIGNAL + key, event=event, function=function, **fields)
    return Signal(attribute, aggregate)


def _on_page(key: str, name: str, unit: str, read: str) -> Signal:
    return _signal(key, name, "max", ENGAGED, unit, property=read, within="page")


_ALL: Final = (
    _on_page("scroll_depth_percent", _("Scroll depth on this page"), "%", "scroll_depth_percent"),
    _on_page("scroll_depth_px", _("Scrolled on this page"), "px", "scroll_depth_px"),
    _on_page("time_on_page_s", _("Visible time on this page"), "s", "time_on_page_s"),
    _on_page("hover_ms", _("Longest stay over one element of this page"), "ms", "hover_ms.*"),
    _signal("clicks", _("Clicks in this session"), "count", "Element Clicked", within="session"),
    _signal("page_views", _("Page views in 30 days"), "count", VIEWED, within="30d"),
    _signal("searches", _("Searches in 30 days"), "count", "Products Searched", within="30d"),
    _signal("ratings", _("Ratings in 30 days"), "count", "Product Reviewed", within="30d"),
    _signal("survey_answers", _("Survey answers in 90 days"), "count", "Survey Answered", within="90d"),
    _signal("cart_additions", _("Put into the cart in 30 days"), "count", ADDED, within="30d"),
    _signal(
        "cart_removals", _("Taken out of the cart in 30 days"), "count", "Product Removed", within="30d"
    ),
    _signal("purchases", _("Purchases so far"), "count", ORDERED),
    _signal("session_number", _("Sessions in 90 days, this one included"), "session_number", VIEWED),
    _signal(
        "session_duration_s", _("Length of this session"), "session_duration", VIEWED, "s", within="session"
    ),
    _signal("pages_per_session", _("Pages in this session"), "count", VIEWED, within="session"),
    _signal(
        "scroll_completion_rate", _("Share of this session's pages read to the end"), "share", ENGAGED,
        where=READ_TO_THE_END, then=VIEWED, within="session",
    ),
    _signal(
        "session_intent", _("Intent shown in this session, 0 to 1"), "session_intent", VIEWED,
        then=ADDED, within="session",
    ),
    _signal("days_since_last_purchase", _("Days since the last purchase"), "days_since", ORDERED, "days"),
    _signal(
        "recency", _("Days since the last purchase of 30 days"), "days_since", ORDERED, "days", within="30d"
    ),
    _signal("frequency", _("Purchases in 30 days"), "count", ORDERED, within="30d"),
    _signal("monetary", _("Spent in 30 days"), "sum", ORDERED, property=PAID, within="30d"),
    _signal("cart_value", _("Value of the cart now"), "cart_value", ADDED, property=LINE, then=ORDERED),
    _signal("cart_age_s", _("Age of the cart"), "cart_age", ADDED, "s", property=LINE, then=ORDERED),
)  # fmt: skip
_ALSO_READ: Final = {
    "session_intent": (ENGAGED,),
    "cart_value": ("Product Removed",),
    "cart_age": ("Product Removed",),
}
SIGNALS: Final = {one.attribute.key: one for one in _ALL}


def events_read(spec: AggregateSpec) -> frozenset[str]:
    """Return the events that an aggregate is computed from; all of them must allow its use."""
    more = _ALSO_READ.get(spec.function, ())
    return frozenset(name for name in (spec.event, spec.then, *more) if name)


def signal_of(fact: str) -> Signal | None:
    """Return the built-in attribute that a fact tells."""
    return SIGNALS.get(fact.removeprefix(SIGNAL)) if fact.startswith(SIGNAL) else None
