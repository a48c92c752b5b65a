"""Fields that several authoring forms share: local times, JSON objects, choices from a candidate."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django import forms
from django.core.exceptions import ValidationError

from campaigns.mapping import Bodies
from campaigns.models.items import Kind


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
            moment = datetime.fromisoformat(str(value).strip())
        except ValueError:
            raise ValidationError("Write date and time, e.g. 2027-01-31T09:00.") from None
        return moment.replace(tzinfo=None)


def in_zone(moment: datetime, zone: str) -> datetime:
    """Return the instant that a wall clock in a zone shows this time.

    Raises:
        ValidationError: the clock skips this time, or shows it twice.
    """
    aware = moment.replace(tzinfo=ZoneInfo(zone))
    if aware.astimezone(UTC).astimezone(aware.tzinfo).replace(tzinfo=None) != moment:
        later = (aware.astimezone(UTC) + timedelta(0)).astimezone(aware.tzinfo)
        raise ValidationError(
            f"Clocks in {zone} skip this time; the next valid time is {later:%H:%M}."
        )
    if aware.utcoffset() != aware.replace(fold=1).utcoffset():
        raise ValidationError(f"Clocks in {zone} show this time twice; choose one an hour later.")
    return aware


def as_local(value: str | None, zone: str) -> datetime | None:
    """Return what a wall clock in a zone shows at an instant of a body."""
    if not value:
        return None
    return datetime.fromisoformat(value).astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def zone_field() -> forms.ChoiceField:
    """Return the choice of time zone that dates are written in."""
    zones = sorted(zone for zone in available_timezones() if "/" in zone or zone == "UTC")
    return forms.ChoiceField(
        choices=[(zone, zone) for zone in zones],
        initial="UTC",
        label="Time zone",
        help_text="Start and end are written in this zone, e.g. Europe/Berlin.",
    )


class ObjectField(forms.CharField):
    """A JSON object typed as text, for the content that the plain fields do not cover."""

    widget = forms.Textarea(attrs={"rows": 3})

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return json.dumps(value, indent=2, ensure_ascii=False) if value else ""
        return value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)

    def clean(self, value: Any) -> dict[str, Any]:
        text = super().clean(value)
        if not text:
            return {}
        try:
            found = json.loads(text, parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            raise ValidationError('Write a JSON object, e.g. {"badge": "New"}.') from None
        if not isinstance(found, dict):
            raise ValidationError('Write a JSON object, e.g. {"badge": "New"}.')
        return found


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


class LinesField(forms.CharField):
    """One value per line; cleans to a list."""

    widget = forms.Textarea(attrs={"rows": 4})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, (list, tuple)) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)

    def clean(self, value: Any) -> list[str]:
        text = super().clean(value)
        return [line.strip() for line in text.splitlines() if line.strip()]


def choices(bodies: Bodies, kind: Kind) -> list[tuple[str, str]]:
    """Return key and name of everything of a kind, by name."""
    found = [(key, body.get("name") or key) for (k, key), body in bodies.items() if k == kind]
    return sorted(found, key=lambda pair: pair[1].lower())


def with_blank(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return choices that begin with none."""
    return [("", "---------"), *pairs]
