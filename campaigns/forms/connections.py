"""The forms of files that are imported and of mappings: what becomes of each column."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from django import forms
from django.core.validators import ProhibitNullCharactersValidator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from decisioning.connections.amounts import UNITS
from decisioning.connections.mapping import CALLS, NAMED, Mapping, Rule
from decisioning.connections.presets import PRESETS

MOST_ROWS = 200
TEXT = {"autocomplete": "off"}
SECRET = {"autocomplete": "new-password"}
TARGETS = {
    "": gettext_lazy("leave out"),
    "user_id": gettext_lazy("person: user id"),
    "anonymous_id": gettext_lazy("person: anonymous id"),
    "id:email": gettext_lazy("person: e-mail (hashed)"),
    "id:phone": gettext_lazy("person: phone (hashed)"),
    "id:crm": gettext_lazy("person: CRM id"),
    "id:device": gettext_lazy("person: device id"),
    "trait": gettext_lazy("attribute of the person"),
    "property": gettext_lazy("property of the event"),
    "context": gettext_lazy("context of the event"),
    "time": gettext_lazy("time of the event"),
    "event": gettext_lazy("name of the event"),
    "message_id": gettext_lazy("id of the message"),
    "group_id": gettext_lazy("id of a group"),
    "previous_id": gettext_lazy("previous id (alias)"),
    "name": gettext_lazy("name of the page or screen"),
}
CALL_NAMES = {
    "track": gettext_lazy("an event"),
    "identify": gettext_lazy("a profile"),
    "page": gettext_lazy("a page view"),
    "screen": gettext_lazy("a screen view"),
    "group": gettext_lazy("a membership of a group"),
    "alias": gettext_lazy("a joining of two ids"),
    "message": gettext_lazy("a message as clients send it"),
}
CAST_NAMES = {
    "": gettext_lazy("as it is"),
    "text": gettext_lazy("text"),
    "number": gettext_lazy("number"),
    "integer": gettext_lazy("whole number"),
    "boolean": gettext_lazy("yes or no"),
    "date": gettext_lazy("day"),
    "time": gettext_lazy("moment"),
    "list": gettext_lazy("list"),
    "json": gettext_lazy("JSON"),
}
GUESSES = (
    (r"(user|customer|client|member|account)_?-?(id|no|number)|user|customer", "user_id"),
    (r"anonymous_?id|visitor_?id", "anonymous_id"),
    (r".*e-?mail", "id:email"),
    (r"(.*\.)?(phone|mobile)", "id:phone"),
    (r"timestamp|time|date|at|created_?at|occurred_?at|event_?time|updated_?at", "time"),
    (r"event|event_?name", "event"),
    (r"message_?id|event_?id", "message_id"),
)


class SafeText(forms.CharField):
    """A text without NULs, of at most 200 characters."""

    def __init__(self, **chosen: Any) -> None:
        chosen.setdefault("max_length", 200)
        chosen.setdefault("required", False)
        super().__init__(**chosen)
        self.validators.append(ProhibitNullCharactersValidator())


def units() -> list[tuple[str, str]]:
    """Return the conversions of units as choices."""
    return [("", "–"), *((key, key.replace("_to_", " → ").replace("_", " ")) for key in UNITS)]


class MappingForm(forms.Form):
    """What all rows have in common."""

    call = forms.ChoiceField(
        label=gettext_lazy("Each row is"), choices=[(key, CALL_NAMES[key]) for key in CALLS]
    )
    event = SafeText(
        label=gettext_lazy("Name of the event"),
        help_text=gettext_lazy("Where no column says it, e.g. Order Completed."),
    )
    zone = SafeText(
        label=gettext_lazy("Time zone"),
        initial="UTC",
        help_text=gettext_lazy("Of times that name none, e.g. Europe/Berlin."),
    )
    comma = forms.BooleanField(label=gettext_lazy("Numbers are written 12,5"), required=False)
    id_prefix = SafeText(
        label=gettext_lazy("Before ids of messages"),
        max_length=60,
        help_text=gettext_lazy("So that they cannot be taken for those of another source."),
    )


class RuleForm(forms.Form):
    """What becomes of one column."""

    column = SafeText(label=gettext_lazy("Column"))
    target = forms.ChoiceField(
        label=gettext_lazy("becomes"), choices=[*TARGETS.items()], required=False
    )
    named = SafeText(label=gettext_lazy("called"))
    cast = forms.ChoiceField(
        label=gettext_lazy("read as"), choices=[*CAST_NAMES.items()], required=False
    )
    unit = forms.ChoiceField(label=gettext_lazy("unit"), choices=units, required=False)
    currency = SafeText(
        label=gettext_lazy("currency"),
        max_length=120,
        help_text=gettext_lazy("USD, or =column that says it"),
    )
    to_currency = SafeText(label=gettext_lazy("into currency"), max_length=10)
    rate = SafeText(label=gettext_lazy("times the column"))
    form = SafeText(
        label=gettext_lazy("form of times"),
        max_length=60,
        help_text=gettext_lazy("epoch_s, epoch_ms or %d.%m.%Y %H:%M"),
    )
    separator = SafeText(label=gettext_lazy("between list entries"), max_length=5, strip=False)
    default = SafeText(label=gettext_lazy("where it is empty"))
    required = forms.BooleanField(label=gettext_lazy("required"), required=False)

    @property
    def more(self) -> Iterator[forms.BoundField]:
        """Yield the fields that most columns do not need."""
        for name in self.fields:
            if name not in ("column", "target", "named", "cast"):
                yield self[name]

    def has_more(self) -> bool:
        """Say whether one of those fields is filled in."""
        return any(field.value() not in ("", None, False, ",") for field in self.more)

    def rule(self) -> Rule | None:
        """Return the rule that a sound form says, None of a column that is left out."""
        said = self.cleaned_data
        if not said.get("target") or not said.get("column"):
            return None
        target = said["target"]
        if target in NAMED:
            target = f"{target}:{said['named'] or default_name(said['column'])}"
        texts = ("cast", "unit", "currency", "to_currency", "rate", "form", "default")
        return Rule(
            column=said["column"],
            target=target,
            separator=said["separator"] or ",",
            required=said["required"],
            **{name: said[name] for name in texts},
        )


RuleForms: Any = forms.formset_factory(RuleForm, extra=0, max_num=MOST_ROWS, absolute_max=MOST_ROWS)


class MappingForms:
    """The form of a whole mapping: what rows have in common, and one form for each column."""

    def __init__(
        self, data: Any = None, *, mapping: Mapping | None = None, columns: Iterable[str] = ()
    ) -> None:
        first = common_of(mapping) if mapping is not None else {"id_prefix": ""}
        self.common = MappingForm(data, initial=first)
        if data is not None:
            self.rules = RuleForms(data, prefix="rules")
        else:
            self.rules = RuleForms(prefix="rules", initial=[*rows_of(mapping, columns)])

    def is_valid(self) -> bool:
        """Say whether all fields can be read."""
        return bool(self.common.is_valid()) & bool(self.rules.is_valid())

    def mapping(self) -> Mapping:
        """Return what sound forms say; the mapping itself may still have faults."""
        rules = (form.rule() for form in self.rules)
        said = {name: value for name, value in self.common.cleaned_data.items() if value}
        return Mapping(rules=tuple(rule for rule in rules if rule is not None), **said)


def common_of(mapping: Mapping) -> dict[str, Any]:
    """Return a mapping's fields for its form."""
    return {name: getattr(mapping, name) for name in MappingForm.base_fields}


def rows_of(mapping: Mapping | None, columns: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Yield what the forms of columns begin with: their rule, else a guess where there is no mapping yet."""
    ruled: set[str] = set()
    taken: set[str] = set()
    has_rules = mapping is not None and bool(mapping.rules)
    for rule in mapping.rules if mapping is not None else ():
        ruled.add(rule.column)
        kind, _colon, name = rule.target.partition(":")
        target, named = (kind, name) if kind in NAMED else (rule.target, "")
        fields = {key: getattr(rule, key) for key in RuleForm.base_fields if hasattr(rule, key)}
        yield {**fields, "target": target, "named": named}
    for column in [one for one in columns if one not in ruled][: MOST_ROWS - len(ruled)]:
        target = "" if has_rules else guess(column, taken)
        taken.add(target)
        yield {"column": column, "target": target, "named": "", "separator": ","}


def guess(column: str, taken: set[str]) -> str:
    """Return what a column of this name likely becomes."""
    last = column.rpartition(".")[2].lower()
    for pattern, target in GUESSES:
        if re.fullmatch(pattern, last) and target not in taken:
            return target
    return "property"


def default_name(column: str) -> str:
    """Return what a property is called where nobody says it."""
    return re.sub(r"[^\w]+", "_", column.rpartition(".")[2]).strip("_").lower()[:100] or "value"


class FileForm(forms.Form):
    """A file to import."""

    file = forms.FileField(
        label=gettext_lazy("File"),
        help_text=gettext_lazy(
            "CSV with a header, JSON lines or Parquet; plain or as gzip. Nothing is taken before you say so."
        ),
    )
    preset = forms.ChoiceField(
        label=gettext_lazy("Known shape"),
        required=False,
        choices=lambda: [
            ("", _("none: I say what the columns mean")),
            ("messages", _("messages as clients send them")),
            *((key, one.name) for key, one in PRESETS.items()),
        ],
    )
