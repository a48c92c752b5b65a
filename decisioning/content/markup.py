"""The only place that cleans HTML: what may stay in content, and what was taken out of it."""

import difflib
import html
import re
from collections.abc import Iterator
from typing import Final

import nh3

TAGS: Final = frozenset(
    (
        *("a", "abbr", "b", "blockquote", "br", "caption", "code", "div", "em", "figcaption"),
        *("figure", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "li", "ol", "p", "s"),
        *("small", "span", "strong", "sub", "sup", "table", "tbody", "td", "th", "thead", "tr"),
        *("u", "ul"),
    )
)
ATTRIBUTES: Final[dict[str, set[str]]] = {
    "*": {"class", "dir", "lang", "title"},
    "a": {"href"},
    "img": {"alt", "height", "loading", "src", "width"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
}
SCHEMES: Final = frozenset({"http", "https", "mailto", "tel"})

_cleaner: Final = nh3.Cleaner(
    tags=set(TAGS), attributes=ATTRIBUTES, url_schemes=set(SCHEMES), link_rel=None
)
_TOKEN: Final = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_ADDRESS: Final = re.compile(r'\b(?:href|src)="([^"]*)"')
_PIECE: Final = re.compile(r"<[^>]*>|[^<]+|<")


def clean(text: str) -> str:
    """Return HTML with nothing in it but what the allow-list names; tokens stay as they are written.

    About 20 microseconds for a paragraph.
    """
    if "{" not in text:
        return _cleaner.clean(text)
    mark = "tokenmark"
    while mark in text.lower():
        mark += "x"
    tokens: list[str] = []

    def hide(found: re.Match[str]) -> str:
        tokens.append(found[0])
        return f"{mark}{len(tokens) - 1}z"

    hidden = _cleaner.clean(_TOKEN.sub(hide, text))
    return re.sub(f"{mark}([0-9]+)z", lambda found: tokens[int(found[1])], hidden)


def clean_filled(text: str) -> str:
    """Return HTML without tokens, cleaned; what looks like a token came from a value and is text."""
    return _cleaner.clean(text)


def removed(before: str, after: str) -> list[str]:
    """Return the pieces of HTML that cleaning took out, in order, as they were written."""
    old, new = _PIECE.findall(before), _PIECE.findall(after)
    matcher = difflib.SequenceMatcher(
        None, [_plain(piece) for piece in old], [_plain(piece) for piece in new], autojunk=False
    )
    gone = (
        "".join(old[start:end]).strip()
        for kind, start, end, _, _ in matcher.get_opcodes()
        if kind in ("delete", "replace")
    )
    return [piece for piece in gone if piece]


def _plain(piece: str) -> str:
    """Return a piece without what cleaning spells differently but means the same."""
    text = html.unescape(piece)
    if not text.startswith("<"):
        return re.sub(r"\s+", " ", text)
    return re.sub(r"\s*/?>$", ">", re.sub(r"\s+", " ", text)).replace("'", '"').lower()


def addresses(text: str) -> Iterator[tuple[int, str]]:
    """Yield where each ``href`` and ``src`` of cleaned HTML begins, and what it says."""
    for found in _ADDRESS.finditer(text):
        yield found.start(1), found[1]


def token_places_in_addresses(text: str) -> frozenset[int]:
    """Return where the tokens begin that stand inside addresses of cleaned HTML."""
    hidden = _TOKEN.sub(lambda found: "x" * len(found[0]), text)
    spans = [(start, start + len(said)) for start, said in addresses(hidden)]
    return frozenset(
        found.start()
        for found in _TOKEN.finditer(text)
        if any(start <= found.start() < end for start, end in spans)
    )
