"""The only place that turns what is known of a number into pictures and tables."""

from collections.abc import Sequence
from typing import Any, Final

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from campaigns.thresholds.distribution import Distribution
from campaigns.thresholds.history import Goal
from campaigns.thresholds.measures import Measured
from campaigns.thresholds.questions import Question
from decisioning.rules.durations import UNITS
from rtts_site.foundation.charts import Series, histogram, share_lines

FEW: Final = 20  # people who reached a goal: with fewer, shares say little


def draw_distribution(found: Distribution, question: Question) -> dict[str, Any]:
    """Return histogram and table of a number, with the share that the threshold finds."""
    bars = [
        (f"{show(bar.start, question)} – {show(bar.end, question)}", bar.people)
        for bar in found.bars
    ]
    mark = None
    if question.threshold is not None and found.bars:
        mark = _place(question.threshold, found)
    return {
        "found": found,
        "percent": None if found.share is None else found.share * 100,
        "bars": bars,
        "threshold": "" if question.threshold is None else show(question.threshold, question),
        "side": question.side,
        "picture": histogram(
            [(name, people) for name, people in bars],
            label=_("People by this number"),
            mark=mark,
        ),
    }


def _place(threshold: float, found: Distribution) -> float:
    """Return where a number stands among the bars: 0 is the left end, 1 the right."""
    first, last = found.bars[0], found.bars[-1]
    width = first.end - first.start
    right = last.start + width  # the last bar may reach further than it is drawn
    return min(1.0, max(0.0, (threshold - first.start) / (right - first.start)))


def draw_measures(found: Sequence[Measured], question: Question, goal: Goal) -> dict[str, Any]:
    """Return the lines of precision and recall, and each candidate with a button to use it."""
    rows = [
        {
            "words": show(one.threshold, question),
            "typed": typed(one.threshold, question),
            "is_own": one.threshold == question.threshold,
            "found": one.found,
            "precision": _percent(one.precision),
            "recall": _percent(one.recall),
            "false_positives": one.false_positives,
        }
        for one in found
    ]
    names = [show(one.threshold, question) for one in found]
    lines = (
        Series(pgettext("of a threshold", "Precision"), [one.precision for one in found]),
        Series(pgettext("of a threshold", "Recall"), [one.recall for one in found]),
    )
    reached = found[0].reached if found else 0
    return {
        "rows": rows,
        "people": found[0].people if found else 0,
        "reached": reached,
        "is_few": reached < FEW,
        "days": goal.days,
        "picture": share_lines(names, lines, label=_("Precision and recall of each number")),
    }


def show(value: float, question: Question) -> str:
    """Return a value as people read it, in the unit that was chosen: "1,200 EUR", "3 d"."""
    shown = value / question.scale
    places = 0 if shown == int(shown) else 2
    number = number_format(round(shown, 2), decimal_pos=places, use_l10n=True, force_grouping=True)
    unit = question.unit_words or {"m": _("min"), "h": _("h"), "d": _("d")}.get(question.unit, "")
    return f"{number} {unit}".strip()


def typed(value: float, question: Question) -> str:
    """Return a value as it is written into the condition's field."""
    shown = value / (UNITS[question.unit] if question.unit else 1)
    return str(int(shown)) if shown == int(shown) else f"{shown:.6f}".rstrip("0")


def _percent(share: float | None) -> float | None:
    return None if share is None else share * 100
