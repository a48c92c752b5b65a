"""The only place that says what is known about a person now, and how it is packed."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from decisioning.profiles import earlier
from decisioning.profiles.bonds import Bonds
from decisioning.profiles.cells import Attributes, Cell
from decisioning.profiles.series import Packed, empty, generation_of, unpacked

MAX_PROFILE_BYTES = 32 * 1024
MAX_IDENTIFIERS = 100  # the first seen stay
MAX_MEMBERS = 128  # of an account, those seen last
MAX_PAGE_BUCKETS = 120  # "in this page view" looks back over this many active seconds
SESSION_SILENCE_MS = 30 * 60_000
SESSION_HORIZON_MS = 24 * 3_600_000  # a session is at most this long
ACTIVITY_GRAIN_MS = 15 * 60_000  # shorter than the silence, so a bucket lies in one session
ACTIVITY_HORIZON_MS = 90 * 86_400_000  # sessions are told apart for so long
MAX_QUARTERS = 240  # active ones that are kept, the newest
MAX_CART_EVENTS = 60  # moments of adding or removing that are kept, the newest
MAX_LAST_BUCKETS = (
    3  # the newest value, and some that are newest until a clock that is fast is reached
)
FORMAT: Final = 1
NO_SPANS: Final = msgspec.Raw(msgspec.msgpack.encode(empty("span", 0)))

# Whether a packed profile is a tombstone: two bytes of length, the format and the length of `merged_into`
# come first; what was packed before there was a format is a map. For scripts: is_merged(packed).
IS_MERGED_LUA: Final = """
local function is_merged(packed)
  if string.byte(packed, 1) == 0xdc then return string.byte(packed, 5) ~= 0xa0 end
  return string.find(packed, 'merged_into', 1, true) and cmsgpack.unpack(packed)['merged_into'] and true or false
end
"""


class Profile(msgspec.Struct, kw_only=True, eq=False, gc=False):
    """A function of the set of records folded into it; a tombstone where `merged_into` is set.

    But for `position` and `swept`, which say how far that is, and `member_of`, which is kept beside the fold.
    """

    attributes: Mapping[str, Cell] = Attributes()
    series: dict[str, Packed] = {}  # by family key
    activity: Packed = NO_SPANS  # quarters of an hour with anything in them
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
    groups: dict[str, Cell] = {}  # group type -> the account that the person belongs to
    member_of: dict[str, int] = {}  # segment key -> since when, ms
    swept: int = 0  # version of the aggregates whose retired families are gone
    bonds: Bonds | None = None
    members: dict[str, int] = {}  # of an account: people who did something for it -> when last, ms
    erased_ms: int = (
        0  # of a tombstone: the person was erased then; `merged_into` is who came after
    )

    @property
    def is_known(self) -> bool:
        """Whether a user identifier names this person."""
        return any(name.startswith("user:") for name in self.identifiers)

    @property
    def is_account(self) -> bool:
        """Whether this is a group of people rather than somebody."""
        return any(name.startswith("account:") for name in self.identifiers)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Profile) and _plain(self) == _plain(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        raise TypeError("a profile is not hashable")


class _Stored(msgspec.Struct, array_like=True, gc=False):
    """A profile as Redis keeps it; fields are only ever added at the end, with a default."""

    format: int
    merged_into: str
    merged_at: str
    position: str
    first_seen_ms: int
    newest_ms: int
    page_ms: int
    attributes: msgspec.Raw
    series: dict[str, msgspec.Raw]
    activity: msgspec.Raw
    identifiers: dict[str, int]
    absorbed: dict[str, int]
    given_up: dict[str, int]
    awaited: dict[str, int]
    groups: dict[str, Cell]
    member_of: dict[str, int]
    swept: int
    bonds: Bonds | None = None
    members: dict[str, int] = {}
    erased_ms: int = 0


# Plain data cannot hold a circle, so the collector need not walk thousands of sampled profiles (gc=False).
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Stored)
_ALIKE: Final = tuple(
    name
    for name in Profile.__struct_fields__
    if name in _Stored.__struct_fields__ and name != "attributes"
)


def decode_profile(data: bytes | None) -> Profile | None:
    """Return the profile of a stored value; None where nothing is stored."""
    if data is None:
        return None
    if earlier.is_map(data):
        return Profile(**earlier.fields_of(data))
    stored = _decoder.decode(data)
    alike: dict[str, Any] = {name: getattr(stored, name) for name in _ALIKE}
    return Profile(attributes=Attributes(raw=stored.attributes), **alike)


def encode_profile(profile: Profile) -> bytes:
    """Return the packed profile, at most MAX_PROFILE_BYTES long.

    Where it is larger, the largest families of events, then the largest attributes, are given up: their
    facts are unknown, never wrong, until a backfill brings a new generation.
    """
    data = _encode(profile)
    while len(data) > MAX_PROFILE_BYTES and (profile.series or profile.attributes):
        profile = _give_up_largest(profile)
        data = _encode(profile)
    return data


def _encode(profile: Profile) -> bytes:
    cells = profile.attributes
    held = cells if isinstance(cells, Attributes) else Attributes(cells)
    alike: dict[str, Any] = {name: getattr(profile, name) for name in _ALIKE}
    return _encoder.encode(_Stored(format=FORMAT, attributes=held.packed(), **alike))


def _plain(profile: Profile) -> dict[str, Any]:
    plain: dict[str, Any] = {name: getattr(profile, name) for name in Profile.__struct_fields__}
    plain["attributes"] = dict(profile.attributes)
    plain["series"] = {key: unpacked(series) for key, series in profile.series.items()}
    plain["activity"] = unpacked(profile.activity)
    del plain["swept"]
    return plain


def differing(one: Profile, other: Profile) -> list[str]:
    """Return the names of the parts in which two profiles are not the same."""
    first, second = _plain(one), _plain(other)
    return [name for name in first if first[name] != second[name]]


def _give_up_largest(profile: Profile) -> Profile:
    """Return the profile without the largest family, or the largest attribute where it has none."""
    if profile.series:
        series, given_up = dict(profile.series), dict(profile.given_up)
        key = max(series, key=lambda one: (_size(series[one]), one))
        given_up[key] = generation_of(unpacked(series.pop(key)))
        return msgspec.structs.replace(profile, series=series, given_up=given_up)
    cells = dict(profile.attributes)
    del cells[max(cells, key=lambda one: (_size(cells[one]), one))]
    return msgspec.structs.replace(profile, attributes=Attributes(cells))


def _size(part: Any) -> int:
    return len(_encoder.encode(part))
