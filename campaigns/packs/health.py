"""What a pharmacy, a clinic or an app for health usually needs."""

from django.utils.translation import gettext_lazy as _

from campaigns.packs.pack import (
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

HEALTH = Pack(
    key="health",
    name=_("Health"),
    about=_("Appointments, programmes and reminders; what people tell stays unsaid."),
    attributes=(
        profile("member_type", "Membership", values=("guest", "member", "family")),
        profile("goals", "Goals they told us", "list", sensitive=True),
        profile("prefers_reminders", "Wants reminders", "boolean", purposes=(SERVICE,)),
    ),
    event_types=(
        event("Guide Read", "Guide read", topic="text"),
        event("Appointment Searched", "Looked for an appointment", kind="text"),
        event("Appointment Booked", "Appointment", kind="text"),
        event("Programme Joined", "Programme joined", programme="text"),
        event("Session Completed", "Session done", programme="text", minutes="number"),
    ),
    placements=(
        placement("web.home.hero", "Top of the home page", headline="How can we help?"),
        placement("app.today.card", "Card of the day", headline="A good day to move"),
        placement(
            "email.letter.top", "First story of the letter", headline="Well through the season"
        ),
    ),
    segments=(
        segment(
            "seeks-appointment",
            "Looked for an appointment",
            unfollowed("Appointment Searched", "Appointment Booked", within="3d"),
        ),
        segment("regular", "Regulars", did("Session Completed", 8, within="30d")),
        segment("paused", "Paused", did("Session Completed"), idle("Session Completed", "14d")),
        segment(
            "reader",
            "Reads, has joined nothing",
            did("Guide Read", 4, within="30d"),
            none_of(did("Programme Joined")),
        ),
        segment("family", "Families", is_("member_type", "eq", "family")),
    ),
    offers=(
        offer(
            "call-back",
            "We call you back",
            "web.home.hero",
            to="seeks-appointment",
            headline="No time found? We call you back",
            link_url="/call",
        ),
        offer(
            "gentle-start",
            "A gentle start",
            "app.today.card",
            "email.letter.top",
            to="paused",
            headline="Ten minutes to start again",
            link_url="/start",
        ),
        offer(
            "check-up",
            "Check-up",
            "web.home.hero",
            "app.today.card",
            headline="Book your check-up",
            link_url="/check-up",
        ),
    ),
    campaign=campaign("programmes", "Programmes", goal="Programme Joined"),
)
