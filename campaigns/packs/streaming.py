"""What a service for films, series or music usually needs."""

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
    unfollowed,
)

STREAMING = Pack(
    key="streaming",
    name=_("Streaming"),
    about=_("Films, series and music; who stopped half-way, who may cancel, who wants more."),
    attributes=(
        profile("plan", "Plan", values=("free", "standard", "family")),
        profile("favourite_genres", "Favourite genres", "list", inferred=True),
        profile("has_children_profile", "Has a children's profile", "boolean", sensitive=True),
    ),
    event_types=(
        event("Video Started", "Title started", title="text", genre="text"),
        event("Video Finished", "Title finished", title="text", genre="text"),
        event("Trailer Watched", "Trailer watched", title="text", genre="text"),
        event("Plan Changed", "Plan changed", plan="text", price="number"),
        event("Cancellation Viewed", "Looked at how to cancel"),
    ),
    placements=(
        placement("app.home.banner", "Banner of the first screen", headline="New this week"),
        placement("web.home.hero", "Top of the home page", headline="Watch anywhere"),
        placement("app.end.next", "After a title ends", headline="What next?"),
    ),
    segments=(
        segment(
            "half-watched",
            "Stopped half-way",
            unfollowed("Video Started", "Video Finished", within="7d"),
        ),
        segment("at-risk", "May cancel", did("Cancellation Viewed", within="14d")),
        segment("fading", "Watches less", did("Video Started"), idle("Video Started", "21d")),
        segment("binge", "Watches a lot", did("Video Finished", 10, within="7d")),
        segment(
            "curious",
            "Watched trailers only",
            did("Trailer Watched", 2, within="7d"),
            none_of(did("Video Started", within="7d")),
        ),
        segment("free-plan", "On the free plan", is_("plan", "eq", "free")),
    ),
    offers=(
        offer(
            "go-on-watching",
            "Go on watching",
            "app.home.banner",
            "app.end.next",
            to="half-watched",
            headline="Go on where you stopped",
            link_url="/continue",
        ),
        offer(
            "stay",
            "A month on us",
            "app.home.banner",
            "web.home.hero",
            to="at-risk",
            headline="Stay: the next month is on us",
            link_url="/stay",
        ),
        offer(
            "family-plan",
            "Family plan",
            "web.home.hero",
            "app.home.banner",
            headline="Four people, one plan",
            link_url="/plans",
        ),
    ),
    campaign=campaign("keep", "Keep watching", goal="Plan Changed"),
)
