"""What a bank or insurer usually needs."""

from django.utils.translation import gettext_lazy as _

from campaigns.packs.pack import (
    OFFERS,
    SERVICE,
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
    unfollowed,
)

FINANCE = Pack(
    key="finance",
    name=_("Finance"),
    about=_("Accounts, applications and advice; careful with what may select but not be said."),
    attributes=(
        profile("customer_type", "Kind of customer", values=("private", "business")),
        profile(
            "products_held", "Products held", "list", purposes=(SERVICE, OFFERS), sensitive=True
        ),
        profile(
            "balance_band",
            "Balance",
            values=("low", "middle", "high"),
            purposes=(OFFERS,),
            sensitive=True,
        ),
        profile("customer_since", "Customer since", "date"),
    ),
    event_types=(
        event("Signed In", "Signed in", device="text"),
        event("Product Page Viewed", "Product looked at", product="text"),
        event("Application Started", "Application started", product="text", amount="number"),
        event("Application Submitted", "Application", product="text", amount="number"),
        event("Advice Requested", "Advice asked for", topic="text"),
    ),
    placements=(
        placement("web.account.side", "Beside the account", headline="Good to have you here"),
        placement("app.overview.card", "Card in the overview", headline="Your money, safe"),
        placement("email.letter.top", "First story of the letter", headline="News of your bank"),
    ),
    segments=(
        segment(
            "left-application",
            "Left an application",
            unfollowed("Application Started", "Application Submitted", within="3d"),
        ),
        segment(
            "looks-at-loans",
            "Looks at loans",
            did(
                "Product Page Viewed",
                2,
                within="14d",
                where={"attribute": "product", "is": "eq", "value": "loan"},
            ),
            none_of(is_("products_held", "contains_any", ["loan"])),
        ),
        segment("quiet", "Quiet customers", did("Signed In"), idle("Signed In", "45d")),
        segment("business", "Businesses", is_("customer_type", "eq", "business")),
    ),
    offers=(
        offer(
            "finish-application",
            "Finish your application",
            "web.account.side",
            "app.overview.card",
            to="left-application",
            headline="Go on where you stopped",
            link_url="/application",
        ),
        offer(
            "talk-to-us",
            "Talk to us",
            "web.account.side",
            "email.letter.top",
            to="looks-at-loans",
            headline="Half an hour with somebody who knows",
            link_url="/advice",
        ),
        offer(
            "safe-sign-in",
            "Safer sign-in",
            "web.account.side",
            "app.overview.card",
            headline="Sign in with a passkey",
            link_url="/security",
        ),
    ),
    campaign=campaign("applications", "Applications", goal="Application Submitted"),
)
