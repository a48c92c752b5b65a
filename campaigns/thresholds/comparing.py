"""The only place that makes thresholds a factor of an experiment: one arm for each number."""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.contrib.auth.models import User
from django.utils.text import slugify
from django.utils.translation import gettext as _

from campaigns import drafts, limits
from campaigns.body_rules import FieldError
from campaigns.candidates import Candidate, with_body
from campaigns.checking import check_one
from campaigns.mapping import Refused, body_of, parse
from campaigns.models import Item, Revision
from campaigns.models.items import Kind
from campaigns.rule_builder.form_tree import Node, freeze, thaw
from campaigns.rule_builder.translation import check, write_condition
from campaigns.thresholds.questions import put_value
from decisioning.rules.catalogue import Catalogue
from decisioning.specs import ArmSpec, Condition, ExperimentSpec

_PARTS: Final = re.compile(r"[;\s]+|,(?!\d{3}(?!\d))")


@dataclass(frozen=True, slots=True)
class Comparison:
    """Which numbers of which condition are compared, for which offer."""

    name: str
    campaign: str
    offer: str
    node: int  # the condition whose number it is
    values: tuple[str, ...]  # as typed, the first is the control: "400", "30d"


def values_of(text: str) -> tuple[str, ...]:
    """Return the numbers of a text, each once: "400, 600; 1,200" has three."""
    return tuple(dict.fromkeys(part for part in _PARTS.split(text) if part))


def draft_comparison(
    comparison: Comparison,
    root: Node,
    catalogue: Catalogue,
    candidate: Candidate,
    *,
    author: User,
    now: datetime,
) -> Revision:
    """Save a draft of an experiment in which each arm shows the offer by another number.

    Raises:
        Refused: what has to be changed first, by field.
    """
    key = slugify(comparison.name)[: limits.KEY_LENGTH]
    _refuse_what_is_missing(comparison, key)
    spec = ExperimentSpec(
        key=key,
        name=comparison.name,
        campaign=comparison.campaign,
        salt=f"{key[:80]}-{secrets.token_hex(4)}",
        arms=tuple(_arms(comparison, root, catalogue)),
    )
    body = body_of(spec)
    parse(Kind.EXPERIMENT, body)
    trial = with_body(candidate, Kind.EXPERIMENT, key, body)
    findings = check_one(trial.spec, trial.purposes, Kind.EXPERIMENT, key)
    if findings:
        messages = dict.fromkeys(one.message for one in findings)  # one for each arm
        raise Refused(*(FieldError("", message) for message in messages))
    why = _("Made beside the number of a condition")
    draft = drafts.Draft(kind=Kind.EXPERIMENT, key=key, body=body, why=why)
    return drafts.save_draft(drafts.ensure_change(author, now=now), draft, author=author, now=now)


def _refuse_what_is_missing(comparison: Comparison, key: str) -> None:
    if not key:
        raise Refused(
            FieldError("", _("Give the experiment a name, for example “Spend 400 or 600”."))
        )
    if not (comparison.campaign and comparison.offer):
        raise Refused(FieldError("", _("Choose the offer that is shown by these numbers.")))
    if len(comparison.values) < 2:
        raise Refused(FieldError("", _("Write two numbers or more, for example 400, 600.")))
    if len(comparison.values) > limits.ARMS:
        raise Refused(
            FieldError("", _("Compare at most %(count)s numbers.") % {"count": limits.ARMS})
        )
    if Item.objects.filter(kind=Kind.EXPERIMENT, key=key).exists():
        raise Refused(FieldError("", _("There is such an experiment already: use another name.")))


def _arms(comparison: Comparison, root: Node, catalogue: Catalogue) -> Sequence[ArmSpec]:
    share = 1 / len(comparison.values)
    return [
        ArmSpec(
            key=arm_key(value),
            share=share,
            eligibility={comparison.offer: condition_with(root, comparison.node, value, catalogue)},
        )
        for value in comparison.values
    ]


def arm_key(value: str) -> str:
    """Return the key of the arm for a number as typed, e.g. "at-1200"."""
    return f"at-{re.sub(r'[^0-9a-z.-]', '', value.lower())}"


def condition_with(root: Node, number: int, value: str, catalogue: Catalogue) -> Condition:
    """Return the rule with another number in one of its conditions.

    Raises:
        Refused: it is no number, or the rule is not finished.
    """
    twin = thaw(freeze(root))
    node = next((one for one in twin.walk() if one.id == number and one.kind == "leaf"), None)
    if node is None or not put_value(node, value, catalogue):
        words = _("“%(value)s” is no number that fits here.") % {"value": value[:60]}
        raise Refused(FieldError("", words))
    written = write_condition(twin, catalogue)
    faults = check(written, catalogue)
    if faults:
        raise Refused(FieldError("", f"{_('Finish the rule first.')} {faults[0].text}"))
    return written.condition
