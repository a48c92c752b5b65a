"""What a travel company usually needs."""

from django.utils.translation import gettext_lazy as _

from campaigns.packs.pack import (
    Pack,
    campaign,
    did,
    event,
    is_,
    none_of,
    offer,
    placement,
    profile,
    segment,
    spent,
    unfollowed,
)

TRAVEL = Pack(
    key="travel",
    name=_("Travel"),
    about=_(
        "Searches, bookings and trips; who is planning, who left a booking, who travels often."
    ),
    attributes=(
        profile("status_level", "Status", values=("basic", "silver", "gold")),
        profile("home_airport", "Home airport"),
        profile("next_trip_on", "Next trip", "date"),
        profile(
            "travels_with_children",
            "Travels with children",
            "boolean",
            inferred=True,
            sensitive=True,
        ),
    ),
    event_types=(
        event("Trip Searched", "Search", destination="text", nights="number", travellers="number"),
        event("Trip Viewed", "Trip viewed", destination="text", price="number"),
        event("Booking Started", "Booking started", destination="text", price="number"),
        event("Booking Completed", "Booking", destination="text", total="number"),
    ),
    placements=(
        placement("web.home.hero", "Top of the home page", headline="Where next?"),
        placement("web.results.side", "Beside search results", headline="Book with free changes"),
        placement(
            "email.trips.top", "First story of the trip letter", headline="Ideas for a weekend"
        ),
        placement("app.trip.card", "Card in the trip", headline="Have a good trip"),
    ),
    segments=(
        segment("planning", "Planning a trip", did("Trip Searched", 3, within="7d")),
        segment(
            "left-booking",
            "Left a booking",
            unfollowed("Booking Started", "Booking Completed", within="24h"),
        ),
        segment("frequent", "Travels often", did("Booking Completed", 3, within="90d")),
        segment(
            "dreamer",
            "Looks, never books",
            did("Trip Viewed", 5, within="30d"),
            none_of(did("Booking Completed")),
        ),
        segment(
            "high-value", "High value", spent("Booking Completed", "total", 3000, within="90d")
        ),
        segment("gold", "Gold status", is_("status_level", "eq", "gold")),
    ),
    offers=(
        offer(
            "finish-booking",
            "Finish your booking",
            "web.home.hero",
            "email.trips.top",
            to="left-booking",
            headline="Your price is held until tonight",
            link_url="/booking",
        ),
        offer(
            "weekend-away",
            "A weekend away",
            "web.home.hero",
            "web.results.side",
            to="dreamer",
            headline="Two nights from 99 EUR",
            link_url="/weekends",
        ),
        offer(
            "free-changes",
            "Free changes",
            "web.home.hero",
            "web.results.side",
            headline="Change your mind for free",
            link_url="/changes",
        ),
    ),
    campaign=campaign("bookings", "More bookings", goal="Booking Completed"),
)
