"""The only place that says in words what would have to be otherwise for an offer to be shown, and what a count is of."""

from typing import Any, Final

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.flips import Flip, Step
from campaigns.wording import clock
from consent.policy import PolicySpec
from decisioning.arbitration import reasons
from decisioning.rules.catalogue import Catalogue
from decisioning.rules.nearest import Change
from decisioning.rules.words import measured, sentence
from decisioning.specs import AggregateSpec, AttributeSpec
from rtts_site.foundation.language import ACTIVE

_SIGNALS: Final = {
    "gpc": gettext_lazy("No Global Privacy Control signal in the request"),
    "tcf": gettext_lazy("No TCF string in the request"),
    "gpp": gettext_lazy("No GPP string in the request"),
}
_NO_FLIP: Final = {
    reasons.NOT_RUNNING: gettext_lazy("It has ended; only other dates would show it."),
    reasons.HELD_OUT: gettext_lazy("Nothing: the holdout is drawn by lot."),
    reasons.CAMPAIGN_HELD_OUT: gettext_lazy("Nothing: the campaign's holdout is drawn by lot."),
    reasons.ARM_EXCLUDES: gettext_lazy("Nothing: the arm is drawn by lot."),
    reasons.SOLD_OUT: gettext_lazy("A higher limit, or a new window."),
    reasons.CAP_REACHED: gettext_lazy("A higher cap: this one never frees again."),
    reasons.CAPS_UNAVAILABLE: gettext_lazy("Counters that can be read again."),
    reasons.CONSENT: gettext_lazy("Nothing said about consent helps while it is as it is."),
    reasons.QUIET_HOURS: gettext_lazy("Other quiet hours: these never end within a week."),
    reasons.NO_VARIANT: gettext_lazy("A variant that is made for this context."),
    reasons.MISSING_TOKEN: gettext_lazy("A default for the token, or a value of it."),
    reasons.UNWANTED: gettext_lazy(
        "Only the person can take it back: they asked for less like this."
    ),
    reasons.STOPPED: gettext_lazy("Letting it go on: somebody stopped it."),
    reasons.NOT_ELIGIBLE: gettext_lazy(
        "No single set of changes was found that meets its conditions."
    ),
}


class FlipWords:
    """Puts flips into words with the names of one release."""

    def __init__(self, catalogue: Catalogue, policy: PolicySpec | None, zone: str) -> None:
        self.catalogue = catalogue
        self.purposes = {one.key: one for one in policy.purposes} if policy else {}
        self.zone = zone

    def flip(self, flip: Flip) -> dict[str, Any]:
        """Return {"steps": ["12.40 EUR more …"], "then": "It then ranks …"}."""
        steps = [line for step in flip.steps for line in self.step(step)]
        return {"steps": steps, "then": self.then(flip)}

    def then(self, flip: Flip) -> str:
        """Return what becomes of the offer after the steps, where that is more than "shown"."""
        if flip.then is None:
            return ""
        if flip.then.code == reasons.SHOWN:
            return "" if flip.steps else _("Asked for alone, this placement would show it.")
        if flip.to_beat is not None and flip.then.score is not None:
            said = _("It passes every check; to be shown its score of {score} must beat {to_beat}.")
            return said.format(score=_number(flip.then.score), to_beat=_number(flip.to_beat))
        return _(
            "It then passes every check; another of its category, or the same offer, is shown."
        )

    def step(self, step: Step) -> list[str]:
        """Return one line for each thing that would have to be otherwise."""
        lines = [self.change(change) for change in step.changes]
        lines += [self.consent(purpose) for purpose in step.consents]
        lines += [self.signal(signal) for signal in step.signals]
        if step.at is not None:
            lines.append(
                _("From {moment}").format(moment=f"{clock(step.at, self.zone)} {self.zone}")
            )
        return lines

    def consent(self, purpose: str) -> str:
        spec = self.purposes.get(purpose)
        name = spec.name if spec else purpose
        if spec and spec.basis != "consent" and not spec.device_access:
            return _("No objection to {purpose}").format(purpose=name)
        return _("Consent to {purpose} given").format(purpose=name)

    def signal(self, signal: str) -> str:
        kind, _colon, purpose = signal.partition(":")
        if kind != "denied":
            return str(_SIGNALS[kind])
        spec = self.purposes.get(purpose)
        said = _("No “deny” of {purpose} in the request")
        return said.format(purpose=spec.name if spec else purpose)

    def change(self, change: Change) -> str:
        """Return e.g. "Total spend 12.40 EUR higher: 500 EUR instead of 487.60 EUR"."""
        leaf = change.literals[0]
        aggregate = getattr(getattr(leaf, "leaf", leaf), "aggregate", None)
        before, value = change.before, change.value
        if not (_is_number(before) and _is_number(value)):
            return self.plainly(change)
        if aggregate is not None:
            return self.counted(change, aggregate)
        spec = self.catalogue.attributes.get(change.fact)
        if not isinstance(spec, AttributeSpec) or spec.type != "number":
            return self.plainly(change)
        return _moved(spec.name, before, value, unit=spec.unit)

    def counted(self, change: Change, spec: AggregateSpec) -> str:
        """Return e.g. "The sum of total over “Order” in the last 30 days 20 higher: 100 instead of 80"."""
        if spec.function not in ("count", "sum"):
            return self.plainly(change)
        return _moved(self.aggregate(spec), change.before, change.value)

    def plainly(self, change: Change) -> str:
        """Return the conditions that would have to hold."""
        said = (sentence(literal, self.catalogue, ACTIVE) for literal in change.literals)
        return _(" and ").join(dict.fromkeys(said))

    def aggregate(self, spec: AggregateSpec) -> str:
        """Return what a count is of, e.g. "The number of “Order completed” in the last 30 days"."""
        return measured(spec, self.catalogue, ACTIVE)


def no_flip(code: str) -> str:
    """Return why nothing was found that would show an offer."""
    return str(_NO_FLIP.get(code, ""))


def _moved(name: str, before: float, value: float, *, unit: str = "") -> str:
    tail = f" {unit}" if unit else ""
    said = (
        _("{name} {by} higher: {to} instead of {was}")
        if value > before
        else _("{name} {by} lower: {to} instead of {was}")
    )
    return said.format(
        name=name,
        by=_number(abs(value - before)) + tail,
        to=_number(value) + tail,
        was=_number(before) + tail,
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: float) -> str:
    if value == int(value):
        return str(number_format(int(value), use_l10n=True, force_grouping=True))
    shown = f"{value:.2f}" if round(value, 2) == round(value, 6) else f"{value:.6f}".rstrip("0")
    places = len(shown.partition(".")[2])
    return str(number_format(value, decimal_pos=places, use_l10n=True, force_grouping=True))
