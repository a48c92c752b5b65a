"""The forms of what the consent policy says beside purposes: jurisdictions and notices."""

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns import limits
from campaigns.forms.catalogue import fill_choices, purposes_field
from campaigns.forms.fields import LabelledForm, LinesField
from campaigns.forms.items import ItemForm
from campaigns.forms.rows import RowsField
from campaigns.mapping import Body
from campaigns.models.items import Kind
from campaigns.wording_labels import CHOICES
from consent.notices import MEDIA_TYPES

DAYS_AT_MOST = limits.VALIDITY_DAYS
PAIR = gettext_lazy("Write one “purpose: value” per line, e.g. “ads: %(example)s”.")


class PairsField(LinesField):
    """One ``key: value`` per line; cleans to a dictionary."""

    def __init__(self, *, example: str, **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)
        self.example = example

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return "\n".join(f"{key}: {one}" for key, one in value.items())
        return value

    def clean(self, value: Any) -> Any:
        pairs = [line.rpartition(":") for line in super().clean(value)]
        if any(not key.strip() for key, _colon, _one in pairs):
            raise ValidationError(PAIR % {"example": self.example})
        return {key.strip(): one.strip() for key, _colon, one in pairs}


class JurisdictionForm(ItemForm):
    kind = Kind.JURISDICTION

    codes = LinesField(
        label=gettext_lazy("Places"),
        help_text=gettext_lazy(
            "Codes of ISO 3166-2, one per line, e.g. DE or US-CA; * is every known place not named."
        ),
    )
    regime = forms.CharField(required=False, max_length=100, label=gettext_lazy("Law"))
    mechanism = forms.ChoiceField(
        choices=list(CHOICES["mechanism"].items()),
        initial="opt_in",
        label=gettext_lazy("How people are asked"),
        help_text=gettext_lazy("Of a person whose place is unknown the strictest of all holds."),
    )
    mechanisms = PairsField(example="opt_out", label=gettext_lazy("Otherwise for these purposes"))
    age_of_consent = forms.IntegerField(
        min_value=0,
        max_value=18,
        initial=16,
        label=gettext_lazy("Age of consent"),
        help_text=gettext_lazy("Below it only a guardian's consent counts."),
    )
    opt_in_below = forms.IntegerField(
        min_value=0, max_value=18, initial=18, label=gettext_lazy("Asked first below the age of")
    )
    ads_from = forms.IntegerField(
        min_value=0,
        max_value=18,
        initial=18,
        label=gettext_lazy("Profiled advertising from the age of"),
        help_text=gettext_lazy("Known minors get none; 0 is no such rule."),
    )
    unknown_age = forms.ChoiceField(
        choices=list(CHOICES["unknown_age"].items()),
        initial="adult",
        label=gettext_lazy("Somebody of unknown age is"),
    )
    gpc_effect = forms.ChoiceField(
        choices=list(CHOICES["gpc_effect"].items()),
        initial="denies",
        label=gettext_lazy("Global Privacy Control"),
    )
    reprompt_days = forms.IntegerField(
        min_value=1,
        max_value=DAYS_AT_MOST,
        initial=365,
        label=gettext_lazy("Asked again after (days)"),
        help_text=gettext_lazy("Nobody who said no is asked again sooner."),
    )
    validity_days = PairsField(
        example="180",
        label=gettext_lazy("Consent holds for (days)"),
        help_text=gettext_lazy(
            "“purpose: days” per line; * is every purpose, @device those that use the device."
        ),
    )
    acknowledge_days = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=DAYS_AT_MOST,
        label=gettext_lazy("Requests are confirmed within (days)"),
    )
    answer_days = forms.IntegerField(
        min_value=1,
        max_value=DAYS_AT_MOST,
        initial=30,
        label=gettext_lazy("Requests are answered within (days)"),
    )
    source_url = forms.URLField(
        assume_scheme="https", max_length=500, label=gettext_lazy("Where this is written")
    )
    reviewed_on = forms.DateField(
        label=gettext_lazy("Last read on"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )

    def clean_validity_days(self) -> dict[str, int]:
        said: dict[str, str] = self.cleaned_data["validity_days"]
        if not all(days.isascii() and days.isdigit() and len(days) < 6 for days in said.values()):
            raise ValidationError(PAIR % {"example": "180"})
        return {purpose: int(days) for purpose, days in said.items()}

    def body_of(self, cleaned: Body) -> Body:
        body = super().body_of(cleaned)
        return {**body, "reviewed_on": cleaned["reviewed_on"].isoformat()}


class TextForm(LabelledForm):
    language = forms.CharField(
        max_length=35, label=gettext_lazy("Language"), help_text=gettext_lazy("E.g. de or en-GB.")
    )
    text = forms.CharField(
        label=gettext_lazy("What people read"), widget=forms.Textarea(attrs={"rows": 6})
    )


class NoticeForm(ItemForm):
    kind = Kind.NOTICE

    version = forms.IntegerField(
        min_value=1,
        max_value=limits.NOTICE_VERSION,
        initial=1,
        help_text=gettext_lazy("New words need a new version; what was shown is never altered."),
    )
    change_class = forms.ChoiceField(
        choices=list(CHOICES["change_class"].items()),
        initial="reconsent",
        label=gettext_lazy("What the change means"),
        help_text=gettext_lazy("Against the version before."),
    )
    effective_from = forms.DateTimeField(
        label=gettext_lazy("In force from"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M:%S"),
        help_text=gettext_lazy("UTC. From then on it has to have been seen."),
    )
    purposes = purposes_field(gettext_lazy("That it asks about."), required=True)
    media_type = forms.ChoiceField(
        choices=[(one, one) for one in MEDIA_TYPES], label=gettext_lazy("Content type")
    )
    texts = RowsField(TextForm, noun="language", most=limits.LANGUAGES, label=gettext_lazy("Words"))
    controller = forms.CharField(
        required=False,
        max_length=200,
        label=gettext_lazy("Who is responsible"),
        help_text=gettext_lazy("The company whose notice it is."),
    )
    workflow_version = forms.CharField(
        required=False,
        max_length=100,
        label=gettext_lazy("Version of the page"),
        help_text=gettext_lazy("That shows it, e.g. a build."),
    )

    def offer_choices(self) -> None:
        fill_choices(self, "purposes", Kind.PURPOSE)

    def initial_of(self, body: Body) -> Body:
        starts = body.get("effective_from")
        rows = [{"language": key, "text": text} for key, text in body.get("texts", {}).items()]
        at = datetime.fromisoformat(starts).astimezone(UTC).replace(tzinfo=None) if starts else None
        return {**body, "texts": rows, "effective_from": at}

    def clean_texts(self) -> dict[str, str]:
        rows: list[dict[str, str]] = self.cleaned_data["texts"]
        said = {row["language"]: row["text"] for row in rows}
        if len(said) < len(rows):
            raise ValidationError(_("Each language is there once."))
        return said

    def body_of(self, cleaned: Body) -> Body:
        body = super().body_of(cleaned)
        starts = cleaned["effective_from"].replace(tzinfo=UTC)
        return {**body, "effective_from": starts.isoformat().replace("+00:00", "Z")}
