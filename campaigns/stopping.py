"""The only door of emergency stops: an offer or campaign is stopped at once, without review, and says so everywhere."""

import logging
from collections.abc import Iterable
from datetime import datetime
from typing import Final

import redis
from django.contrib.auth.models import AbstractUser
from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.utils.translation import gettext as _

from campaigns.approvals import standing_of
from campaigns.models import Change, Event, Item, Release, Stop
from campaigns.models.items import Kind
from campaigns.notifying import telling
from campaigns.publishing import NotPossible
from decisioning.stops import Stops, put_stops

logger = logging.getLogger("campaigns")

# Each stop and each lift counts one, so a later list has a larger number; the time of the last one keeps
# that true where the database was restored from a backup and has lost some.
NUMBER: Final = """
select coalesce((extract(epoch from max(greatest(stopped_at, lifted_at))) * 1000)::bigint, 0)
       + count(*) + count(lifted_at) from campaigns_stop
"""
STOPPABLE = frozenset({Kind.OFFER.value, Kind.CAMPAIGN.value})


def may_stop(user: AbstractUser) -> bool:
    """Say whether a user may stop something: who may submit or approve changes."""
    return user.has_perm("campaigns.submit_change") or user.has_perm("campaigns.approve_change")


@transaction.atomic
def stop(item: Item, *, by: AbstractUser, why: str, now: datetime) -> Stop:
    """Stop an offer or a campaign until the stop is lifted; call `push` once it is committed.

    Raises:
        NotPossible: it cannot be stopped, is stopped already, or no reason is given.
    """
    if not may_stop(by):
        raise PermissionDenied(_("Your role does not allow this; ask an admin for it."))
    item = Item.objects.select_for_update(of=("self",)).get(pk=item.pk)
    if item.kind not in STOPPABLE:
        raise NotPossible(_("Only offers and campaigns are stopped."))
    if not why.strip():
        raise NotPossible(_("Say why, for the history."))
    if Stop.objects.filter(item=item, lifted_at=None).exists():
        raise NotPossible(_("“%(item)s” is stopped already.") % {"item": item})
    made = Stop.objects.create(
        item=item, why=why.strip()[:500], stopped_by_id=by.pk, stopped_at=now
    )
    _tell(item, _("stopped: %(why)s") % {"why": made.why}, by=by, now=now)
    return made


@transaction.atomic
def lift(stopped: Stop, *, by: AbstractUser, why: str, now: datetime) -> Stop:
    """Let a stopped thing run again, by an approver who did not stop it; call `push` once it is committed.

    Raises:
        NotPossible: it runs already, or no reason is given.
    """
    stopped = Stop.objects.select_for_update(of=("self",)).select_related("item").get(pk=stopped.pk)
    if not by.has_perm("campaigns.approve_change") or by.pk == stopped.stopped_by_id:
        raise PermissionDenied(_("An approver other than who stopped it has to lift the stop."))
    if stopped.lifted_at is not None:
        raise NotPossible(_("The stop is lifted already."))
    if not why.strip():
        raise NotPossible(_("Say why, for the history."))
    _lift(stopped, by=by, why=why.strip(), now=now)
    _tell(stopped.item, _("runs again: %(why)s") % {"why": stopped.lifted_why}, by=by, now=now)
    return stopped


def lift_reviewed(release: Release, items: list[int], *, now: datetime) -> None:
    """Lift the stops of what a release changes: its new state was reviewed with the stop in view."""
    if release.change is None:
        return  # what a roll back restores was not reviewed anew
    for stopped in lifted_by(release.change, items):
        _lift(stopped, by=release.published_by, why=str(release), now=now)


def lifted_by(change: Change, items: Iterable[int]) -> list[Stop]:
    """Return the stops that publishing a change of these items lifts; eight queries.

    A stop that is newer than an approval stays: who approved did not know of it.
    """
    stops = Stop.objects.filter(item__in=list(items), lifted_at=None).select_related("item")
    given = [one.given_at for one in standing_of(change).approvals]
    return [one for one in stops if all(one.stopped_at <= moment for moment in given)]


def _lift(stopped: Stop, *, by: AbstractUser | None, why: str, now: datetime) -> None:
    stopped.lifted_by_id, stopped.lifted_at = by.pk if by else None, now
    stopped.lifted_why = why[:500]
    stopped.save(update_fields=["lifted_by", "lifted_at", "lifted_why"])


def _tell(item: Item, text: str, *, by: AbstractUser, now: datetime) -> None:
    happening = telling.Happening(event=Event.STOPPED, actor=by, item=item, text=text)
    telling.tell(happening, to=telling.everybody(), now=now)


def stops_in_force() -> list[Stop]:
    """Return everything that is stopped, the oldest first; one query."""
    rows = Stop.objects.filter(lifted_at=None).select_related("item", "stopped_by")
    return list(rows.order_by("stopped_at"))


def push(client: redis.Redis) -> bool:
    """Give Redis the list of what is stopped; False where it keeps a newer one. Two queries, one round trip."""
    if put_stops(client, _list()) or put_stops(client, _list()):  # somebody else's may be newer
        return True
    logger.error("stops.not_in_force reason=newer_list")
    return False


def not_in_force() -> str:
    """Return what to do where Redis keeps a newer list."""
    return _(
        "It is recorded, but not in force: Redis keeps a newer list. Ask an admin to check the clocks."
    )


def _list() -> Stops:
    """Return the list with its number; who stopped it and why never leave the database."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(NUMBER)
        (number,) = cursor.fetchone()
        things = {f"{one.item.kind}:{one.item.key}": str(one.pk) for one in stops_in_force()}
    return Stops(number, things)
