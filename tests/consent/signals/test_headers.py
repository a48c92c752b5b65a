import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from consent.signals.headers import gpc_header, narrowed_purposes


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["1"], True),
        ([" 1 "], True),
        (["0"], False),
        (["true"], False),
        (["1,1"], False),
        (["11"], False),
        ([], False),
        (["0", "1"], True),
    ],
)
def test_r12_gpc_counts_only_as_an_exact_one(values, said):
    assert gpc_header(values) is said


def test_only_what_an_event_does_not_allow_is_taken_from_it():
    preferences = {"ads": False, "mail": True, "care": "yes", "": False, "x" * 101: False}

    context = {"consent": {"categoryPreferences": preferences}}

    assert narrowed_purposes(context) == {"ads", "care"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@for_all(st.dictionaries(st.sampled_from(["consent", "page"]), JSON))
def test_no_context_is_too_odd(context):
    narrowed_purposes(context)


@for_all(JSON)
def test_no_preferences_are_too_odd(preferences):
    narrowed_purposes({"consent": {"categoryPreferences": preferences}})
