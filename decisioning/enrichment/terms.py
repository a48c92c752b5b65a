"""The only place that says what the owner decided about events on their way in: steps, fences, privacy, how long kept."""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from decisioning.enrichment.fences import MAX_FENCES, Fence, Point
from decisioning.rules.phrases import Filled
from decisioning.rules.phrases import gettext_noop as _

Undeclared = Literal["keep", "hash", "drop"]
Days = Annotated[int, Meta(ge=1, le=3_650)]


class Provider(Struct, frozen=True, kw_only=True):
    """Where workers fetch what is true of places now, such as the weather, as JSON.

    `address` holds ``{latitude}`` and ``{longitude}``; `fields` name what is kept -> where it stands in
    the answer, e.g. ``{"condition": "current.condition"}``.
    """

    key: Annotated[str, Meta(pattern="^[a-z][a-z0-9_]{0,39}$")]
    address: Annotated[str, Meta(pattern="^https?://", max_length=500)]
    fields: dict[str, str]
    places: Annotated[tuple[Point, ...], Meta(max_length=500)] = ()
    valid_s: Annotated[int, Meta(ge=60, le=86_400)] = (
        3_600  # then it is stale, and stale is unknown
    )


class Terms(Struct, frozen=True, kw_only=True):
    """Everything of it; the defaults are what holds where nobody decided otherwise."""

    order: tuple[str, ...] = ()  # keys of steps; those not named follow in their own order
    off: tuple[str, ...] = ()
    fences: Annotated[tuple[Fence, ...], Meta(max_length=MAX_FENCES)] = ()
    # Attributes without a purpose are dropped; these are hashed instead.
    hashed: tuple[str, ...] = ()
    undeclared: Undeclared = (
        "keep"  # traits that the catalogue does not know; history alone has them
    )
    event_days: dict[str, Days] = {}  # event type -> how long history keeps it
    attribute_days: dict[str, Days] = {}  # attribute -> how long it stands after it was last set
    providers: tuple[Provider, ...] = ()


DEFAULT: Final = Terms()
STRICT: Final = Terms(undeclared="drop")  # while nobody can say what was decided
_decoder = msgspec.json.Decoder(Terms)


class TermsRefused(Exception):
    """Terms that cannot be; the message says what to change."""


def read_terms(data: bytes | str) -> Terms:
    """Return terms from JSON.

    Raises:
        TermsRefused: not JSON, a wrong field, a fence that is no place.
    """
    try:
        terms = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise TermsRefused(Filled(_("This cannot be read: {why}"), why=str(error))) from error
    keys = [fence.key for fence in terms.fences]
    faults = [fault for fence in terms.fences for fault in fence.faults()]
    twice = sorted({key for key in keys if keys.count(key) > 1})
    faults += [Filled(_("{key}: two geofences have this key."), key=key) for key in twice]
    if faults:
        raise TermsRefused(faults[0])
    return terms


def packed(terms: Terms) -> bytes:
    """Return terms as they stand in the stores."""
    return msgspec.json.encode(terms)
