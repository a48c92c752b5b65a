"""The form in which a question is put to the simulator: who, where, when, under what, and what is supposed."""

import re
import secrets
from collections.abc import Iterator
from datetime import datetime
from functools import cached_property
from typing import Any, Final

from django import forms
from django.forms import BoundField
from django.utils.translation import gettext_lazy as _

from campaigns.candidates import candidate_of
from campaigns.flip_wording import FlipWords
from campaigns.forms import facts
from campaigns.forms.people import PersonField
from campaigns.forms.schedules import LocalTimeField, in_zone, zone_field
from campaigns.mapping import Refused
from campaigns.models import Change, Release
from campaigns.stages import OPEN, NothingToTry, Under, spec_of
from campaigns.trials import Question, Saying
from consent.people import Identifier, person_id
from consent.policy import PolicySpec
from consent.policy_store import live_policy
from decisioning.messages import ConsentAsk, PlacementAsk
from decisioning.rules.catalogue import with_moment
from decisioning.rules.conditions import Catalogue, ConditionError, aggregates, parse
from decisioning.specs import AggregateSpec, ReleaseSpec
from rtts_site.foundation.language import told

MOST_EVENTS: Final = 60  # counts of events on one page
MOST_RELEASES: Final = 50
DICE: Final = re.compile(r"[0-9a-f]{32}")
_CONSENTS: Final = [
    ("", _("as recorded")),
    ("allow", _("allow")),
    ("deny", _("deny")),
    ("unknown", _("unknown")),
]
_MAIN: Final = ("who", "person", "under", "channel", "placements", "at", "zone")
_SIGNALS: Final = ("gpc", "tcf", "gpp")


class SimulatorForm(forms.Form):
    who = forms.ChoiceField(
        label=_("Who"),
        choices=[("person", _("a person")), ("made-up", _("somebody made up"))],
        initial="person",
        widget=forms.RadioSelect,
    )
    person = PersonField(required=False)
    dice = forms.CharField(widget=forms.HiddenInput, required=False, max_length=32)
    under = forms.ChoiceField(label=_("Under"), required=False)
    channel = forms.ChoiceField(label=_("Channel"), required=False)
    placements = forms.MultipleChoiceField(
        label=_("Placements"),
        required=False,
        widget=forms.SelectMultiple(attrs={"size": 5}),
        help_text=_("None chosen: all of the channel."),
    )
    at = LocalTimeField(label=_("At"), help_text=_("Empty: now."))
    zone = zone_field()
    gpc = forms.BooleanField(
        label=_("Global Privacy Control"), required=False, help_text=_("As the browser sends it.")
    )
    tcf = forms.CharField(label=_("TCF string"), required=False, max_length=10_000)
    gpp = forms.CharField(label=_("GPP string"), required=False, max_length=10_000)

    def __init__(self, data: Any = None, *, asked: Any = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.asked = data if data is not None else (asked or {})
        self.fields["zone"].help_text = ""
        self.fields["dice"].initial = secrets.token_hex(16)
        self.trouble = ""
        self._offer_subjects()
        self._offer_places()
        for purpose in self.policy.purposes if self.policy else ():
            self.fields[f"consent-{purpose.key}"] = forms.ChoiceField(
                choices=_CONSENTS, required=False, label=purpose.name
            )
        for spec in self.attributes.values():
            self.fields[f"fact-{spec.key}"] = facts.attribute_field(spec)
        for key, one in self.events.items():
            self.fields[f"fact-{key}"] = facts.aggregate_field(one, self.words.aggregate(one))

    def _offer_subjects(self) -> None:
        changes = Change.objects.filter(state__in=OPEN).order_by("-pk")[:50]
        past = Release.objects.exclude(version=None).defer("spec", "artifact", "policy")
        past = past.exclude(state=Release.State.LIVE).order_by("-version")[:MOST_RELEASES]
        self.subjects: dict[str, Under] = {f"change-{one.pk}": one for one in changes}
        drafts = [(key, str(one)) for key, one in self.subjects.items()]
        releases = {f"release-{one.pk}": one for one in past}
        self.subjects |= releases
        named = [(key, str(one)) for key, one in releases.items()]
        choices = [
            ("", _("What is live")),
            (_("Open changes"), drafts),
            (_("Past releases"), named),
        ]
        self.fields["under"].choices = choices  # type: ignore[attr-defined]  # a ChoiceField

    def _offer_places(self) -> None:
        channels = [(one.key, one.name) for one in self.spec.channels]
        every = [("", _("every channel")), *channels]
        self.fields["channel"].choices = every  # type: ignore[attr-defined]  # a ChoiceField
        places = sorted((one.key, one.name) for one in self.spec.placements)
        self.fields["placements"].choices = places  # type: ignore[attr-defined]  # a ChoiceField

    @property
    def subject(self) -> Under:
        return self.subjects.get(str(self.asked.get("under", "")))

    @cached_property
    def spec(self) -> ReleaseSpec:
        """The release whose names the form offers; empty where there is none that can be read."""
        under = self.subject
        try:
            return spec_of(under) if isinstance(under, Release) else candidate_of(under).spec
        except (NothingToTry, Refused) as error:
            self.trouble = told(error)
            return ReleaseSpec()

    @cached_property
    def policy(self) -> PolicySpec | None:
        under = self.subject
        return candidate_of(under).policy if isinstance(under, Change) else live_policy()

    @cached_property
    def catalogue(self) -> Catalogue:
        return Catalogue.of(self.spec)

    @cached_property
    def words(self) -> FlipWords:
        return FlipWords(self.catalogue, self.policy, "UTC")

    @cached_property
    def attributes(self) -> dict[str, Any]:
        return {**with_moment(self.spec.attributes)}

    @cached_property
    def events(self) -> dict[str, AggregateSpec]:
        """The counts that the conditions of the chosen placements' offers read, as many as fit a page."""
        found: dict[str, AggregateSpec] = {}
        for condition in self._conditions():
            try:
                tree = parse(condition, self.catalogue)
            except ConditionError:
                continue
            found |= {one.key: one for one in sorted(aggregates(tree), key=lambda one: one.key)}
            if len(found) > MOST_EVENTS:
                self.fields["placements"].help_text = _(
                    "Choose some: their offers count more kinds of events than this page lists."
                )
                break
        return dict(list(found.items())[:MOST_EVENTS])

    def _conditions(self) -> Iterator[Any]:
        chosen = self.asked.getlist("placements") if hasattr(self.asked, "getlist") else []
        offers = {
            one.key: one
            for one in self.spec.offers
            if not chosen or any(set(chosen) & set(v.placements) for v in one.variants)
        }
        yield from (one.eligibility for one in offers.values())
        for campaign in self.spec.campaigns:
            if offers.keys() & set(campaign.offers):
                yield campaign.eligibility

    def clean_dice(self) -> str:
        said: str = self.cleaned_data["dice"]
        return said if DICE.fullmatch(said) else secrets.token_hex(16)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if self.trouble:
            self.add_error("under", self.trouble)
        if cleaned.get("who") == "person" and not cleaned.get("person") and not self.errors:
            self.add_error("person", _("Say who, or choose somebody made up."))
        zone = cleaned.get("zone") or "UTC"
        self.given = dict(self._given(cleaned, zone))
        self._place_in_time(cleaned, zone)
        return cleaned

    def _given(self, cleaned: dict[str, Any], zone: str) -> Iterator[tuple[str, Any]]:
        for name, said in cleaned.items():
            if not name.startswith("fact-") or not facts.is_given(said):
                continue
            key = name.removeprefix("fact-")
            try:
                if key in self.events:
                    yield key, facts.aggregate_fact(self.events[key], said)
                else:
                    yield key, facts.attribute_fact(self.attributes[key], said, zone)
            except forms.ValidationError as error:
                self._wrong[name] = error

    @cached_property
    def _wrong(self) -> dict[str, forms.ValidationError]:
        return {}

    def _place_in_time(self, cleaned: dict[str, Any], zone: str) -> None:
        if cleaned.get("at"):
            try:
                cleaned["at"] = in_zone(cleaned["at"], zone)
            except forms.ValidationError as error:
                self._wrong["at"] = error
        for name, wrong in self._wrong.items():
            self.add_error(name, wrong)

    @property
    def identifier(self) -> Identifier | None:
        """How a channel would name who is asked about; None for a person id."""
        if self.cleaned_data["who"] == "made-up":
            return Identifier("anonymous", self.cleaned_data["dice"])
        found: Identifier | None = self.cleaned_data["person"].identifier
        return found

    def question(self, *, now: datetime, pepper: bytes) -> Question:
        """Return the question that was put."""
        said = self.cleaned_data
        made_up = said["who"] == "made-up"
        if made_up:
            person = person_id(Identifier("anonymous", said["dice"]), pepper=pepper)
        else:
            person = said["person"].id
        consent: dict[str, Saying] = {
            name.removeprefix("consent-"): saying
            for name, saying in said.items()
            if name.startswith("consent-") and saying
        }
        return Question(
            person=person,
            placements=self.places(),
            now=said["at"] or now,
            is_made_up=made_up,
            given=self.given,
            consent=consent,
            signals=ConsentAsk(gpc=said["gpc"], tcf=said["tcf"], gpp=said["gpp"]),
        )

    def places(self) -> tuple[PlacementAsk, ...]:
        """Return the placements to ask for, each with as many offers as it can show."""
        said = self.cleaned_data
        return tuple(
            PlacementAsk(one.key, one.max_count)
            for one in self.spec.placements
            if (one.key in said["placements"] or not said["placements"])
            and said["channel"] in ("", one.channel)
        )

    def main_fields(self) -> list[BoundField]:
        return [self[name] for name in _MAIN]

    def signal_fields(self) -> list[BoundField]:
        return [self[name] for name in _SIGNALS]

    def consent_fields(self) -> list[BoundField]:
        return [self[name] for name in self.fields if name.startswith("consent-")]

    def context_fields(self) -> list[BoundField]:
        return [self[f"fact-{one.key}"] for one in facts.labelled(self.attributes, "context")]

    def attribute_fields(self) -> list[BoundField]:
        return [self[f"fact-{one.key}"] for one in facts.labelled(self.attributes, "profile")]

    def event_fields(self) -> list[BoundField]:
        return [self[f"fact-{key}"] for key in self.events]

    def link(self) -> dict[str, Any]:
        """Return what of the question may stand in an address: nothing about a person."""
        said = self.cleaned_data
        names = ("under", "channel", "zone")
        parts: dict[str, Any] = {name: said[name] for name in names if said[name]}
        parts |= {"placements": said["placements"]} if said["placements"] else {}
        parts |= {"at": said["at"].strftime("%Y-%m-%dT%H:%M")} if said["at"] else {}
        return parts
