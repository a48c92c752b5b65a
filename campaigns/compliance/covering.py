"""Why somebody was shown this on that day, in one place: decision, release, policy, the consent behind it, its proof."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import redis

from campaigns.models import Release
from consent.entries import Entry, entries_of
from consent.ledger import current_person, everyone_in
from consent.models import PolicyVersion, RecordRead
from decisioning.inspecting import Inspected, inspect
from decisioning.messages import Chosen
from decisioning.picturing import Picture, picture
from decisioning.tokens import parse_decision_id
from rtts_site.foundation.language import ACTIVE


@dataclass(frozen=True, slots=True)
class Ground:
    """What one shown offer rested on."""

    offer: str  # name
    placement: str  # name
    chosen: Chosen  # with purpose, basis and the id of the consent event
    entry: Entry | None  # that event, where consent is the basis


@dataclass(frozen=True, slots=True)
class Covered:
    """The page."""

    found: Inspected
    pictures: Sequence[Picture]
    grounds: Sequence[Ground]
    release: Release | None
    policy: PolicyVersion | None
    later: Sequence[Entry]  # what the person said after the decision: not retroactive


def cover(client: redis.Redis, decision: str, *, reader: str, now: datetime) -> Covered | None:
    """Return what covered a decision and record that it was read; None where there is no such decision.

    Raises:
        ValueError: no id of a decision.
        DecisionUnavailable: the stores do not answer.
        DecisionErased: the person behind it was erased.
    """
    found = inspect(parse_decision_id(decision), client, ACTIVE)
    if found is None:
        return None
    person = found.row.ask.person
    owner = current_person(person)
    RecordRead.objects.create(person=owner, reader=reader, what="why page", read_at=now)
    entries = list(entries_of(everyone_in(person)))
    said = {one.event_id: one for one in entries}
    pictures = picture(found)
    return Covered(
        found,
        pictures,
        [ground for one in pictures for ground in _grounds(one, said)],
        Release.objects.filter(digest=found.row.release_digest, version__isnull=False)
        .select_related("approved_by", "published_by", "change")
        .order_by("version")
        .first(),
        PolicyVersion.objects.filter(digest=found.row.policy_digest).first(),
        [one for one in entries if one.recorded_at > found.decided_at],
    )


def _grounds(picture: Picture, said: Mapping[str, Entry]) -> Iterator[Ground]:
    names = {line.told.offer: line.name for line in picture.shown}
    for chosen in picture.placed.chosen:
        name = names.get(chosen.offer, chosen.offer)
        yield Ground(name, picture.name, chosen, said.get(chosen.record))
