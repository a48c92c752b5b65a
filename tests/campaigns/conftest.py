"""Named people with roles, and a small live release to author on."""

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import Group, User

from campaigns import drafts, going_live, publishing
from campaigns.mapping import body_of
from campaigns.models.items import Kind
from consent.policy import PurposeSpec
from decisioning.specs import (
    AttributeSpec,
    CampaignSpec,
    ChannelSpec,
    EventTypeSpec,
    OfferSpec,
    PlacementSpec,
    PropertySpec,
    SegmentSpec,
    VariantSpec,
)

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)

GOLD = {"all": [{"attribute": "tier", "is": "eq", "value": "gold"}]}


def variant(key="a", **fields):
    return VariantSpec(
        key=key, placements=("web.hero",), content={"headline": "Winter sale"}, **fields
    )


def specs():
    """Return a small catalogue with one of everything, in the order to save it."""
    return [
        (Kind.PURPOSE, PurposeSpec(key="ads", name="Personalised offers")),
        (
            Kind.ATTRIBUTE,
            AttributeSpec(
                key="tier", name="Tier", type="text", values=("gold", "silver"), purposes=("ads",)
            ),
        ),
        (
            Kind.ATTRIBUTE,
            AttributeSpec(key="spend", name="Total spend", type="number", purposes=("ads",)),
        ),
        (
            Kind.EVENT_TYPE,
            EventTypeSpec(
                key="Order Completed",
                name="Order",
                properties=(PropertySpec(key="total", type="number"),),
                purposes=("ads",),
            ),
        ),
        (Kind.CHANNEL, ChannelSpec(key="web", name="Web")),
        (
            Kind.PLACEMENT,
            PlacementSpec(
                key="web.hero", name="Hero", channel="web", fallback={"headline": "Welcome"}
            ),
        ),
        (Kind.SEGMENT, SegmentSpec(key="gold", name="Gold members", condition=GOLD)),
        (
            Kind.OFFER,
            OfferSpec(
                key="winter-sale",
                name="Winter sale",
                purposes=("ads",),
                variants=(variant(),),
                eligibility={"all": [{"segment": "gold"}]},
            ),
        ),
        (
            Kind.CAMPAIGN,
            CampaignSpec(
                key="winter", name="Winter", offers=("winter-sale",), goal_event="Order Completed"
            ),
        ),
    ]


def save(change, kind, spec, *, author, now=NOW, **more):
    draft = drafts.Draft(kind=kind, key=spec.key, body=body_of(spec), **more)
    return drafts.save_draft(change, draft, author=author, now=now)


def person(name, role):
    # A hashed password would cost more than the test.
    user = User.objects.create(username=name, password="!", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    return user


@pytest.fixture
def mia(db):
    return person("mia", "Marketer")


@pytest.fixture
def max_(db):
    return person("max", "Marketer")


@pytest.fixture
def ada(db):
    return person("ada", "Approver")


@pytest.fixture
def ana(db):
    return person("ana", "Analyst")


def go_live(change, *, by, now=NOW):
    """Take a submitted change live without the work of preparing it."""
    candidate = publishing.candidate_for(change)
    publishing.approve(change, by=by, digest=candidate.review_digest, now=now)
    release = publishing.publish(change, by=by, now=now)
    return going_live.take_live(release, now=now)


@pytest.fixture
def live(mia, ada):
    """Return release 1."""
    change = drafts.open_change(mia, now=NOW, title="First release")
    for kind, spec in specs():
        save(change, kind, spec, author=mia)
    publishing.submit(change, by=mia, now=NOW)
    return go_live(change, by=ada)
