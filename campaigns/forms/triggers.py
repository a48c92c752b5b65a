"""The form of triggers."""

from typing import Any, Final

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.forms.caps import UNITS, span_parts
from campaigns.forms.catalogue import fill_choices, purposes_field
from campaigns.forms.fields import choices, with_blank
from campaigns.forms.items import ItemForm
from campaigns.forms.offers import eligibility_field
from campaigns.mapping import Body
from campaigns.models.items import Kind
from campaigns.rule_builder.fields import ConditionField
from campaigns.rule_builder.widgets import about_event
from campaigns.wording_labels import CHOICES
from decisioning.models import Destination

LETTERS: Final = {"minutes": "m", "hours": "h", "days": "d"}
UNIT_CHOICES: Final = [
    ("minutes", gettext_lazy("minutes")),
    ("hours", gettext_lazy("hours")),
    ("days", gettext_lazy("days")),
]


FILTERS: Final = {"where": "event", "then_where": "then"}  # filter -> whose event it is
READ: Final = {"entered": (), "left": (), "event": ("event",), "absence": ("event", "then")}


class TriggerForm(ItemForm):
    kind = Kind.TRIGGER

    on = forms.ChoiceField(
        label=gettext_lazy("When"),
        choices=list(CHOICES["on"].items()),
        help_text=gettext_lazy("What starts it."),
    )
    segment = forms.ChoiceField(
        required=False,
        label=gettext_lazy("Segment"),
        help_text=gettext_lazy("That is entered or left."),
    )
    event = forms.ChoiceField(
        required=False,
        label=gettext_lazy("Event"),
        help_text=gettext_lazy("That starts it, or the waiting."),
    )
    then = forms.ChoiceField(
        required=False,
        label=gettext_lazy("Event that did not follow"),
        help_text=gettext_lazy("E.g. an order after a cart. Who did it meanwhile is left alone."),
    )
    wait = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=100_000,
        label=gettext_lazy("Wait for it"),
        help_text=gettext_lazy("E.g. 30 minutes after the last cart."),
    )
    wait_unit = forms.ChoiceField(
        choices=UNIT_CHOICES, initial="minutes", label=gettext_lazy("Unit of the waiting")
    )
    where = forms.Field(required=False)
    then_where = forms.Field(required=False)
    condition = forms.Field(required=False)
    act = forms.ChoiceField(label=gettext_lazy("Do"), choices=list(CHOICES["act"].items()))
    destination = forms.ChoiceField(
        required=False,
        label=gettext_lazy("Destination"),
        help_text=gettext_lazy("Of a webhook or e-mail; made under Connect, Destinations."),
    )
    placement = forms.ChoiceField(
        required=False,
        label=gettext_lazy("Placement"),
        help_text=gettext_lazy("Whose offer is decided for the person and sent or pushed."),
    )
    purposes = purposes_field(
        gettext_lazy("The person has to permit all of them when it is sent."), required=False
    )
    every = forms.IntegerField(
        min_value=1,
        max_value=100_000,
        initial=1,
        label=gettext_lazy("At most once per person in"),
    )
    every_unit = forms.ChoiceField(
        choices=UNIT_CHOICES, initial="days", label=gettext_lazy("Unit of the pause")
    )
    in_quiet_hours = forms.BooleanField(
        required=False,
        label=gettext_lazy("Also in quiet hours"),
        help_text=gettext_lazy("Otherwise it waits until the channel's quiet hours are over."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, event in FILTERS.items():
            field = self.fields[name]
            chosen = (
                self.data.get(self.add_prefix(event)) if self.is_bound else self.initial.get(event)
            )
            field.catalogue = about_event(self.candidate.catalogue, str(chosen or ""))  # type: ignore[attr-defined]  # a ConditionField

    def offer_choices(self) -> None:
        bodies = self.candidate.bodies
        for name, kind in (
            ("segment", Kind.SEGMENT),
            ("event", Kind.EVENT_TYPE),
            ("then", Kind.EVENT_TYPE),
            ("placement", Kind.PLACEMENT),
        ):
            self._offer(name, choices(bodies, kind))
        rows = Destination.objects.order_by("name").values_list("key", "name")
        self._offer("destination", list(rows))
        fill_choices(self, "purposes", Kind.PURPOSE)
        self.fields["condition"] = eligibility_field(self, _("Only for whom this is true then"))
        self.fields["where"] = self._filter("event", _("Only if the event is such"))
        self.fields["then_where"] = self._filter("then", _("Only if what did not follow is such"))

    def _filter(self, event: str, label: str) -> forms.Field:
        said = str(self.data.get(self.add_prefix("on"), "")) if self.is_bound else ""
        if said and event not in READ[said]:
            return forms.Field(required=False, widget=forms.HiddenInput())
        return ConditionField(
            required=False,
            filters=self.add_prefix(event),
            label=label,
            help_text=_("Choose the event first. No condition: every such event."),
        )

    def _offer(self, name: str, pairs: list[tuple[str, str]]) -> None:
        self.fields[name].choices = with_blank(pairs)  # type: ignore[attr-defined]  # a ChoiceField

    def initial_of(self, body: Body) -> Body:
        every, every_unit = span_parts(body.get("every_s") or 86_400)
        within = body.get("within") or ""
        unit = next((one for one, letter in LETTERS.items() if within.endswith(letter)), "minutes")
        return {
            **body,
            "wait": int(within[:-1]) if within[:-1].isdigit() else None,
            "wait_unit": unit,
            "every": every,
            "every_unit": every_unit,
        }

    def body_of(self, cleaned: Body) -> Body:
        body: dict[str, Any] = super().body_of(cleaned)
        wait, wait_unit = body.pop("wait"), body.pop("wait_unit")
        every, every_unit = body.pop("every"), body.pop("every_unit")
        on = body["on"]
        if on in ("entered", "left"):
            body["event"] = ""
        else:
            body["segment"] = ""
        if on != "absence":
            body["then"] = ""
        return {
            **body,
            **{
                name: body[name] if body.get(name) and body[event] else {}
                for name, event in FILTERS.items()
            },
            "condition": body["condition"] or {},
            "within": f"{wait}{LETTERS[wait_unit]}" if wait and on == "absence" else "",
            "destination": "" if body["act"] == "push" else body["destination"],
            "placement": "" if body["act"] == "webhook" else body["placement"],
            "every_s": every * UNITS[every_unit],
        }

    def field_for(self, body_field: str) -> str:
        return {"within": "wait", "every_s": "every"}.get(body_field, body_field)
