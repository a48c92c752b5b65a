"""People as the demo has them, with 50 attributes and 30 windows: its households' last 90 days, drawn again and moved."""

import random
from collections import defaultdict
from datetime import datetime

from campaigns.demo import messages
from campaigns.demo.journey import Journey
from decisioning.ingestion.records import Record
from decisioning.profiles.aggregates import Aggregates
from decisioning.profiles.folding import fold
from decisioning.profiles.profile import encode_profile
from decisioning.rules.tree import make_aggregate

DAY = 86_400_000
NOW_MS = 1_795_000_000_000
ORDER, VIEW, COUPON = "Order Completed", "Product Viewed", "Coupon Redeemed"
PAGE, ADDED = "Page Viewed", "Product Added"


def of(department):
    return {
        "attribute": "departments",
        "family": "list",
        "is": "contains_any",
        "value": [department],
    }


WINDOWS = (
    *(make_aggregate(ORDER, "count", within=within) for within in ("1h", "1d", "7d", "30d", "90d")),
    *(make_aggregate(ORDER, "sum", property="value", within=one) for one in ("7d", "30d", "90d")),
    make_aggregate(ORDER, "average", property="items", within="30d"),
    make_aggregate(ORDER, "max", property="coupon_discount", within="30d"),
    *(
        make_aggregate(ORDER, "count", within="30d", where=of(one))
        for one in ("Produce", "Meat", "Bakery", "Cosmetics", "Floral")
    ),
    make_aggregate(ORDER, "distinct", property="store", within="90d"),
    make_aggregate(ORDER, "since_last"),
    *(make_aggregate(COUPON, "count", within=within) for within in ("30d", "90d")),
    make_aggregate(COUPON, "distinct", property="category", within="90d"),
    *(make_aggregate(VIEW, "count", within=one) for one in ("30m", "1d", "7d", "session")),
    make_aggregate(VIEW, "distinct", property="department", within="7d"),
    *(make_aggregate(PAGE, "count", within=one) for one in ("1m", "1h", "session")),
    make_aggregate(ADDED, "sequence", then=ORDER, without=True, within="2h"),
    make_aggregate(ADDED, "sum", property="price", within="session"),
)
# What other systems send beside the demo's own traits, in messages of their own.
MORE = {
    "crm": ["segment_code", "account_manager", "preferred_store_hours", "service_level"],
    "newsletter": ["email_frequency", "last_newsletter", "newsletter_topic", "email_engagement"],
    "app": ["push_allowed", "app_language", "os_name", "os_version", "app_opens", "theme"],
    "shop": ["favourite_brand", "basket_average", "preferred_payment", "delivery_zone", "size_top"],
    "survey": ["nps_score", "diet", "cooking_frequency", "pets", "car", "garden"],
    "scores": ["churn_score", "ltv_score", "price_sensitivity", "recency_score", "next_category"],
    # As many as the demo does not know of a household on average: 50 attributes are known of a person.
    "till": ["receipt_by_mail", "coupon_share", "basket_hour", "pays_cash", "bags", "parking"],
    "loyalty": ["points", "points_expiring", "vouchers_open"],
}


class Crowd:
    """Draws people of the demo's distribution, folded as workers fold them."""

    def __init__(self):
        journey = Journey()
        self.aggregates = Aggregates.of(WINDOWS, version=1)
        tiers = messages.Tiers(journey.households)
        self.traits = {
            one.number: messages.household_message(one, tiers=tiers, mailings=[], anchor_ms=NOW_MS)[
                "traits"
            ]
            for one in journey.households
        }
        self.events = defaultdict(list)
        for item in messages.purchases(journey, anchor_ms=NOW_MS):
            at_ms = _epoch_ms(item["timestamp"])
            if at_ms < NOW_MS - 90 * DAY:
                break
            self.events[item["userId"]].append((at_ms, item["event"], item["properties"]))
        self.browsing = {
            one.number: messages.browsing_messages(one, anchor_ms=NOW_MS)[:2]
            for one in journey.households[:: messages.BROWSES_EVERY]
        }
        self.households = journey.households

    def packed(self, number):
        """Return the packed profile of a person; the same number is the same person."""
        return encode_profile(self.profile(number))

    def profile(self, number):
        chance = random.Random(number)  # noqa: S311 - the same people each time
        return fold(None, self.records(number, chance), self.aggregates)

    def records(self, number, chance):
        household = chance.choice(self.households).number
        user = messages.user_id(household)
        moved = chance.randrange(-DAY, 0)
        traits = {key: value for key, value in self.traits[household].items() if value is not None}
        yield _record(number, "journey-household", attributes=traits, at_ms=NOW_MS - 300 * DAY)
        for source, keys in MORE.items():
            at_ms = NOW_MS - chance.randrange(200 * DAY)
            values = {key: _value(key, chance) for key in keys}
            yield _record(number, f"{source}-update", attributes=values, at_ms=at_ms, source=source)
        for at, (at_ms, event, properties) in enumerate(self.events.get(user, ())):
            yield _record(
                number, f"order-{at}", event=event, properties=properties, at_ms=at_ms + moved
            )
        for at, item in enumerate(self.browsing.get(household, ())):
            at_ms = _epoch_ms(item["timestamp"]) + moved
            yield _record(number, f"v-{at}", event=VIEW, properties=item["properties"], at_ms=at_ms)


def _value(key, chance):
    if "score" in key or key in ("points", "basket_average", "app_opens"):
        return round(chance.random() * 1000, 2)
    if key.endswith(("allowed", "open")):
        return chance.random() < 0.5
    return chance.choice(["never", "sometimes", "often", "every week", "standard", "premium plus"])


def _record(number, message, *, at_ms, source="6f1c1f2e-demo", **fields):
    return Record(
        message_id=f"{message}-{number}",
        person="p000",
        identifiers=(f"user:c-{number}",),
        event_time_ms=at_ms,
        received_at_ms=at_ms,
        source=source,
        **fields,
    )


def _epoch_ms(moment):
    return int(datetime.fromisoformat(moment).timestamp() * 1000)
