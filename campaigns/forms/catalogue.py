"""The forms of the catalogue: attributes, event types, channels, placements, purposes, release settings."""

from dataclasses import asdict
from typing import Any, ClassVar, get_args

from django import forms
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from campaigns import limits
from campaigns.forms.content import content_fields, content_of, fill_content
from campaigns.forms.fields import LabelledForm, LinesField, choices, with_blank
from campaigns.forms.items import ItemForm, with_fields
from campaigns.forms.rows import RowsField
from campaigns.forms.schedules import hours_field, hours_of, zone_field
from campaigns.mapping import Body
from campaigns.models.items import Kind
from campaigns.wording_labels import CHOICES, NAMESPACES
from decisioning.specs import IDENTITY, ValueType

TYPES = [(value, value) for value in get_args(ValueType)]
CONTENT_TYPES = [
    ("application/json", _("Fields (application/json)")),
    ("text/html", _("HTML (text/html)")),
    ("text/plain", _("Text (text/plain)")),
]


def purposes_field(help_text: StrOrPromise, *, required: bool) -> forms.MultipleChoiceField:
    """Return the choice of purposes."""
    return forms.MultipleChoiceField(
        required=required, widget=forms.CheckboxSelectMultiple, help_text=help_text
    )


class AttributeForm(ItemForm):
    kind = Kind.ATTRIBUTE

    type = forms.ChoiceField(
        choices=TYPES, help_text=_("Decides which comparisons a rule may use.")
    )
    source = forms.ChoiceField(
        choices=[
            ("profile", _("The person's profile")),
            ("context", _("The request")),
            ("account", _("The account that the person belongs to")),
        ],
        help_text=_("Where the value comes from when a decision is made."),
    )
    unit = forms.CharField(required=False, max_length=20, help_text=_("E.g. EUR or days."))
    values = LinesField(
        required=False,
        label=_("Known values"),
        help_text=_("Of a text attribute; one per line."),
    )
    purposes = purposes_field(
        _("It is used only for offers shown for these. A request attribute may serve any."),
        required=False,
    )
    trusted = forms.BooleanField(
        required=False, help_text=_("A browser may not set it; only servers may.")
    )
    inferred = forms.BooleanField(
        required=False,
        help_text=_("Concluded from what people do, not told by them; it may be wrong."),
    )
    sensitive = forms.BooleanField(
        required=False,
        help_text=_("E.g. health, money, family: reading it in an offer would hurt or alarm."),
    )
    special_category = forms.BooleanField(
        required=False,
        label=_("Special category of data"),
        help_text=_("Health, belief, origin and the like: only for purposes that say so."),
    )
    sayable = forms.TypedChoiceField(
        required=False,
        choices=[
            ("", _("Unless it is inferred or sensitive")),
            ("True", _("Yes, content may say it")),
            ("False", _("No, it may select but not be said")),
        ],
        coerce=lambda value: value == "True",
        empty_value=None,
        label=_("May be said to the person"),
        help_text=_("What may not be said is refused as a token in content."),
    )
    editable = forms.BooleanField(
        required=False,
        label=_("People may edit it"),
        help_text=_(
            "They see it on their own page, with owner, class and retention, and change it."
        ),
    )
    owner = forms.CharField(
        required=False, max_length=100, help_text=_("Who answers for it, e.g. the CRM team.")
    )
    data_class = forms.CharField(
        required=False,
        max_length=100,
        label=_("Class of data"),
        help_text=_("E.g. contact, interest or behaviour, as in the register of processing."),
    )
    retention_days = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=36_500,
        label=_("Kept for, days"),
        help_text=_("Leave it empty where nothing is laid down."),
    )

    def offer_choices(self) -> None:
        fill_choices(self, "purposes", Kind.PURPOSE)


class PropertyForm(LabelledForm):
    key = forms.CharField(max_length=100, label=_("Property"))
    # A row whose choices stand as offered is an empty row.
    type = forms.ChoiceField(choices=TYPES, initial=TYPES[0][0])
    values = forms.CharField(
        required=False,
        max_length=2000,
        label=_("Known values"),
        help_text=_("Separated by commas."),
    )
    only_values = forms.BooleanField(
        required=False, label=_("No other values"), help_text=_("Of a text with known values.")
    )
    required = forms.BooleanField(required=False, label=_("Every such event has it"))
    minimum = forms.FloatField(required=False, label=_("At least"), help_text=_("Of a number."))
    maximum = forms.FloatField(required=False, label=_("At most"), help_text=_("Of a number."))

    def clean_values(self) -> list[str]:
        return [part.strip() for part in self.cleaned_data["values"].split(",") if part.strip()]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        values = self.initial.get("values")
        if isinstance(values, (list, tuple)):
            self.initial["values"] = ", ".join(values)


class EventTypeForm(ItemForm):
    kind = Kind.EVENT_TYPE

    properties = RowsField(PropertyForm, noun="property", most=limits.PROPERTIES)
    only_properties = forms.BooleanField(
        required=False,
        label=_("No other properties"),
        help_text=_("An event with a property that is not listed is not as it should be."),
    )
    enforcement = forms.TypedChoiceField(
        required=False,
        empty_value="off",
        initial="off",
        choices=[
            ("off", _("Take it as it is")),
            ("watch", _("Take it, and count what is wrong")),
            ("enforce", _("Refuse it, and keep it in the quarantine")),
        ],
        label=_("An event that is not like this"),
        help_text=_("Watch first: the quarantine says what would be refused."),
    )
    purposes = purposes_field(_("Counts over these events are used only for them."), required=True)

    def offer_choices(self) -> None:
        self.fields["key"].help_text = _("The event's name as it is sent, e.g. “Order Completed”.")
        fill_choices(self, "purposes", Kind.PURPOSE)


class ChannelForm(ItemForm):
    kind = Kind.CHANNEL

    quiet_hours = hours_field(
        label=_("Quiet hours"),
        help_text=_("Nothing is shown then, on the person's clock where their time zone is known."),
    )
    time_zone = zone_field(_("The clock for people whose time zone is not known."))

    def initial_of(self, body: Body) -> Body:
        return {**body, "time_zone": body.get("time_zone") or "UTC"}

    def body_of(self, cleaned: Body) -> Body:
        return {
            **super().body_of(cleaned),
            "quiet_hours": hours_of(cleaned["quiet_hours"]),
            "time_zone": cleaned["time_zone"],
        }


@with_fields(content_fields("fallback", "Fallback"))
class PlacementForm(ItemForm):
    kind = Kind.PLACEMENT

    channel = forms.ChoiceField(help_text=_("Where it is, e.g. web or e-mail."))
    content_type = forms.ChoiceField(
        choices=CONTENT_TYPES,
        help_text=_("What the channel can show; variants must have the same."),
    )
    max_count = forms.IntegerField(
        min_value=1,
        max_value=limits.MAX_COUNT,
        initial=1,
        label=_("Offers at once"),
        help_text=_("The most in one answer, 1 to {MAX_COUNT}.").format(MAX_COUNT=limits.MAX_COUNT),
    )
    cache_seconds = forms.IntegerField(
        min_value=0,
        max_value=limits.CACHE_SECONDS,
        initial=0,
        label=_("May be kept for (seconds)"),
        help_text=_(
            "How long a channel may show an answer that rests on consent. 0: ask each time."
        ),
    )

    picture_width = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=limits.PICTURE_WIDTH,
        initial=0,
        label=_("Width of its picture"),
        help_text=_("In CSS pixels; pictures are made in this size too. 0: not said."),
    )

    def offer_choices(self) -> None:
        self.fields["channel"].choices = with_blank(choices(self.candidate.bodies, Kind.CHANNEL))  # type: ignore[attr-defined]  # a ChoiceField

    def initial_of(self, body: Body) -> Body:
        return {**body, **fill_content("fallback", body.get("fallback", {}))}

    def body_of(self, cleaned: Body) -> Body:
        body = super().body_of(cleaned)
        return {
            **{name: value for name, value in body.items() if not name.startswith("fallback_")},
            "fallback": content_of("fallback", cleaned),
            "picture_width": cleaned["picture_width"] or 0,
        }

    def field_for(self, body_field: str) -> str:
        return "fallback_headline" if body_field == "fallback" else body_field


class PurposeForm(ItemForm):
    kind = Kind.PURPOSE

    description = forms.CharField(
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("What people read when they are asked."),
    )
    basis = forms.ChoiceField(
        choices=[
            ("consent", _("Consent")),
            ("legitimate_interest", _("Legitimate interest")),
            ("contract", _("Contract")),
        ],
        help_text=_("The legal basis. Whoever has refused consent is not served under another."),
    )
    dpv = forms.CharField(
        required=False,
        max_length=200,
        label=_("Data Privacy Vocabulary term"),
        help_text="E.g. dpv:PersonalisedAdvertising.",
    )
    mechanism = forms.ChoiceField(
        choices=list(CHOICES["mechanism"].items()),
        initial="opt_in",
        label=_("How people are asked"),
        help_text=_("At least; where a jurisdiction asks for more, more. Of consent only."),
    )
    special_category = forms.BooleanField(
        required=False,
        label=_("Special category of data"),
        help_text=_("Uses health, belief, origin and the like: explicit consent only."),
    )
    significant_effect = forms.BooleanField(
        required=False,
        label=_("Decides on something significant"),
        help_text=_("Credit, insurance, price: explicit consent or a contract."),
    )
    profiled_ads = forms.BooleanField(
        required=False,
        label=_("Profiled advertising"),
        help_text=_("Known minors get none where the law says so."),
    )
    device_access = forms.BooleanField(
        required=False, help_text=_("Reads or writes the device: consent only.")
    )
    validity_days = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=limits.VALIDITY_DAYS,
        label=_("Consent holds for (days)"),
        help_text=_("Empty: no limit. 180 is usual for cookies in France."),
    )
    objectable = forms.BooleanField(required=False, initial=True, help_text=_("People may object."))
    gpc = forms.BooleanField(
        required=False,
        label=_("Global Privacy Control denies it"),
        help_text=_("Tick for sale, sharing and targeted advertising."),
    )
    tcf = LinesField(
        required=False,
        label=_("TCF purposes"),
        help_text=_("Numbers, one per line."),
    )
    gpp = LinesField(
        required=False,
        label=_("GPP fields"),
        help_text=_("E.g. SaleOptOut; one per line."),
    )
    retention_days = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=limits.RETENTION_DAYS,
        label=_("Data is kept for (days)"),
        help_text=_("As the register of processing says it."),
    )
    data_categories = LinesField(
        required=False, label=_("Categories of data"), help_text=_("One per line, e.g. purchases.")
    )
    recipients = LinesField(
        required=False, label=_("Recipients"), help_text=_("Who gets the data; one per line.")
    )
    transfers = LinesField(
        required=False,
        label=_("Transfers abroad"),
        help_text=_("Where to and what covers it; one per line."),
    )
    retired = forms.BooleanField(
        required=False,
        help_text=_("Nothing may be done for it any more. Past consents stay on record."),
    )

    def clean_tcf(self) -> list[int]:
        lines: list[str] = self.cleaned_data["tcf"]
        if not all(line.isascii() and line.isdigit() and len(line) < 4 for line in lines):
            raise forms.ValidationError(_("Write whole numbers, one per line, e.g. 3."))
        return [int(line) for line in lines]

    def initial_of(self, body: Body) -> Body:
        return {**body, "tcf": [str(number) for number in body.get("tcf", [])]}

    def body_of(self, cleaned: Body) -> Body:
        return {**super().body_of(cleaned), "description": cleaned.get("description", "")}

    def details(self) -> Body:
        return {}


class IdentityForm(LabelledForm):
    namespace = forms.ChoiceField(
        choices=[("", "---------"), *NAMESPACES.items()], label=_("Identifier")
    )
    identifies = forms.BooleanField(
        required=False,
        label=_("Enough by itself"),
        help_text=_("A message that has nothing else is about whom it names."),
    )
    joins = forms.BooleanField(
        required=False,
        label=_("Joins people"),
        help_text=_("Who signs in with it becomes one person with it."),
    )
    people = forms.IntegerField(
        min_value=0,
        max_value=limits.JOINED_BY_ONE,
        initial=0,
        label=_("People joined at most"),
        help_text=_("By one value; 0: any number."),
    )
    users = forms.IntegerField(
        min_value=0,
        max_value=limits.JOINED_BY_ONE,
        initial=0,
        label=_("Shared above (users)"),
        help_text=_("A device that more users sign in on belongs to nobody; 0: never."),
    )
    unique = forms.BooleanField(required=False, label=_("One for each person"))
    ignored = forms.CharField(
        required=False,
        max_length=2000,
        label=_("Values that name nobody"),
        help_text=_("Separated by commas, e.g. null, undefined."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        ignored = self.initial.get("ignored")
        if isinstance(ignored, (list, tuple)):
            self.initial["ignored"] = ", ".join(ignored)

    def clean_ignored(self) -> list[str]:
        parts = (part.strip().lower() for part in self.cleaned_data["ignored"].split(","))
        return sorted({part for part in parts if part})


class ReleaseSettingsForm(ItemForm):
    kind = Kind.SETTINGS
    fixed_key: ClassVar[str] = "release"

    holdout_share = forms.FloatField(
        min_value=0,
        max_value=0.99,
        initial=0,
        help_text=_(
            "Share of all people who only ever see fallbacks, to measure against. 0.05 is 5%."
        ),
    )
    holdout_salt = forms.CharField(
        max_length=100,
        initial="holdout",
        help_text=_("A new salt chooses other people."),
    )
    identity = RowsField(
        IdentityForm,
        noun="identifier",
        most=len(NAMESPACES),
        label=_("Who is who"),
        help_text=_("Two users are never joined by what they share, only by an alias call."),
    )

    def offer_choices(self) -> None:
        self.initial.update(key=self.fixed_key, name=_("Release settings"))
        self.initial.setdefault("identity", [asdict(one) for one in IDENTITY])


def fill_choices(form: ItemForm, field: str, kind: Kind) -> None:
    """Offer everything of a kind in a field of choices."""
    form.fields[field].choices = choices(form.candidate.bodies, kind)  # type: ignore[attr-defined]  # a ChoiceField
