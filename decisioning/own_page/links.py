"""The only place that makes and reads the links of people's own pages: who may see and say what, without an account."""

import base64
import binascii
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urljoin

import msgspec
from django.conf import settings
from django.db import transaction
from django.urls import reverse

from consent.models import Person
from consent.projection import lock_person
from consent.rights.closing import were_erased
from rtts_site.foundation.sealing import SealError, seal, unseal

PURPOSE: Final = "own page"
LONGEST: Final = 2_000  # characters of a token
OF_CHANNEL: Final = timedelta(days=90)  # made for a channel's server, e.g. for an e-mail
SHOWS: Final = timedelta(days=30)  # after that a link may withdraw and nothing more
OF_BROWSER: Final = timedelta(days=1)


class LinkRefusedError(Exception):
    """A link that this product did not make, or that has lapsed."""


class OwnLink(msgspec.Struct, frozen=True, array_like=True):
    """Whose page a link opens."""

    person: str
    until: float  # epoch seconds
    by_channel: bool = False  # whose server knows them; a browser may be shared, and its link says nothing of an account
    made_at: float = 0  # epoch seconds
    owner: str = ""  # who the person was by then, after all merges


def token_of(link: OwnLink) -> str:
    """Return a link as part of an address: sealed, so that it tells nothing and cannot be made up."""
    sealed = seal(msgspec.msgpack.encode(link), purpose=PURPOSE)
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def address_of(link: OwnLink) -> str:
    """Return the whole address of a link, under RTTS_PUBLIC_URL."""
    page = reverse("rtts-own-page", args=[token_of(link)])
    whole: str = urljoin(settings.RTTS_PUBLIC_URL, page)
    return whole


def still_shows(link: OwnLink, person: str, *, now: datetime) -> bool:
    """Return whether a link still tells and allows what is of the person it was made for; a query or two.

    `person` is who they are now. Not of whom an erased or merged person became, not after they closed their links.
    """
    made_at = datetime.fromtimestamp(link.made_at, UTC)
    if now >= made_at + SHOWS or person != (link.owner or link.person):
        return False
    people = {link.person, person}
    closed = Person.objects.filter(id__in=people, links_closed_at__gte=made_at).exists()
    return not closed and not were_erased(people, since=made_at)


def close_links(person: str, *, now: datetime) -> None:
    """Have all links that were made for a person so far show nothing any more; they may still withdraw."""
    with transaction.atomic():
        row = lock_person(person, now=now)
        row.links_closed_at = now
        row.save(update_fields=["links_closed_at"])


def read_token(token: str, *, now: datetime) -> OwnLink:
    """Return the link of a token.

    Raises:
        LinkRefusedError: it is none of ours, or has lapsed.
    """
    if len(token) > LONGEST:
        raise LinkRefusedError("This link is not one of ours.")
    try:
        sealed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        link = msgspec.msgpack.decode(unseal(sealed, purpose=PURPOSE), type=OwnLink)
    except (SealError, msgspec.DecodeError, binascii.Error, ValueError) as error:
        raise LinkRefusedError("This link is not one of ours.") from error
    if now.timestamp() >= link.until:
        raise LinkRefusedError("This link has lapsed.")
    return link
