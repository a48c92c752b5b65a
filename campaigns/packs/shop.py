"""What a shop usually needs."""

from django.utils.translation import gettext_lazy as _

from campaigns.packs.pack import (
    Pack,
    campaign,
    did,
    event,
    idle,
    is_,
    none_of,
    offer,
    placement,
    profile,
    segment,
    spent,
    unfollowed,
)

SHOP = Pack(
    key="shop",
    name=_("Shop"),
    about=_("Products, baskets and orders; who is lapsed, loyal or about to buy."),
    attributes=(
        profile("loyalty_tier", "Loyalty tier", values=("bronze", "silver", "gold")),
        profile("first_name", "First name"),
        profile("member_since", "Member since", "date"),
        profile("favourite_category", "Favourite category", inferred=True),
    ),
    event_types=(
        event(
            "Product Viewed", "Product viewed", product_id="text", category="text", price="number"
        ),
        event("Product Added", "Put into the basket", product_id="text", price="number"),
        event("Order Completed", "Order", total="number", products="list"),
    ),
    placements=(
        placement("web.home.hero", "Top of the home page", headline="New in our shop"),
        placement("web.basket.side", "Beside the basket", headline="Delivered in two days"),
        placement("email.newsletter.top", "First story of the newsletter", headline="Our week"),
    ),
    segments=(
        segment("lapsed", "Lapsed", did("Order Completed"), idle("Order Completed", "60d")),
        segment("loyal", "Loyal", did("Order Completed", 4, within="90d")),
        segment(
            "high-intent",
            "High intent",
            did("Product Viewed", 3, within="7d"),
            none_of(did("Order Completed", within="7d")),
        ),
        segment(
            "abandoned-basket",
            "Left a basket",
            unfollowed("Product Added", "Order Completed", within="24h"),
        ),
        segment("big-spender", "Big spender", spent("Order Completed", "total", 500, within="90d")),
        segment("gold", "Gold members", is_("loyalty_tier", "eq", "gold")),
    ),
    offers=(
        offer(
            "basket-reminder",
            "Your basket is waiting",
            "web.home.hero",
            "email.newsletter.top",
            to="abandoned-basket",
            headline="Your basket is waiting",
            link_url="/basket",
        ),
        offer(
            "come-back",
            "We miss you",
            "web.home.hero",
            "email.newsletter.top",
            to="lapsed",
            headline="10% off your next order",
            link_url="/new",
        ),
        offer(
            "free-delivery",
            "Free delivery",
            "web.home.hero",
            "web.basket.side",
            headline="Free delivery this week",
            link_url="/delivery",
        ),
    ),
    campaign=campaign("win-back", "Win back", goal="Order Completed"),
)
