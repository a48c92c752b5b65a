"""The only place that finds triggers that can never fire, or would do nothing if they did; pure."""

from collections.abc import Iterator
from datetime import datetime

from campaigns.analysis.conditions import Place, of_condition, read
from campaigns.analysis.findings import Oddity
from campaigns.analysis.layout import Layout
from campaigns.analysis.reasoning import examine
from decisioning.rules.membership import remembers
from decisioning.rules.tree import Group, GroupKind, Node, leaves
from decisioning.specs import TriggerSpec


def of_trigger(trigger: TriggerSpec, layout: Layout, *, now: datetime) -> Iterator[Oddity]:
    """Yield what is odd about a trigger: its conditions, alone and with what starts it, and what it does."""
    found = list(_of_conditions(trigger, layout, now=now))
    yield from found
    never = any(one.code.startswith("never") for one in found)
    if trigger.segment and not never:
        yield from _of_segment(trigger, layout, now=now)
    if trigger.on == "absence" and _is_answered(trigger):
        yield _odd("trigger_answered", trigger, "then")
    if trigger.act != "webhook" and trigger.placement and not layout.shown_in(trigger.placement):
        yield _odd("trigger_shows_nothing", trigger, "placement")
    for purpose in sorted(layout.retired & set(trigger.purposes)):
        yield _odd("trigger_retired", trigger, "purposes", purpose=purpose)


def _of_conditions(trigger: TriggerSpec, layout: Layout, *, now: datetime) -> Iterator[Oddity]:
    place = Place("trigger", trigger.key, "condition", trigger.condition)
    yield from of_condition(place, layout.catalogue, now=now)
    for field, event in (("where", trigger.event), ("then_where", trigger.then)):
        kind, condition = layout.catalogue.events.get(event), getattr(trigger, field)
        if kind is not None and condition:
            place = Place("trigger", trigger.key, field, condition)
            yield from of_condition(place, layout.catalogue.within(kind), now=now)


def _of_segment(trigger: TriggerSpec, layout: Layout, *, now: datetime) -> Iterator[Oddity]:
    """Yield that nobody enters the segment, or that who enters or leaves it does not meet the condition then."""
    segment = layout.catalogue.segments.get(trigger.segment)
    tree = read({"segment": trigger.segment}, layout.catalogue) if segment else None
    condition = read(trigger.condition, layout.catalogue)
    if segment is None or tree is None or condition is None:
        return
    if _is_never(tree, now=now):
        yield _odd("trigger_segment_never", trigger, "segment", segment=segment.name)
    elif next(leaves(condition), None) is None or remembers(segment):
        return  # who stays a while in a segment may meet anything when they leave
    else:
        wanted: GroupKind = "all" if trigger.on == "entered" else "none"
        both = Group("all", (Group(wanted, (tree,)), condition))
        if _is_never(both, now=now):
            code = "trigger_never_then" if trigger.on == "entered" else "trigger_never_left"
            yield _odd(code, trigger, "condition", segment=segment.name)


def _is_never(tree: Node, *, now: datetime) -> bool:
    return any(one.code == "never" for one in examine(tree, now=now.timestamp()))


def _is_answered(trigger: TriggerSpec) -> bool:
    """Return whether each event that starts the wait ends it at once."""
    if trigger.event != trigger.then:
        return False
    return not trigger.then_where or trigger.then_where == trigger.where


def _odd(code: str, trigger: TriggerSpec, field: str, **args: str) -> Oddity:
    return Oddity(code, "trigger", trigger.key, field, args)
