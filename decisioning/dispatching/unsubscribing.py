"""The only place that makes and reads unsubscribe links, and withdraws consent where one is followed.

Source: RFC 8058 (one-click), RFC 2369 (List-Unsubscribe).
"""

import base64
import binascii
from datetime import datetime
from typing import Final

import msgspec

from consent.changes import Actor, ConsentChange, Evidence
from consent.ledger import current_person, record_change
from consent.models import Person
from consent.policy import State, Status
from consent.projection import load_states
from rtts_site.foundation.sealing import SealError, seal, unseal

PURPOSE: Final = "unsubscribe"


class LinkRefused(Exception):
    """A link that this product did not make."""


class Link(msgspec.Struct, frozen=True, array_like=True):
    """Whose consent a link withdraws, for what and on which channel."""

    person: str  # whom the e-mail was triggered for
    purposes: tuple[str, ...]
    channel: str
    message: str


def token_of(link: Link) -> str:
    """Return a link as part of an address: sealed, so that it tells nothing and cannot be made up."""
    sealed = seal(msgspec.msgpack.encode(link), purpose=PURPOSE)
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def read_token(token: str) -> Link:
    """Return the link of a token.

    Raises:
        LinkRefused: it is none of ours.
    """
    try:
        sealed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        return msgspec.msgpack.decode(unseal(sealed, purpose=PURPOSE), type=Link)
    except (SealError, msgspec.DecodeError, binascii.Error, ValueError) as error:
        raise LinkRefused("This link is not one of ours.") from error


def unsubscribe(link: Link, *, now: datetime) -> None:
    """Withdraw consent for all that the e-mail rested on, on its channel; doing it again changes nothing.

    Raises:
        StoreUnavailableError, django.db.OperationalError: it could not be recorded; a repeat is safe.
    """
    owner = current_person(link.person)
    row = Person.objects.filter(id=owner).first()
    standing = load_states([owner]).get(owner, {})
    changes = [
        ConsentChange(
            purpose=purpose, status=Status.WITHDRAWN, event_time=now, channel=link.channel
        )
        for purpose in link.purposes
        if not _is_withdrawn(standing.get((purpose, link.channel)))
    ]
    if not changes:
        return
    record_change(
        link.person,
        changes,
        evidence=Evidence(collection_method="unsubscribe link", source="e-mail"),
        actor=Actor(kind="subject"),
        now=now,
        # Of what is known now: who subscribes again can unsubscribe again by the same e-mail.
        idempotency_key=f"unsubscribe:{link.message}:{row.version if row else 0}",
    )


def _is_withdrawn(state: State | None) -> bool:
    return state is not None and state.status == Status.WITHDRAWN
