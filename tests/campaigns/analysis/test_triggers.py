"""Triggers that can never fire, or would do nothing."""

import pytest

from decisioning.specs import EventTypeSpec, PropertySpec, SegmentSpec, TriggerSpec
from tests.campaigns.analysis.making import odd, release, spends, tier

GOLD = SegmentSpec(key="gold", name="Gold", condition=tier("gold"))
ORDER = EventTypeSpec(
    key="Order",
    name="Order",
    purposes=("ads",),
    properties=(PropertySpec(key="total", type="number"),),
)


def trigger(on, **fields):
    fields = {"destination": "crm", "purposes": ("ads",)} | fields
    return TriggerSpec(key="note", name="Note", on=on, **fields)


def total(operator, value):
    return {"attribute": "total", "is": operator, "value": value}


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (trigger("entered", segment="gold"), None),
        (trigger("entered", segment="gold", condition=spends("gt", 5)), None),
        (trigger("entered", segment="gold", condition=tier("silver")), "trigger_never_then"),
        (trigger("left", segment="gold", condition=tier("gold")), "trigger_never_left"),
        (trigger("left", segment="gold", condition=tier("silver")), None),
        (
            trigger("event", event="Order", condition={"all": [tier("a"), tier("b")]}),
            "never_beside",
        ),
        (trigger("event", event="Order", where=total("gt", 5)), None),
        (
            trigger("event", event="Order", where={"all": [total("gt", 5), total("lt", 2)]}),
            "never_beside",
        ),
        (trigger("absence", event="Order", then="Order", within="1h"), "trigger_answered"),
        (
            trigger(
                "absence",
                event="Order",
                where=total("lt", 5),
                then="Order",
                then_where=total("gt", 5),
                within="1h",
            ),
            None,
        ),
        (trigger("event", event="Order", act="push", placement="hero"), None),
        (trigger("event", event="Order", act="push", placement="none"), "trigger_shows_nothing"),
    ],
)
def test_what_can_never_fire_or_does_nothing_is_found(given, code):
    found = odd(release(segments=(GOLD,), event_types=(ORDER,), triggers=(given,)))

    assert found == ([(code, "note")] if code else [])


def test_a_segment_that_nobody_is_in_starts_nothing():
    nobody = SegmentSpec(key="gold", name="Gold", condition={"all": [tier("a"), tier("b")]})
    given = release(segments=(nobody,), triggers=(trigger("entered", segment="gold"),))

    assert ("trigger_segment_never", "note") in odd(given)


def test_whoever_stays_a_while_may_meet_anything_on_leaving():
    lasting = SegmentSpec(key="gold", name="Gold", condition=tier("gold"), stay_s=3_600)
    given = trigger("left", segment="gold", condition=tier("gold"))

    assert odd(release(segments=(lasting,), triggers=(given,))) == []


def test_a_purpose_that_is_retired_reaches_nobody():
    given = release(triggers=(trigger("entered", segment="gold"),))

    assert ("trigger_retired", "note") in odd(given, retired=("ads",))
