"""The only reader of TC strings: what they say, and which purposes they allow a vendor. Pure; on any doubt, none."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from consent.signals.bits import MAX_CHARS, Bits, MalformedError, Numbers

PURPOSES: Final = range(1, 12)
LEGITIMATE_INTEREST: Final = frozenset({2, 7, 8, 9, 10, 11})  # purposes that may rest on it
MIN_POLICY: Final = 4  # TCF 2.2
DISCLOSED_FROM: Final = datetime(2026, 2, 28, tzinfo=UTC).timestamp()  # TCF 2.3: vendors disclosed
MAX_AGE: Final = timedelta(days=396)  # 13 months
MAX_SKEW: Final = timedelta(minutes=5)
_RESERVED_CMPS: Final = 2  # 0 and 1 are nobody's
_MOST_VENDORS: Final = 65_535
# Not at all, by consent only, by legitimate interest only; the last is not defined.
_RESTRICTIONS: Final = frozenset({0, 1, 2, 3})

Restrictions = tuple[tuple[int, int, Numbers], ...]  # purpose, type, vendors
Segments = dict[str, Any]  # fields of `TcString`


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """The first segment of a TC string; times in epoch seconds."""

    version: int
    created: float
    updated: float
    cmp: int
    cmp_version: int
    screen: int
    language: str
    list_version: int
    policy: int = 0
    service_specific: bool = False
    own_texts: bool = False
    special_features: Numbers = Numbers()
    purposes: Numbers = Numbers()
    interests: Numbers = Numbers()
    one_treated: bool = False  # purpose 1 was not asked
    country: str = ""
    vendors: Numbers = Numbers()
    interest_vendors: Numbers = Numbers()
    restrictions: Restrictions = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PublisherConsent:
    """What the person allows the site itself."""

    purposes: Numbers
    interests: Numbers
    own: int  # number of the site's own purposes
    own_purposes: Numbers
    own_interests: Numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class TcString:
    """A whole TC string; a segment that was not there is None."""

    core: Core
    disclosed: Numbers | None = None
    allowed: Numbers | None = None
    publisher: PublisherConsent | None = None


@dataclass(frozen=True, slots=True)
class House:
    """Who reads TC strings, as the Global Vendor List knows them."""

    vendor: int = 0  # 0 is on no list: every TC string denies everything
    legitimate_interest: frozenset[int] = frozenset()  # purposes that the vendor registered so
    deleted_cmps: frozenset[int] = frozenset()


def allowed_purposes(text: str, *, house: House, now: datetime) -> frozenset[int]:
    """Return the purposes that a TC string allows a vendor at `now`; none where it cannot be relied on.

    Source: IAB Europe Transparency and Consent Framework 2.3, "Vendor obligations"; policies, chapter IV.
    """
    allowed, since, until = _standing(text, house)
    return allowed if since <= now.timestamp() < until else frozenset()


@lru_cache(maxsize=1024)
def _standing(text: str, house: House) -> tuple[frozenset[int], float, float]:
    """Return what a string allows, from when and until when, epoch seconds."""
    said = decode(text)
    if said is None or not _is_relied_on(said, house):
        return frozenset(), 0.0, 0.0
    since, until = within(said.core.updated)
    return frozenset(_allowed(said.core, house)), since, until


def within(updated: float) -> tuple[float, float]:
    """Return from when and until when what was said then may be relied on, epoch seconds."""
    return updated - MAX_SKEW.total_seconds(), updated + MAX_AGE.total_seconds()


@lru_cache(maxsize=1024)
def decode(text: str) -> TcString | None:
    """Return what a TC string says, None where it is not one; some 50 microseconds, once for each string."""
    try:
        return _decoded(text)
    except MalformedError:
        return None


def _is_relied_on(said: TcString, house: House) -> bool:
    core = said.core
    consent_only = (purpose for purpose in PURPOSES if purpose not in LEGITIMATE_INTEREST)
    return (
        core.version == 2
        and core.policy >= MIN_POLICY
        and core.service_specific
        and core.created <= core.updated
        and core.cmp not in house.deleted_cmps
        and not any(purpose in core.interests for purpose in consent_only)
        and _is_disclosed(said, house.vendor)
    )


def _is_disclosed(said: TcString, vendor: int) -> bool:
    if said.disclosed is None:
        return said.core.updated < DISCLOSED_FROM
    return vendor in said.disclosed


def _allowed(core: Core, house: House) -> Iterator[int]:
    """Yield the purposes for which the basis that the vendor registered holds.

    Any restriction that is not to that basis denies: the vendor registered no flexible purposes.
    """
    consented, interested = house.vendor in core.vendors, house.vendor in core.interest_vendors
    restricted = {
        (purpose, kind) for purpose, kind, whom in core.restrictions if house.vendor in whom
    }
    for purpose in PURPOSES:
        if purpose in house.legitimate_interest & LEGITIMATE_INTEREST:
            holds, kept = interested and purpose in core.interests, 2
        else:
            holds, kept = consented and purpose in core.purposes, 1
        if holds and not any((purpose, kind) in restricted for kind in _RESTRICTIONS - {kept}):
            yield purpose


def _decoded(text: str) -> TcString:
    if len(text) > MAX_CHARS:
        raise MalformedError("too long")
    first, *others = text.split(".")
    bits = Bits(first)
    version = bits.number(6)
    if version == 1 and not others:
        return TcString(core=_read_core_1(bits))
    if version != 2:
        raise MalformedError("unknown version")
    core = _read_core(bits)
    return TcString(core=core, **_read_segments(others))


def _read_segments(texts: list[str]) -> Segments:
    found: Segments = {}
    for text in texts:
        bits = Bits(text)
        name, read = _SEGMENTS[bits.number(3)]
        if name in found:
            raise MalformedError("a segment twice")
        found[name] = read(bits)
        bits.end()
    return found


# What is read is read in the order of the arguments.


def _read_core(bits: Bits) -> Core:
    core = Core(
        version=2,
        created=bits.seconds(),
        updated=bits.seconds(),
        cmp=_read_cmp(bits),
        cmp_version=bits.number(12),
        screen=bits.number(6),
        language=bits.letters(),
        list_version=bits.number(12),
        policy=bits.number(6),
        service_specific=bits.flag(),
        own_texts=bits.flag(),
        special_features=bits.chosen(12),
        purposes=bits.chosen(24),
        interests=bits.chosen(24),
        one_treated=bits.flag(),
        country=bits.letters(),
        vendors=bits.vendors(),
        interest_vendors=bits.vendors(),
        restrictions=read_restrictions(bits),
    )
    bits.end()
    return core


def _read_core_1(bits: Bits) -> Core:
    core = Core(
        version=1,
        created=bits.seconds(),
        updated=bits.seconds(),
        cmp=_read_cmp(bits),
        cmp_version=bits.number(12),
        screen=bits.number(6),
        language=bits.letters(),
        list_version=bits.number(12),
        purposes=bits.chosen(24),
        vendors=_read_vendors_1(bits),
    )
    bits.end()
    return core


def _read_cmp(bits: Bits) -> int:
    cmp = bits.number(12)
    if cmp < _RESERVED_CMPS:
        raise MalformedError("no CMP")
    return cmp


def _read_vendors_1(bits: Bits) -> Numbers:
    largest = bits.number(16)
    if not bits.flag():
        return bits.chosen(largest)
    if bits.flag():
        raise MalformedError("consent as the default")
    return bits.ranges(limit=largest)


def read_restrictions(bits: Bits) -> Restrictions:
    """Read what a publisher restricts: for each purpose and type the vendors."""
    return tuple(
        (bits.number(6), bits.number(2), bits.ranges(limit=_MOST_VENDORS))
        for _ in range(bits.number(12))
    )


def read_publisher(bits: Bits) -> PublisherConsent:
    """Read what the person allows the site itself."""
    purposes, interests, own = bits.chosen(24), bits.chosen(24), bits.number(6)
    return PublisherConsent(
        purposes=purposes,
        interests=interests,
        own=own,
        own_purposes=bits.chosen(own),
        own_interests=bits.chosen(own),
    )


def _refuse(_bits: Bits) -> Numbers:
    raise MalformedError("an unknown segment")


_SEGMENTS: Final[dict[int, tuple[str, Callable[[Bits], Any]]]] = {
    1: ("disclosed", Bits.vendors),
    2: ("allowed", Bits.vendors),
    3: ("publisher", read_publisher),
} | dict.fromkeys((0, 4, 5, 6, 7), ("", _refuse))
