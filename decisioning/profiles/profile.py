"""The only place that says what is known about a person now, and how it is packed."""

from typing import Any

import msgspec

MAX_PROFILE_BYTES = 32 * 1024
MAX_IDENTIFIERS = 100  # the first seen stay
MAX_DISTINCT = 128  # distinct values are counted up to this, the newest in the window
MAX_PAGE_BUCKETS = 120  # "in this page view" looks back over this many active seconds
SESSION_SILENCE_MS = 30 * 60_000
SESSION_HORIZON_MS = 24 * 3_600_000  # a session is at most this long
ACTIVITY_GRAIN_MS = 15 * 60_000  # shorter than the silence, so a bucket lies in one session


class Cell(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One attribute with where it came from; `value` is None where it was removed."""

    value: Any
    event_time_ms: int
    message_id: str
    source: str


class Series(msgspec.Struct, array_like=True, gc=False):
    """What is kept of one family of events.

    `buckets` by kind of family, times as milliseconds from the bucket's start:
    tally: index -> [count, first, last]; number: index -> [count, sum in millionths as (high, low) digits
    of base 10**9, min, max]; distinct: hash of the value -> newest index.
    """

    generation: int  # of the family; an older one is not continued
    buckets: dict[int, Any]


class Profile(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """A function of the set of records folded into it; a tombstone where `merged_into` is set."""

    attributes: dict[str, Cell] = {}
    series: dict[str, Series] = {}  # by family key
    activity: dict[int, list[int]] = {}  # quarter of an hour -> [first, last] offsets in ms
    identifiers: dict[str, int] = {}  # "user:c-42" -> event time when first seen, ms
    absorbed: dict[str, int] = {}  # person ids merged into this one -> event time of the merge, ms
    first_seen_ms: int = 0
    newest_ms: int = 0  # the newest event time
    page_ms: int = 0  # event time of the newest page or screen view
    given_up: dict[str, int] = {}  # family -> generation: larger than fits, so unknown
    awaited: dict[str, int] = {}  # person ids on their way here -> event time, ms
    merged_into: str = ""
    merged_at: str = ""  # stream id; records behind it in this stream moved on
    position: str = ""  # stream id of the last record folded in

    @property
    def is_known(self) -> bool:
        """Whether a user identifier names this person."""
        return any(name.startswith("user:") for name in self.identifiers)


# Plain data cannot hold a circle, so the collector need not walk thousands of sampled profiles (gc=False).
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Profile)


def decode_profile(data: bytes | None) -> Profile | None:
    """Return the profile of a stored value; None where nothing is stored."""
    return None if data is None else _decoder.decode(data)


def encode_profile(profile: Profile) -> bytes:
    """Return the packed profile, at most MAX_PROFILE_BYTES long.

    Where it is larger, the largest families of events, then the largest attributes, are given up: their
    facts are unknown, never wrong, until a backfill brings a new generation.
    """
    data = _encoder.encode(profile)
    while len(data) > MAX_PROFILE_BYTES and (profile.series or profile.attributes):
        profile = _give_up_largest(profile)
        data = _encoder.encode(profile)
    return data


def _give_up_largest(profile: Profile) -> Profile:
    smaller = msgspec.structs.replace(
        profile,
        series=dict(profile.series),
        attributes=dict(profile.attributes),
        given_up=dict(profile.given_up),
    )
    if smaller.series:
        key = max(smaller.series, key=lambda one: (_size(smaller.series[one]), one))
        smaller.given_up[key] = smaller.series.pop(key).generation
    else:
        del smaller.attributes[
            max(smaller.attributes, key=lambda one: _size(smaller.attributes[one]))
        ]
    return smaller


def _size(part: Any) -> int:
    return len(_encoder.encode(part))
