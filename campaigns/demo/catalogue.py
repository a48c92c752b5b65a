"""What the demo's marketers can speak of: purposes, attributes, event types, channels and placements."""

from dataclasses import replace

from campaigns.demo.departments import DEPARTMENTS, OTHER
from consent.policy import PurposeSpec
from decisioning.rules.moment import DAYPARTS, DEVICES, WEEKDAYS
from decisioning.specs import (
    AttributeSpec,
    ChannelSpec,
    EventTypeSpec,
    Json,
    PlacementSpec,
    PropertySpec,
    ValueType,
)

SERVICE = "service"
PERSONALISATION = "personalisation"
OFFERS = "personalised_offers"
EMAIL = "email_marketing"
ANALYTICS = "analytics"

SHOPPING = (PERSONALISATION, OFFERS, EMAIL)  # what most of the profile may serve
COLUMNS = (OFFERS, EMAIL)  # what the household survey may serve

PURPOSES = (
    PurposeSpec(
        key=ANALYTICS,
        name="Measuring what works",
        description="We count what is shown, clicked and bought to make our offers better.",
        dpv="dpv:ServiceOptimisation",
        basis="legitimate_interest",
    ),
    PurposeSpec(
        key=EMAIL,
        name="Newsletter",
        description="We send you a newsletter with coupons picked for you.",
        dpv="dpv:DirectMarketing",
        validity_days=730,
    ),
    PurposeSpec(
        key=OFFERS,
        name="Offers picked for you",
        description="We use what you buy and what you told us to pick coupons for you.",
        dpv="dpv:PersonalisedAdvertising",
        validity_days=390,
        gpc=True,
        tcf=(3, 4),
        gpp=("TargetedAdvertisingOptOut",),
    ),
    PurposeSpec(
        key=PERSONALISATION,
        name="A shop that fits you",
        description="We arrange recipes and reminders in the shop by what you looked at.",
        dpv="dpv:ServicePersonalisation",
        validity_days=390,
    ),
    PurposeSpec(
        key=SERVICE,
        name="Running your account",
        description="We tell you what your membership and the app need.",
        dpv="dpv:ServiceProvision",
        basis="contract",
        objectable=False,
    ),
)

AGES = ("19-24", "25-34", "35-44", "45-54", "55-64", "65+")
INCOMES = (
    *("Under 15K", "15-24K", "25-34K", "35-49K", "50-74K", "75-99K", "100-124K"),
    *("125-149K", "150-174K", "175-199K", "200-249K", "250K+"),
)
TIERS = ("bronze", "silver", "gold")
DEPARTMENT_NAMES = (*DEPARTMENTS.values(), OTHER)


def _profile(
    key: str,
    name: str,
    type_: ValueType = "text",
    *,
    values: tuple[str, ...] = (),
    purposes: tuple[str, ...] = SHOPPING,
    unit: str = "",
) -> AttributeSpec:
    return AttributeSpec(
        key=key, name=name, type=type_, values=values, purposes=purposes, unit=unit, trusted=True
    )


def _context(
    key: str, name: str, type_: ValueType = "text", values: tuple[str, ...] = ()
) -> AttributeSpec:
    return AttributeSpec(key=key, name=name, type=type_, source="context", values=values)


ATTRIBUTES: tuple[AttributeSpec, ...] = (
    _profile("age_band", "Age", values=AGES, purposes=COLUMNS),
    replace(_profile("income_band", "Income", values=INCOMES, purposes=(OFFERS,)), sensitive=True),
    _profile(
        "home_ownership",
        "Home ownership",
        values=("Homeowner", "Probable Homeowner", "Renter", "Probable Renter"),
        purposes=COLUMNS,
    ),
    _profile("marital_status", "Marital status", values=("Married", "Unmarried"), purposes=COLUMNS),
    _profile("household_size", "People in the household", "number", purposes=COLUMNS),
    _profile("kids", "Children in the household", "number", purposes=COLUMNS),
    _profile(
        "household_kind",
        "Kind of household",
        values=("1 Adult No Kids", "1 Adult Kids", "2 Adults No Kids", "2 Adults Kids"),
        purposes=COLUMNS,
    ),
    _profile("loyalty_tier", "Loyalty tier", values=TIERS, purposes=(SERVICE, *SHOPPING)),
    _profile("lifetime_value", "Spend so far", "number", unit="USD"),
    _profile("visits", "Visits so far", "number"),
    _profile("home_store", "Home store", purposes=(SERVICE, *SHOPPING)),
    _profile("home_place", "Position of the home store", "place"),
    _profile("favourite_departments", "Favourite departments", "list", values=DEPARTMENT_NAMES),
    _profile("mailings", "Coupon campaigns sent to the household", "list"),
    _profile("member_since", "Member since", "date", purposes=(SERVICE, *SHOPPING)),
    _profile("email_opt_in", "Has asked for the newsletter", "boolean", purposes=(EMAIL,)),
    _profile("app_version", "Version of the app", "version", purposes=(SERVICE, *SHOPPING)),
    _context("device_class", "Device", values=(*DEVICES, "till")),
    _context("country", "Country", values=("US", "CA", "DE", "AT", "CH")),
    _context("language", "Language", values=("en", "de", "es", "fr")),
    _context("daypart", "Time of day", values=DAYPARTS),
    _context("weekday", "Day of the week", values=WEEKDAYS),
    _context("basket_value", "Value of the basket now", "number"),
    _context("position", "Position now", "place"),
    _context("page_department", "Department of the page", values=DEPARTMENT_NAMES),
)


def _properties(**types: ValueType) -> tuple[PropertySpec, ...]:
    known = {"department": DEPARTMENT_NAMES, "departments": DEPARTMENT_NAMES}
    return tuple(
        PropertySpec(key=key, type=type_, values=known.get(key, ())) for key, type_ in types.items()
    )


EVENT_TYPES: tuple[EventTypeSpec, ...] = (
    EventTypeSpec(
        key="Order Completed",
        name="Order completed",
        purposes=(*SHOPPING, ANALYTICS),
        properties=_properties(
            order_id="text",
            value="number",
            quantity="number",
            items="number",
            store="text",
            departments="list",
            categories="list",
            coupon_discount="number",
            retail_discount="number",
        ),
    ),
    EventTypeSpec(
        key="Coupon Redeemed",
        name="Coupon redeemed",
        purposes=(OFFERS, EMAIL, ANALYTICS),
        properties=_properties(coupon="text", campaign="text", department="text", category="text"),
    ),
    EventTypeSpec(
        key="Product Viewed",
        name="Product viewed",
        purposes=SHOPPING,
        properties=_properties(
            product_id="text", department="text", category="text", price="number"
        ),
    ),
    EventTypeSpec(
        key="Product Added",
        name="Product put into the basket",
        purposes=SHOPPING,
        properties=_properties(
            product_id="text", department="text", category="text", price="number"
        ),
    ),
    EventTypeSpec(
        key="Page Viewed",
        name="Page viewed",
        purposes=SHOPPING,
        properties=_properties(path="text", title="text", department="text"),
    ),
    EventTypeSpec(
        key="Page Engaged",
        name="Page read",
        purposes=(PERSONALISATION, OFFERS),
        properties=_properties(path="text", scroll_depth_percent="number", time_on_page_s="number"),
    ),
    EventTypeSpec(
        key="Email Opened",
        name="Newsletter opened",
        purposes=(EMAIL, ANALYTICS),
        properties=_properties(newsletter="text"),
    ),
)

CHANNELS = (
    ChannelSpec(key="app", name="App"),
    ChannelSpec(key="email", name="E-mail"),
    ChannelSpec(key="till", name="Till"),
    ChannelSpec(key="web", name="Web shop"),
)


def _placement(
    key: str, name: str, fallback: Json, *, count: int = 1, content_type: str = "application/json"
) -> PlacementSpec:
    return PlacementSpec(
        key=key,
        name=name,
        channel=key.split(".")[0],
        max_count=count,
        fallback=fallback,
        content_type=content_type,
    )


PLACEMENTS = (
    _placement(
        "app.home.card",
        "App: cards on the first screen",
        {"headline": "This week in your store", "link": "/weekly"},
        count=2,
    ),
    _placement(
        "email.newsletter.grid",
        "Newsletter: coupon grid",
        {"headline": "Our weekly flyer", "link": "/weekly"},
        count=4,
    ),
    _placement(
        "email.newsletter.top",
        "Newsletter: top story",
        {"headline": "Fresh this week", "link": "/weekly"},
    ),
    _placement(
        "till.receipt",
        "Till: coupons on the receipt",
        {"text": "Thank you for shopping with us."},
        count=2,
        content_type="text/plain",
    ),
    _placement(
        "till.screen",
        "Till: customer display",
        {"text": "Did you bring your own bag?"},
        content_type="text/plain",
    ),
    _placement(
        "web.basket.nudge",
        "Web: beside the basket",
        {"headline": "Free collection at your store", "link": "/collect"},
    ),
    _placement(
        "web.shop.basket",
        "Demo shop: beside the basket",
        {"headline": "Collect it at your store", "link": "/shop/"},
    ),
    _placement(
        "web.shop.hero",
        "Demo shop: top of every page",
        {"headline": "Fresh food, every day", "link": "/shop/"},
    ),
    _placement(
        "web.home.hero",
        "Web: top of the home page",
        {"headline": "Welcome", "text": "Fresh food, every day.", "link": "/"},
    ),
    _placement(
        "web.home.rail",
        "Web: row of offers on the home page",
        {"headline": "Popular this week", "link": "/popular"},
        count=3,
    ),
)
