"""The only place that reads an offer's content as a critical eye would: alt texts, colours, dates, prices, links; pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from campaigns.analysis.colours import LEAST_CONTRAST, colour_of, contrast
from campaigns.analysis.findings import Oddity
from campaigns.analysis.mentions import amounts_in, days_in
from decisioning.content.contents import places
from decisioning.content.markup import SCHEMES
from decisioning.content.pictures import picture_of
from decisioning.content.templates import TemplateError, has_tokens, parse_template
from decisioning.specs import OfferSpec, VariantSpec

LEFTOVERS: Final = re.compile(
    r"lorem ipsum|(?-i:\b(?:TODO|FIXME|TBD|XXX+)\b)|\$\{\w+\}|(?<![\d%])%(?:\(\w+\))?s\b"
    r"|\[(?:name|placeholder|insert[^\]]*|text|headline|link|price|date)\]"
    r"|\b(?:your|sample) text here\b|\basdf\w*|\{\{|\}\}|\{%|%\}",
    re.IGNORECASE,
)
ADDRESS_KEY: Final = re.compile(r"(?:.*_)?(?:url|link|href|src)", re.IGNORECASE)
IMAGE_KEY: Final = re.compile(
    r"(?:.*_)?(?:image|picture|photo|img)(?:_?(?:url|src))?", re.IGNORECASE
)
ALT_KEY: Final = re.compile(r"(?:.*_)?alt(?:_?text)?", re.IGNORECASE)
PRICE_KEY: Final = re.compile(r"(?:.*_)?(?:price|amount|saving|savings|discount|cost)(?:_.*)?", re.IGNORECASE)  # fmt: skip
BACKGROUND_KEY: Final = re.compile(r"(?:.*_)?(?:background|bg)(?:_?colou?r)?", re.IGNORECASE)
COLOUR_KEY: Final = re.compile(r"(?:.*_)?(?:foreground|fg|colou?r)", re.IGNORECASE)
_IMG: Final = re.compile(r"<img\b[^>]*>", re.IGNORECASE)
_ALT: Final = re.compile(r"\balt\s*=\s*(?:\"[^\"]+\"|'[^']+')", re.IGNORECASE)
_HREF: Final = re.compile(r"\b(?:href|src)\s*=\s*[\"']([^\"']*)[\"']", re.IGNORECASE)
_TAG: Final = re.compile(r"<[^>]*>")
_NOWHERE: Final = (".test", ".invalid", ".example", ".localhost")  # Source: RFC 2606
_NUMBER: Final = re.compile(r"\[\d+\]")
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(?:-[A-Za-z]{4})?(?:-(?:[A-Za-z]{2}|[0-9]{3}))?")


@dataclass(frozen=True, slots=True)
class Spot:
    """One text of a variant."""

    field: str  # "variants[0].content.headline"
    key: str  # "headline"
    text: str


def of_content(
    offer: OfferSpec,
    *,
    unsayable: frozenset[str],
    hosts: frozenset[str],
    languages: frozenset[str],
    now: datetime,
) -> Iterator[Oddity]:
    """Yield what is odd about an offer's content.

    `hosts` are those that links may lead to, none: any; `languages` are the codes that are known, e.g. "de".
    """
    for number, variant in enumerate(offer.variants):
        for code, field, args in _of_variant(offer, variant, unsayable=unsayable, now=now):
            yield Oddity(code, "offer", offer.key, f"variants[{number}].{field}", args)
        for code, field, args in _of_links(variant, hosts):
            yield Oddity(code, "offer", offer.key, f"variants[{number}].{field}", args)
        for language in variant.fit.languages:
            if not _LANGUAGE.fullmatch(language) or language.split("-")[0] not in languages:
                where = f"variants[{number}].fit.languages"
                yield Oddity("language", "offer", offer.key, where, {"language": language})


Told = tuple[str, str, dict[str, Any]]  # code, field within the variant, args


def spots(variant: VariantSpec) -> list[Spot]:
    """Return the texts of a variant in order."""
    return [
        Spot(f"content.{one.path}", _NUMBER.sub("", one.path).rpartition(".")[2], one.text)
        for one in places(variant.content, variant.content_type)
    ]


def tokens_of(text: str) -> tuple[frozenset[str], tuple[str, ...]]:
    """Return the names that a text reads, and those that it cannot do without."""
    if not has_tokens(text):
        return frozenset(), ()
    try:
        found = parse_template(text, "text")
    except TemplateError:
        return frozenset(), ()
    return found.names, found.required


def _of_variant(
    offer: OfferSpec, variant: VariantSpec, *, unsayable: frozenset[str], now: datetime
) -> Iterator[Told]:
    for spot in spots(variant):
        names, _ = tokens_of(spot.text)
        for name in sorted(names & unsayable):
            yield "untactful", spot.field, {"attribute": name}
        yield from _leftovers(spot)
        if not ADDRESS_KEY.fullmatch(spot.key):
            yield from _of_days(spot, offer, now=now)
    for path, part in _objects(variant.content, "content"):
        yield from _of_pictures(path, part)
        yield from _of_colours(path, part)
        yield from _of_prices(path, part, variant)


def _leftovers(spot: Spot) -> Iterator[Told]:
    text = spot.text
    if has_tokens(text):
        try:
            parse_template(text, "text")
        except TemplateError as error:
            yield "token_broken", spot.field, {"trouble": error.message}
            return
        text = re.sub(r"\{\{.*?\}\}|\{%.*?%\}", " ", text, flags=re.DOTALL)
    if not ADDRESS_KEY.fullmatch(spot.key) and (found := LEFTOVERS.search(_plain(text))):
        yield "leftover", spot.field, {"text": found[0]}


def _plain(text: str) -> str:
    return _TAG.sub(" ", text)


def _of_days(spot: Spot, offer: OfferSpec, *, now: datetime) -> Iterator[Told]:
    for day in days_in(_plain(spot.text), near=now.date()):
        if day.date < now.date():
            yield "day_past", spot.field, {"day": day.text}
        elif offer.ends_at and day.date > offer.ends_at.date():
            yield "day_after", spot.field, {"day": day.text, "ends": offer.ends_at.isoformat()}
        elif offer.starts_at and day.date < offer.starts_at.date():
            yield "day_before", spot.field, {"day": day.text, "starts": offer.starts_at.isoformat()}


def _objects(value: Any, path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(value, Mapping):
        yield path, value
        for key, inner in value.items():
            yield from _objects(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _objects(inner, f"{path}[{number}]")


def _of_pictures(path: str, part: Mapping[str, Any]) -> Iterator[Told]:
    picture = picture_of(part)
    if picture is not None:
        if not picture.alt.strip():
            yield "alt_missing", path, {}
        return
    said = any(ALT_KEY.fullmatch(key) and str(value).strip() for key, value in part.items())
    for key, value in part.items():
        if not isinstance(value, str):
            continue
        if IMAGE_KEY.fullmatch(key) and value.strip() and not said:
            yield "alt_missing", f"{path}.{key}", {}
        if any(not _ALT.search(image) for image in _IMG.findall(value)):
            yield "alt_missing", f"{path}.{key}", {}


def _of_colours(path: str, part: Mapping[str, Any]) -> Iterator[Told]:
    colours = {key: found for key, value in part.items() if (found := colour_of(value))}
    grounds = {key: one for key, one in colours.items() if BACKGROUND_KEY.fullmatch(key)}
    texts = {k: one for k, one in colours.items() if k not in grounds and COLOUR_KEY.fullmatch(k)}
    for key, colour in texts.items():
        for ground, behind in grounds.items():
            ratio = contrast(colour, behind)
            if ratio < LEAST_CONTRAST:
                args = {"text": part[key], "ground": part[ground], "ratio": f"{ratio:.1f}"}
                yield "contrast", f"{path}.{key}", args


def _of_prices(path: str, part: Mapping[str, Any], variant: VariantSpec) -> Iterator[Told]:
    """Yield amounts of money in a text that stand in none of the price fields beside it."""
    prices = {key: value for key, value in part.items() if PRICE_KEY.fullmatch(key)}
    known = {amount for value in prices.values() for amount in _amounts(value)}
    if not known:
        return
    for key, value in part.items():
        if isinstance(value, str) and key not in prices and not ADDRESS_KEY.fullmatch(key):
            for amount in amounts_in(_plain(value)):
                if amount.value not in known:
                    field = next(iter(prices))
                    args = {"price": amount.text, "field": field, "value": str(prices[field])}
                    yield "price_differs", f"{path}.{key}", args


def _amounts(value: Any) -> list[float]:
    if isinstance(value, bool):
        return []
    if isinstance(value, int | float):
        return [round(float(value), 2)]
    text = str(value)
    if re.fullmatch(r"\s*\d+(?:[.,]\d+)?\s*", text):
        text = f"€{text.strip()}"
    return [one.value for one in amounts_in(text)]


def links_of(variant: VariantSpec) -> Iterator[tuple[str, str]]:
    """Yield (field, address) of every link of a variant; those with tokens are left out."""
    for spot in spots(variant):
        found = _HREF.findall(spot.text)
        if ADDRESS_KEY.fullmatch(spot.key):
            found.append(spot.text.strip())
        for address in found:
            if address and not has_tokens(address):
                yield spot.field, address


def _of_links(variant: VariantSpec, hosts: frozenset[str]) -> Iterator[Told]:
    for field, address in links_of(variant):
        trouble = trouble_of(address)
        if trouble:
            yield "link_broken", field, {"link": address[:200], "trouble": trouble}
            continue
        host = urlsplit(address).hostname
        if host and hosts and not any(host == one or host.endswith(f".{one}") for one in hosts):
            yield "link_stranger", field, {"link": address[:200], "host": host}


def trouble_of(address: str) -> str:
    """Return what keeps an address from working whoever asks for it, as a code; "" for none."""
    if re.search(r"[\s<>\"\\]", address):
        return "characters"
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return "form"
    if not parts.scheme and not parts.netloc:
        return "" if address.startswith(("/", "#", "?")) else "relative"
    if parts.scheme and parts.scheme not in SCHEMES:
        return "scheme"
    if parts.scheme in ("mailto", "tel"):
        return "" if parts.path else "form"
    host = parts.hostname or ""
    is_name = "." in host.strip(".") and ".." not in host and not host.endswith(_NOWHERE)
    return "" if is_name and port != 0 else "host"
