"""Cleaning of HTML: what stays, what goes, tokens as they were written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decisioning.content.markup import clean, removed


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("<p>Hi <b>you</b></p>", "<p>Hi <b>you</b></p>"),
        ("<script>alert(1)</script>Hi", "Hi"),
        ('<p onclick="x()" style="color:red" class="big">Hi</p>', '<p class="big">Hi</p>'),
        ('<a href="javascript:x()">x</a>', "<a>x</a>"),
        ('<a href="https://shop.example/a?b=1&amp;c=2">x</a>', '<a href="https://shop.example/a?b=1&amp;c=2">x</a>'),
        ("<iframe src=/x></iframe><form><input></form>", ""),
        ("<svg><script>x</script></svg>", ""),
        ("<p>unclosed", "<p>unclosed</p>"),
        ("<!-- hi -->", ""),
        ('Hi {{ a | default: "<x>" }} & {% if a > 3 %}<b>y</b>{% endif %}', 'Hi {{ a | default: "<x>" }} &amp; {% if a > 3 %}<b>y</b>{% endif %}'),
        ('<a href="/x?{{ a | default: "b" }}">x</a>', '<a href="/x?{{ a | default: "b" }}">x</a>'),
        ("<{{ a }}>x</{{ a }}>", "x"),
        ("tokenmark0z {{ a }}", "tokenmark0z {{ a }}"),
    ],
)  # fmt: skip
def test_only_what_is_allowed_stays(before, after):
    assert clean(before) == after


def test_what_was_taken_out_is_told_as_it_was_written():
    before = '<p style="x">a<br/>b &amp; c</p><script>alert(1)</script>'

    assert removed(before, clean(before)) == ['<p style="x">', "<script>alert(1)</script>"]


def test_another_spelling_is_not_told():
    assert removed("<P>a<br />b & c</P>", clean("<P>a<br />b & c</P>")) == []


@given(st.text(alphabet=st.sampled_from("<>/ab\"'={}%| &;scriptonx")))
def test_cleaning_again_changes_nothing(text):
    once = clean(text)

    assert clean(once) == once
    assert "<script" not in once.lower()
