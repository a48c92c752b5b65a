"""The only place that draws charts: SVG made by the server, styled by the skin, no script."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

WIDTH: Final = 900
HEIGHT: Final = 220
LEFT, RIGHT, TOP, BOTTOM = 52, 8, 10, 24
LINES: Final = 4  # of the grid, above the axis


def line_chart(points: Sequence[tuple[str, float]], *, label: str, every: int = 3) -> SafeString:
    """Return a line over (name, value) pairs, values >= 0; every n-th name is written below.

    `label` is what a screen reader says; show the same numbers as a table beside it.
    """
    top = _round_up(max((value for _, value in points), default=0))
    xs = [_x(index, len(points)) for index in range(len(points))]
    ys = [_y(value, top) for _, value in points]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys, strict=True))
    floor = HEIGHT - BOTTOM
    return format_html(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}'
        '<polygon class="area" points="{}"/><polyline class="line" points="{}"/></svg>',
        WIDTH,
        HEIGHT,
        label,
        _grid(top),
        _names(points, xs, every),
        f"{xs[0]:.1f},{floor} {line} {xs[-1]:.1f},{floor}" if xs else "",
        line,
    )


def _grid(top: float) -> SafeString:
    steps = [top * step / LINES for step in range(LINES + 1)]
    return format_html_join(
        "",
        '<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/>'
        '<text x="{}" y="{}" text-anchor="end">{}</text>',
        (
            (LEFT, WIDTH - RIGHT, _y(at, top), _y(at, top), LEFT - 8, _y(at, top) + 4, f"{at:,.0f}")
            for at in steps
        ),
    )


def _names(points: Sequence[tuple[str, float]], xs: Sequence[float], every: int) -> SafeString:
    return format_html_join(
        "",
        '<text x="{}" y="{}" text-anchor="middle">{}</text>',
        (
            (f"{x:.1f}", HEIGHT - 6, name)
            for index, ((name, _), x) in enumerate(zip(points, xs, strict=True))
            if index % every == 0
        ),
    )


def _x(index: int, count: int) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * index / max(count - 1, 1)


def _y(value: float, top: float) -> float:
    return round(HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * value / top, 1)


def _round_up(value: float) -> float:
    """Return the next number that divides into whole grid lines: 4, 8, 20, 40, 80, 200 and so on."""
    if value <= LINES:
        return LINES
    size = 10 ** math.floor(math.log10(value))
    return next(
        float(step * size)
        for step in (1, 2, 4, 8, 10, 20)
        if step * size >= value and step * size >= LINES
    )


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart of shares; None is a gap."""

    name: str
    shares: Sequence[float | None]  # in [0, 1]


def histogram(
    bars: Sequence[tuple[str, int]], *, label: str, mark: float | None = None
) -> SafeString:
    """Return bars side by side over (name, count) pairs; `mark` in [0, 1] is a line from left to right.

    The first, the middle and the last name are written below.
    """
    top = _round_up(max((count for _, count in bars), default=0))
    width = (WIDTH - LEFT - RIGHT) / max(len(bars), 1)
    floor = HEIGHT - BOTTOM
    drawn = format_html_join(
        "",
        '<rect class="bar" x="{}" y="{}" width="{}" height="{}"><title>{}: {}</title></rect>',
        (
            (f"{LEFT + index * width + 1:.1f}", y, f"{max(width - 2, 1):.1f}", floor - y, name, n)
            for index, (name, n) in enumerate(bars)
            for y in (_y(n, top),)
        ),
    )
    named = {0, len(bars) // 2, len(bars) - 1}
    names = format_html_join(
        "",
        '<text x="{}" y="{}" text-anchor="middle">{}</text>',
        (
            (f"{_inside(LEFT + (index + 0.5) * width)}", HEIGHT - 6, name)
            for index, (name, _) in enumerate(bars)
            if index in named
        ),
    )
    line = SafeString("")
    if mark is not None:
        x = f"{LEFT + (WIDTH - LEFT - RIGHT) * mark:.1f}"
        line = format_html('<line class="mark" x1="{}" x2="{}" y1="{}" y2="{}"/>', x, x, TOP, floor)
    return _svg(label, _grid(top), names, drawn, line)


def share_lines(names: Sequence[str], lines: Sequence[Series], *, label: str) -> SafeString:
    """Return one line per series over named places, from 0 to 100%."""
    xs = [_x(index, len(names)) for index in range(len(names))]
    every = max(1, math.ceil(len(names) / 8))
    below = _names([(name, 0.0) for name in names], xs, every)
    drawn = format_html_join(
        "",
        '<polyline class="line is-{}" points="{}"/><text class="is-{}" x="{}" y="{}" text-anchor="end">{}</text>',
        (
            (
                number,
                " ".join(
                    f"{x:.1f},{_y(share * 100, 100)}"
                    for x, share in zip(xs, one.shares, strict=True)
                    if share is not None
                ),
                number,
                WIDTH - RIGHT - 4,
                TOP + 16 * (number + 1),
                one.name,
            )
            for number, one in enumerate(lines)
        ),
    )
    return _svg(label, _grid(100), below, drawn)


def _svg(label: str, *parts: SafeString) -> SafeString:
    return format_html(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>',
        WIDTH,
        HEIGHT,
        label,
        SafeString("".join(parts)),
    )


def _inside(x: float) -> str:
    """Keep a centred name from running out of the picture."""
    return f"{min(max(x, LEFT + 30), WIDTH - RIGHT - 45):.1f}"


def band_chart(points: Sequence[tuple[str, float, float, float]], *, label: str) -> SafeString:
    """Return a line with how sure it is around it, over (name, low, value, high), values >= 0."""
    top = _round_up(max((high for _, _, _, high in points), default=0))
    xs = [_x(index, len(points)) for index in range(len(points))]

    def corners(values: Sequence[float]) -> list[str]:
        return [f"{x:.1f},{_y(value, top)}" for x, value in zip(xs, values, strict=True)]

    lows = corners([low for _, low, _, _ in points])
    middles = corners([value for _, _, value, _ in points])
    highs = corners([high for _, _, _, high in points])
    every = max(1, math.ceil(len(points) / 8))
    drawn = format_html(
        '<polygon class="area" points="{}"/><polyline class="line" points="{}"/>',
        " ".join([*lows, *reversed(highs)]),
        " ".join(middles),
    )
    return _svg(label, _grid(top), _names([(one[0], 0.0) for one in points], xs, every), drawn)
