"""The only place that says how far a new installation has come, and what comes next."""

from dataclasses import dataclass
from typing import Final

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from campaigns.models import Change, Item, Release
from campaigns.models.items import Kind
from decisioning.models import DecisionRecord, EventRecord
from rtts_site.foundation.models import ApiKey

CATALOGUE: Final = frozenset({Kind.ATTRIBUTE, Kind.EVENT_TYPE, Kind.PLACEMENT, Kind.PURPOSE})
GOALS: Final = frozenset({Kind.OFFER, Kind.CAMPAIGN})


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the checklist; `url` leads to where it is done."""

    done: bool
    title: str | Promise
    about: str | Promise
    url: str


def is_new(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Return whether a marketer's installation has published nothing yet; one query."""
    may_author = user.has_perm("campaigns.submit_change")  # type: ignore[union-attr]  # every user of the admin has it
    return bool(may_author) and not Release.objects.filter(version__isnull=False).exists()


def steps() -> list[Step]:
    """Return the checklist in order; six queries."""
    kinds = set(Item.objects.values_list("kind", flat=True).distinct())
    states = set(Change.objects.values_list("state", flat=True).distinct())
    sent = states - {Change.State.DRAFT, Change.State.REJECTED}
    return [
        Step(
            kinds >= CATALOGUE,
            _("Fill the catalogue"),
            _("Take a starter pack, or add purposes, attributes, event types and placements."),
            reverse("admin:rtts-start") + "#packs",
        ),
        Step(
            Kind.SEGMENT in kinds,
            _("Describe a segment"),
            _("Choose people by what they are and did; the count follows as you type."),
            reverse("admin:campaigns_segment_add"),
        ),
        Step(
            kinds >= GOALS,
            _("Make an offer and a campaign"),
            _("An offer says what is shown to whom; a campaign has its goal and dates."),
            reverse("admin:campaigns_offer_add"),
        ),
        Step(
            bool(sent),
            _("Send your change to review"),
            _("Somebody else reads it in words, with its effect, and approves."),
            reverse("admin:rtts-review"),
        ),
        Step(
            Release.objects.filter(version__isnull=False).exists(),
            _("Publish it"),
            _("Everything approved goes live together, within seconds, and can be rolled back."),
            reverse("admin:rtts-review"),
        ),
        Step(
            ApiKey.objects.exists(),
            _("Connect a channel"),
            _("Make a key and paste the command that asks for a decision."),
            reverse("admin:rtts-connect"),
        ),
        Step(
            EventRecord.objects.exists() and DecisionRecord.objects.exists(),
            _("See people arrive"),
            _("Send an event, ask for a decision, and look at why it was made."),
            reverse("admin:rtts-simulator"),
        ),
    ]
