"""A release is written down in one way only."""

import json

from decisioning.rules.canonical import canonical, decode_release
from decisioning.specs import FORMAT, AttributeSpec, ReleaseSpec


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
