"""The only place that turns condition JSON into a tree, or says in words what is wrong with it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from decisioning.rules import limits
from decisioning.rules.catalogue import Catalogue
from decisioning.rules.constants import CONSTANTS
from decisioning.rules.durations import parse_duration
from decisioning.rules.membership import lasting, remembers
from decisioning.rules.operators.operator import Family
from decisioning.rules.operators.registry import OPERATORS
from decisioning.rules.phrases import Filled
from decisioning.rules.phrases import gettext_noop as _
from decisioning.rules.signals import SIGNALS
from decisioning.rules.tree import (
    EVERYONE,
    GROUPS,
    AggregateFields,
    AggregateFunction,
    Group,
    GroupKind,
    Leaf,
    Node,
    SegmentUse,
    depth,
    leaves,
    make_aggregate,
    make_leaf,
    to_plain,
)
from decisioning.specs import AggregateSpec, EventTypeSpec, PropertySpec

# Which properties a function reads; functions that are not here read none.
KEPT: Final[tuple[Literal["number", "text", "version", "date", "boolean"], ...]] = (
    "number", "text", "version", "date", "boolean",
)  # fmt: skip  # types of first and last values
READS: Final[dict[str, tuple[str, ...]]] = {
    "sum": ("number",),
    "min": ("number",),
    "max": ("number",),
    "average": ("number",),
    "recent_average": ("number",),
    "distinct": ("text", "number", "version"),
    "first": KEPT,
    "last": KEPT,
}
FUNCTIONS: Final[tuple[AggregateFunction, ...]] = (
    "count", "sum", "min", "max", "average", "distinct", "since_first", "since_last",
    "recent_average", "first", "last", "sessions",
)  # fmt: skip
LAST_SESSIONS: Final = re.compile(r"([1-9][0-9]?) sessions", re.ASCII)
MAX_SESSIONS: Final = 20
ACCOUNT_TYPE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,49}", re.ASCII)
FOR_EVER: Final = ("count", "since_first", "since_last")  # functions that need no window
_TOO_DEEP: Final = _("its segments refer to each other too deep: refer to simpler segments")


class ConditionError(ValueError):
    """A condition that cannot be read; `faults` holds every fault, this is the first."""

    def __init__(self, faults: "tuple[Fault, ...]") -> None:
        self.path = faults[0].path
        self.message = faults[0].message
        self.faults = faults
        super().__init__(f"{self.path or '/'}: {self.message}")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to change in a condition."""

    path: str  # JSON pointer, e.g. "/all/0/value"
    message: str  # says what to do


class _Wrong(Exception):
    """Carries one fault up to the nearest group, which goes on with its other children."""

    def __init__(self, path: str, message: str) -> None:
        self.fault = Fault(path, message)


def parse(condition: Any, catalogue: Catalogue) -> Node:
    """Return the tree of a condition; ``{}`` and a group without conditions at the top are everyone.

    Groups hold conditions: ``{"all": […]}``, ``{"any": […]}``, ``{"none": […]}``. Conditions are
    ``{"attribute": "tier", "is": "any_of", "value": ["gold"]}`` with an operator of `OPERATORS`,
    ``{"segment": "loyal"}``,
    ``{"event": "Order Completed", "count": {"is": "gte", "value": 1}, "within": "30d", "where": {…}}`` with any
    of `FUNCTIONS` (``{"property": "total", "is": …}`` for those of `READS`; ``"sessions"``, the number of
    sessions with the event, has a window such as ``"within": "5 sessions"``), and
    ``{"event": "Cart Updated", "without": {"event": "Order Completed"}, "within": "2h"}``, or "then":
    both events lie in the rolling window, or no later one does. With ``"of": "household"`` the events of all members
    of the person's account of that type count, in a window of time.

    Raises:
        ConditionError: it names what is not in the catalogue, compares wrongly or passes a limit.
    """
    reader = _Reader(catalogue)
    tree = reader.read(condition)
    if reader.faults:
        raise ConditionError(tuple(reader.faults))
    return tree


@dataclass(slots=True)
class _Reader:
    catalogue: Catalogue
    segments: tuple[str, ...] = ()  # that are being read, outermost first
    faults: list[Fault] = field(default_factory=list)
    count: int = 0  # leaves so far, filters included

    def read(self, condition: Any) -> Node:
        if condition == {} or condition in ({"all": []}, {"none": []}, {"any": []}):
            return EVERYONE
        try:
            tree = self._node(condition, "", 0)
            if not self.faults:
                self._check_inlined(tree)
        except _Wrong as wrong:
            self.faults.append(wrong.fault)
            return EVERYONE
        return tree

    def _check_inlined(self, tree: Node) -> None:
        if sum(1 for _leaf in leaves(tree)) > limits.MAX_INLINED_LEAVES:
            raise _Wrong(
                "",
                Filled(
                    _(
                        "with its segments this has more than {most:,} conditions: use fewer or smaller segments"
                    ),
                    most=limits.MAX_INLINED_LEAVES,
                ),
            )
        if depth(tree) > limits.MAX_INLINED_DEPTH:
            raise _Wrong("", _TOO_DEEP)

    def _node(self, json: Any, path: str, level: int) -> Node:
        if not isinstance(json, Mapping):
            raise _Wrong(path, _("write a condition as an object, or choose one in the builder"))
        for kind in GROUPS:
            if kind in json:
                return self._group(json, kind, path, level + 1)
        self._count_leaf(path)
        if "attribute" in json:
            return self._attribute(json, path)
        if "event" in json:
            return _EventReader(self, json, path, level).leaf()
        if "segment" in json:
            return self._segment(json, path)
        raise _Wrong(path, _("start a condition with an attribute, an event, a segment or a group"))

    def _count_leaf(self, path: str) -> None:
        self.count += 1
        if self.count == limits.MAX_LEAVES + 1:
            self.faults.append(
                Fault(
                    path,
                    Filled(
                        _("use at most {most} conditions: move some into a segment"),
                        most=limits.MAX_LEAVES,
                    ),
                )
            )

    def _group(self, json: Mapping[str, Any], kind: GroupKind, path: str, level: int) -> Node:
        _only(json, {kind}, path)
        children = json[kind]
        if level > limits.MAX_DEPTH:
            raise _Wrong(
                path,
                Filled(
                    _("nest groups at most {most} deep: move the inner one to a segment"),
                    most=limits.MAX_DEPTH,
                ),
            )
        if not isinstance(children, list | tuple) or not children:
            raise _Wrong(f"{path}/{kind}", _("add at least one condition to this group"))
        found = []
        for number, child in enumerate(children):
            if self.count > limits.MAX_LEAVES:
                break
            try:
                found.append(self._node(child, f"{path}/{kind}/{number}", level))
            except _Wrong as wrong:
                if self.segments:  # only the first fault of a segment is told
                    raise
                self.faults.append(wrong.fault)
        return Group(kind, tuple(found))

    def _attribute(self, json: Mapping[str, Any], path: str) -> Leaf:
        _only(json, {"attribute", "is", "value"}, path)
        key = json["attribute"]
        spec = self.catalogue.attributes.get(key) if isinstance(key, str) else None
        if spec is None:
            raise _Wrong(f"{path}/attribute", self._unknown_attribute(key))
        signal = SIGNALS.get(key) if getattr(spec, "source", "") == "computed" else None
        if signal is None:
            found = _comparison(json, path, fact=spec.key, family=spec.type)
            of_account = getattr(spec, "source", "") == "account"
            return replace(found, of_account=True) if of_account else found
        kept = signal.aggregate
        return _comparison(json, path, fact=kept.key, family="number", aggregate=kept)

    def _unknown_attribute(self, key: Any) -> str:
        if self.catalogue.event is None:
            return Filled(
                _(
                    "{value} is not in the catalogue: choose an attribute that is, or add it there first"
                ),
                value=_quoted(key),
            )
        name = self.catalogue.event.key
        return Filled(
            _(
                "{value} is not a property of {name}: choose one that is, or add it to the event type"
            ),
            value=_quoted(key),
            name=name,
        )

    def _segment(self, json: Mapping[str, Any], path: str) -> SegmentUse:
        _only(json, {"segment"}, path)
        key = json["segment"]
        spec = self.catalogue.segments.get(key) if isinstance(key, str) else None
        if spec is None:
            raise _Wrong(
                f"{path}/segment",
                Filled(_("{value} is not a segment: choose one of the list"), value=_quoted(key)),
            )
        if spec.key in self.segments:
            round_trip = " > ".join((*self.segments, spec.key))
            raise _Wrong(
                f"{path}/segment",
                Filled(
                    _("segments go round in a circle ({circle}): take one out"),
                    circle=round_trip,
                ),
            )
        if spec.key not in self.catalogue.trees:
            self.catalogue.trees[spec.key] = self._segment_tree(spec.key, f"{path}/segment")
        return SegmentUse(spec.key, self.catalogue.trees[spec.key])

    def _segment_tree(self, key: str, path: str) -> Node:
        if len(self.segments) > limits.MAX_INLINED_DEPTH:
            raise _Wrong(path, _TOO_DEEP)
        spec = self.catalogue.segments[key]
        reader = _Reader(self.catalogue, (*self.segments, key))
        tree = reader.read(spec.condition)
        if remembers(spec):
            leaving = reader.read(spec.leaving) if spec.leaving else None
            tree = lasting(spec, tree, leaving)
        if not reader.faults:
            return tree
        first = reader.faults[0]
        if first.message.startswith("segments go round") or len(reader.segments) > 1:
            raise _Wrong(path, first.message)
        raise _Wrong(
            path,
            Filled(
                _("correct the segment {value} first: {path} {message}"),
                value=_quoted(key),
                path=first.path,
                message=first.message,
            ),
        )


@dataclass(slots=True)
class _EventReader:
    """Reads one event condition, such as ``{"event": "Order Completed", "count": {…}, "within": "30d"}``."""

    reader: _Reader
    json: Mapping[str, Any]
    path: str
    level: int

    def leaf(self) -> Leaf:
        if self.reader.catalogue.event is not None:
            raise _Wrong(self.path, _("compare properties of the event here, not other events"))
        event = self._event(self.json["event"], f"{self.path}/event")
        of = self._of()
        for link in ("then", "without"):
            if link in self.json:
                return self._sequence(event, link, of)
        for function in FUNCTIONS:
            if function in self.json:
                return self._aggregate(event, function, of)
        raise _Wrong(
            self.path,
            Filled(
                _("say what of the event counts: one of {functions}, then, without"),
                functions=", ".join(FUNCTIONS),
            ),
        )

    def _event(self, key: Any, path: str) -> EventTypeSpec:
        found = self.reader.catalogue.events.get(key) if isinstance(key, str) else None
        if found is None:
            raise _Wrong(
                path,
                Filled(
                    _(
                        "{value} is not in the catalogue of events: choose one that is, or add it there first"
                    ),
                    value=_quoted(key),
                ),
            )
        return found

    def _of(self) -> AggregateFields:
        """Return whose events count: the person's own, or those of all members of an account."""
        kind = self.json.get("of", "")
        if kind == "":
            return {}
        if not isinstance(kind, str) or not ACCOUNT_TYPE.fullmatch(kind):
            raise _Wrong(
                f"{self.path}/of",
                _("name the type of the account whose events count, such as account or household"),
            )
        within = self.json.get("within", "")
        if within in ("page", "session") or "sessions" in self.json:
            raise _Wrong(
                f"{self.path}/within",
                _("use a window of time, such as 30d: an account has no page views or sessions"),
            )
        return {"of": kind}

    def _aggregate(
        self, event: EventTypeSpec, function: AggregateFunction, of: AggregateFields
    ) -> Leaf:
        _only(self.json, {"event", "of", function, "within", "where"}, self.path)
        path = f"{self.path}/{function}"
        comparison = self.json[function]
        if not isinstance(comparison, Mapping):
            raise _Wrong(path, _('write a comparison such as {"is": "gte", "value": 1}'))
        reads = READS.get(function)
        _only(comparison, {"is", "value", "property"} if reads else {"is", "value"}, path)
        fields: AggregateFields = {
            "within": self._window(function),
            "where": self._where(event, self.json, self.path),
            **of,
        }
        family: Family = "since" if function.startswith("since") else "aggregate"
        if reads:
            read = _property(event, comparison.get("property"), reads, path)
            fields["property"] = read.key
            if function in ("first", "last"):
                fields["type"], family = kept_type(read.type), read.type
        spec = make_aggregate(event.key, function, **fields)
        return _comparison(comparison, path, fact=spec.key, family=family, aggregate=spec)

    def _sequence(self, event: EventTypeSpec, link: str, of: AggregateFields) -> Leaf:
        _only(self.json, {"event", "of", "where", link, "within"}, self.path)
        path = f"{self.path}/{link}"
        later = self.json[link]
        if not isinstance(later, Mapping):
            raise _Wrong(path, _('name the later event, such as {"event": "Order Completed"}'))
        _only(later, {"event", "where"}, path)
        then = self._event(later.get("event"), f"{path}/event")
        fields: AggregateFields = {
            "within": self._within(needed=True),
            "where": self._where(event, self.json, self.path),
            "then": then.key,
            "then_where": self._where(then, later, path),
            "without": link == "without",
            **of,
        }
        spec = make_aggregate(event.key, "sequence", **fields)
        return make_leaf(spec.key, "boolean", "eq", True, aggregate=spec)

    def _window(self, function: str) -> str:
        if function == "sessions":
            return self._sessions()
        within = self._within(needed=function not in FOR_EVER)
        if function == "recent_average" and within in ("page", "session"):
            raise _Wrong(
                f"{self.path}/within",
                _("use a window of time, such as 30d: what is older counts less"),
            )
        return within

    def _sessions(self) -> str:
        within = self.json.get("within")
        found = LAST_SESSIONS.fullmatch(within) if isinstance(within, str) else None
        if found is None or int(found[1]) > MAX_SESSIONS:
            raise _Wrong(
                f"{self.path}/within",
                Filled(
                    _("write how many of the last sessions, up to {most}, such as 5 sessions"),
                    most=MAX_SESSIONS,
                ),
            )
        return str(within)

    def _within(self, *, needed: bool) -> str:
        within = self.json.get("within", "")
        path = f"{self.path}/within"
        if within in ("page", "session") or (within == "" and not needed):
            return str(within)
        try:
            seconds = parse_duration(within if isinstance(within, str) else "")
        except ValueError as error:
            raise _Wrong(
                path, Filled(_("{error}, or page, or session"), error=error.args[0])
            ) from error
        if not limits.MIN_WINDOW_S <= seconds <= limits.MAX_WINDOW_S:
            raise _Wrong(path, _("use a window from 1 minute (1m) to 90 days (90d)"))
        return str(within)

    def _where(
        self, event: EventTypeSpec, json: Mapping[str, Any], path: str
    ) -> dict[str, Any] | None:
        if json.get("where") in (None, {}):
            return None
        inner = _Reader(self.reader.catalogue.within(event), count=self.reader.count)
        try:
            tree = inner._node(json["where"], f"{path}/where", self.level)
        finally:
            self.reader.count = inner.count
            self.reader.faults.extend(inner.faults)
        return to_plain(tree)


def kept_type(type_: str) -> Literal["number", "text", "version", "date", "boolean"]:
    """Return a type of KEPT as such."""
    return next(one for one in KEPT if one == type_)


def _property(event: EventTypeSpec, key: Any, types: tuple[str, ...], path: str) -> PropertySpec:
    for one in event.properties:
        if one.key == key and one.type in types:
            return one
    fitting = ", ".join(one.key for one in event.properties if one.type in types)
    message = Filled(
        _("choose a {types} property of {event}: {fitting}"),
        types=" or ".join(types),
        event=event.key,
        fitting=fitting or Filled(_("it has none")),
    )
    raise _Wrong(f"{path}/property", message)


def _comparison(
    json: Mapping[str, Any],
    path: str,
    *,
    fact: str,
    family: Family,
    aggregate: AggregateSpec | None = None,
) -> Leaf:
    key = json.get("is")
    operator = OPERATORS[family].get(key) if isinstance(key, str) else None
    if operator is None:
        known = ", ".join(OPERATORS[family])
        raise _Wrong(
            f"{path}/is",
            Filled(
                _("{value} does not fit a {family}: choose one of {known}"),
                value=_quoted(key),
                family=family,
                known=known,
            ),
        )
    try:
        value = CONSTANTS[operator.constant].check(json.get("value"))
        return make_leaf(fact, family, operator.key, value, aggregate=aggregate)
    except ValueError as error:
        raise _Wrong(f"{path}/value", error.args[0]) from error


def _only(json: Mapping[str, Any], known: set[str], path: str) -> None:
    for key in json:
        if key not in known:
            raise _Wrong(
                f"{path}/{_pointer(key)}",
                Filled(_("take {value} out: it has no meaning here"), value=_quoted(key)),
            )


def _quoted(value: Any) -> str:
    if value is None:
        return "nothing"
    return f'"{_printable(value)}"'


def _pointer(key: Any) -> str:
    return _printable(key).replace("~", "~0").replace("/", "~1")


def _printable(value: Any) -> str:
    return str(value)[:60].encode(errors="replace").decode()
