"""A release is written down in one way only."""

import json
from pathlib import Path

from decisioning.rules.canonical import canonical, decode_release, digest
from decisioning.specs import FORMAT, AttributeSpec, ReleaseSpec

GOLDEN = Path(__file__).parents[2] / "golden"
FORMAT_1 = "sha256:e8e3bc7d2fa449f3d9efd93eed04bdfecca95afa6120dab355e5646da80fa109"


def test_a_field_at_its_default_is_left_out_so_that_new_fields_keep_old_digests():
    release = ReleaseSpec(attributes=(AttributeSpec(key="tier", name="Tier", type="text"),))

    said = json.loads(canonical(release))

    assert said == {
        "format": FORMAT,
        "attributes": [{"key": "tier", "name": "Tier", "type": "text"}],
    }
    assert decode_release(canonical(release)) == release


def test_a_field_away_from_its_default_is_kept():
    attribute = AttributeSpec(key="tier", name="Tier", type="text", trusted=True, values=("gold",))

    said = json.loads(canonical(ReleaseSpec(attributes=(attribute,), holdout_share=0.1)))

    assert said["attributes"][0]["trusted"] is True
    assert said["attributes"][0]["values"] == ["gold"]
    assert said["holdout_share"] == 0.1


def test_a_release_of_the_first_format_is_read_and_keeps_its_digest():
    data = (GOLDEN / "release_format_1.json").read_bytes()

    release = decode_release(data)

    assert release.format == 1
    assert canonical(release) == data
    assert digest(release) == FORMAT_1
