"""The only place that defines the attributes of the moment: what a request, or an event, says of when and where it is.

One vocabulary serves both: `device_class` is what a decision is asked for on, and `context.device_class` in the
filter of an event condition is what the event happened on. Enrichment writes the values.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from decisioning.rules.phrases import gettext_noop as _
from decisioning.rules.properties import read_property
from decisioning.specs import AttributeSpec, ValueType

AT_EVENT: Final = (
    "context."  # before the key of an attribute, in filters: as it was when the event happened
)
SEGMENTS: Final = "segments"  # list: the segments that the person was in
CLUSTER: Final = "cluster"
DEVICES: Final = ("desktop", "mobile", "tablet", "tv", "bot")
DAYPARTS: Final = ("night", "morning", "afternoon", "evening")  # from 0, 6, 12 and 18 o'clock
WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def _one(
    key: str, name: str, type_: ValueType = "text", values: tuple[str, ...] = ()
) -> AttributeSpec:
    return AttributeSpec(key=key, name=name, type=type_, source="context", values=values)


_ALL: Final = (
    _one("device_class", _("Device"), values=DEVICES),
    _one("os", _("Operating system"), values=("Android", "iOS", "Windows", "Mac OS X", "Linux")),
    _one("browser", _("Browser")),
    _one("language", _("Language")),
    _one("country", _("Country")),
    _one("region", _("Region")),
    _one("local_hour", _("Hour on the person's clock"), "number"),
    _one("weekday", _("Day of the week"), values=WEEKDAYS),
    _one("daypart", _("Time of day"), values=DAYPARTS),
    _one("effective_type", _("Network speed"), values=("slow-2g", "2g", "3g", "4g")),
    _one("save_data", _("Asks to save data"), "boolean"),
    _one("referring_site", _("Referring site")),
    _one("utm_source", _("Campaign source")),
    _one("utm_medium", _("Campaign medium")),
    _one("utm_campaign", _("Campaign that led here")),
    _one("utm_term", _("Campaign term")),
    _one("utm_content", _("Campaign content")),
)
MOMENT: Final = {one.key: one for one in _ALL}
# Where the context of a record has them under another name.
_STANDS: Final = {
    "os": "os_name",
    "effective_type": "network.effectiveType",
    "save_data": "network.saveData",
    "utm_source": "campaign.source",
    "utm_medium": "campaign.medium",
    "utm_campaign": "campaign.name",
    "utm_term": "campaign.term",
    "utm_content": "campaign.content",
}
_VERSIONED: Final = ("os", "browser")  # told as "iOS 17", compared as "iOS"


def read_moment(context: Mapping[str, Any], key: str) -> Any:
    """Return what the context of a record says of an attribute of the moment; None where it says nothing.

    >>> read_moment({"os_name": "iOS 17", "campaign": {"name": "spring"}}, "os")
    'iOS'
    >>> read_moment({"campaign": {"name": "spring"}}, "utm_campaign")
    'spring'
    """
    told = read_property(context, _STANDS.get(key, key))
    return told.rstrip("0123456789. ") if key in _VERSIONED and isinstance(told, str) else told


_SEGMENTS: Final = AT_EVENT + SEGMENTS
_CLUSTER: Final = AT_EVENT + CLUSTER
ALL_SEGMENTS: Final = "*"


def at_event(
    attributes: Iterable[Any], *, segments: Iterable[str], has_cluster: bool
) -> Iterator[AttributeSpec]:
    """Yield what the filter of an event condition may name beside the event's own properties."""
    for one in attributes:
        if isinstance(one, AttributeSpec) and one.source == "context" and one.type != "place":
            yield replace(one, key=AT_EVENT + one.key)
    known = tuple(sorted(segments))
    if known:
        yield replace(_one(SEGMENTS, _("Segments at that time"), "list", known), key=_SEGMENTS)
    if has_cluster:
        yield replace(_one(CLUSTER, _("Cluster at that time")), key=_CLUSTER)


def kept_with_events(content: Any) -> dict[str, frozenset[str]]:
    """Return the events whose filters ask for the segments, or the cluster, of that time, and which segments.

    `content` is a release, or any part of one, as `dataclasses.asdict` gives it; "*" is every segment.
    """
    found: dict[str, frozenset[str]] = {}
    for event, where in _filters(content):
        for key, value in _named(where):
            asked = _segments_of(value) if key == _SEGMENTS else frozenset()
            found[event] = found.get(event, frozenset()) | asked
    return found


def _segments_of(value: Any) -> frozenset[str]:
    if isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
        return frozenset(value)
    return frozenset((value if isinstance(value, str) else ALL_SEGMENTS,))


def _filters(content: Any) -> Iterator[tuple[str, Any]]:
    """Yield (event, filter) wherever an event has one."""
    if isinstance(content, Mapping):
        for event, where in (("event", "where"), ("then", "then_where")):
            if isinstance(content.get(event), str) and content.get(where):
                yield content[event], content[where]
        for one in content.values():
            yield from _filters(one)
    elif isinstance(content, list | tuple):
        for one in content:
            yield from _filters(one)


def _named(where: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(where, Mapping):
        if where.get("attribute") in (_SEGMENTS, _CLUSTER):
            yield where["attribute"], where.get("value")
        for one in where.values():
            yield from _named(one)
    elif isinstance(where, list | tuple):
        for one in where:
            yield from _named(one)
