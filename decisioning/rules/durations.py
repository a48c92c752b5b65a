"""The only place that reads spans of time such as ``30d`` and knows the grain that windows are kept in."""

import re
from typing import Final

from decisioning.rules.phrases import gettext_noop as _

UNITS: Final = {"m": 60, "h": 3_600, "d": 86_400}
_DURATION: Final = re.compile(r"([1-9][0-9]{0,6})([mhd])", re.ASCII)
_STEPS: Final = (
    86_400, 43_200, 21_600, 14_400, 7_200, 3_600, 1_800, 900, 600, 300, 120, 60, 30, 15, 10, 5, 2, 1,
)  # fmt: skip


def parse_duration(text: str) -> int:
    """Return the seconds of a span such as ``15m``, ``12h`` or ``30d``.

    Raises:
        ValueError: not a whole number followed by m, h or d.
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(_('write a whole number and a unit, such as "15m", "12h" or "30d"'))
    return int(match[1]) * UNITS[match[2]]


def grain_seconds(within: str) -> int:
    """Return the width of the buckets that a rolling window is kept in: at most a sixtieth of it.

    >>> grain_seconds("30d"), grain_seconds("1h"), grain_seconds("1m")
    (43200, 60, 1)
    """
    span = parse_duration(within)
    return next((step for step in _STEPS if step * 60 <= span), 1)
