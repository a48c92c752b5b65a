"""The only place that puts one condition into words, of an attribute or of events."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from decisioning.rules.account_words import sentence_of, who, whose
from decisioning.rules.catalogue import Catalogue
from decisioning.rules.durations import grain_seconds
from decisioning.rules.limits import MAX_EXACT_DISTINCT
from decisioning.rules.membership import MEMBER
from decisioning.rules.operators.operator import COMPLEMENT, IGNORING_CASE
from decisioning.rules.phrases import Phrases
from decisioning.rules.phrases import gettext_noop as _
from decisioning.rules.signals import signal_of
from decisioning.rules.tree import Leaf, Node, load
from decisioning.rules.value_words import (
    Joint,
    date_words,
    last_words,
    listed,
    next_words,
    quoted,
    seconds_words,
    span_words,
    text_words,
)
from decisioning.rules.verbs import verb_of
from decisioning.rules.visibility import HIDDEN
from decisioning.specs import AggregateSpec, AttributeSpec, Condition

_OVER: Final = {
    "count": _(
        "the number of {event} {period}"
    ),  # for operators that no way of counting is known of
    "sum": _("the sum of {property} over {event} {period}"),
    "min": _("the lowest {property} of {event} {period}"),
    "max": _("the highest {property} of {event} {period}"),
    "average": _("the average {property} of {event} {period}"),
    "distinct": _("the number of different values of {property} of {event} {period}"),
    "recent_average": _("the average {property} of {event} {period}, recent ones counting more"),
    "first": _("the {property} of the first {event} {period}"),
    "last": _("the {property} of the last {event} {period}"),
    "sessions": _("the number of sessions with {event} {period}"),
    "since_first": _("the days since the first {event} {period}"),
    "since_last": _("the days since the last {event} {period}"),
}
# Without and with a window.
_NEVER_DONE: Final = (_("the person has never {done}"), _("the person has not {done} {period}"))
_DONE: Final = (_("the person has {done}"), _("the person has {done} {period}"))
_DONE_TIMES: Final = (
    _("the person has {done} {times}"),
    _("the person has {done} {times} {period}"),
)
# For events without a verb, and with one.
_SINCE: Final = {
    "since_first": (_("the person first did {event} {ago}"), _("the person first {did} {ago}")),
    "since_last": (_("the person last did {event} {ago}"), _("the person last {did} {ago}")),
}
# A count of at least this says no more than that it happened, and less, that it did not.
_ONCE: Final = {("gte", 1), ("gt", 0)}
_NEVER: Final = {("lt", 1), ("lte", 0), ("eq", 0)}

_AMOUNT: Final = {
    "eq": _("exactly {count}"),
    "ne": _("any number but {count}"),
    "gt": _("more than {count}"),
    "gte": _("at least {count}"),
    "lt": _("fewer than {count}"),
    "lte": _("at most {count}"),
}
# Whether somebody is in a segment that remembers, and for less than its minimum stay; and denied.
_IS_MEMBER: Final = {
    ("gte", False): _("the person is in {segment} already"),
    ("gte", True): _("the person is not in {segment} yet"),
    ("lt", False): _("the person has been in {segment} for less than {span}"),
    ("lt", True): _("the person has been in {segment} for {span} or longer"),
}
_COUNTED: Final = ("eq", "ne", "gt", "gte", "lt", "lte", "between")  # have words of their own

Telling = Callable[[Node, Catalogue], str]


@dataclass(frozen=True, slots=True)
class Speaker:
    """Puts single conditions into words; `tell` puts the tree of an event's filter."""

    catalogue: Catalogue
    phrases: Phrases
    tell: Telling

    def leaf(self, leaf: Leaf, *, denied: bool = False) -> str:
        """Return a condition as a sentence that starts in lower case; `denied`: known and false."""
        signal = signal_of(leaf.fact)
        if signal is not None:
            name = self.phrases.gettext(signal.attribute.name)
            return self._compared(leaf, name, unit=signal.attribute.unit, denied=denied)
        if leaf.aggregate is not None:
            return self._event(leaf, leaf.aggregate, denied=denied)
        if leaf.fact.startswith(HIDDEN):
            # Unknown is the opposite of unknown, so there is nothing to deny.
            name = self.catalogue.name_of(leaf.fact.removeprefix(HIDDEN))
            return self._fill(_("{name} may not be seen for these purposes"), name=name)
        if leaf.fact.startswith(MEMBER):
            return self._membership(leaf, denied=denied)
        spec = self.catalogue.attributes.get(leaf.fact)
        unit = spec.unit if isinstance(spec, AttributeSpec) else ""
        name = self.catalogue.name_of(leaf.fact)
        if isinstance(spec, AttributeSpec) and spec.source == "context":
            name = self.phrases.gettext(name)  # most are built in
        return self._compared(leaf, name, unit=unit, denied=denied)

    def _membership(self, leaf: Leaf, *, denied: bool) -> str:
        key = leaf.fact.removeprefix(MEMBER)
        found = self.catalogue.segments.get(key)
        name = quoted(found.name if found else key, self.phrases)
        known = _IS_MEMBER[leaf.operator.key, denied]
        return self._fill(known, segment=name, span=seconds_words(leaf.value, self.phrases))

    def _fill(self, source: str, **places: str) -> str:
        return self.phrases.gettext(source).format(**places)

    def _compared(self, leaf: Leaf, name: str, *, unit: str = "", denied: bool) -> str:
        said = leaf.operator.said
        words, joint = (said.denied, said.joint_denied) if denied else (said.words, said.joint)
        if isinstance(leaf.value, list) and len(leaf.value) == 1:
            words = (said.one_denied if denied else said.one) or words
        places = self._places(leaf, unit, joint, denied=denied)
        sentence = self._fill(words, name=name, **places)
        if leaf.operator.key.endswith(IGNORING_CASE):
            return self._fill(_("{condition} (ignoring case)"), condition=sentence)
        return sentence

    def _places(self, leaf: Leaf, unit: str, joint: Joint, *, denied: bool) -> dict[str, str]:
        value, phrases = leaf.value, self.phrases
        tail = f" {unit}" if unit else ""
        match leaf.operator.constant:
            case "number":
                return {"value": phrases.number(value) + tail}
            case "numbers":
                return {"value": listed(value, phrases, joint) + tail}
            case "number_pair":
                low, high = value
                return {"low": phrases.number(low), "high": phrases.number(high) + tail}
            case "texts":
                return {"value": listed(value, phrases, joint)}
            case "boolean":
                yes, no = phrases.gettext("yes"), phrases.gettext("no")
                return {"value": yes if value != denied else no}
            case _:
                return _MORE_PLACES[leaf.operator.constant](value, phrases)

    # Conditions on events

    def _event(self, leaf: Leaf, spec: AggregateSpec, *, denied: bool) -> str:
        notes: list[str] = []
        match spec.function:
            case "sequence":
                return self._sequence(spec, denied=denied == bool(leaf.value))
            case "count" if leaf.operator.key in _COUNTED:
                words = self._count(leaf, spec, denied=denied)
            case "since_first" | "since_last":
                words = self._since(leaf, spec, denied=denied)
                notes = self._only(spec.within)
            case "sessions" if leaf.operator.key in _COUNTED:
                words = self._sessions(leaf, spec, denied=denied)
            case _:
                words = self._compared(leaf, self._over(spec), denied=denied)
                notes = [*self._whose(spec), *self._about(leaf, spec)]
        if spec.where is not None:
            where = self._where(spec.event, spec.where)
            notes = [self._fill(_("only those where {where}"), where=where), *notes]
        return self._noted(words, [*notes, *self._grain(spec.within)])

    def measured(self, spec: AggregateSpec) -> str:
        """Return what an aggregate tells, e.g. "the number of “Order Completed” in the last 30 days"."""
        signal = signal_of(spec.key)
        if signal is not None:
            return self.phrases.gettext(signal.attribute.name)
        if spec.function == "sequence":
            return self._followed(spec)
        notes = self._whose(spec)
        if spec.where is not None:
            where = self._where(spec.event, spec.where)
            notes.append(self._fill(_("only those where {where}"), where=where))
        return self._noted(self._over(spec), notes)

    def _whose(self, spec: AggregateSpec) -> list[str]:
        return [whose(spec.of, self.phrases)] if spec.of else []

    def _over(self, spec: AggregateSpec) -> str:
        words = self._fill(
            _OVER[spec.function],
            property=spec.property.replace("_", " "),
            event=quoted(self._name(spec.event), self.phrases),
            period=self._period(spec.within),
        )
        return words.strip()  # of all time: no period

    def _noted(self, words: str, notes: list[str]) -> str:
        if not notes:
            return words
        return self._fill(_("{condition} ({notes})"), condition=words, notes="; ".join(notes))

    def _count(self, leaf: Leaf, spec: AggregateSpec, *, denied: bool) -> str:
        key = leaf.operator.key
        value = tuple(leaf.value) if key == "between" else leaf.value
        if denied and key in COMPLEMENT:
            # A count is never unknown and then false: nothing counted is 0.
            key, denied = COMPLEMENT[key], False
        period = self._period(spec.within)
        times = ""
        if (key, value) in _NEVER:
            words = _NEVER_DONE[bool(period)]
        elif (key, value) in _ONCE:
            words = _DONE[bool(period)]
        else:
            words = _DONE_TIMES[bool(period)]
            times = self._times(key, value, denied=denied)
        done = self._done(spec.event)
        return self._said_of(spec, words, done=done, times=times, period=period)

    def _said_of(self, spec: AggregateSpec, words: str, **places: str) -> str:
        """Return a sentence about a person as one about whose events count."""
        if spec.of:
            places["who"] = who(spec.of, self.phrases)
        return self._fill(sentence_of(words, spec.of), **places)

    def _sessions(self, leaf: Leaf, spec: AggregateSpec, *, denied: bool) -> str:
        key = leaf.operator.key
        if denied and key in COMPLEMENT:
            key, denied = COMPLEMENT[key], False
        words = self._fill(
            _("the person has {done} in {sessions} of the last {count} sessions"),
            done=self._done(spec.event),
            sessions=self._amount(key, leaf.value, denied=denied),
            count=spec.within.partition(" ")[0],
        )
        return words

    def _amount(self, key: str, value: Any, *, denied: bool) -> str:
        said = self.phrases.number
        if key == "between":
            words = _("not {low} to {high}") if denied else _("{low} to {high}")
            return self._fill(words, low=said(value[0]), high=said(value[1]))
        return self._fill(_AMOUNT[key], count=said(value))

    def _about(self, leaf: Leaf, spec: AggregateSpec) -> list[str]:
        """Return that a number is estimated, where it may be."""
        if spec.function != "distinct":
            return []
        compared = leaf.value if isinstance(leaf.value, list) else [leaf.value]
        if not any(isinstance(one, int | float) and one > MAX_EXACT_DISTINCT for one in compared):
            return []
        most = self.phrases.number(MAX_EXACT_DISTINCT)
        return [
            self._fill(_("about: more than {most} are estimated, usually within 7%"), most=most)
        ]

    def _times(self, key: str, value: Any, *, denied: bool) -> str:
        phrases = self.phrases
        if key == "between":
            times = _("not {low} to {high} times") if denied else _("{low} to {high} times")
            low, high = value
            return self._fill(times, low=phrases.number(low), high=phrases.number(high))
        number = 1 if value == 1 else 2  # languages count in whole numbers
        words = {
            "eq": phrases.ngettext("exactly once", "exactly {count} times", number),
            "ne": phrases.ngettext(
                "any number of times but once", "any number of times but {count}", number
            ),
            "gt": phrases.ngettext("more than once", "more than {count} times", number),
            "gte": phrases.ngettext("at least once", "at least {count} times", number),
            "lt": phrases.ngettext("fewer than {count} time", "fewer than {count} times", number),
            "lte": phrases.ngettext("at most once", "at most {count} times", number),
        }
        return words[key].format(count=phrases.number(value))

    def _since(self, leaf: Leaf, spec: AggregateSpec, *, denied: bool) -> str:
        said = leaf.operator.said
        ago = self._fill(
            said.denied if denied else said.words, span=span_words(leaf.value, self.phrases)
        )
        name = self._name(spec.event)
        verb = verb_of(name)
        did = self.phrases.gettext(verb) if verb else ""
        words = _SINCE[spec.function][bool(verb)]
        return self._said_of(spec, words, did=did, event=quoted(name, self.phrases), ago=ago)

    def _sequence(self, spec: AggregateSpec, *, denied: bool) -> str:
        sentence = self._followed(spec)
        if denied:
            sentence = self._fill(_("it is not so that {condition}"), condition=sentence)
        return self._noted(sentence, self._grain(spec.within))

    def _followed(self, spec: AggregateSpec) -> str:
        words = (
            _("the person has {first} and then not {second} {period}")
            if spec.without
            else _("the person has {first} and then {second} {period}")
        )
        return self._said_of(
            spec,
            words,
            first=self._done(spec.event, spec.where),
            second=self._done(spec.then, spec.then_where),
            period=self._period(spec.within),
        )

    def _done(self, event: str, where: Condition | None = None) -> str:
        """Return what has been done, e.g. "bought", or "done “Gate passed”"."""
        name = self._name(event)
        verb = verb_of(name)
        done = (
            self.phrases.gettext(verb)
            if verb
            else self._fill(_("done {event}"), event=quoted(name, self.phrases))
        )
        if where is None:
            return done
        return self._fill(_("{done} (where {where})"), done=done, where=self._where(event, where))

    def _name(self, event: str) -> str:
        found = self.catalogue.events.get(event)
        return found.name if found else event

    def _where(self, event: str, where: Condition) -> str:
        found = self.catalogue.events.get(event)
        return self.tell(load(where), self.catalogue.within(found) if found else Catalogue())

    def _period(self, within: str) -> str:
        match within:
            case "page":
                return self.phrases.gettext("on the current page view")
            case "session":
                return self.phrases.gettext("in the current session")
            case "":
                return ""
            case _ if within.endswith(" sessions"):
                return self._fill(_("of the last {count} sessions"), count=within.partition(" ")[0])
            case _:
                return last_words(within, self.phrases)

    def _only(self, within: str) -> list[str]:
        period = self._period(within)
        return [self._fill(_("counting only {period}"), period=period)] if period else []

    def _grain(self, within: str) -> list[str]:
        if within in ("", "page", "session") or within.endswith(" sessions"):
            return []
        step = seconds_words(grain_seconds(within), self.phrases)
        return [self._fill(_("counted in steps of {span}"), span=step)]


def _place(value: dict[str, float], phrases: Phrases) -> dict[str, str]:
    # Positions are written with points in every language: a comma parts them.
    return {"km": phrases.number(value["km"]), "at": f"{value['lat']}, {value['lon']}"}


def _size(value: int, phrases: Phrases) -> dict[str, str]:
    words = phrases.ngettext("{count} value", "{count} values", value)
    return {"value": words.format(count=phrases.number(value))}


def _span(value: str, phrases: Phrases) -> dict[str, str]:
    return {
        "span": span_words(value, phrases),
        "last": last_words(value, phrases),
        "next": next_words(value, phrases),
    }


_MORE_PLACES: Final[dict[str, Callable[[Any, Phrases], dict[str, str]]]] = {
    "none": lambda value, phrases: {},
    "count": _size,
    "text": lambda value, phrases: {"value": text_words(value, phrases)},
    "pattern": lambda value, phrases: {"value": text_words(value, phrases)},
    "date": lambda value, phrases: {"value": date_words(value, phrases)},
    "duration": _span,
    "place": _place,
    "version": lambda value, phrases: {"value": str(value)},
}
