"""The operators of texts, each with one that ignores case."""

from typing import Final

from decisioning.rules.operators.operator import Operator, Said
from decisioning.rules.operators.recurring import CONTAINS, comparing, ignoring_case, membership
from decisioning.rules.phrases import gettext_noop as _


def matches_pattern(text: str, parts: tuple[str, ...]) -> bool:
    """Return whether `text` is `parts` in order with anything between them.

    Linear in the text for each part: there is no backtracking to be trapped in.

    >>> matches_pattern("/shop/tents/2", ("/shop/", "/2"))
    True
    """
    if len(parts) == 1:
        return text == parts[0]
    first, *middle, last = parts
    at, end = len(first), len(text) - len(last)
    if at > end or not (text.startswith(first) and text.endswith(last)):
        return False
    for part in middle:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def _parts(pattern: str) -> tuple[str, ...]:
    return tuple(pattern.split("*"))


_STARTS: Final = Said(_("{name} starts with {value}"), _("{name} does not start with {value}"))
_ENDS: Final = Said(_("{name} ends with {value}"), _("{name} does not end with {value}"))
_MATCHES: Final = Said(_("{name} matches {value}"), _("{name} does not match {value}"))
_TEXT_EXACT: Final = (
    *comparing({"eq": _("is"), "ne": _("is not")}, "text"),
    *membership("texts"),
    CONTAINS,
    Operator("starts_with", _("starts with"), "text", lambda f, v, now: f.startswith(v), _STARTS),
    Operator("ends_with", _("ends with"), "text", lambda f, v, now: f.endswith(v), _ENDS),
    Operator(
        "matches",
        _("matches"),
        "pattern",
        lambda f, v, now: matches_pattern(f, v),
        _MATCHES,
        _parts,
    ),
)
TEXT: Final = (*_TEXT_EXACT, *map(ignoring_case, _TEXT_EXACT))
