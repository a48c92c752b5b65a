"""What the search for a person's record says of its field, to those who hear it too."""

import re

import pytest
from django.urls import reverse

from tests.campaigns.conftest import person
from tests.campaigns.test_authoring import browser

SEARCH = "admin:rtts-compliance"


@pytest.fixture
def carol(db):
    return browser(person("carol", "Compliance"))


def described(page):
    """Return the texts that the field is said to be described by."""
    text = page.content.decode()
    (field,) = re.findall(r'<input [^>]*name="person"[^>]*>', text)
    (names,) = re.findall(r'aria-describedby="([^"]+)"', field)
    return [re.search(rf'id="{name}"[^>]*>(.*?)</', text, re.DOTALL)[1] for name in names.split()]


def test_the_field_is_described_by_what_may_be_written(carol):
    assert described(carol.get(reverse(SEARCH))) == [
        "A customer number, or user:…, anonymous:…, or a person id."
    ]


def test_the_field_is_described_by_what_is_wrong_with_it(carol):
    _, wrong = described(carol.post(reverse(SEARCH), {"person": "user:" + "x" * 210}))

    assert "Write user:" in wrong
