"""What a change of consent looks like on the wire, and every check of it that names a field."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from django.conf import settings
from rest_framework import serializers

from consent.changes import (
    MAX_SKEW,
    STATED,
    Actor,
    ConsentChange,
    Evidence,
    comes_too_early,
    missing_evidence,
)
from consent.channels import Channels, UnknownChannelError, known_channels
from consent.people import PARTITIONS, Identifier, parse_name, partition_of, person_id
from consent.policy import AGES, EVENT_TYPES, EVERY_CHANNEL, PolicySpec, Status
from consent.shown import NotShownError, under, with_notice
from consent.telltale import telltale

MAX_CHANGES = 100
MAX_IDENTIFIER = 200
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)  # a clock that says less is wrong
PERSON_ID = re.compile(r"p\d{3}[0-9a-f]{20}")
LATEST = datetime(9999, 1, 1, tzinfo=UTC)  # rounded to a float, later times leave the calendar
IN_WORDS = "Write user:<user_id>, anonymous:<anonymous_id> or a person id."


@dataclass(frozen=True, slots=True)
class Named:
    """A person as somebody named them."""

    id: str
    identifier: Identifier | None = None


def parse_person(text: str) -> Named:
    """Return who ``user:c-42``, ``anonymous:d-9`` or a person id means.

    Raises:
        ValueError: none of them; the message says what to write.
    """
    if PERSON_ID.fullmatch(text) and partition_of(text) < PARTITIONS:
        return Named(text)
    identifier = parse_name(text)
    if identifier is None or len(identifier.value) > MAX_IDENTIFIER:
        raise ValueError(IN_WORDS)
    return _named(identifier)


def _named(identifier: Identifier) -> Named:
    return Named(person_id(identifier, pepper=settings.RTTS_PEPPER), identifier)


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields that it does not know: a mistyped one could have been a no."""

    def to_internal_value(self, data: Any) -> Any:
        unknown = set(data) - set(self.fields) if isinstance(data, Mapping) else ()
        if unknown:
            raise serializers.ValidationError(dict.fromkeys(sorted(unknown), ["Unknown field."]))
        return super().to_internal_value(data)


class ChangeForm(StrictSerializer):
    purpose = serializers.CharField(max_length=100)
    channel = serializers.CharField(
        max_length=100,
        default=EVERY_CHANNEL,
        help_text="`*` speaks for every channel; so does a no on one that does not exist.",
    )
    status = serializers.ChoiceField([str(status) for status in STATED])
    event_type = serializers.ChoiceField(
        list(EVENT_TYPES), default="expressed", help_text="How clearly the person said it."
    )
    event_time = serializers.DateTimeField(
        help_text="When they said it; a grant ahead of our clock ends no denial of the last 5 minutes."
    )
    expires_at = serializers.DateTimeField(
        required=False, allow_null=True, default=None, help_text="No later than the policy says."
    )

    def validate_purpose(self, value: str) -> str:
        policy: PolicySpec = self.context["policy"]
        if policy.purpose(value) is None:
            known = ", ".join(purpose.key for purpose in policy.purposes)
            raise serializers.ValidationError(f"The consent policy has: {known}.")
        return value

    def validate(self, attrs: Any) -> ConsentChange:
        purpose = self.context["policy"].purpose(attrs["purpose"])
        change = under(purpose, ConsentChange(**(attrs | {"status": Status(attrs["status"])})))
        if comes_too_early(change, now=self.context["now"]):
            minutes = MAX_SKEW.seconds // 60
            raise _wrong("event_time", f"More than {minutes} minutes ahead of our clock.")
        if change.event_time < EARLIEST:
            raise _wrong("event_time", "Before 1990: the sender's clock is wrong.")
        if change.expires_at is not None and change.expires_at <= change.event_time:
            raise _wrong("expires_at", "Must be after event_time.")
        if change.expires_at is not None and change.expires_at >= LATEST:
            raise _wrong("expires_at", "Must be before 9999; leave it out where nothing ends it.")
        try:
            return change if change.channel == EVERY_CHANNEL else self._channels.bind(change)
        except UnknownChannelError as error:
            raise _wrong("channel", str(error)) from error

    @cached_property
    def _channels(self) -> Channels:
        """Return the channels that there are; asked once for all changes of a request."""
        return known_channels()


class Unrevealing(serializers.CharField):
    """A text that records keep: refuses what names somebody or follows them about."""

    def to_internal_value(self, data: Any) -> str:
        text: str = super().to_internal_value(data)
        found = telltale(text)
        if found:
            words = f"It holds {found}; records of consent keep none. Send a reference of yours."
            raise serializers.ValidationError(words)
        return text


class EvidenceForm(StrictSerializer):
    controller = Unrevealing(max_length=200, required=False)
    collection_method = Unrevealing(
        max_length=200,
        required=False,
        help_text="How it was said; of a guardian also how you made sure that they are one.",
    )
    notice_version = serializers.CharField(max_length=100, required=False)
    language = serializers.CharField(max_length=35, required=False)
    jurisdiction = serializers.RegexField(
        r"^(unknown|[A-Z]{2}(-[A-Z0-9]{1,3})?)$",
        required=False,
        help_text="ISO 3166-2, e.g. `DE` or `US-CA`, or `unknown`.",
    )
    service = Unrevealing(max_length=200, required=False)
    source = Unrevealing(max_length=100, required=False)  # type: ignore[assignment]  # a field's own name
    gpc = serializers.BooleanField(required=False)
    tcf = serializers.CharField(max_length=16_384, required=False)
    gpp = serializers.CharField(max_length=16_384, required=False)
    workflow_version = serializers.CharField(
        max_length=100, required=False, help_text="Of the page that showed the notice."
    )
    age_bracket = serializers.ChoiceField(list(AGES), required=False)
    double_opt_in = Unrevealing(max_length=200, required=False)
    session_hash = Unrevealing(max_length=128, required=False)

    def validate(self, attrs: Any) -> Evidence:
        return Evidence(**attrs)


class ActorForm(StrictSerializer):
    kind = serializers.ChoiceField(
        ["subject", "guardian", "agent", "system", "staff"],
        help_text="Who said it. That a `guardian` is one, nobody looks up here: you vouch for it with your key.",
    )
    id = Unrevealing(
        max_length=100,
        required=False,
        allow_blank=True,
        help_text="An opaque id of yours; needed of a guardian.",
    )

    def validate(self, attrs: Any) -> Actor:
        if attrs["kind"] == "guardian" and not attrs.get("id"):
            raise _wrong("id", "Say which guardian, by an id of yours; never a name or an address.")
        return Actor(**attrs)


class ConsentRequest(StrictSerializer):
    person = serializers.CharField(max_length=300, help_text=IN_WORDS)
    changes = ChangeForm(many=True, allow_empty=False, max_length=MAX_CHANGES)  # type: ignore[call-arg]  # of the list
    evidence = EvidenceForm()
    actor = ActorForm()

    def validate_person(self, value: str) -> Named:
        try:
            return parse_person(value)
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from error

    def validate(self, attrs: Any) -> Any:
        lacking = {
            name: ["Needed to record a consent that is given."]
            for change in attrs["changes"]
            for name in missing_evidence(change, attrs["evidence"])
        }
        if lacking:
            raise serializers.ValidationError({"evidence": lacking})
        policy: PolicySpec = self.context["policy"]
        try:
            evidence = with_notice(policy, attrs["changes"], attrs["evidence"])
        except NotShownError as error:
            raise serializers.ValidationError({"evidence": {error.field: [str(error)]}}) from error
        return attrs | {"evidence": evidence}


class RecordedAnswer(serializers.Serializer[Any]):
    recorded = serializers.BooleanField()
    in_force = serializers.BooleanField()
    person_id = serializers.CharField()
    version = serializers.IntegerField()
    recorded_at = serializers.DateTimeField()
    receipts = serializers.ListField(child=serializers.UUIDField())


class PurposeStanding(serializers.Serializer[Any]):
    purpose = serializers.CharField()
    channel = serializers.CharField()
    status = serializers.CharField()
    since = serializers.DateTimeField(allow_null=True)
    allowed = serializers.BooleanField()
    basis = serializers.CharField()
    reason = serializers.CharField()
    words = serializers.CharField()
    expires_at = serializers.DateTimeField(allow_null=True)
    ask_again_at = serializers.DateTimeField(
        allow_null=True, help_text="Where they said no: not asked again before."
    )
    receipt = serializers.CharField(allow_null=True)


class PolicyNamed(serializers.Serializer[Any]):
    version = serializers.IntegerField()
    digest = serializers.CharField()


class ConsentStanding(serializers.Serializer[Any]):
    person_id = serializers.CharField()
    version = serializers.IntegerField()
    restricted = serializers.BooleanField()
    policy = PolicyNamed()
    purposes = PurposeStanding(many=True)


def _wrong(field: str, words: str) -> serializers.ValidationError:
    return serializers.ValidationError({field: [words]})
