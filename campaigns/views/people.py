"""Pages about one person: who sees what and why, and what is known of them."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from campaigns import people_reading, trials
from campaigns.candidates import Candidate, candidate_of
from campaigns.forms.fields import LinesField, LocalTimeField, choices
from campaigns.mapping import Refused
from campaigns.models import Change
from campaigns.models.items import Kind
from campaigns.views.pages import needs, page, user_of
from consent.forms import IN_WORDS, parse_person
from decisioning.rules.compiler import CompileError
from decisioning.rules.values import conform
from decisioning.specs import AttributeSpec
from rtts_site.foundation.redis_clients import Down, redis_client


class PersonField(forms.CharField):
    """A person as people name them; cleans to the person id."""

    def __init__(self) -> None:
        super().__init__(
            label="Person",
            max_length=220,
            help_text="A customer number, or user:…, anonymous:…, or a person id.",
        )

    def clean(self, value: Any) -> str:
        text: str = super().clean(value)
        for name in (text, f"user:{text}"):
            try:
                return parse_person(name).id
            except ValueError:
                continue
        raise forms.ValidationError(IN_WORDS)


class TrialForm(forms.Form):
    person = PersonField()
    under = forms.ChoiceField(label="Under", required=False)
    placements = forms.MultipleChoiceField(
        required=False,
        widget=forms.SelectMultiple(attrs={"size": 6}),
        help_text="None chosen: all of them.",
    )
    at = LocalTimeField(label="At (UTC)", help_text="Empty: now.")
    given = LinesField(
        required=False,
        label="Suppose that",
        help_text="One attribute per line, e.g. country=DE. It overrides what is known.",
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.open_changes = {
            str(change.pk): change
            for change in Change.objects.filter(
                state__in=("draft", "in_review", "approved", "preparing")
            ).order_by("-pk")[:50]
        }
        drafts = [(pk, f"Draft: {change.title}") for pk, change in self.open_changes.items()]
        self.fields["under"].choices = [("", "What is live"), *drafts]  # type: ignore[attr-defined]  # a ChoiceField
        places = choices(self.candidate().bodies, Kind.PLACEMENT)
        self.fields["placements"].choices = places  # type: ignore[attr-defined]  # a ChoiceField

    def change(self) -> Change | None:
        return self.open_changes.get(str(self.data.get("under", "")))

    def candidate(self) -> Candidate:
        return candidate_of(self.change())

    def clean_given(self) -> dict[str, Any]:
        specs = {one.key: one for one in self.candidate().spec.attributes}
        return dict(_fact(line, specs) for line in self.cleaned_data["given"])

    def question(self, *, now: datetime) -> trials.Question:
        at = self.cleaned_data["at"]
        places = self.cleaned_data["placements"] or [
            key
            for key, _ in self.fields["placements"].choices  # type: ignore[attr-defined]  # a ChoiceField
        ]
        return trials.Question(
            person=self.cleaned_data["person"],
            placements=tuple(places),
            now=at.replace(tzinfo=UTC) if at else now,
            given=self.cleaned_data["given"],
            change=self.change(),
        )


def _fact(line: str, specs: dict[str, AttributeSpec]) -> tuple[str, Any]:
    key, equals, text = (part.strip() for part in line.partition("="))
    spec = specs.get(key)
    if not equals or spec is None:
        raise forms.ValidationError(f"Write “{line}” as attribute=value, with a known attribute.")
    for value in _readings(text):
        fact = conform(value, spec.type)
        if fact is not None:
            return key, fact
    raise forms.ValidationError(f"{spec.name} is a {spec.type}; “{text}” is none.")


def _readings(text: str) -> Iterator[Any]:
    """Yield what a text may mean, the narrowest first."""
    with suppress(ValueError):
        yield float(text)
    if text.lower() in ("yes", "true", "no", "false"):
        yield text.lower() in ("yes", "true")
    yield text
    yield [part.strip() for part in text.split(",")]


@require_GET
@needs("view_release")
def simulator(request: HttpRequest) -> HttpResponse:
    form = TrialForm(request.GET or None, user=user_of(request))
    context: dict[str, Any] = {"form": form}
    if form.is_valid():
        try:
            question = form.question(now=timezone.now())
            context["trial"] = trials.try_out(redis_client(), question)
        except (trials.NothingToTry, Refused, CompileError) as error:
            form.add_error(None, str(error))
        except Down:
            form.add_error(None, "The profile store does not answer now; try again shortly.")
    return page(request, "campaigns/simulator.html", context, title="Who sees what")


class PersonForm(forms.Form):
    person = PersonField()


@require_GET
@needs("consent.view_person")
def people_page(request: HttpRequest) -> HttpResponse:
    form = PersonForm(request.GET or None)
    context: dict[str, Any] = {"form": form}
    if form.is_valid():
        try:
            context["known"] = people_reading.read_person(
                redis_client(),
                form.cleaned_data["person"],
                reader=user_of(request).get_username(),
                now=timezone.now(),
            )
        except Down:
            form.add_error(None, "The profile store does not answer now; try again shortly.")
    return page(request, "campaigns/people.html", context, title="One person")
