"""What a school or a platform for courses usually needs."""

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

EDUCATION = Pack(
    key="education",
    name=_("Education"),
    about=_("Courses, lessons and certificates; who is stuck, who is nearly done, who may enrol."),
    attributes=(
        profile("level", "Level", values=("beginner", "intermediate", "advanced")),
        profile("interests", "Interests", "list"),
        profile("learning_goal", "Goal"),
    ),
    event_types=(
        event("Course Viewed", "Course looked at", course="text", subject="text", price="number"),
        event("Lesson Finished", "Lesson finished", course="text", subject="text"),
        event("Quiz Failed", "Quiz not passed", course="text"),
        event("Enrolled", "Enrolment", course="text", price="number"),
        event("Certificate Earned", "Certificate", course="text"),
    ),
    placements=(
        placement("web.home.hero", "Top of the home page", headline="Learn something today"),
        placement("app.today.card", "Card of the day", headline="Ten minutes are enough"),
        placement("email.week.top", "First story of the weekly letter", headline="Your week"),
    ),
    segments=(
        segment(
            "undecided",
            "Undecided",
            did("Course Viewed", 3, within="14d"),
            none_of(did("Enrolled", within="14d")),
        ),
        segment("stuck", "Stuck", did("Quiz Failed", 2, within="7d")),
        segment("paused", "Paused", did("Lesson Finished"), idle("Lesson Finished", "10d")),
        segment("eager", "Eager", did("Lesson Finished", 10, within="7d")),
        segment(
            "next-course",
            "Ready for the next course",
            unfollowed("Certificate Earned", "Enrolled", within="30d"),
        ),
        segment("beginner", "Beginners", is_("level", "eq", "beginner")),
    ),
    offers=(
        offer(
            "tutor-hour",
            "An hour with a tutor",
            "app.today.card",
            "web.home.hero",
            to="stuck",
            headline="Ask a tutor, the first hour is free",
            link_url="/tutors",
        ),
        offer(
            "next-step",
            "Your next course",
            "web.home.hero",
            "email.week.top",
            to="next-course",
            headline="What fits after your certificate",
            link_url="/next",
        ),
        offer(
            "try-a-lesson",
            "Try a lesson",
            "web.home.hero",
            "app.today.card",
            headline="Try any first lesson for free",
            link_url="/try",
        ),
    ),
    campaign=campaign("enrolments", "Enrolments", goal="Enrolled"),
)
