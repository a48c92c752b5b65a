"""The only place that says whether a kept text names somebody, and not a neighbour whose name begins the same."""

import json
import re
from collections.abc import Callable, Iterable

# "c-4" is in "row 7: c-4." and in "user:c-4", neither in "c-42" nor in "abc-4"; \u begins a letter that JSON escapes.
BEFORE, AFTER = r"(?<![\w-])", r"(?![\w-]|\\u)"


def namer_of(names: Iterable[str]) -> Callable[[str], bool]:
    """Return what says whether a text, JSON or not, has one of these names as a whole."""
    written = sorted({form for name in names if name for form in forms_of(name)})
    if not written:
        return lambda _text: False
    found = re.compile(f"{BEFORE}(?:{'|'.join(map(re.escape, written))}){AFTER}")
    return lambda text: found.search(text) is not None


def forms_of(name: str) -> set[str]:
    """Return how a name may stand in a text: as it is, and as the two ways of writing JSON have it."""
    return {name, json.dumps(name)[1:-1], json.dumps(name, ensure_ascii=False)[1:-1]}
