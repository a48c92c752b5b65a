"""The only place that writes a release down: canonical bytes, their digest, and the strict way back."""

import hashlib
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
import rfc8785

from decisioning.specs import (
    FORMAT,
    ArmSpec,
    AttributeSpec,
    CampaignSpec,
    CapSpec,
    ChannelSpec,
    EventTypeSpec,
    OfferSpec,
    PlacementSpec,
    PropertySpec,
    ReleaseSpec,
    SegmentSpec,
    VariantSpec,
)

FULL = 1  # the format that wrote defaults too, of every field but those that came later
READABLE = frozenset({FULL, FORMAT})
CAME_LATER: dict[type, frozenset[str]] = {
    CapSpec: frozenset({"of"}),
    AttributeSpec: frozenset(
        {
            *("inferred", "sensitive", "sayable"),
            *("editable", "owner", "data_class", "retention_days", "special_category"),
        }
    ),
    ChannelSpec: frozenset({"quiet_hours", "time_zone"}),
    OfferSpec: frozenset({"significant_effect", "review_route"}),
    PlacementSpec: frozenset({"picture_width"}),
    ReleaseSpec: frozenset({"triggers", "identity"}),
    SegmentSpec: frozenset({"leaving", "stay_s"}),
    PropertySpec: frozenset({"required", "only_values", "minimum", "maximum"}),
    EventTypeSpec: frozenset({"enforcement", "only_properties"}),
    VariantSpec: frozenset({"fit"}),
    CampaignSpec: frozenset({"time_zone", "clock", "hours", "in_quiet_hours"}),
    ArmSpec: frozenset({"eligibility"}),
}


class CanonicalError(ValueError):
    """A release that cannot be written down, or bytes that are not one."""


def canonical(release: ReleaseSpec) -> bytes:
    """Return the release as canonical JSON; equal content gives equal bytes.

    A field at its default is left out, so a version that adds fields keeps the digests of older releases.

    Raises:
        CanonicalError: content holds a number or a text that JSON cannot carry everywhere.

    Source: RFC 8785.
    """
    try:
        whole = _plain(release, full=release.format == FULL)
        return rfc8785.dumps(whole | {"format": release.format})
    except rfc8785.CanonicalizationError as error:
        raise CanonicalError(f"change the content so that JSON can carry it: {error}") from error


def digest(release: ReleaseSpec) -> str:
    """Return the name of a release, ``sha256:`` and 64 hexadecimal digits."""
    return digest_of(canonical(release))


def digest_of(data: bytes) -> str:
    """Return the digest of bytes written by `canonical`."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def decode_release(data: bytes) -> ReleaseSpec:
    """Return the release that `canonical` wrote.

    Raises:
        CanonicalError: other bytes, or a format that this version does not read.
    """
    try:
        release = msgspec.json.decode(data, type=ReleaseSpec)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CanonicalError(f"these bytes are not a release: {error}") from error
    if release.format not in READABLE:
        raise CanonicalError(f"format {release.format} is not format {FORMAT}: publish it again")
    # Refuses unknown fields, duplicates and other spellings at once.
    if canonical(release) != data:
        raise CanonicalError("these bytes are not the canonical form of a release")
    return release


def _plain(value: Any, *, full: bool) -> Any:
    if is_dataclass(value):
        kept = (
            (field.name, getattr(value, field.name))
            for field in fields(value)
            if getattr(value, field.name) != _default(field)
            or (full and field.name not in CAME_LATER.get(type(value), ()))
        )
        return {name: _plain(one, full=full) for name, one in kept}
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, Mapping):
        return {key: _plain(one, full=full) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one, full=full) for one in value]
    return value


def _default(field: Field[Any]) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()
