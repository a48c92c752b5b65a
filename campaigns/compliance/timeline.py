"""Everything that happened between us and one person, newest first: said, shown, asked for, read, joined, parted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _

from consent.entries import Entry, entries_of
from consent.ledger import everyone_in
from consent.models import Parting, RecordRead
from consent.policy import EVERY_CHANNEL
from decisioning.models import ShownRecord

MOST: Final = 200  # of each kind
KINDS: Final = ("said", "shown", "read", "joined")


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened."""

    at: datetime
    kind: str  # of KINDS
    words: str
    who: str  # the subject, staff, a system
    where: str = ""  # channel, placement, jurisdiction
    url: str = ""  # of the page that says more


def timeline_of(person: str, *, wanted: Sequence[str] = KINDS) -> list[Moment]:
    """Return what happened, newest first, at most MOST of a kind; about five queries.

    `person` is who they are by now. The caller records that it was read.
    """
    people = everyone_in(person)
    sources = {"said": _said, "shown": _shown, "read": _read, "joined": _joined}
    found = [moment for kind in wanted for moment in sources[kind](people)]
    return sorted(found, key=lambda one: one.at, reverse=True)


def _said(people: list[str]) -> Iterator[Moment]:
    for entry in list(entries_of(people))[-MOST:]:
        yield Moment(entry.recorded_at, "said", _words(entry), _actor(entry), _place(entry))


def _words(entry: Entry) -> str:
    if entry.kind == "restriction":
        return _(entry.event_state)
    words = _("{purpose}: {status}").format(purpose=entry.purpose, status=_(entry.event_state))
    notice = entry.evidence.notice_version
    return _("{words}, shown {notice}").format(words=words, notice=notice) if notice else words


def _actor(entry: Entry) -> str:
    return f"{entry.actor_kind} {entry.actor_id}".strip()


def _place(entry: Entry) -> str:
    channel = _("every channel") if entry.channel == EVERY_CHANNEL else entry.channel
    parts = (channel, entry.evidence.collection_method, entry.evidence.jurisdiction)
    return " · ".join(part for part in parts if part)


def _shown(people: list[str]) -> Iterator[Moment]:
    rows = ShownRecord.objects.filter(person_id__in=people).order_by("-decided_at")[:MOST]
    for row in rows:
        words = row.offer if row.status == "offers" else _("the fallback")
        url = reverse("admin:rtts-covered", args=[row.decision_id])
        yield Moment(row.decided_at, "shown", words, row.campaign, row.placement, url)


def _read(people: list[str]) -> Iterator[Moment]:
    for row in RecordRead.objects.filter(person__in=people).order_by("-read_at")[:MOST]:
        yield Moment(row.read_at, "read", row.what, row.reader)


def _joined(people: list[str]) -> Iterator[Moment]:
    parted = Parting.objects.filter(Q(source__in=people) | Q(target__in=people))
    for row in parted.order_by("-parted_at")[:MOST]:
        yield Moment(row.parted_at, "joined", str(row), row.parted_by or _("a rule"), row.why)
