"""The only reader of GPP strings: their header, their sections, and what in them says no. Pure; on any doubt, no."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from consent.signals import tcf, tcf_canada
from consent.signals.bits import MAX_CHARS, Bits, MalformedError
from consent.signals.gpp_fields import LAYOUTS, Layout
from consent.signals.said import UNREADABLE

TCF_EU: Final = 2
TCF_CANADA: Final = 5
USP: Final = 6
NO: Final = 1  # opted out, or no consent
_MOST: Final = 2  # of the values of a field; 0 does not apply, 2 is not opted out, or consent
_HEADER: Final = (3, 1)  # type and version
NATIONAL: Final = (7, 1)
NATIONAL_BITS: Final = 66
_MOST_SECTIONS: Final = 64
_OPT_OUTS: Final = ("SaleOptOut", "SharingOptOut", "TargetedAdvertisingOptOut")  # of GPC


@dataclass(frozen=True, slots=True)
class Section:
    """One section for the United States: field -> its values, e.g. ``{"SaleOptOut": (1,)}``."""

    name: str
    version: int
    fields: Mapping[str, tuple[int, ...]]
    gpc: bool | None = None  # None: it does not say


@dataclass(frozen=True, slots=True)
class GppString:
    """A whole GPP string."""

    ids: tuple[int, ...]
    states: tuple[Section, ...] = ()
    denied: frozenset[str] = frozenset()  # fields that say no
    gpc: bool = False  # a section repeats that the browser's Global Privacy Control says no
    europe: str | None = None  # its TC string
    canada: str | None = None
    usp: str = ""


@lru_cache(maxsize=512)
def decode(text: str) -> GppString | None:
    """Return what a GPP string says, None where it is not one or has a section that is not known here."""
    try:
        return _decoded(text)
    except MalformedError:
        return None


def denied_fields(said: GppString | None) -> frozenset[str]:
    """Return the fields that say no, e.g. ``{"SaleOptOut"}``; a list's elements count from 1."""
    return frozenset({UNREADABLE}) if said is None else said.denied


def allowed_purposes(
    said: GppString | None, *, house: tcf.House, now: datetime
) -> list[frozenset[int]]:
    """Return for each section of the TCF the purposes that it allows a vendor."""
    if said is None:
        return []
    europe, canada = said.europe, said.canada
    return [
        *([tcf.allowed_purposes(europe, house=house, now=now)] if europe is not None else ()),
        *(
            [tcf_canada.allowed_purposes(canada, house=house, now=now)]
            if canada is not None
            else ()
        ),
    ]


def _denied(sections: Iterable[Section], usp: str) -> frozenset[str]:
    fields = {name for section in sections for name in _denied_in(section)}
    return frozenset(fields | ({"SaleOptOut"} if usp[2:3] == "Y" else set()))


def _denied_in(section: Section) -> Iterator[str]:
    for name, values in section.fields.items():
        is_choice = not name.endswith("Notice") and not name.startswith("Mspa")
        if is_choice and NO in values:
            yield name
            yield from (f"{name}{place}" for place, one in enumerate(values, 1) if one == NO)
    if section.gpc:
        yield from _OPT_OUTS


def _decoded(text: str) -> GppString:
    if len(text) > MAX_CHARS:
        raise MalformedError("too long")
    header, *parts = text.split("~")
    ids = _read_header(header)
    if len(parts) != len(ids):
        raise MalformedError("sections that the header does not list")
    written = dict(zip(ids, parts, strict=True))
    europe, canada = written.pop(TCF_EU, None), written.pop(TCF_CANADA, None)
    usp = _checked_usp(written.pop(USP)) if USP in written else ""
    states = tuple(_read_section(one, part) for one, part in written.items())
    gpc = any(section.gpc for section in states)
    return GppString(ids, states, _denied(states, usp), gpc, europe, canada, usp)


def _read_header(text: str) -> tuple[int, ...]:
    bits = Bits(text)
    if (bits.number(6), bits.number(6)) != _HEADER:
        raise MalformedError("no GPP string")
    ids: list[int] = []
    for _ in range(bits.number(12)):
        is_range = bits.flag()
        first = (ids[-1] if ids else 0) + bits.fibonacci()
        last = first + (bits.fibonacci() if is_range else 0)
        if last - first >= _MOST_SECTIONS or len(ids) > _MOST_SECTIONS:
            raise MalformedError("too many sections")
        ids += range(first, last + 1)
    bits.end()
    return tuple(ids)


def _checked_usp(text: str) -> str:
    """Return a US Privacy string, e.g. ``1YYN``: version, notice, opted out of sale, service provider agreement."""
    if len(text) != 4 or text[0] != "1" or not set(text[1:]) <= set("YN-"):
        raise MalformedError("no US Privacy string")
    return text


def _read_section(number: int, text: str) -> Section:
    first, *others = text.split(".")
    bits = Bits(first)
    version = bits.number(6)
    layout = _layout(number, version, bits.length)
    if layout is None or len(others) > 1:
        raise MalformedError("an unknown section")
    fields = {name: _read_values(bits, count) for name, count in layout.fields}
    bits.end()
    gpc = None
    for other in others:
        gpc = _read_other(other, layout, fields)
    return Section(layout.name, version, MappingProxyType(fields), gpc)


def _layout(number: int, version: int, length: int) -> Layout | None:
    """Return how a section is written; some platforms write the fields of usnat's version 2 under version 1.

    Only the length tells these apart, so version 1 counts in the one length that it is published in.
    """
    if (number, version) == NATIONAL and length != NATIONAL_BITS:
        return LAYOUTS[number, 2] if length > NATIONAL_BITS else None
    return LAYOUTS.get((number, version))


def _read_other(text: str, layout: Layout, fields: dict[str, tuple[int, ...]]) -> bool | None:
    bits = Bits(text)
    gpc = None
    if layout.has_sensitive:
        fields["SensitiveDataProcessing"] = _read_values(bits, 8)
    elif layout.has_gpc and bits.number(2) == 1:
        gpc = bits.flag()
    else:
        raise MalformedError("an unknown segment")
    bits.end()
    return gpc


def _read_values(bits: Bits, count: int) -> tuple[int, ...]:
    values = tuple(bits.number(2) for _ in range(count))
    if max(values) > _MOST:
        raise MalformedError("a value that there is not")
    return values
