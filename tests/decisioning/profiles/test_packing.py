"""How profiles are packed: what is told apart, what is shared, and what was packed before."""

import msgspec
import pytest

from decisioning.profiles.cells import Attributes, Cell, message_digest
from decisioning.profiles.profile import IS_MERGED_LUA, Profile, decode_profile, encode_profile
from decisioning.profiles.series import buckets

EARLIER = {
    "attributes": {"tier": ["gold", 1_795_000_000_000, "m-1", "key-1"]},
    "series": {
        "tally": [3, {41550: [1, 5, 5], 41552: [2, 5, 9]}],
        "number": [2, {7: [1, 0, 4_500_000, 4.5, 4.5], 9: [2, 0, 9_000_000, 4.0, 5.0]}],
        "distinct": [1, {(5 << 31) + 3: 8, (9 << 31) + 1: 7}],
    },
    "activity": {1994444: [100, 100], 1994445: [3, 500]},
    "identifiers": {"user:c-1": 1_795_000_000_000},
    "newest_ms": 1_795_000_000_000,
}


def test_a_packed_profile_reads_as_it_was():
    cells = {
        "tier": Cell("gold", 1_795_000_000_000, message_digest("m-1"), "web"),
        "city": Cell("Graz", 1_795_000_000_000, message_digest("m-1"), "web"),
        "spend": Cell(12.5, 1_600_000_000_000, message_digest("m-2"), "till"),
        "left": Cell(None, 5, 6, "till"),
    }
    profile = Profile(
        attributes=cells,
        series={"a": [8, 41552, [2, 3, 4], 1, b"\x03\x02"]},
        activity=[3, 1994444, 7, 0, b""],
        member_of={"loyal": 7},
        groups={"household": Cell("h-1", 5, 6, "web")},
        position="1-2",
    )

    again = decode_profile(encode_profile(profile))

    assert again == profile
    assert again.attributes["spend"] == cells["spend"]
    assert again.attributes == cells
    assert again.attributes.get("nothing") is None


def test_one_message_costs_its_provenance_once():
    one = Attributes({f"a{n}": Cell(n, 1_795_000_000_000, 1 << 60, "web") for n in range(50)})
    many = Attributes({f"a{n}": Cell(n, n, (1 << 60) + n, "web") for n in range(50)})

    assert len(bytes(one.packed())) + 40 * 10 < len(bytes(many.packed()))


def test_a_profile_packed_before_there_was_a_format_is_read():
    profile = decode_profile(msgspec.msgpack.encode(EARLIER))

    digest = message_digest("m-1")
    assert dict(profile.attributes) == {"tier": Cell("gold", 1_795_000_000_000, digest, "key-1")}
    series = {key: buckets(one) for key, one in profile.series.items()}
    assert series == {
        "tally": [(41550, 5), (41552, [2, 5, 9])],
        "number": [(7, 4.5), (9, [2, 0, 9_000_000, 4.0, 5.0])],
        "distinct": [(7, 9), (8, 5)],
    }
    assert buckets(profile.activity) == [(1994444, 100), (1994445, [3, 500])]
    assert decode_profile(encode_profile(profile)) == profile


@pytest.mark.parametrize(
    ("packed", "merged"),
    [
        (encode_profile(Profile(position="1-1")), 0),
        (encode_profile(Profile(merged_into="p001aa")), 1),
        (msgspec.msgpack.encode({"merged_into": "p001aa"}), 1),
        (msgspec.msgpack.encode(EARLIER), 0),
        (msgspec.msgpack.encode(EARLIER | {"identifiers": {"user:merged_into": 1}}), 0),
    ],
)
def test_scripts_know_a_tombstone(redis, packed, merged):
    script = IS_MERGED_LUA + "return is_merged(ARGV[1]) and 1 or 0"

    assert redis.eval(script, 0, packed) == merged
