"""The only place that makes and reads the links of people's own pages: who may see and say what, without an account."""

import base64
import binascii
from datetime import datetime, timedelta
from typing import Final

import msgspec

from rtts_site.foundation.sealing import SealError, seal, unseal

PURPOSE: Final = "own page"
LONGEST: Final = 2_000  # characters of a token
OF_CHANNEL: Final = timedelta(days=90)  # made for a channel's server, e.g. for an e-mail
OF_BROWSER: Final = timedelta(days=1)


class LinkRefusedError(Exception):
    """A link that this product did not make, or that has lapsed."""


class OwnLink(msgspec.Struct, frozen=True, array_like=True):
    """Whose page a link opens."""

    person: str
    until: float  # epoch seconds
    full: bool = (
        False  # False, of a browser that may be shared: what is said here, nothing that is known
    )
    made_at: float = 0  # epoch seconds
    owner: str = ""  # who the person was by then, after all merges


def token_of(link: OwnLink) -> str:
    """Return a link as part of an address: sealed, so that it tells nothing and cannot be made up."""
    sealed = seal(msgspec.msgpack.encode(link), purpose=PURPOSE)
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


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
