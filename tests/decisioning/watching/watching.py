"""Builders of this folder: small watch sets, published, and what the workers told."""

from consent import people
from decisioning.profiles.live_set import announce
from decisioning.specs import (
    AttributeSpec,
    EventTypeSpec,
    PropertySpec,
    ReleaseSpec,
    SegmentSpec,
    TriggerSpec,
)
from decisioning.watching.dispatches import decode_dispatch
from decisioning.watching.live import load_watched, publish_watched
from decisioning.watching.watch_set import watch_set

PURPOSES = ("ads",)
EVENTS = tuple(
    EventTypeSpec(
        key=key,
        name=key,
        properties=(PropertySpec(key="value", type="number"),),
        purposes=PURPOSES,
    )
    for key in ("Viewed", "Cart Updated", "Order")
)
ATTRIBUTES = (AttributeSpec(key="depth", name="Depth", type="number", purposes=PURPOSES),)


def event(name, function="count", *, value=1, within="1h", how="gte"):
    return {"event": name, function: {"is": how, "value": value}, "within": within}


def segment(key, *conditions, leaving=None, stay_s=0):
    return SegmentSpec(
        key=key,
        name=key.title(),
        condition={"all": list(conditions)},
        leaving={"all": [leaving]} if leaving else {},
        stay_s=stay_s,
    )


def trigger(key, on, **fields):
    return TriggerSpec(key=key, name=key.title(), on=on, destination="crm", **fields)


def watch(redis, *, segments=(), triggers=(), named=(), now_ms=0):
    """Have workers watch these, and keep what that needs."""
    release = ReleaseSpec(
        attributes=ATTRIBUTES,
        event_types=EVENTS,
        segments=tuple(segments),
        triggers=tuple(triggers),
    )
    before = load_watched(redis)
    following = watch_set(release, named=named, before=before, now_ms=now_ms)
    announce(redis, following.aggregates)
    assert publish_watched(redis, following, before=before)
    return following


def told(redis, *, kind=None):
    """Return all dispatches of all partitions, the oldest first."""
    found = []
    for partition in range(people.PARTITIONS):
        for _, fields in redis.xrange(people.dispatches_key(partition)):
            found.append(decode_dispatch(fields[b"d"]))
    found.sort(key=lambda one: one.at_ms)
    return [one for one in found if kind is None or one.kind == kind]


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self, now_ms):
        self.now_ms = now_ms

    def __call__(self):
        return self.now_ms / 1000

    def pass_ms(self, ms):
        self.now_ms += ms
