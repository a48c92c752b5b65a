"""Stores with real commits, for what must hold across connections and processes."""

from datetime import UTC, datetime

import pytest

from consent import relay
from rtts_site.foundation.redis_clients import redis_client

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


@pytest.fixture
def committed(django_db_setup, django_db_blocker):
    """Let a test commit; the ledger cannot be emptied, so each test has people of its own."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture
def trusted(committed, redis):
    """Return a Redis that the relay has looked at."""
    relay.restore_trust(redis_client(), now=NOW)
    return redis
