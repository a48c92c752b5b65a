"""Spans, versions, distances and literals, by table."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decisioning.rules import limits
from decisioning.rules.durations import grain_seconds, parse_duration
from decisioning.rules.literals import literal
from decisioning.rules.operators.texts import matches_pattern
from decisioning.rules.phrases import ENGLISH
from decisioning.rules.value_words import seconds_words
from decisioning.rules.values import distance_km, version_key

ORDERED = (
    "0.9.0", "0.10.0", "1.0.0-0", "1.0.0-1", "1.0.0-9999", "1.0.0--", "1.0.0-Alpha", "1.0.0-alpha",
    "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1",
    "1", "1.0.1", "1.1", "v2", "10000.0.0",
)  # fmt: skip


def test_versions_are_ordered_as_semantic_versioning_says():
    keys = [version_key(text) for text in ORDERED]

    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)
    assert version_key("v1.2.0+build.7") == version_key("1.2")


@pytest.mark.parametrize("text", ["", "a", "1.", "1-2-3", "1.2-beta", "1.2.3.4", "01.2.3", "1.2.3-01", " 1", "1\n", "١.2.3"])  # fmt: skip
def test_what_is_no_version_is_refused(text):
    with pytest.raises(ValueError, match="write a version"):
        version_key(text)


@given(st.integers(1, 90 * 24 * 60))
def test_buckets_are_at_most_a_sixtieth_of_their_window(minutes):
    grain = grain_seconds(f"{minutes}m")

    assert 0 < grain * 60 <= minutes * 60
    assert 86_400 % grain == 0


@pytest.mark.parametrize(
    ("window", "words"),
    [("30d", "12 hours"), ("1d", "15 minutes"), ("1h", "1 minute"), ("1m", "1 second"), ("90d", "1 day")],
)  # fmt: skip
def test_the_grain_reads_well(window, words):
    assert seconds_words(grain_seconds(window), ENGLISH) == words


@pytest.mark.parametrize(
    "text", ["", "0d", "1", "d", "1.5h", "-1d", "1w", "01d", "1d ", "99999999d", "١d"]
)
def test_what_is_no_span_is_refused(text):
    with pytest.raises(ValueError, match="write a whole number and a unit"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "pattern", "matches"),
    [
        ("abba", "ab*ba", True), ("aba", "ab*ba", False), ("anything", "*", True), ("", "*", True),
        ("abc", "abc", True), ("abcd", "abc", False), ("a.c", "a?c", False), ("xaybz", "*a*b*", True),
        ("xbya", "*a*b*", False), ("aXbXc", "a*b*c", True), ("ac", "a**c", True), ("a\nb", "a*b", True),
    ],
)  # fmt: skip
def test_a_star_stands_for_any_characters(text, pattern, matches):
    assert matches_pattern(text, tuple(pattern.split("*"))) is matches


def test_distances_are_those_of_the_globe():
    assert distance_km((48.2082, 16.3738), (52.52, 13.405)) == pytest.approx(523.6, abs=1)
    assert distance_km((0, 0), (0, 180)) == pytest.approx(limits.MAX_KM, abs=25)
    assert distance_km((90, 0), (90, 123)) == pytest.approx(0, abs=1e-6)


@given(
    st.one_of(
        st.integers(-(10**15), 10**15), st.floats(-1e15, 1e15), st.booleans(), st.text(max_size=50)
    )
)
def test_literals_are_plain_json(value):
    value = round(value, 6) if isinstance(value, float) else value
    written = literal(value)

    assert json.loads(written) == value
    assert isinstance(value, str) or "e" not in written.replace("true", "").replace("false", "")
