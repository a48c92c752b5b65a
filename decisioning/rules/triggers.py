"""The only place that reads what a trigger waits for: filters of its events, and the aggregates of an absence."""

from decisioning.rules.catalogue import Catalogue
from decisioning.rules.conditions import ConditionError, Fault, Node, parse, to_plain
from decisioning.rules.phrases import gettext_noop as _
from decisioning.rules.tree import make_aggregate
from decisioning.specs import AggregateSpec, Condition, TriggerSpec


def filter_of(event: str, where: Condition, catalogue: Catalogue) -> Node | None:
    """Return the tree over an event's properties; None takes every event.

    Raises:
        ConditionError: there is no such event type, or the filter cannot be read.
    """
    found = catalogue.events.get(event)
    if found is None:
        raise ConditionError((Fault("/event", _("choose an event of the catalogue")),))
    return parse(where, catalogue.within(found)) if where else None


def awaited(spec: TriggerSpec, catalogue: Catalogue) -> tuple[AggregateSpec, AggregateSpec]:
    """Return what is kept for an absence: the times since its first event, and since the one that did not come.

    Raises:
        ConditionError: an event or a filter cannot be read.
    """
    return (
        _since_last(spec.event, spec.where, catalogue),
        _since_last(spec.then, spec.then_where, catalogue),
    )


def _since_last(event: str, where: Condition, catalogue: Catalogue) -> AggregateSpec:
    tree = filter_of(event, where, catalogue)
    plain = None if tree is None else to_plain(tree)
    return make_aggregate(event, "since_last", within="", where=plain)
