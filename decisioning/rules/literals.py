"""The only place that writes values as the rules engine reads them."""

from json.encoder import encode_basestring_ascii
from typing import Any

from decisioning.rules.limits import MAX_DECIMALS, MAX_TEXT


def literal(value: float | int | str | bool) -> str:
    """Return a value as JSON without exponents, which the engine refuses.

    A text is cut behind the longest one that a condition may hold, so that it equals none of them.
    """
    if isinstance(value, str):
        return encode_basestring_ascii(value[: MAX_TEXT + 1])
    if isinstance(value, bool):
        return "true" if value else "false"
    text = repr(value)
    return format(value, f".{MAX_DECIMALS}f") if "e" in text else text


def member(key: str, value: Any) -> str:
    """Return one member of an object, e.g. ``"a0":3``; keys are names of ours."""
    return f'"{key}":{literal(value)}'
