"""The only place that knows texts which say themselves anew in another language."""

from collections.abc import Callable, Mapping
from typing import Any

# {"source": "Tried {times} times: {why}", "places": {"times": 8, "why": {…}}}
Plain = dict[str, Any]


class Filled(str):
    """An English text that keeps its source and what fills its places, so that a page can say it anew."""

    source: str
    places: dict[str, object]

    def __new__(cls, source: str, **places: object) -> "Filled":
        """Return the text of a source, e.g. ``Filled("use at most {most} values", most=500)``."""
        filled = super().__new__(cls, _fill(source, places))
        filled.source, filled.places = source, places
        return filled

    def plain(self) -> Plain:
        """Return it as JSON that `filled_of` reads."""
        places = {
            key: one.plain() if isinstance(one, Filled) else one if _is_plain(one) else str(one)
            for key, one in self.places.items()
        }
        return {"source": self.source, "places": places}


def filled_of(plain: Plain) -> Filled:
    """Return the text of `Filled.plain`."""
    places = plain["places"].items()
    return Filled(
        plain["source"],
        **{key: filled_of(one) if isinstance(one, dict) else one for key, one in places},
    )


def anew(text: str, gettext: Callable[[str], str]) -> str:
    """Return an English text in another language, as it is where that has no words for it."""
    if not isinstance(text, Filled):
        return gettext(text) if text else ""
    if not text.source:
        return ""
    places = {
        key: anew(one, gettext) if isinstance(one, Filled) else one
        for key, one in text.places.items()
    }
    return _fill(gettext(text.source), places)


def words_of(error: Exception) -> str:
    """Return what an error says, as a text that says itself anew where it was raised with one."""
    first = error.args[0] if error.args else ""
    return first if isinstance(first, Filled) else str(error) or type(error).__name__


def _fill(source: str, places: Mapping[str, object]) -> str:
    # A text without places may hold braces of its own.
    return source.format(**places) if places else source


def _is_plain(value: object) -> bool:
    return isinstance(value, int | float)
