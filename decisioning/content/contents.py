"""An offer's content as a process holds it: cleaned, its texts parsed once, what it reads known; pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from decisioning.content.filters import is_blank, token_value
from decisioning.content.fitting import DEVICE, NETWORK, SAVE_DATA, named_keys
from decisioning.content.markup import clean, clean_filled
from decisioning.content.pictures import Picture, described, picture_of
from decisioning.content.templates import (
    Escape,
    Template,
    TemplateError,
    Unusable,
    has_tokens,
    parse_template,
)
from decisioning.specs import CampaignSpec, FitSpec, Json, OfferSpec, ValueType, VariantSpec

# What a token may say of the offer itself, beside the catalogue.
OFFER_TOKENS: Final[dict[str, ValueType]] = {
    "offer.name": "text",
    "offer.starts_at": "date",
    "offer.ends_at": "date",
    "campaign.name": "text",
}
PICTURE_KEYS: Final = frozenset({DEVICE, NETWORK, SAVE_DATA})

_ADDRESS_KEY: Final = re.compile(r"(?:.*_)?(?:url|link|href|src)")
_HTML_KEY: Final = re.compile(r"(?:.*_)?html")


@dataclass(frozen=True, slots=True)
class Place:
    """One text of a content."""

    path: str  # "headline", "badges[0].text"
    text: str
    escape: Escape


def escape_of(key: str, content_type: str) -> Escape:
    """Return what a text under a key is: an address, HTML, or plain text that the channel escapes."""
    if _ADDRESS_KEY.fullmatch(key.lower()):
        return "url"
    if content_type == "text/html" or _HTML_KEY.fullmatch(key.lower()):
        return "html"
    return "text"


def places(content: Any, content_type: str, *, path: str = "", key: str = "") -> Iterator[Place]:
    """Yield the texts of a content, in order."""
    if isinstance(content, str):
        yield Place(path, content, escape_of(key, content_type))
    elif isinstance(content, Mapping):
        for name, value in content.items():
            if picture_of(value) is None:
                inner = f"{path}.{name}" if path else str(name)
                yield from places(value, content_type, path=inner, key=str(name))
    elif isinstance(content, list):
        for number, value in enumerate(content):
            yield from places(value, content_type, path=f"{path}[{number}]", key=key)


def cleaned(content: Any, content_type: str, *, key: str = "") -> Any:
    """Return a content with its HTML cleaned."""
    if isinstance(content, str):
        return clean(content) if escape_of(key, content_type) == "html" else content
    if isinstance(content, Mapping):
        return {
            name: cleaned(value, content_type, key=str(name)) for name, value in content.items()
        }
    if isinstance(content, list):
        return [cleaned(value, content_type, key=key) for value in content]
    return content


@dataclass(frozen=True, slots=True)
class _Filling:
    """A text with tokens, and what it is."""

    template: Template
    is_html: bool


@dataclass(frozen=True, slots=True)
class _Slot:
    """A picture where it stands."""

    picture: Picture
    width: int
    base: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """The content of one variant, ready to be shown."""

    key: str  # of the variant
    fit: FitSpec
    plain: Json | None  # None: it has to be filled in
    parts: Any  # the content with its texts parsed
    types: Mapping[str, ValueType]  # of the facts that its tokens name
    keys: frozenset[str]  # of all facts that choosing and filling in read
    required: tuple[str, ...]  # tokens that it cannot do without
    constants: Mapping[str, Any]  # values that are the offer's own

    def missing(self, facts: Mapping[str, Any]) -> str:
        """Return the first token that has no value, "" where none is known to be missing."""
        for name in self.required:
            if name not in self.constants and is_blank(facts.get(name)):
                return name
        return ""

    def fill(self, facts: Mapping[str, Any]) -> Json:
        """Return the content for somebody.

        Raises:
            Unusable: a token has no value.
        """
        if self.plain is not None:
            return self.plain
        values = dict(self.constants)
        for name, kind in self.types.items():
            value = token_value(facts.get(name), kind)
            if value is not None:
                values[name] = value
        filled: Json = _fill(self.parts, _nested(values), facts)
        return filled


def prepare(
    variant: VariantSpec,
    offer: OfferSpec,
    campaign: CampaignSpec,
    *,
    readable: Mapping[str, ValueType],
    slot: int = 0,
    base: str = "/media/",
) -> Content:
    """Return a variant's content laid out; `readable` are the facts that the offer's purposes may see, with their types.

    A text that cannot be parsed makes the variant unusable, not the release.
    """
    layout = _Layout(variant.content_type, slot, base)
    parts = layout.lay_out(cleaned(variant.content, variant.content_type))
    constants = constants_of(offer, campaign)
    reads_picture = PICTURE_KEYS if layout.has_picture else frozenset[str]()
    asked = named_keys(variant.fit)
    return Content(
        key=variant.key,
        fit=variant.fit,
        plain=None if layout.names or layout.has_picture or layout.required else parts,
        parts=parts,
        types={name: readable[name] for name in sorted(layout.names & readable.keys())},
        keys=frozenset(layout.names | reads_picture | asked) & readable.keys(),
        required=tuple(dict.fromkeys(layout.required)),
        constants=constants,
    )


def fixed(content: Json, content_type: str, *, slot: int, base: str) -> Json:
    """Return a content that is the same for everyone, cleaned, its pictures described; tokens mean nothing."""

    def shown(value: Any) -> Any:
        picture = picture_of(value)
        if picture is not None:
            return described(picture, {}, slot=slot, base=base)
        if isinstance(value, Mapping):
            return {name: shown(one) for name, one in value.items()}
        return [shown(one) for one in value] if isinstance(value, list) else value

    done: Json = shown(cleaned(content, content_type))
    return done


def constants_of(offer: OfferSpec, campaign: CampaignSpec) -> dict[str, Any]:
    """Return what tokens may say of an offer; what it does not say is left out."""
    said = {
        "offer.name": offer.name,
        "offer.starts_at": _utc(offer.starts_at),
        "offer.ends_at": _utc(offer.ends_at),
        "campaign.name": campaign.name,
    }
    return {name: value for name, value in said.items() if not is_blank(value)}


def _utc(moment: datetime | None) -> datetime | None:
    return moment.astimezone(UTC) if moment else None


class _Layout:
    def __init__(self, content_type: str, slot: int, base: str) -> None:
        self.content_type = content_type
        self.slot = slot
        self.base = base
        self.names: set[str] = set()
        self.required: list[str] = []
        self.has_picture = False

    def lay_out(self, value: Any, key: str = "") -> Any:
        if isinstance(value, str):
            return self.text(value, escape_of(key, self.content_type))
        if isinstance(value, list):
            return [self.lay_out(one, key) for one in value]
        if not isinstance(value, Mapping):
            return value
        picture = picture_of(value)
        if picture is not None:
            self.has_picture = True
            return _Slot(picture, self.slot, self.base)
        return {name: self.lay_out(one, str(name)) for name, one in value.items()}

    def text(self, text: str, escape: Escape) -> Any:
        if not has_tokens(text):
            return text
        try:
            template = parse_template(text, escape)
        except TemplateError as error:
            self.required.append(f"in “{text[:40]}”: {error.message}")
            return ""
        self.names |= template.names
        self.required += template.required
        return _Filling(template, escape == "html")


def _fill(part: Any, values: Mapping[str, Any], facts: Mapping[str, Any]) -> Any:
    if isinstance(part, _Filling):
        text = part.template.fill(values)
        return clean_filled(text) if part.is_html else text
    if isinstance(part, _Slot):
        return described(part.picture, facts, slot=part.width, base=part.base)
    if isinstance(part, dict):
        return {name: _fill(one, values, facts) for name, one in part.items()}
    if isinstance(part, list):
        return [_fill(one, values, facts) for one in part]
    return part


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values whose names have dots as Liquid looks them up, ``{"offer": {"name": …}}``."""
    found: dict[str, Any] = {}
    for name, value in sorted(values.items()):
        *outer, last = name.split(".")
        inside = found
        for part in outer:
            step = inside.setdefault(part, {})
            if not isinstance(step, dict):
                break
            inside = step
        else:
            inside[last] = value
    return found


__all__ = ["Content", "Place", "Unusable", "cleaned", "places", "prepare"]
