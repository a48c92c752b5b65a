"""The forms of segments, offers, campaigns and experiments."""

from collections.abc import Iterator
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns import limits
from campaigns.forms.arms import conditions_field, kept_field, readable
from campaigns.forms.caps import UNITS, CapForm, cap_of, span_parts
from campaigns.forms.catalogue import fill_choices, purposes_field
from campaigns.forms.fields import LabelledForm, choices, with_blank
from campaigns.forms.items import ItemForm, with_fields
from campaigns.forms.rows import RowsField
from campaigns.forms.schedules import (
    LocalTimeField,
    hours_field,
    hours_of,
    local_times,
    put_in_zone,
    zone_field,
)
from campaigns.forms.variants import VariantForm, devices_in, variant_of
from campaigns.mapping import Body
from campaigns.models.items import Kind
from campaigns.rule_builder.fields import ConditionField
from campaigns.wording import Names
from decisioning.rules.catalogue import Catalogue

TERMS = {
    "priority": gettext_lazy("The offer's priority"),
    "value": gettext_lazy("The offer's value"),
    "outcome_rate": gettext_lazy("How often it is taken up"),
    "recency": gettext_lazy("How recently the person was active"),
    "depth": gettext_lazy("How far the person read the page"),
}


class SegmentForm(ItemForm):
    kind = Kind.SEGMENT

    condition = forms.Field(label=gettext_lazy("Who is in this segment?"))
    leaving = forms.Field(required=False)
    stay = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=100_000,
        label=gettext_lazy("Shortest stay"),
        help_text=gettext_lazy(
            "Who entered stays at least this long, so that one short visit does not flip it. Empty: no limit."
        ),
    )
    unit = forms.ChoiceField(
        label=gettext_lazy("Unit of the shortest stay"),
        choices=[
            ("minutes", gettext_lazy("minutes")),
            ("hours", gettext_lazy("hours")),
            ("days", gettext_lazy("days")),
        ],
        initial="minutes",
        required=False,
    )

    def offer_choices(self) -> None:
        own = self.instance.key if self.instance.pk else ""
        self.fields["condition"] = ConditionField(
            catalogue_of(self),
            exclude_segment=own,
            label=_("Who is in this segment?"),
            help_text=_("People for whom this is certainly true."),
        )
        self.fields["leaving"] = ConditionField(
            catalogue_of(self),
            exclude_segment=own,
            empty_is_nobody=True,
            required=False,
            label=_("Who leaves it?"),
            help_text=_(
                "Who is in it leaves once this is certainly true, e.g. a lower threshold. Nothing: once the condition above is no longer true."
            ),
        )

    def initial_of(self, body: Body) -> Body:
        stay, unit = span_parts(body.get("stay_s") or 0)
        return {**body, "stay": stay or None, "unit": unit}

    def body_of(self, cleaned: Body) -> Body:
        body = super().body_of(cleaned)
        stay, unit = body.pop("stay"), body.pop("unit") or "minutes"
        return {**body, "leaving": body["leaving"] or {}, "stay_s": (stay or 0) * UNITS[unit]}

    def field_for(self, body_field: str) -> str:
        return {"stay_s": "stay"}.get(body_field, body_field)


class OfferForm(ItemForm):
    kind = Kind.OFFER

    purposes = purposes_field(
        gettext_lazy(
            "Why it is shown; a person has to permit all of them. None: nothing personal is used."
        ),
        required=False,
    )
    eligibility = forms.Field()
    variants = RowsField(VariantForm, noun="variant", most=limits.VARIANTS, required=True)
    time_zone = zone_field()
    starts_at = LocalTimeField(
        label=gettext_lazy("Starts"), help_text=gettext_lazy("Empty: at once.")
    )
    ends_at = LocalTimeField(
        label=gettext_lazy("Ends"),
        help_text=gettext_lazy("Empty: never. It is not shown from then on."),
    )
    caps = RowsField(
        CapForm, noun="limit", most=limits.CAPS, label=gettext_lazy("Limits on showing")
    )
    category = forms.CharField(
        required=False,
        max_length=100,
        help_text=gettext_lazy("A placement shows at most one offer of a category."),
    )
    priority = forms.FloatField(
        min_value=0,
        max_value=1,
        initial=0.5,
        help_text=gettext_lazy("0 to 1; weighed by the campaign."),
    )
    value = forms.FloatField(
        min_value=0,
        max_value=1,
        initial=0,
        help_text=gettext_lazy("What it is worth to us, 0 to 1."),
    )
    significant_effect = forms.BooleanField(
        required=False,
        label=gettext_lazy("Decides on something significant"),
        help_text=gettext_lazy("Credit, insurance, price: its purposes have to allow that."),
    )
    review_route = forms.CharField(
        required=False,
        max_length=500,
        label=gettext_lazy("How to ask for a human's review"),
        help_text=gettext_lazy("An address or a number that people are told."),
    )

    def offer_choices(self) -> None:
        fill_choices(self, "purposes", Kind.PURPOSE)
        self.fields["eligibility"] = eligibility_field(self, _("Who may see this offer?"))
        placements = choices(self.candidate.bodies, Kind.PLACEMENT)
        self.fields["variants"].widget.form_kwargs = {
            "placements": placements,
            "devices": devices_in(self.candidate.bodies),
        }

    def times_of(self, body: Body, zone: str) -> Body:
        return local_times(body, zone)

    def initial_of(self, body: Body) -> Body:
        return {**body, **local_times(body, "UTC"), "time_zone": "UTC"}

    def clean(self) -> dict[str, Any]:
        put_in_zone(self)
        return super().clean()

    def body_of(self, cleaned: Body) -> Body:
        return {
            **super().body_of(cleaned),
            "eligibility": cleaned.get("eligibility") or {},
            "variants": [variant_of(row) for row in cleaned["variants"]],
            "caps": [cap_of(row) for row in cleaned["caps"]],
        }


def weight_fields() -> dict[str, forms.Field]:
    """Return one field for the weight of each term of a score."""
    return {
        f"weight_{term}": forms.FloatField(
            required=False,
            min_value=0,
            max_value=limits.WEIGHT,
            initial=1 if term == "priority" else None,
            label=_("Weight: {value}{label}").format(value=label[0].lower(), label=label[1:]),
        )
        for term, label in TERMS.items()
    }


@with_fields(weight_fields())
class CampaignForm(ItemForm):
    kind = Kind.CAMPAIGN

    offers = forms.MultipleChoiceField(
        widget=forms.SelectMultiple(attrs={"size": 8}),
        help_text=gettext_lazy("An offer is shown only in a campaign."),
    )
    fallback_offer = forms.ChoiceField(
        required=False,
        help_text=gettext_lazy("Shown where no other offer of the campaign may be; for everyone."),
    )
    goal_event = forms.ChoiceField(
        label=gettext_lazy("Goal"), help_text=gettext_lazy("The event that counts as conversion.")
    )
    time_zone = zone_field()
    starts_at = LocalTimeField(
        label=gettext_lazy("Starts"), help_text=gettext_lazy("Empty: at once.")
    )
    ends_at = LocalTimeField(label=gettext_lazy("Ends"), help_text=gettext_lazy("Empty: never."))
    clock = forms.ChoiceField(
        choices=[
            ("zone", gettext_lazy("of this time zone, for everyone at once")),
            ("person", gettext_lazy("of each person, where their time zone is known")),
        ],
        initial="zone",
        label=gettext_lazy("Dates and hours are read on the clock"),
        help_text=gettext_lazy("A person's zone is the attribute “time_zone” of the catalogue."),
    )
    hours = hours_field(
        label=gettext_lazy("Only at these hours"), help_text=gettext_lazy("None: at any hour.")
    )
    in_quiet_hours = forms.BooleanField(
        required=False,
        label=gettext_lazy("Is shown in quiet hours too"),
        help_text=gettext_lazy("For what people wait for, e.g. a delivery that is on its way."),
    )
    eligibility = forms.Field()
    holdout_share = forms.FloatField(
        min_value=0,
        max_value=0.99,
        initial=0,
        label=gettext_lazy("Holdout"),
        help_text=gettext_lazy(
            "Share of people kept out of this campaign, to measure against. 0.05 is 5%."
        ),
    )
    owner = forms.CharField(
        required=False, max_length=100, help_text=gettext_lazy("Who answers for it.")
    )

    def offer_choices(self) -> None:
        offers = choices(self.candidate.bodies, Kind.OFFER)
        self.fields["offers"].choices = offers  # type: ignore[attr-defined]  # a ChoiceField
        self.fields["fallback_offer"].choices = with_blank(offers)  # type: ignore[attr-defined]  # a ChoiceField
        goals = with_blank(choices(self.candidate.bodies, Kind.EVENT_TYPE))
        self.fields["goal_event"].choices = goals  # type: ignore[attr-defined]  # a ChoiceField
        self.fields["eligibility"] = eligibility_field(self, _("Who may see this campaign?"))

    def times_of(self, body: Body, zone: str) -> Body:
        return local_times(body, zone)

    def initial_of(self, body: Body) -> Body:
        weights = {f"weight_{term}": body.get("weights", {}).get(term) for term in TERMS}
        zone = body.get("time_zone") or "UTC"
        return {**body, **local_times(body, zone), **weights, "time_zone": zone}

    def clean(self) -> dict[str, Any]:
        put_in_zone(self)
        return super().clean()

    def body_of(self, cleaned: Body) -> Body:
        body = super().body_of(cleaned)
        kept = {name: value for name, value in body.items() if not name.startswith("weight_")}
        weights = {term: cleaned[f"weight_{term}"] for term in TERMS if cleaned[f"weight_{term}"]}
        return {
            **kept,
            "weights": weights,
            "eligibility": cleaned.get("eligibility") or {},
            "time_zone": cleaned["time_zone"],
            "hours": hours_of(cleaned["hours"]),
        }

    def field_for(self, body_field: str) -> str:
        return "weight_priority" if body_field == "weights" else body_field


class ArmForm(LabelledForm):
    key = forms.CharField(max_length=100, label=gettext_lazy("Arm"), help_text="E.g. control")
    share = forms.FloatField(min_value=0, max_value=1, help_text=gettext_lazy("0.5 is half."))
    variants = forms.CharField(
        required=False,
        max_length=2000,
        label=gettext_lazy("Shows"),
        help_text=gettext_lazy("offer=variant, separated by commas, e.g. winter-sale=b"),
    )
    excluded_offers = forms.MultipleChoiceField(
        required=False,
        label=gettext_lazy("Without"),
        widget=forms.SelectMultiple(attrs={"size": 3}),
    )
    eligibility = conditions_field()
    weights = kept_field()

    def __init__(
        self, *args: Any, offers: list[tuple[str, str]], names: Names | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.fields["eligibility"].widget.names = names
        self.fields["excluded_offers"].choices = offers  # type: ignore[attr-defined]  # a ChoiceField
        variants = self.initial.get("variants")
        if isinstance(variants, dict):
            self.initial["variants"] = ", ".join(
                f"{key}={value}" for key, value in variants.items()
            )

    def clean_variants(self) -> dict[str, str]:
        return dict(_pairs(self.cleaned_data["variants"]))

    def clean_eligibility(self) -> Body:
        said: Body = self.cleaned_data["eligibility"]
        if not readable(said):
            raise ValidationError(_("Reload the page: these conditions cannot be read."))
        return said


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for part in filter(None, (part.strip() for part in text.split(","))):
        offer, equals, variant = (piece.strip() for piece in part.partition("="))
        if not (offer and equals and variant):
            raise ValidationError(_("Write “{part}” as offer=variant.").format(part=part))
        yield offer, variant


class ExperimentForm(ItemForm):
    kind = Kind.EXPERIMENT

    campaign = forms.ChoiceField(help_text=gettext_lazy("Its offers are compared."))
    traffic = forms.FloatField(
        min_value=0,
        max_value=1,
        initial=1,
        help_text=gettext_lazy("Share of people who take part; 1 is all."),
    )
    salt = forms.CharField(
        max_length=100,
        help_text=gettext_lazy("Decides who lands in which arm; never use one again."),
    )
    arms = RowsField(ArmForm, noun="arm", most=limits.ARMS, required=True)

    def offer_choices(self) -> None:
        campaigns = with_blank(choices(self.candidate.bodies, Kind.CAMPAIGN))
        self.fields["campaign"].choices = campaigns  # type: ignore[attr-defined]  # a ChoiceField
        offers = choices(self.candidate.bodies, Kind.OFFER)
        names = Names(self.candidate.bodies)
        self.fields["arms"].widget.form_kwargs = {"offers": offers, "names": names}


def catalogue_of(form: ItemForm) -> Catalogue:
    """Return what a condition of this form may name."""
    return form.candidate.catalogue


def eligibility_field(form: ItemForm, label: str) -> forms.Field:
    """Return the field for an eligibility, which may be everyone."""
    is_offer = form.kind == Kind.OFFER and not form.is_new
    return ConditionField(
        catalogue_of(form),
        required=False,
        offer=form.instance.key if is_offer else "",
        label=label,
        help_text=_("No condition: everyone."),
    )
