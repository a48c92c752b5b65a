"""Tests of events begin with none."""

import pytest

from decisioning.models import EventRecord


@pytest.fixture
def no_history(db):
    """Begin with no history: tests with real commits leave some."""
    EventRecord.objects.all().delete()
