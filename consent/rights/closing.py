"""The only place that closes ids of people who were erased, and opens one to a new person after an explicit opt-in.

An id is a keyed hash of an identifier, so the row that says "erased" is what keeps its person from being recreated by a
late event or a retry, and from being contacted again. It opens only when the person grants something anew; then the
identifier denotes another person, with another key, of whom nothing earlier is known.
"""

import logging
from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from consent import people
from consent.changes import MAX_SKEW, Actor, ConsentChange
from consent.models import Suppression
from consent.policy import GRANTING
from consent.projection import lock_person

logger = logging.getLogger("consent")

OPENS: Final = "Only a new opt-in of their own lets them be known again."
BY_THEMSELVES = frozenset({"subject", "guardian"})
Opener = Callable[[str, str, datetime], None]  # (erased id, who it denotes now, erased at)
_openers: list[Opener] = []


class StaysClosedError(Exception):
    """Somebody was erased, and what was said is no new opt-in of theirs."""


def on_opening(tell: Opener) -> None:
    """Have `tell` called after an id was opened; calling it again must change nothing."""
    _openers.append(tell)


def close(persons: Iterable[str], *, now: datetime) -> None:
    """Close ids for good; one query."""
    rows = [Suppression(kind=Suppression.PERSON, digest=one, erased_at=now) for one in persons]
    Suppression.objects.bulk_create(rows, ignore_conflicts=True)


def closed_among(persons: Collection[str]) -> set[str]:
    """Return which of these ids are closed now; one query."""
    rows = Suppression.objects.filter(kind=Suppression.PERSON, digest__in=persons, again="")
    return set(rows.values_list("digest", flat=True))


def were_erased(persons: Collection[str], *, since: datetime | None = None) -> bool:
    """Return whether any of these ids was erased, since a time or ever, be it open again; one query."""
    rows = Suppression.objects.filter(kind=Suppression.PERSON, digest__in=persons)
    return (rows.filter(erased_at__gte=since) if since else rows).exists()


def is_suppressed(identifier: people.Identifier) -> bool:
    """Return whether whoever an identifier denotes was erased and is not to be contacted; one query."""
    return bool(closed_among([people.person_id(identifier, pepper=settings.RTTS_PEPPER)]))


def open_to_them(
    person: str, changes: Collection[ConsentChange], actor: Actor, *, now: datetime
) -> bool:
    """Open a closed id where its person opts in again, and return whether it is open now.

    False: nothing was granted, so there is nothing to record: everything is denied already.

    Raises:
        StaysClosedError: one of the grants may have been said before the erasure, or was said by somebody else.
    """
    row = Suppression.objects.filter(kind=Suppression.PERSON, digest=person).first()
    if row is None or not _grants_among(changes):
        return False
    if actor.kind not in BY_THEMSELVES:
        raise StaysClosedError(f"This person was erased. {OPENS}")
    _refuse_older(changes, row.erased_at, now=now)
    _open(person, now=now)
    return True


def refuse_from_before(person: str, changes: Collection[ConsentChange], *, now: datetime) -> None:
    """Refuse what was granted before an erasure and arrives after its person opted in again; one query.

    Raises:
        StaysClosedError: one of the grants may be from before.
    """
    row = Suppression.objects.filter(kind=Suppression.PERSON, digest=person).first()
    if row is not None:
        _refuse_older(changes, row.erased_at, now=now)


def _grants_among(changes: Collection[ConsentChange]) -> list[ConsentChange]:
    return [one for one in changes if one.status in GRANTING]


def _refuse_older(
    changes: Collection[ConsentChange], erased_at: datetime, *, now: datetime
) -> None:
    # The clock of whoever sent it may be ahead by the skew that is let pass.
    said = [min(one.event_time, now) - MAX_SKEW for one in _grants_among(changes)]
    if any(moment <= erased_at for moment in said):
        minutes = MAX_SKEW.seconds // 60
        raise StaysClosedError(
            f"This person was erased, and a grant among these may be from before. {OPENS} "
            f"Send only what was said more than {minutes} minutes after it."
        )


def _open(person: str, *, now: datetime) -> None:
    again = people.person_after(person, pepper=settings.RTTS_PEPPER)
    with transaction.atomic():
        row = lock_person(person, now=now)
        row.merged_into = again
        row.version += 1
        row.changed_at = Now()
        row.save(update_fields=["merged_into", "version", "changed_at"])
        opened = Suppression.objects.filter(kind=Suppression.PERSON, digest=person)
        opened.update(again=again, lifted_at=now)
    finish_openings(now=now)


def finish_openings(*, now: datetime) -> int:
    """Tell workers of ids that were opened and that they do not know of; return how many that were."""
    untold = list(Suppression.objects.exclude(again="").filter(told_at=None))
    for row in untold:
        for tell in _openers:
            tell(row.digest, row.again, row.erased_at)
        Suppression.objects.filter(pk=row.pk).update(told_at=now)
    return len(untold)
