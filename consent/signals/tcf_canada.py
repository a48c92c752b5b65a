"""The only reader of TCF Canada strings, the section tcfca of a GPP string. Pure; on any doubt, nothing is allowed."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from consent.signals.bits import MAX_CHARS, Bits, MalformedError, Numbers
from consent.signals.tcf import (
    PURPOSES,
    House,
    PublisherConsent,
    Restrictions,
    read_publisher,
    read_restrictions,
    within,
)

VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CanadaString:
    """What a string says; times in epoch seconds."""

    created: float
    updated: float
    cmp: int
    cmp_version: int
    screen: int
    language: str
    list_version: int
    policy: int
    own_stacks: bool
    special_features: Numbers
    express: Numbers  # purposes
    implied: Numbers
    express_vendors: Numbers
    implied_vendors: Numbers
    restrictions: Restrictions
    publisher: PublisherConsent | None = None
    disclosed: Numbers | None = None


def allowed_purposes(text: str, *, house: House, now: datetime) -> frozenset[int]:
    """Return the purposes that a string allows a vendor at `now`, by express or implied consent.

    Source: IAB Canada, TCF Canada, "TC string format", as section 5 of the Global Privacy Platform.
    """
    said = decode(text)
    if said is None or not _is_relied_on(said, house, now=now.timestamp()):
        return frozenset()
    given = [
        *([said.express] if house.vendor in said.express_vendors else ()),
        *([said.implied] if house.vendor in said.implied_vendors else ()),
    ]
    return frozenset(
        purpose
        for purpose in PURPOSES
        if any(purpose in one for one in given)
        and not any(purpose == one and house.vendor in whom for one, _, whom in said.restrictions)
    )


def _is_relied_on(said: CanadaString, house: House, *, now: float) -> bool:
    since, until = within(said.updated)
    return (
        said.cmp > 1
        and said.cmp not in house.deleted_cmps
        and said.created <= said.updated
        and since <= now < until
        and (said.disclosed is None or house.vendor in said.disclosed)
    )


@lru_cache(maxsize=256)
def decode(text: str) -> CanadaString | None:
    """Return what a string says, None where it is not one."""
    try:
        return _decoded(text)
    except MalformedError:
        return None


def _decoded(text: str) -> CanadaString:
    if len(text) > MAX_CHARS:
        raise MalformedError("too long")
    first, *others = text.split(".")
    segments: dict[str, Numbers | PublisherConsent] = {}
    for other in others:
        name, found = _read_segment(Bits(other))
        if name in segments:
            raise MalformedError("a segment twice")
        segments[name] = found
    return _read(Bits(first), **segments)


def _read_segment(bits: Bits) -> tuple[str, Numbers | PublisherConsent]:
    kind = bits.number(3)
    if kind not in (1, 3):
        raise MalformedError("an unknown segment")
    found = bits.vendors() if kind == 1 else read_publisher(bits)
    bits.end()
    return ("disclosed" if kind == 1 else "publisher"), found


def _read(bits: Bits, **segments: Any) -> CanadaString:
    """Read the first segment, in the order of the arguments."""
    if bits.number(6) != VERSION:
        raise MalformedError("unknown version")
    said = CanadaString(
        created=bits.seconds(),
        updated=bits.seconds(),
        cmp=bits.number(12),
        cmp_version=bits.number(12),
        screen=bits.number(6),
        language=bits.letters(),
        list_version=bits.number(12),
        policy=bits.number(6),
        own_stacks=bits.flag(),
        special_features=bits.chosen(12),
        express=bits.chosen(24),
        implied=bits.chosen(24),
        express_vendors=bits.vendors(),
        implied_vendors=bits.vendors(),
        restrictions=read_restrictions(bits),
        **segments,
    )
    bits.end()
    return said
