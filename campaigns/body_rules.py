"""The only place that says what a thing of each kind may say by itself: limits, keys, dates, shares, at least one of each."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns import limits, triggers
from campaigns.models.items import Kind
from consent.notices import MEDIA_TYPES, NoticeDraft
from consent.people import NAMESPACES
from consent.policy import JurisdictionSpec, PurposeSpec
from consent.policy_rules import purpose_faults
from decisioning.arbitration.scoring import TERMS
from decisioning.content.contents import places
from decisioning.content.fitting import NETWORKS
from decisioning.content.templates import has_tokens
from decisioning.rules.reading import ACCOUNT_TYPE
from decisioning.schedules import known_zone, minutes
from decisioning.specs import (
    AttributeSpec,
    CampaignSpec,
    ChannelSpec,
    EventTypeSpec,
    ExperimentSpec,
    FitSpec,
    HoursSpec,
    IdentitySpec,
    OfferSpec,
    PlacementSpec,
    PropertySpec,
    SegmentSpec,
    TriggerSpec,
)

LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
PLACE = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?|\*")
ADULT = 18
KEY = re.compile(r"[a-z0-9][a-z0-9._-]*")
KEY_WORDS = gettext_lazy(
    "Use lower-case letters, digits, dots, dashes and underscores, e.g. “winter-sale”."
)


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field, and what to do about it."""

    field: str  # "variants[0].content", "condition"; "" for the whole
    message: str


def faults_of(kind: str, spec: Any) -> list[FieldError]:
    """Return what is wrong with a spec, whatever stands beside it."""
    return [*_shared_errors(kind, spec), *_RULES[kind](spec)]


def _shared_errors(kind: str, spec: Any) -> Iterable[FieldError]:
    if not spec.name.strip():
        yield FieldError("name", _("Give it a name that a colleague understands."))
    if len(spec.name) > limits.NAME_LENGTH:
        yield FieldError(
            "name",
            _("Use at most {most} characters.").format(most=limits.NAME_LENGTH),
        )
    if not 1 <= len(spec.key) <= limits.KEY_LENGTH:
        yield FieldError("key", _("Use 1 to {most} characters.").format(most=limits.KEY_LENGTH))
    elif kind == Kind.EVENT_TYPE:
        if not spec.key.isprintable() or spec.key != spec.key.strip():
            yield FieldError(
                "key", _("Write the event's name as it is sent, e.g. “Order Completed”.")
            )
    elif not KEY.fullmatch(spec.key):
        yield FieldError("key", str(KEY_WORDS))


def _too_many(field: str, values: tuple[Any, ...], most: int) -> Iterable[FieldError]:
    if len(values) > most:
        yield FieldError(
            field, _("Keep it to {most}; there are {count}.").format(most=most, count=len(values))
        )


def _duplicates(field: str, keys: Iterable[str]) -> Iterable[FieldError]:
    seen: set[str] = set()
    for key in keys:
        if key in seen:
            yield FieldError(field, _("“{key}” is there twice; remove one.").format(key=key))
        seen.add(key)


def _between(field: str, value: float, low: float, high: float) -> Iterable[FieldError]:
    # Written so that NaN fails too.
    if not low <= value <= high:
        yield FieldError(
            field, _("Use a number from {low:g} to {high:g}.").format(low=low, high=high)
        )


def _share(field: str, value: float) -> Iterable[FieldError]:
    if not 0 <= value < 1:
        yield FieldError(field, _("Use a share from 0 to less than 1, e.g. 0.05 for 5%."))


def _content(field: str, content: Mapping[str, Any]) -> Iterable[FieldError]:
    if len(msgspec.json.encode(content)) > limits.CONTENT_BYTES:
        yield FieldError(
            field,
            _("Keep the content under {most:,} bytes of JSON.").format(most=limits.CONTENT_BYTES),
        )


def _dates(spec: Any) -> Iterable[FieldError]:
    for name in ("starts_at", "ends_at"):
        moment = getattr(spec, name)
        if moment is not None and moment.tzinfo is None:
            yield FieldError(name, _("Give the time zone, e.g. 2027-01-31T09:00:00+01:00."))
            return
        if moment is not None and not limits.FIRST_YEAR <= moment.year <= limits.LAST_YEAR:
            message = _("Write date, time and zone, e.g. 2027-01-31T09:00:00+01:00.")
            yield FieldError(name, message)
            return
    if spec.starts_at and spec.ends_at and spec.starts_at >= spec.ends_at:
        yield FieldError("ends_at", _("The end must come after the start."))


def _attribute_errors(spec: AttributeSpec) -> Iterable[FieldError]:
    yield from _too_many("values", spec.values, limits.KNOWN_VALUES)
    yield from _duplicates("values", spec.values)
    yield from _too_many("purposes", spec.purposes, limits.PURPOSES)
    if spec.source in ("profile", "account") and not spec.purposes:
        yield FieldError("purposes", _("Say which purposes this attribute may serve."))


def _event_type_errors(spec: EventTypeSpec) -> Iterable[FieldError]:
    yield from _too_many("properties", spec.properties, limits.PROPERTIES)
    yield from _duplicates("properties", (p.key for p in spec.properties))
    yield from _too_many("purposes", spec.purposes, limits.PURPOSES)
    if not spec.purposes:
        yield FieldError("purposes", _("Say which purposes this event's aggregates may serve."))
    for index, one in enumerate(spec.properties):
        for name, words in _schema_faults(one):
            yield FieldError(f"properties[{index}].{name}", words)


def _schema_faults(spec: PropertySpec) -> Iterable[tuple[str, str]]:
    if spec.only_values and not (spec.type in ("text", "list") and spec.values):
        yield "only_values", _("Name the known values of a text first.")
    if spec.type != "number" and (spec.minimum is not None or spec.maximum is not None):
        yield "minimum", _("Only a number has a range.")
    elif None not in (spec.minimum, spec.maximum) and spec.minimum > spec.maximum:  # type: ignore[operator]  # neither is None
        yield "maximum", _("The most must not be less than the least.")


def _channel_errors(spec: ChannelSpec) -> Iterable[FieldError]:
    yield from _zone(spec.time_zone)
    yield from _hours("quiet_hours", spec.quiet_hours)


def _zone(name: str) -> Iterable[FieldError]:
    if not known_zone(name):
        yield FieldError("time_zone", _("Name a time zone, e.g. Europe/Berlin."))


def _hours(field: str, rows: tuple[HoursSpec, ...]) -> Iterable[FieldError]:
    yield from _too_many(field, rows, limits.HOURS)
    for index, row in enumerate(rows):
        if not row.days or not set(row.days) <= set(range(7)) or len({*row.days}) < len(row.days):
            yield FieldError(
                f"{field}[{index}].days", _("Name days from 0, Monday, to 6, once each.")
            )
        for name in ("starts", "ends"):
            try:
                minutes(getattr(row, name))
            except ValueError:
                yield FieldError(
                    f"{field}[{index}].{name}", _("Write hours and minutes, e.g. 09:30.")
                )


def _placement_errors(spec: PlacementSpec) -> Iterable[FieldError]:
    yield from _between("max_count", spec.max_count, 1, limits.MAX_COUNT)
    yield from _between("cache_seconds", spec.cache_seconds, 0, limits.CACHE_SECONDS)
    yield from _content("fallback", spec.fallback)
    if not spec.fallback:
        yield FieldError("fallback", _("Say what the placement shows when no offer may be shown."))
    if any(has_tokens(place.text) for place in places(spec.fallback, spec.content_type)):
        yield FieldError(
            "fallback", _("A fallback says the same to everyone: take the tokens out.")
        )
    yield from _between("picture_width", spec.picture_width, 0, limits.PICTURE_WIDTH)


def _segment_errors(spec: SegmentSpec) -> Iterable[FieldError]:
    if is_everyone(spec.condition):
        yield FieldError("condition", _("Add at least one condition: an empty group is everyone."))
    if spec.leaving and is_everyone(spec.leaving):
        yield FieldError(
            "leaving", _("Add at least one condition, or none at all to leave at once.")
        )
    yield from _between("stay_s", spec.stay_s, 0, limits.STAY_S)


def is_everyone(condition: Mapping[str, Any]) -> bool:
    """Say whether a condition holds no leaf at all, as ``{}`` and ``{"all": []}`` do."""
    return not condition or condition in ({"all": []}, {"any": []}, {"none": []})


def _fit(field: str, fit: FitSpec) -> Iterable[FieldError]:
    for name in ("languages", "devices", "networks"):
        values = getattr(fit, name)
        yield from _too_many(f"{field}.{name}", values, limits.FITS)
        yield from _duplicates(f"{field}.{name}", values)
    for language in fit.languages:
        if not LANGUAGE.fullmatch(language):
            yield FieldError(
                f"{field}.languages",
                _("“{language}”: write e.g. de or fr-CA.").format(language=language),
            )
    for network in fit.networks:
        if network not in NETWORKS:
            known = ", ".join(NETWORKS)
            yield FieldError(
                f"{field}.networks",
                _("“{network}”: use {known}.").format(network=network, known=known),
            )


def _offer_errors(spec: OfferSpec) -> Iterable[FieldError]:
    yield from _too_many("variants", spec.variants, limits.VARIANTS)
    yield from _too_many("caps", spec.caps, limits.CAPS)
    yield from _too_many("purposes", spec.purposes, limits.PURPOSES)
    yield from _duplicates("variants", (v.key for v in spec.variants))
    yield from _dates(spec)
    yield from _between("priority", spec.priority, 0, 1)
    yield from _between("value", spec.value, 0, 1)
    if not spec.variants:
        yield FieldError("variants", _("Add at least one variant."))
    for index, variant in enumerate(spec.variants):
        yield from _content(f"variants[{index}].content", variant.content)
        yield from _fit(f"variants[{index}].fit", variant.fit)
        if not variant.placements:
            yield FieldError(f"variants[{index}].placements", _("Choose at least one placement."))
    for index, cap in enumerate(spec.caps):
        yield from _between(f"caps[{index}].limit", cap.limit, 1, limits.CAP_LIMIT)
        if not ACCOUNT_TYPE.fullmatch(cap.of):
            yield FieldError(
                f"caps[{index}].of",
                _("Name the type of the account, such as account or household."),
            )
        if cap.window_s is not None:
            yield from _between(f"caps[{index}].window_s", cap.window_s, 60, limits.CAP_WINDOW_S)


def _weights(field: str, weights: Mapping[str, float]) -> Iterable[FieldError]:
    for term, weight in weights.items():
        if term not in TERMS:
            known = ", ".join(sorted(TERMS))
            yield FieldError(
                field,
                _("There is no term “{term}”; the terms are {known}.").format(
                    term=term, known=known
                ),
            )
        yield from _between(field, weight, 0, limits.WEIGHT)


def _campaign_errors(spec: CampaignSpec) -> Iterable[FieldError]:
    yield from _too_many("offers", spec.offers, limits.OFFERS)
    yield from _duplicates("offers", spec.offers)
    yield from _dates(spec)
    yield from _weights("weights", spec.weights)
    yield from _share("holdout_share", spec.holdout_share)
    yield from _zone(spec.time_zone)
    yield from _hours("hours", spec.hours)
    if not spec.offers:
        yield FieldError("offers", _("Choose at least one offer."))
    if not any(weight > 0 for weight in spec.weights.values()):
        yield FieldError("weights", _("Give at least one term a weight above 0."))


def _experiment_errors(spec: ExperimentSpec) -> Iterable[FieldError]:
    yield from _too_many("arms", spec.arms, limits.ARMS)
    yield from _duplicates("arms", (a.key for a in spec.arms))
    yield from _between("traffic", spec.traffic, 0, 1)
    if not spec.salt:
        yield FieldError("salt", _("Give the experiment a salt that no other has used."))
    if len(spec.arms) < 2:
        yield FieldError("arms", _("An experiment compares at least two arms."))
    elif not abs(sum(arm.share for arm in spec.arms) - 1) < 1e-6:
        yield FieldError("arms", _("The shares of all arms must add up to 1."))
    for index, arm in enumerate(spec.arms):
        yield from _between(f"arms[{index}].share", arm.share, 0, 1)
        yield from _weights(f"arms[{index}].weights", arm.weights)
        yield from _too_many(f"arms[{index}].eligibility", tuple(arm.eligibility), limits.OFFERS)


def _trigger_errors(spec: TriggerSpec) -> Iterable[FieldError]:
    yield from _too_many("purposes", spec.purposes, limits.PURPOSES)
    yield from (FieldError(*fault) for fault in triggers.faults_of(spec))


def _purpose_errors(spec: PurposeSpec) -> Iterable[FieldError]:
    if spec.validity_days is not None:
        yield from _between("validity_days", spec.validity_days, 1, limits.VALIDITY_DAYS)
    if spec.basis != "contract" and not spec.objectable:
        yield FieldError(
            "objectable", _("Only a purpose needed for a contract may refuse objections.")
        )
    if spec.retention_days is not None:
        yield from _between("retention_days", spec.retention_days, 1, limits.RETENTION_DAYS)
    for name in ("recipients", "transfers", "data_categories"):
        yield from _too_many(name, getattr(spec, name), limits.PURPOSE_LINES)
    yield from (FieldError(*fault) for fault in purpose_faults(spec))


def _jurisdiction_errors(spec: JurisdictionSpec) -> Iterable[FieldError]:
    yield from _code_errors(spec.codes)
    for name in ("age_of_consent", "opt_in_below", "ads_from"):
        yield from _between(name, getattr(spec, name), 0, ADULT)
    for name in ("reprompt_days", "answer_days"):
        yield from _between(name, getattr(spec, name), 1, limits.VALIDITY_DAYS)
    for days in spec.validity_days.values():
        yield from _between("validity_days", days, 1, limits.VALIDITY_DAYS)
    if not spec.source_url.startswith("https://"):
        yield FieldError("source_url", _("Say where this is written: an address with https."))
    if spec.reviewed_on is None:
        yield FieldError("reviewed_on", _("Say when somebody last read it."))


def _code_errors(codes: tuple[str, ...]) -> Iterable[FieldError]:
    yield from _too_many("codes", codes, limits.PLACES)
    yield from _duplicates("codes", codes)
    if not codes:
        yield FieldError("codes", _("Name a place at least, e.g. “US-CA”."))
    for code in codes:
        if not PLACE.fullmatch(code):
            words = _("“{code}” is no code of ISO 3166-2, e.g. “DE” or “US-CA”.").format(code=code)
            yield FieldError("codes", words)


def _notice_errors(spec: NoticeDraft) -> Iterable[FieldError]:
    yield from _between("version", spec.version, 1, limits.NOTICE_VERSION)
    yield from _too_many("purposes", spec.purposes, limits.PURPOSES)
    if spec.effective_from.tzinfo is None:
        yield FieldError("effective_from", _("Say in which time zone."))
    if spec.media_type not in MEDIA_TYPES:
        yield FieldError("media_type", _("Choose text/html or text/plain."))
    if not spec.texts:
        yield FieldError("texts", _("Write it in one language at least."))
    yield from _too_many("texts", tuple(spec.texts), limits.LANGUAGES)
    for language, text in spec.texts.items():
        if not LANGUAGE.fullmatch(language):
            words = _("“{language}” is no language, e.g. “de” or “de-AT”.")
            yield FieldError("texts", words.format(language=language))
        if not text.strip() or len(text.encode()) > limits.NOTICE_BYTES:
            words = _("Write 1 to {most} bytes in each language.").format(most=limits.NOTICE_BYTES)
            yield FieldError("texts", words)


def _settings_errors(spec: Any) -> Iterable[FieldError]:
    yield from _share("holdout_share", spec.holdout_share)
    yield from _duplicates("identity", (one.namespace for one in spec.identity))
    for index, one in enumerate(spec.identity):
        yield from _identity_errors(f"identity[{index}]", one)
    if not any(one.namespace == "user" and one.identifies for one in spec.identity):
        yield FieldError("identity", _("A user id must be enough by itself."))


def _identity_errors(place: str, spec: IdentitySpec) -> Iterable[FieldError]:
    if spec.namespace not in NAMESPACES or spec.namespace == "account":
        yield FieldError(f"{place}.namespace", _("There is no such kind of identifier."))
    yield from _between(f"{place}.people", spec.people, 0, limits.JOINED_BY_ONE)
    yield from _between(f"{place}.users", spec.users, 0, limits.JOINED_BY_ONE)
    yield from _too_many(f"{place}.ignored", spec.ignored, limits.KNOWN_VALUES)


_RULES: dict[str, Callable[[Any], Iterable[FieldError]]] = {
    Kind.ATTRIBUTE: _attribute_errors,
    Kind.EVENT_TYPE: _event_type_errors,
    Kind.CHANNEL: _channel_errors,
    Kind.PLACEMENT: _placement_errors,
    Kind.SEGMENT: _segment_errors,
    Kind.OFFER: _offer_errors,
    Kind.CAMPAIGN: _campaign_errors,
    Kind.EXPERIMENT: _experiment_errors,
    Kind.TRIGGER: _trigger_errors,
    Kind.PURPOSE: _purpose_errors,
    Kind.JURISDICTION: _jurisdiction_errors,
    Kind.NOTICE: _notice_errors,
    Kind.SETTINGS: _settings_errors,
}
