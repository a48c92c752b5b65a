"""The only writer of destinations: where things are sent, which, and the secrets that sign them."""

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.contrib.auth.models import AbstractUser
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from decisioning.dispatching.bodies import body_of
from decisioning.models import Destination, Sending, Wanted
from rtts_site.foundation import signing
from rtts_site.foundation.addresses import AddressRefused, check_address

PURPOSE: Final = "destination"
MOST: Final = 20


class DestinationRefused(Exception):
    """What was asked for is not possible; `field` is where, the message says what to do."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a destination is asked to be."""

    name: str
    kind: str = Destination.Kind.WEBHOOK
    url: str = ""
    wants: Collection[str] = ()
    segments: Collection[str] = ()
    purposes: Collection[str] = ()
    share: float = 1.0
    sender: str = ""
    recipient: str = "email"


def make_destination(
    key: str, target: Target, *, by: AbstractUser | None, now: datetime
) -> tuple[Destination, str]:
    """Create a destination; return it and its secret ("whsec_…"), which is shown once.

    Raises:
        DestinationRefused: the address may not be called, or there are too many.
    """
    _check(target)
    if Destination.objects.filter(key=key).exists():
        raise DestinationRefused("key", _("This key is taken. Use another."))
    if Destination.objects.count() >= MOST:
        message = _("There are %s destinations already; remove one.") % MOST
        raise DestinationRefused("name", message)
    secret = signing.new_secret()
    row = Destination(
        key=key,
        sealed=signing.sealed_secret(secret, purpose=PURPOSE),
        created_by_id=by.pk if by else None,
        created_at=now,
    )
    _fill(row, target)
    row.save()
    return row, secret


def change_destination(row: Destination, target: Target, *, is_active: bool) -> None:
    """Have a destination told other things, at another address, or nothing for a while.

    Raises:
        DestinationRefused: the address may not be called.
    """
    _check(target)
    _fill(row, target)
    row.is_active = is_active
    row.save()


def _fill(row: Destination, target: Target) -> None:
    row.name, row.kind, row.url = target.name, target.kind, target.url
    row.wants, row.segments = sorted(target.wants), sorted(target.segments)
    row.purposes = sorted(target.purposes)
    row.share, row.sender, row.recipient = target.share, target.sender, target.recipient


def _check(target: Target) -> None:
    unknown = set(target.wants) - set(Wanted.values)
    if unknown:
        raise DestinationRefused("wants", _("Choose what it is told."))
    if not 0 < target.share <= 1:
        raise DestinationRefused("share", _("Use a share above 0 and up to 1."))
    if target.kind == Destination.Kind.EMAIL:
        if not target.sender:
            raise DestinationRefused("sender", _("Say which address e-mails come from."))
        return
    try:
        check_address(target.url)
    except AddressRefused as error:
        raise DestinationRefused("url", str(error)) from error


@transaction.atomic
def rotate(row: Destination, *, now: datetime) -> str:
    """Return a new secret of a destination; the former one signs beside it for a day."""
    row = Destination.objects.select_for_update().get(pk=row.pk)
    secret = signing.exchange(row, purpose=PURPOSE, now=now)
    row.save(update_fields=["sealed", "former", "former_until"])
    return secret


def secrets_of(row: Destination, *, now: datetime) -> list[str]:
    """Return the secrets that sign now, the newest first.

    Raises:
        SealError: the product's secret key was exchanged since.
    """
    return signing.secrets_of(row, purpose=PURPOSE, now=now)


def send_sample(row: Destination, *, now: datetime) -> Sending:
    """Leave a message of the type "test" for a webhook."""
    example = {"segment": {"key": "example"}, "person_id": "p000"}
    return Sending.objects.create(
        destination=row,
        message=f"msg_{secrets.token_hex(16)}",
        kind="test",
        body=body_of("test", example, at=now),
        due_at=now,
        created_at=now,
    )


def send_again(sending: Sending, *, now: datetime) -> bool:
    """Try what was given up from the beginning, under its old id; say whether it was."""
    lost = Q(state=Sending.State.DEAD) | Q(state=Sending.State.HANDED, due_at__lte=now)
    rows = Sending.objects.filter(lost, pk=sending.pk)  # what is being handed over is due later
    return bool(
        rows.update(state=Sending.State.WAITING, attempts=0, due_at=now, done_at=None, trouble="")
    )


def named_segments() -> set[str]:
    """Return the segments that some destination is told about, "*" for all; one query."""
    rows = Destination.objects.filter(is_active=True, wants__contains=[Wanted.SEGMENTS])
    found: set[str] = set()
    for segments in rows.values_list("segments", flat=True):
        found |= set(segments or ["*"])
    return found
