"""The fields of forms that say when: local times that exist, hours of the week, and whose clock."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo, available_timezones

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns import limits
from campaigns.forms.rows import RowsField
from campaigns.mapping import Body

DAYS: Final = (
    gettext_lazy("Monday"),
    gettext_lazy("Tuesday"),
    gettext_lazy("Wednesday"),
    gettext_lazy("Thursday"),
    gettext_lazy("Friday"),
    gettext_lazy("Saturday"),
    gettext_lazy("Sunday"),
)
LONGEST_GAP: Final = timedelta(hours=48)  # a whole day has been skipped, at a date line


class LocalTimeField(forms.DateTimeField):
    """A wall-clock time; the form puts it into the time zone chosen beside it."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
        super().__init__(widget=widget, required=False, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return value

    def to_python(self, value: Any) -> datetime | None:
        if value in self.empty_values or isinstance(value, datetime):
            return value or None
        try:
            moment: datetime | None = datetime.fromisoformat(str(value).strip())
        except ValueError:
            moment = None
        # A zone that is written beside the one chosen would be one too many.
        if moment is None or moment.tzinfo or not _is_near(moment):
            raise ValidationError(_("Write date and time, e.g. 2027-01-31T09:00."))
        return moment


def _is_near(moment: datetime) -> bool:
    return limits.FIRST_YEAR <= moment.year <= limits.LAST_YEAR


def in_zone(moment: datetime, zone: str) -> datetime:
    """Return the instant at which a wall clock in a zone shows this time.

    Raises:
        ValidationError: the clock skips this time, or shows it twice; the message names the next that will do.
    """
    clock = ZoneInfo(zone)
    aware = moment.replace(tzinfo=clock)
    if not _is_skipped(moment, clock) and not _is_doubled(moment, clock):
        return aware
    text = (
        _("Clocks in %(zone)s skip this time; the next valid time is %(next)s.")
        if _is_skipped(moment, clock)
        else _("Clocks in %(zone)s show this time twice; the next valid time is %(next)s.")
    )
    raise ValidationError(text % {"zone": zone, "next": f"{_next_valid(moment, clock):%H:%M}"})


def _is_skipped(moment: datetime, clock: ZoneInfo) -> bool:
    there = moment.replace(tzinfo=clock).astimezone(UTC)
    return there.astimezone(clock).replace(tzinfo=None) != moment


def _is_doubled(moment: datetime, clock: ZoneInfo) -> bool:
    aware = moment.replace(tzinfo=clock)
    return aware.utcoffset() != aware.replace(fold=1).utcoffset()


def _next_valid(moment: datetime, clock: ZoneInfo) -> datetime:
    later = moment.replace(second=0, microsecond=0)
    while later < moment + LONGEST_GAP and (_is_skipped(later, clock) or _is_doubled(later, clock)):
        later += timedelta(minutes=1)
    return later


def as_local(value: str | None, zone: str) -> datetime | None:
    """Return what a wall clock in a zone shows at an instant of a body."""
    if not value:
        return None
    return datetime.fromisoformat(value).astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def local_times(body: Body, zone: str) -> Body:
    """Return start and end of a body as wall clocks of a zone show them."""
    return {name: as_local(body.get(name), zone) for name in ("starts_at", "ends_at")}


def put_in_zone(form: forms.Form | forms.BaseModelForm[Any]) -> None:
    """Turn the local start and end of a form into instants; an impossible time is an error of its field."""
    zone = form.cleaned_data.get("time_zone")
    for name in ("starts_at", "ends_at"):
        moment = form.cleaned_data.get(name)
        if moment is None or zone is None:
            continue
        try:
            form.cleaned_data[name] = in_zone(moment, zone)
        except ValidationError as error:
            form.add_error(name, error)


def zone_field(help_text: Any = None) -> forms.ChoiceField:
    """Return the choice of a time zone."""
    zones = sorted(zone for zone in available_timezones() if "/" in zone or zone == "UTC")
    return forms.ChoiceField(
        choices=[(zone, zone) for zone in zones],
        initial="UTC",
        label=gettext_lazy("Time zone"),
        help_text=help_text
        or gettext_lazy("Start and end are written in this zone, e.g. Europe/Berlin."),
    )


class HoursForm(forms.Form):
    """Hours of some days of the week."""

    days = forms.TypedMultipleChoiceField(
        choices=list(enumerate(DAYS)),
        coerce=int,
        label=gettext_lazy("Days"),
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text=gettext_lazy("None chosen: every day. A night counts to the day it starts on."),
    )
    starts = forms.TimeField(
        label=gettext_lazy("From"), widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    ends = forms.TimeField(
        label=gettext_lazy("Until"), widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )


def hours_field(**kwargs: Any) -> RowsField:
    """Return the field for hours of the week."""
    return RowsField(HoursForm, noun="time", most=limits.HOURS, **kwargs)


def hours_of(rows: list[Body]) -> list[Body]:
    """Return the rows of an hours field as a body keeps them."""
    return [
        {
            "days": row["days"] or list(range(len(DAYS))),
            "starts": f"{row['starts']:%H:%M}",
            "ends": f"{row['ends']:%H:%M}",
        }
        for row in rows
    ]
