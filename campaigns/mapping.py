"""The only module that knows both sides: authored bodies in, specs of deciding and of consent out."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

import msgspec
import rfc8785
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.body_rules import FieldError, faults_of
from campaigns.models.items import POLICY_KINDS, Kind
from consent.notices import NoticeDraft
from consent.policy import JurisdictionSpec, NoticeSpec, PolicySpec, PurposeSpec, seal_policy
from consent.policy_rules import with_earlier
from decisioning.content.contents import cleaned
from decisioning.specs import (
    IDENTITY,
    AttributeSpec,
    CampaignSpec,
    ChannelSpec,
    EventTypeSpec,
    ExperimentSpec,
    IdentitySpec,
    OfferSpec,
    PlacementSpec,
    ReleaseSpec,
    SegmentSpec,
    TriggerSpec,
)

Body = dict[str, Any]
Bodies = Mapping[tuple[str, str], Body]  # (kind, key) -> body

MOST_WHOLE: Final = 2**53
UNFIT = gettext_lazy(
    "Use JSON with finite numbers up to 2^53 and no characters that cannot be seen."
)


class Refused(Exception):
    """A body that cannot become a spec."""

    def __init__(self, *errors: FieldError) -> None:
        super().__init__(
            "; ".join(f"{e.field}: {e.message}" if e.field else e.message for e in errors)
        )
        self.errors = errors


SPECS: dict[str, type[Any]] = {
    Kind.ATTRIBUTE: AttributeSpec,
    Kind.EVENT_TYPE: EventTypeSpec,
    Kind.CHANNEL: ChannelSpec,
    Kind.PLACEMENT: PlacementSpec,
    Kind.SEGMENT: SegmentSpec,
    Kind.OFFER: OfferSpec,
    Kind.CAMPAIGN: CampaignSpec,
    Kind.EXPERIMENT: ExperimentSpec,
    Kind.TRIGGER: TriggerSpec,
    Kind.PURPOSE: PurposeSpec,
    Kind.JURISDICTION: JurisdictionSpec,
    Kind.NOTICE: NoticeDraft,
}

# Where the specs of a kind stand in a release.
PLACES: dict[str, str] = {
    Kind.ATTRIBUTE: "attributes",
    Kind.EVENT_TYPE: "event_types",
    Kind.CHANNEL: "channels",
    Kind.PLACEMENT: "placements",
    Kind.SEGMENT: "segments",
    Kind.OFFER: "offers",
    Kind.CAMPAIGN: "campaigns",
    Kind.EXPERIMENT: "experiments",
    Kind.TRIGGER: "triggers",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsSpec:
    """What holds for the whole release rather than for one thing in it."""

    key: str = "release"
    name: str = "Release settings"
    holdout_salt: str = "holdout"
    holdout_share: float = 0.0  # [0, 1) of all people see fallbacks only, to measure against
    identity: tuple[IdentitySpec, ...] = IDENTITY


SPECS[Kind.SETTINGS] = SettingsSpec


def parse(kind: str, body: Body) -> Any:
    """Return the spec that a body of a kind says.

    Raises:
        Refused: a field is missing, unknown, of the wrong type or past a limit.
    """
    spec_type = SPECS[kind]
    unknown = sorted(set(body) - {f.name for f in fields(spec_type)})
    if unknown:
        raise Refused(*(FieldError(name, _("There is no such field.")) for name in unknown))
    unfit = [
        FieldError(name, str(UNFIT)) for name, value in body.items() if not _is_portable(value)
    ]
    if unfit:
        raise Refused(*unfit)
    try:
        spec = msgspec.convert(body, spec_type)
    except msgspec.ValidationError as error:
        raise Refused(_in_words(str(error))) from error
    errors = faults_of(kind, spec)
    if errors:
        raise Refused(*errors)
    return spec


def _is_portable(value: Any) -> bool:
    """Say whether every store and digest can carry a value: finite numbers, whole characters, no NUL."""
    try:
        plain = msgspec.to_builtins(value)
        return _is_precise(plain) and b"\\u0000" not in rfc8785.dumps(plain)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError, RecursionError):
        return False


def _is_precise(value: Any) -> bool:
    """Say whether no fraction is so large that the database gives it back as a whole number past the limit."""
    if isinstance(value, dict | list):
        return all(map(_is_precise, value.values() if isinstance(value, dict) else value))
    return not isinstance(value, float) or abs(value) < MOST_WHOLE


def body_of(spec: Any) -> Body:
    """Return the JSON body that `parse` reads back as the same spec."""
    body: Body = msgspec.json.decode(msgspec.json.encode(spec))
    return body


def release_spec(
    bodies: Bodies, *, read: Callable[[str, str, Body], Any] | None = None
) -> ReleaseSpec:
    """Return the release that holds all bodies, each tuple sorted by key; `read` may know specs already.

    Raises:
        Refused: a body cannot become a spec; the field is prefixed with kind and key.
    """
    parts: dict[str, list[Any]] = {place: [] for place in PLACES.values()}
    release_settings = SettingsSpec()
    read = read or parse_named
    for kind, key in sorted(bodies):
        if kind in PLACES:
            parts[PLACES[kind]].append(read(kind, key, bodies[kind, key]))
        elif kind == Kind.SETTINGS:
            release_settings = read(kind, key, bodies[kind, key])
    placed: dict[str, Any] = {place: tuple(specs) for place, specs in parts.items()}
    return ReleaseSpec(
        **placed,
        holdout_salt=release_settings.holdout_salt,
        holdout_share=release_settings.holdout_share,
        identity=tuple(sorted(release_settings.identity, key=lambda one: one.namespace)),
    )


def with_clean_html(kind: str, body: Body) -> Body:
    """Return a body whose contents hold only the HTML that content may hold, whichever door it came by."""
    if kind == Kind.PLACEMENT:
        return {**body, "fallback": cleaned(body["fallback"], body["content_type"])}
    if kind != Kind.OFFER:
        return body
    variants = [
        {**one, "content": cleaned(one["content"], one["content_type"])} for one in body["variants"]
    ]
    return {**body, "variants": variants}


def policy_spec(
    bodies: Bodies, *, version: int = 0, published: PolicySpec | None = None
) -> PolicySpec:
    """Return the consent policy of all purposes, jurisdictions and notices, sealed with its digest.

    Versions of notices that `published` has stay in it.

    Raises:
        Refused: a body cannot become a purpose, jurisdiction or notice.
    """
    parts: dict[str, list[Any]] = {kind: [] for kind in POLICY_KINDS}
    for (kind, key), body in bodies.items():
        if kind in parts:
            parts[kind].append(parse_named(kind, key, body))
    notices: list[NoticeSpec] = [draft.spec() for draft in parts[Kind.NOTICE]]
    return seal_policy(
        parts[Kind.PURPOSE],
        version=version,
        jurisdictions=parts[Kind.JURISDICTION],
        notices=with_earlier(notices, published),
    )


def parse_named(kind: str, key: str, body: Body) -> Any:
    """Return the spec that a body says; the field of a refusal is prefixed with kind and key."""
    try:
        return parse(kind, body)
    except Refused as refused:
        where = f"{Kind(kind).label} {key}"
        raise Refused(
            *(FieldError(f"{where}: {e.field}", e.message) for e in refused.errors)
        ) from None


def _in_words(message: str) -> FieldError:
    """Turn e.g. ``Expected `int`, got `str` - at `$.caps[0].limit` `` into field and message."""
    text, _at, path = message.partition(" - at `$")
    missing = re.fullmatch(r"Object missing required field `(\w+)`", text)
    field = path.rstrip("`").lstrip(".")
    if missing:
        return FieldError(f"{field}.{missing[1]}".lstrip("."), _("This field is required."))
    return FieldError(field, f"{text.replace('`', '')}.")
