"""Reasons are told in words, those of rows that were logged long ago too."""

import pytest

from decisioning.arbitration import reasons


@pytest.mark.parametrize(
    ("detail", "words"),
    [
        ("3 impression 604800", "3 impressions in 7 days"),
        ("1 click ever", "1 click ever"),
        ("3 impressions in 600 s", "3 impressions in 600 s"),  # as it was logged before
        ("3 impressions ever", "3 impressions ever"),
        ("", "no detail"),
    ],
)
def test_a_cap_that_was_reached_is_told_whenever_it_was_logged(detail, words):
    told = reasons.words(reasons.CAP_REACHED, detail)

    assert told == f"It has been shown as often as its cap allows: {words}."
