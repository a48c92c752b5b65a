"""Whatever PostHog's and Snowplow's libraries may send becomes a record or a reason, never an error."""

import json

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from decisioning.ingestion import posthog, snowplow
from decisioning.ingestion.shopping import shop_properties
from tests.decisioning.ingestion.test_wire import INTAKE

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
EVENTS = ("$identify", "$set", "$create_alias", "$groupidentify", "$pageview", "$screen", "bought")
NAMES = (
    "$set", "$set_once", "$unset", "$anon_distinct_id", "alias", "distinct_id", "$group_key",
    "$group_type", "$group_set", "$groups", "$current_url", "$lib", "$ip", "$device_id",
)  # fmt: skip
FIELDS = (
    "eid", "uid", "duid", "tnuid", "dtm", "stm", "ttm", "url", "page", "refr", "tz", "sid", "aid",
    "se_ac", "se_va", "ue_pr", "ue_px", "co", "cx", "tr_id", "tr_tt", "ti_pr", "pp_mix", "ua",
)  # fmt: skip


@settings(max_examples=40)
@given(
    st.fixed_dictionaries(
        {"event": st.sampled_from(EVENTS)},
        optional={
            "distinct_id": VALUES,
            "uuid": VALUES,
            "timestamp": VALUES,
            "$set": VALUES,
            "properties": st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=5) | VALUES,
        },
    )
)
def test_any_posthog_event(event):
    records, refusals = posthog.read_events(
        [msgspec.Raw(json.dumps(event).encode())], intake=INTAKE
    )

    assert len(records) + len(refusals) == 1


@settings(max_examples=40)
@given(
    st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=8),
    st.sampled_from(("pv", "pp", "se", "ue", "tr", "ti")),
)
def test_any_snowplow_payload(payload, kind):
    payload = json.loads(json.dumps({**payload, "e": kind}))

    records, refusals = snowplow.read_payloads([payload], intake=INTAKE, secret="s")

    assert len(records) + len(refusals) == 1


@settings(max_examples=40)
@given(
    st.dictionaries(st.text(max_size=5), VALUES, max_size=3),
    st.dictionaries(
        st.sampled_from(("product", "cart", "transaction", "checkout_step", "user", "page")),
        st.lists(
            st.dictionaries(
                st.sampled_from(("id", "price", "revenue", "total_value", "step")), VALUES
            ),
            min_size=1,
            max_size=2,
        ),
    ),
)
def test_any_entities_of_a_shop(action, entities):
    assert isinstance(shop_properties(action, entities), dict)
