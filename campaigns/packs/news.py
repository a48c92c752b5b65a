"""What a newspaper or magazine usually needs."""

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
)

NEWS = Pack(
    key="news",
    name=_("News"),
    about=_("Articles, newsletters and subscriptions; who reads a lot and may subscribe."),
    attributes=(
        profile("subscription", "Subscription", values=("none", "trial", "full")),
        profile("favourite_topics", "Favourite topics", "list", inferred=True),
        profile("home_town", "Home town"),
    ),
    event_types=(
        event("Article Read", "Article read", topic="text", author="text", seconds="number"),
        event("Paywall Seen", "Stopped at the paywall", topic="text"),
        event("Newsletter Opened", "Newsletter opened", newsletter="text"),
        event("Subscription Started", "Subscription", plan="text", price="number"),
    ),
    placements=(
        placement("web.article.end", "End of an article", headline="Read on"),
        placement("web.paywall", "Paywall", headline="Read everything with a subscription"),
        placement("app.start", "First screen of the app", headline="Today"),
        placement("email.briefing.foot", "Foot of the morning briefing", headline="More to read"),
    ),
    segments=(
        segment("frequent-reader", "Frequent readers", did("Article Read", 15, within="30d")),
        segment(
            "ready-to-subscribe",
            "Ready to subscribe",
            did("Paywall Seen", 3, within="7d"),
            none_of(did("Subscription Started")),
        ),
        segment("fading", "Fading readers", did("Article Read"), idle("Article Read", "14d")),
        segment("subscriber", "Subscribers", is_("subscription", "eq", "full")),
        segment(
            "science-fan",
            "Science readers",
            did(
                "Article Read",
                5,
                within="30d",
                where={"attribute": "topic", "is": "eq", "value": "science"},
            ),
        ),
    ),
    offers=(
        offer(
            "trial-month",
            "A month for free",
            "web.paywall",
            "web.article.end",
            to="ready-to-subscribe",
            headline="Read a month for free",
            link_url="/subscribe",
        ),
        offer(
            "welcome-back",
            "What you missed",
            "app.start",
            "email.briefing.foot",
            to="fading",
            headline="What you missed",
            link_url="/week",
        ),
        offer(
            "briefing",
            "The morning briefing",
            "web.article.end",
            headline="The day in five minutes",
            link_url="/briefing",
        ),
    ),
    campaign=campaign("subscriptions", "Subscriptions", goal="Subscription Started"),
)
