"""The only place that turns an edited rule into what the page shows: choices, inputs, messages, words."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.rule_builder.form_tree import Kind, Node
from campaigns.rule_builder.meaning import (
    MEASURES,
    OF_PEOPLE_ALONE,
    SEQUENCES,
    SESSIONS,
    WHOSE,
    Meaning,
    filter_catalogue,
    filtered_event,
    meaning,
    properties_of,
    threshold_of,
)
from campaigns.rule_builder.suggestions import may_suggest
from campaigns.rule_builder.translation import UNITS, Message
from decisioning.rules.catalogue import Catalogue
from decisioning.rules.conditions import FOR_EVER, READS
from decisioning.rules.moment import AT_EVENT
from decisioning.rules.words import label_of
from decisioning.specs import AttributeSpec
from rtts_site.foundation.language import ACTIVE

MATCHES: Final = {
    "all": (gettext_lazy("All"), gettext_lazy("of these must be true"), "and"),
    "any": (gettext_lazy("At least one"), gettext_lazy("of these must be true"), "or"),
    "none": (gettext_lazy("None"), gettext_lazy("of these may be true"), "nor"),
}
_OTHER_WINDOWS: Final = {
    "page": gettext_lazy("this page view"),
    "session": gettext_lazy("this session"),
    "ever": "ever",
}
Choices = list[tuple[str, str]]


class Menu:
    """A long list of choices, written once and used for every row: only the mark of the chosen one differs."""

    def __init__(self, groups: Iterable[tuple[str, Choices]]) -> None:
        groups = list(groups)
        self.known = {value for _title, choices in groups for value, _label in choices}
        self.html = format_html_join("", '<optgroup label="{}">{}</optgroup>', self._html(groups))

    @staticmethod
    def _html(groups: list[tuple[str, Choices]]) -> Iterable[tuple[str, SafeString]]:
        for title, choices in groups:
            if choices:
                yield title, format_html_join("", '<option value="{}">{}</option>', choices)

    def chosen(self, value: str, *, hint: str) -> SafeString:
        """Return the options with one marked; a value that is no longer there stays, and says so."""
        if not value:
            return format_html('<option value="" selected>{}</option>{}', hint, self.html)
        if value not in self.known:
            name = _("{name} (not in the catalogue)").format(name=value.partition(":")[2] or value)
            gone = format_html('<option value="{}" selected>{}</option>', value, name)
            return gone + self.html
        mark = format_html('<option value="{}"', value)
        # Safe: both sides of the replacement were escaped when they were written.
        return mark_safe(self.html.replace(mark, f"{mark} selected", 1))  # noqa: S308


def menu_of(catalogue: Catalogue) -> Menu:
    """Return what a condition may be about: attributes, events, segments, or an event's properties."""
    if catalogue.event is not None:
        names = [(f"attribute:{key}", _name_of(catalogue, key)) for key in catalogue.attributes]
        moment = [one for one in names if one[0].startswith(f"attribute:{AT_EVENT}")]
        own = [one for one in names if one not in moment]
        title = _("About {name}").format(name=catalogue.event.name)
        return Menu([(title, own), (_("When it happened"), sorted(moment, key=lambda one: one[1]))])
    person: Choices = []
    visit: Choices = []
    behaviour: Choices = []
    for spec in catalogue.attributes.values():
        source = spec.source if isinstance(spec, AttributeSpec) else ""
        about = {"context": visit, "computed": behaviour}.get(source, person)
        about.append((f"attribute:{spec.key}", _name_of(catalogue, spec.key)))
    events = [(f"event:{one.key}", one.name) for one in catalogue.events.values()]
    segments = [("segment:", _("is in a segment"))] if catalogue.segments else []
    return Menu(
        [
            (_("What they did"), events),
            (_("How they behave"), sorted(behaviour, key=lambda one: one[1])),
            (_("About the person"), sorted(person, key=lambda one: one[1])),
            (_("About the visit"), sorted(visit, key=lambda one: one[1])),
            (_("Segments"), segments),
        ]
    )


def _name_of(catalogue: Catalogue, key: str) -> str:
    """Return the name to choose by; those that are there from the start are in the reader's language."""
    spec = catalogue.attributes[key]
    built_in = isinstance(spec, AttributeSpec) and spec.source in ("context", "computed")
    return _(catalogue.name_of(key)) if built_in else catalogue.name_of(key)


@dataclass(slots=True)
class Page:
    """What all rows of one builder share while it is drawn."""

    name: str  # of the form field; starts every name and id
    catalogue: Catalogue
    messages: Mapping[int, list[Message]] = field(default_factory=dict)  # by node
    show_all: bool = False  # after Save; else only rows that the focus has left
    focus: int = 0  # the node that gets the focus, 0 for none
    menus: dict[str, Menu] = field(default_factory=dict)  # by event, "" for the outer one

    def menu(self, catalogue: Catalogue) -> Menu:
        """Return the subjects of a catalogue, made once."""
        key = catalogue.event.key if catalogue.event else ""
        if key not in self.menus:
            self.menus[key] = menu_of(catalogue)
        return self.menus[key]


class GroupRow:
    """A group as the template draws it."""

    is_group = True

    def __init__(self, node: Node, page: Page, catalogue: Catalogue, level: int = 1) -> None:
        self.node, self.page, self.level = node, page, level
        self.heading, self.tail, self.joiner = MATCHES[node.match]
        self.matches = [(key, words[0], key == node.match) for key, words in MATCHES.items()]
        self.children = [
            row(child, page, catalogue, level + 1)
            | {
                "joiner": self.joiner if index else "",
                "may_leave": level > 1 and node.kind == "group",
                "may_enter": index > 0 and node.children[index - 1].kind == "group",
            }
            for index, child in enumerate(node.children)
        ]

    @property
    def messages(self) -> list[Message]:
        """Return what is wrong with the group itself; an inner group without conditions always shows it."""
        return list(self.page.messages.get(self.node.id, ()))


def row(node: Node, page: Page, catalogue: Catalogue, level: int) -> dict[str, Any]:
    """Return one child of a group for the template."""
    if node.kind == "leaf":
        return {"row": LeafRow(node, page, catalogue, level)}
    return {"row": GroupRow(node, page, catalogue, level)}


class LeafRow:
    """A condition as the template draws it."""

    is_group = False

    def __init__(self, node: Node, page: Page, catalogue: Catalogue, level: int = 1) -> None:
        self.node, self.page, self.catalogue, self.level = node, page, catalogue, level
        self.said: Meaning = meaning(node, catalogue)
        self.filters = [self._filter(child) for child in node.children]

    def _filter(self, child: Node) -> GroupRow:
        event = filtered_event(self.node, child.kind, self.catalogue)
        return GroupRow(child, self.page, filter_catalogue(event, self.catalogue), self.level + 1)

    @property
    def messages(self) -> list[Message]:
        """Return what to show at the row now."""
        if not (self.page.show_all or self.node.text("seen")):
            return []
        return list(self.page.messages.get(self.node.id, ()))

    @property
    def wrong(self) -> set[str]:
        """Return the names of the inputs that the messages are about."""
        return {message.part for message in self.messages}

    @property
    def raw(self) -> str:
        """Return a stored part that the page cannot show, as JSON."""
        return self.node.text("raw")

    @cached_property
    def carried(self) -> list[tuple[str, str]]:
        """Return what was typed for another operator or measure: it waits in the page until it fits again."""
        shown = {"subject", "about", "seen"} | self._shown
        return [
            (key, value)
            for key, values in self.node.fields.items()
            if key not in shown
            for value in values
        ]

    @property
    def _shown(self) -> set[str]:
        if self.raw:
            return set()
        if self.said.sort == "segment":
            return {"segment"}
        shown = {"measure", "within_unit", "of"} if self.said.sort == "event" else set()
        if self.has_span:
            shown.add("within")
        if self.has_properties:
            shown.add("property")
        if self.is_sequence:
            return shown | {"then"}
        if self.said.operators:
            shown |= {"is", *_INPUTS.get(self.said.constant, ("value",))}
        return shown

    @property
    def has_threshold(self) -> bool:
        """Say whether the value is a number that can be chosen from the data."""
        return threshold_of(self.said) is not None and self.catalogue.event is None

    @cached_property
    def suggests(self) -> str:
        """Return the address of values seen so far, "" where none are shown."""
        spec = self.said.attribute
        if spec is None or not may_suggest(spec):
            return ""
        event = self.catalogue.event.key if self.catalogue.event else ""
        about = urlencode({"event": event, "key": spec.key})
        return f"{reverse('admin:rule-builder-values')}?{about}"

    @property
    def prefix(self) -> str:
        """Return how the names and ids of the inputs start."""
        return f"{self.page.name}-{self.node.id}-"

    @property
    def error_id(self) -> str:
        """Return the id of the place for messages."""
        return f"{self.prefix}error"

    @cached_property
    def subjects(self) -> SafeString:
        return self.page.menu(self.catalogue).chosen(
            self.node.text("subject"), hint=_("Choose what to look at…")
        )

    @cached_property
    def operators(self) -> SafeString:
        plain = [(one.key, label_of(one, ACTIVE)) for one in self.said.operators.values()]
        folded = [one for one in plain if one[0].endswith("_ignoring_case")]
        groups = [(_("Compare"), [one for one in plain if one not in folded])]
        if folded:
            groups.append((_("Ignoring case"), folded))
        return Menu(groups).chosen(self.node.text("is"), hint="choose…")

    @property
    def measures(self) -> list[tuple[str, str, bool]]:
        known = dict(MEASURES)
        if self.node.text("of") and self.said.measure != SESSIONS:
            del known[SESSIONS]
        return _marked(known, self.said.measure)

    @property
    def whose(self) -> list[tuple[str, str, bool]]:
        """Return whose events may count: the person's own, or those of all members of an account."""
        return _marked(WHOSE, self.node.text("of"))

    @property
    def has_properties(self) -> bool:
        return bool(self.said.measure) and self.said.measure in _READING

    @cached_property
    def properties(self) -> SafeString:
        names = [(key, key.replace("_", " ")) for key in properties_of(self.said)]
        return Menu([(_("Properties"), names)]).chosen(
            self.node.text("property"), hint=_("choose a property…")
        )

    @property
    def is_sequence(self) -> bool:
        return self.said.measure in SEQUENCES

    @cached_property
    def thens(self) -> SafeString:
        names = [(one.key, one.name) for one in self.catalogue.events.values()]
        return Menu([(_("Events"), names)]).chosen(
            self.node.text("then"), hint=_("choose the later event…")
        )

    @cached_property
    def segments(self) -> SafeString:
        names = [(one.key, one.name) for one in self.catalogue.segments.values()]
        return Menu([(_("Segments"), sorted(names, key=lambda one: one[1].lower()))]).chosen(
            self.node.text("segment"), hint=_("choose a segment…")
        )

    @property
    def unit(self) -> str:
        return self.said.attribute.unit if isinstance(self.said.attribute, AttributeSpec) else ""

    @property
    def values(self) -> tuple[str, ...]:
        """Return the known values of the attribute, and those typed that are not among them."""
        known: tuple[str, ...] = getattr(self.said.attribute, "values", ())
        if not known:
            return ()
        lines = dict.fromkeys(line for one in self._typed for line in one.splitlines() if line)
        return (*known, *(line for line in lines if line not in known))

    @property
    def _typed(self) -> list[str]:
        return self.node.fields.get("value", [])

    @property
    def chips(self) -> list[tuple[str, bool]]:
        typed = {line for one in self._typed for line in one.splitlines()}
        return [(value, value in typed) for value in self.values]

    @property
    def offers_values(self) -> bool:
        """Say whether one of the known values is to be chosen; part of a text is typed."""
        return bool(self.values) and self.node.text("is") in ("eq", "ne")

    @property
    def lines(self) -> str:
        return "\n".join(self._typed)

    @property
    def text(self) -> dict[str, str]:
        return {key: self.node.text(key) for key in _TYPED}

    @property
    def units(self) -> list[tuple[str, str, bool]]:
        return _marked(UNITS, self.node.text("unit"))

    @property
    def windows(self) -> list[tuple[str, str, bool]]:
        if self.said.measure == "sessions":
            return _marked({SESSIONS: _("sessions")}, self.node.text("within_unit"))
        choices = UNITS | _OTHER_WINDOWS
        if self.said.measure not in FOR_EVER:
            del choices["ever"]
        if self.node.text("of"):
            choices = {key: one for key, one in choices.items() if key not in OF_PEOPLE_ALONE}
        return _marked(choices, self.node.text("within_unit"))

    @property
    def odd_answer(self) -> str:
        """Return a value that is neither yes nor no, so that the row can show it and say so."""
        value = self.node.text("value")
        return "" if value in ("yes", "no") else value

    @property
    def has_span(self) -> bool:
        return self.node.text("within_unit") in (*UNITS, SESSIONS)

    @property
    def is_day(self) -> bool:
        """Say whether a date input can show what is there; an instant needs a text input."""
        value = self.node.text("value")
        return not value or (len(value) == 10 and value[4] == "-")

    @property
    def addable(self) -> list[tuple[Kind, str]]:
        """Return the filters that can still be added."""
        if self.said.sort != "event" or self.said.event is None:
            return []
        offered: list[tuple[Kind, str]] = [
            ("where", _("Only some {name}").format(name=self.said.event.name))
        ]
        later = self.catalogue.events.get(self.node.text("then"))
        if self.is_sequence and later:
            offered.append(("then_where", _("Only some {name}").format(name=later.name)))
        return [one for one in offered if self.node.child(one[0]) is None]


# The inputs that ask for a value of a kind, where it is not "value" alone.
_INPUTS: Final[dict[str, tuple[str, ...]]] = {
    "none": (),
    "number_pair": ("low", "high"),
    "duration": ("amount", "unit"),
    "place": ("km", "lat", "lon"),
}
_READING: Final = tuple(READS)
_TYPED: Final = ("value", "low", "high", "amount", "lat", "lon", "km", "within", "about", "seen")


def _marked(choices: Mapping[str, Any], chosen: str) -> list[tuple[str, str, bool]]:
    """Return choices with one marked; one that is none of them stays, for the row to be told about."""
    marked = [(key, label, key == chosen) for key, label in choices.items()]
    return marked if not chosen or chosen in choices else [*marked, (chosen, chosen, True)]
