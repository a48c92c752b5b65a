"""The only place that says which tokens an offer's content may name, and what is wrong with those it does."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from campaigns.analysis.tact import is_sayable
from decisioning.content.contents import OFFER_TOKENS, Place, places
from decisioning.content.filters import SAMPLES, token_value
from decisioning.content.markup import addresses
from decisioning.content.templates import (
    Template,
    TemplateError,
    Token,
    has_tokens,
    parse_template,
    writes_lists,
)
from decisioning.rules.visibility import may_serve
from decisioning.specs import AttributeSpec, OfferSpec, ReleaseSpec, ValueType

UNSAFE_SCHEMES = frozenset({"javascript", "data", "vbscript", "file", "blob"})
FILTERS_OF: dict[str, str] = {"date": ' | date: "%d.%m.%Y"', "list": ' | join: ", "'}


@dataclass(frozen=True, slots=True)
class Offered:
    """A token as the picker offers it."""

    name: str  # "first_name"
    label: str  # "First name"
    type: ValueType
    example: str

    @property
    def text(self) -> str:
        """Return what is written into the content, with words for who has no value."""
        form = FILTERS_OF.get(self.type, "")
        instead = "" if self.name in OFFER_TOKENS else ' | default: "…"'
        return f"{{{{ {self.name}{form}{instead} }}}}"


def offered(attributes: Iterable[AttributeSpec], purposes: Iterable[str]) -> list[Offered]:
    """Return the tokens that an offer with these purposes may name, the offer's own last."""
    wanted = tuple(purposes)
    found = [
        Offered(one.key, one.name, one.type, example_of(one))
        for one in sorted(attributes, key=lambda one: one.name.lower())
        if not refusal(one, wanted)
    ]
    labels = {
        "offer.name": _("Name of the offer"),
        "offer.starts_at": _("When the offer starts"),
        "offer.ends_at": _("When the offer ends"),
        "campaign.name": _("Name of the campaign"),
    }
    own = [
        Offered(name, labels[name], kind, _shown(SAMPLES[kind], kind))
        for name, kind in OFFER_TOKENS.items()
    ]
    return [*found, *own]


def example_of(attribute: AttributeSpec) -> str:
    """Return a value that an attribute may have, as content would say it."""
    if attribute.values:
        return attribute.values[0]
    return _shown(SAMPLES.get(attribute.type, ""), attribute.type)


def _shown(value: Any, kind: str) -> str:
    if kind == "date":
        return f"{value:%d.%m.%Y}"
    return ", ".join(value) if isinstance(value, list) else str(token_value(value, kind))


def refusal(attribute: AttributeSpec, purposes: tuple[str, ...]) -> str:
    """Return why content for these purposes may not say an attribute, "" where it may."""
    if attribute.type == "place":
        return _("“%(token)s” is a position, which has no words: leave it out.") % _of(attribute)
    if not is_sayable(attribute):
        return _("“%(token)s” may select people, but may not be said to them: leave it out.") % _of(
            attribute
        )
    if not may_serve(attribute, purposes):
        return _(
            "“%(token)s” may not serve what this offer is shown for: leave it out, or change the purposes."
        ) % _of(attribute)
    return ""


def _of(attribute: AttributeSpec) -> dict[str, str]:
    return {"token": attribute.key}


def troubles(offer: OfferSpec, release: ReleaseSpec) -> Iterator[tuple[str, str]]:
    """Yield field and message for each text of an offer that cannot be shown as it is.

    Fields are e.g. "variants[0].content.headline"; messages name the line where there are several.
    """
    attributes = {one.key: one for one in release.attributes}
    for number, variant in enumerate(offer.variants):
        for place in places(variant.content, variant.content_type):
            field = f"variants[{number}].content.{place.path}"
            for message in text_troubles(place, attributes, offer.purposes):
                yield field, message


def text_troubles(
    place: Place, attributes: Mapping[str, AttributeSpec], purposes: tuple[str, ...]
) -> Iterator[str]:
    """Yield what is wrong with one text."""
    yield from _address_troubles(place)
    if not has_tokens(place.text):
        return
    try:
        template = parse_template(place.text, place.escape)
    except TemplateError as error:
        yield _in_line(place.text, error.line, error.message)
        return
    for token in template.tokens:
        message = _trouble(token, attributes, purposes)
        if message:
            yield _in_line(place.text, token.line, message)
    yield from _unread(template, attributes, purposes)


def _trouble(
    token: Token, attributes: Mapping[str, AttributeSpec], purposes: tuple[str, ...]
) -> str:
    attribute = attributes.get(token.name)
    if attribute is None and token.name not in OFFER_TOKENS:
        return _unknown(token.name, attributes)
    if attribute is not None and (said := refusal(attribute, purposes)):
        return said
    kind = attribute.type if attribute else OFFER_TOKENS[token.name]
    if kind == "list" and not writes_lists(token):
        return _('Say how to write the list: {{ %(token)s | join: ", " }}.') % {"token": token.name}
    if kind == "date" and "date" not in token.filters:
        return _('Say how to write the date: {{ %(token)s | date: "%%d.%%m.%%Y" }}.') % {
            "token": token.name
        }
    return ""


def _unread(
    template: Template, attributes: Mapping[str, AttributeSpec], purposes: tuple[str, ...]
) -> Iterator[str]:
    """Yield what is wrong with names that stand in conditions only; what is not said may be unsayable."""
    for name in sorted(template.names - {token.name for token in template.tokens}):
        attribute = attributes.get(name)
        if attribute is None and name not in OFFER_TOKENS:
            yield _unknown(name, attributes)
        elif attribute is not None and not may_serve(attribute, purposes):
            yield refusal(attribute, purposes)


def _unknown(name: str, attributes: Mapping[str, AttributeSpec]) -> str:
    near = get_close_matches(name, [*attributes, *OFFER_TOKENS], n=1)
    if near:
        return _("There is no token “%(token)s”; do you mean “%(near)s”?") % {
            "token": name,
            "near": near[0],
        }
    return _("There is no token “%(token)s”: choose one from the list.") % {"token": name}


def _address_troubles(place: Place) -> Iterator[str]:
    said = [place.text] if place.escape == "url" else []
    if place.escape == "html":
        said = [text for _start, text in addresses(place.text)]
    for text in said:
        if text.lstrip().startswith(("{{", "{%")):
            yield _(
                "An address cannot begin with a token: write https://… or /… and put the token behind it."
            )
        elif _scheme(text) in UNSAFE_SCHEMES:
            yield _("Use an address that begins with https:// or /.")


def _scheme(address: str) -> str:
    try:
        return urlsplit(address.strip()).scheme.lower()
    except ValueError:
        return "javascript"  # what cannot be read is not safe to open


def _in_line(text: str, line: int, message: str) -> str:
    if "\n" not in text:
        return message
    return _("Line %(line)d: %(message)s") % {"line": line, "message": message}
