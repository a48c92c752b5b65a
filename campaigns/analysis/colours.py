"""The only place that measures whether a text can be read on its background; pure."""

import re
from typing import Any, Final

LEAST_CONTRAST: Final = 4.5  # Source: WCAG 2.2, success criterion 1.4.3, level AA
_HEX: Final = re.compile(r"#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})")
_RGB: Final = re.compile(r"rgb\(\s*(\d{1,3})\s*[, ]\s*(\d{1,3})\s*[, ]\s*(\d{1,3})\s*\)")
_NAMED: Final = {
    "black": (0, 0, 0), "white": (255, 255, 255), "red": (255, 0, 0), "green": (0, 128, 0), "blue": (0, 0, 255),
    "yellow": (255, 255, 0), "orange": (255, 165, 0), "gray": (128, 128, 128), "grey": (128, 128, 128),
    "silver": (192, 192, 192), "navy": (0, 0, 128), "purple": (128, 0, 128), "teal": (0, 128, 128),
}  # fmt: skip
Colour = tuple[int, int, int]  # red, green, blue, 0 to 255


def colour_of(value: Any) -> Colour | None:
    """Return a colour written as ``#c00``, ``#cc0000``, ``rgb(204, 0, 0)`` or by a common name."""
    if not isinstance(value, str):
        return None
    text = value.strip().lower()
    found = _HEX.fullmatch(text)
    if found:
        digits = found[1] if len(found[1]) == 6 else "".join(2 * one for one in found[1])
        return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)
    found = _RGB.fullmatch(text)
    if found:
        red, green, blue = (min(255, int(part)) for part in found.groups())
        return red, green, blue
    return _NAMED.get(text)


def contrast(one: Colour, other: Colour) -> float:
    """Return the contrast ratio, from 1 to 21.

    >>> contrast((0, 0, 0), (255, 255, 255))
    21.0

    Source: WCAG 2.2, contrast ratio and relative luminance.
    """
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: Colour) -> float:
    red, green, blue = (_linear(part / 255) for part in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)
