"""A catalogue of any size, live at once: as many segments of 30 conditions and offers as are asked for."""

from datetime import timedelta

from campaigns.mapping import body_of
from campaigns.models import Item, Release, Revision
from campaigns.models.items import Kind
from decisioning.specs import (
    AttributeSpec,
    CampaignSpec,
    CapSpec,
    OfferSpec,
    PlacementSpec,
    SegmentSpec,
    VariantSpec,
)

CONDITIONS = 30  # of a segment


def condition(number, leaves=CONDITIONS):
    """Return a tree of three levels."""
    rows = [
        {"attribute": f"fact-{(number + row) % 40}", "is": "gt", "value": number + row}
        for row in range(leaves // 2)
    ]
    texts = [
        {"attribute": "tier", "is": "in", "value": ["gold", f"tier {number}"]}
        for _ in range(leaves - leaves // 2)
    ]
    return {"all": [{"any": rows}, {"any": [{"all": texts[:5]}, *texts[5:]]}]}


def bodies(*, segments, offers, campaigns):
    """Yield kind, body."""
    for number in range(40):
        spec = AttributeSpec(
            key=f"fact-{number}", name=f"Fact {number}", type="number", purposes=("ads",)
        )
        yield Kind.ATTRIBUTE, body_of(spec)
    for number in range(20):
        yield (
            Kind.PLACEMENT,
            body_of(
                PlacementSpec(
                    key=f"web.{number}", name=f"Place {number}", channel="web", fallback={"a": "b"}
                )
            ),
        )
    for number in range(segments):
        key = f"segment-{number:04d}"
        yield (
            Kind.SEGMENT,
            body_of(SegmentSpec(key=key, name=f"Segment {number}", condition=condition(number))),
        )
    for number in range(offers):
        yield Kind.OFFER, body_of(_offer(number, segments))
    for number in range(campaigns):
        mine = tuple(f"offer-{n:04d}" for n in range(number, offers, max(1, campaigns)))[:500]
        spec = CampaignSpec(
            key=f"campaign-{number:03d}",
            name=f"Campaign {number}",
            offers=mine,
            goal_event="Order Completed",
        )
        yield Kind.CAMPAIGN, body_of(spec)


def _offer(number, segments):
    uses = {"all": [{"segment": f"segment-{number % segments:04d}"}]} if segments else {}
    return OfferSpec(
        key=f"offer-{number:04d}",
        name=f"Offer {number}",
        purposes=("ads",),
        variants=(
            VariantSpec(
                key="a",
                placements=(f"web.{number % 20}",),
                content={"headline": f"Headline {number}", "text": "Twenty percent off"},
            ),
        ),
        eligibility=uses,
        caps=(CapSpec(scope="person", limit=3),),
    )


def put_live(live, *, by, segments, offers, campaigns):
    """Make a release live that has all this beside what is live; `live` is the release before."""
    now = live.published_at + timedelta(minutes=1)
    made = list(bodies(segments=segments, offers=offers, campaigns=campaigns))
    items = Item.objects.bulk_create(
        Item(kind=kind, key=body["key"], name=body["name"], created_at=now) for kind, body in made
    )
    revisions = Revision.objects.bulk_create(
        Revision(
            item=item,
            change=live.change,
            number=1,
            body=body,
            author_id=by.pk,
            created_at=now,
        )
        for item, (_, body) in zip(items, made, strict=True)
    )
    for item, revision in zip(items, revisions, strict=True):
        item.live_revision = revision
    Item.objects.bulk_update(items, ["live_revision"], batch_size=500)
    Release.objects.filter(pk=live.pk).update(state=Release.State.RETIRED)
    before = list(live.revisions.values_list("pk", flat=True))
    release = Release.objects.create(
        version=live.version + 1,
        state=Release.State.LIVE,
        change=live.change,
        digest=live.digest,
        spec=b"{}",
        policy=live.policy,
        policy_digest=live.policy_digest,
        created_at=now,
        published_at=now,
    )
    release.revisions.add(*before, *(revision.pk for revision in revisions))
    return release
