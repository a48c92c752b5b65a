"""The only place that says what a trigger needs: by itself, and beside what else there is."""

from collections.abc import Iterator
from typing import Final

from django.utils.translation import gettext as _

from decisioning.held import aggregate_may_serve
from decisioning.rules.catalogue import Catalogue
from decisioning.rules.conditions import ConditionError, Node, parse
from decisioning.rules.durations import parse_duration
from decisioning.rules.membership import MEMBER
from decisioning.rules.phrases import anew
from decisioning.rules.tree import leaves
from decisioning.rules.triggers import filter_of
from decisioning.rules.visibility import may_serve
from decisioning.specs import AttributeSpec, ReleaseSpec, TriggerSpec
from rtts_site.foundation.language import ACTIVE

MOST_S: Final = 366 * 86_400
WAIT_S: Final = (60, 90 * 86_400)

Fault = tuple[str, str]  # field and what to do

_NEEDED: Final = {
    "entered": ("segment",),
    "left": ("segment",),
    "event": ("event",),
    "absence": ("event", "then", "within"),
    "webhook": ("destination",),
    "push": ("placement",),
    "email": ("destination", "placement", "purposes"),
}


def faults_of(spec: TriggerSpec) -> Iterator[Fault]:
    """Yield what is wrong with a trigger, whatever stands beside it."""
    for field in (*_NEEDED[spec.on], *_NEEDED[spec.act]):
        if not getattr(spec, field):
            yield field, _("This field is required.")
    if spec.within:
        try:
            seconds = parse_duration(spec.within)
        except ValueError as error:
            yield "within", anew(error.args[0], ACTIVE)
        else:
            if not WAIT_S[0] <= seconds <= WAIT_S[1]:
                yield "within", _("Wait between 1 minute and 90 days.")
    if not 1 <= spec.every_s <= MOST_S:
        yield "every_s", _("Use between 1 second and 366 days.")


def faults_beside(spec: TriggerSpec, release: ReleaseSpec, catalogue: Catalogue) -> Iterator[Fault]:
    """Yield what a trigger names that is not there, or may not use."""
    known = {
        "segment": {one.key for one in release.segments},
        "event": set(catalogue.events),
        "then": set(catalogue.events),
        "placement": {one.key for one in release.placements},
    }
    missing = [field for field, keys in known.items() if getattr(spec, field) not in {"", *keys}]
    if missing:
        text = _("There is no “{name}”; choose another or add it to this change.")
        yield missing[0], text.format(name=getattr(spec, missing[0]))
        return
    yield from _filters(spec, catalogue)
    yield from _events(spec, catalogue)
    for field, condition in (("condition", spec.condition), ("segment", _use(spec))):
        if not condition:
            continue
        try:
            tree = parse(condition, catalogue)
        except ConditionError as error:
            for fault in error.faults:
                yield field, anew(fault.message, ACTIVE)
        else:
            yield from ((field, text) for text in _unusable(tree, spec, catalogue))


def _use(spec: TriggerSpec) -> dict[str, str]:
    return {"segment": spec.segment} if spec.segment else {}


def _events(spec: TriggerSpec, catalogue: Catalogue) -> Iterator[Fault]:
    for field in ("event", "then"):
        event = catalogue.events.get(getattr(spec, field))
        if event is not None and not set(spec.purposes) <= set(event.purposes):
            yield field, _not_for(event.name)


def _filters(spec: TriggerSpec, catalogue: Catalogue) -> Iterator[Fault]:
    for field, event, where in (
        ("where", spec.event, spec.where),
        ("then_where", spec.then, spec.then_where),
    ):
        try:
            if where:
                filter_of(event, where, catalogue)
        except ConditionError as error:
            yield field, anew(error.message, ACTIVE)


def _unusable(tree: Node, spec: TriggerSpec, catalogue: Catalogue) -> Iterator[str]:
    """Yield what a condition reads that nobody knows then, or that may not serve the trigger's purposes."""
    events = {key: one.purposes for key, one in catalogue.events.items()}
    for leaf in leaves(tree):
        found = catalogue.attributes.get(leaf.fact)
        if isinstance(found, AttributeSpec) and found.source == "context":
            text = _("“{name}” is known during a request only; a trigger cannot read it.")
            yield text.format(name=found.name)
        elif not spec.purposes or leaf.fact.startswith(MEMBER):
            continue
        elif leaf.aggregate is not None:
            if not aggregate_may_serve(leaf.aggregate, events, spec.purposes):
                yield _not_for(leaf.aggregate.event)
        elif isinstance(found, AttributeSpec) and not may_serve(found, spec.purposes):
            yield _not_for(found.name)


def _not_for(name: str) -> str:
    return _("“{name}” may not be used for all of these purposes.").format(name=name)
