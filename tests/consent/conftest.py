"""Stores with real commits, for what must hold across connections and processes."""

from datetime import UTC, datetime
from functools import partial

import pytest

from consent import policy_store, relay
from consent.models import ConsentChange
from rtts_site.foundation.redis_clients import redis_client
from tests.consent import stage
from tests.consent.builders import POLICY

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


@pytest.fixture
def trusted(committed, redis):
    """Return a Redis that the relay has looked at; it does not know what earlier tests put into force."""
    ConsentChange.objects.filter(settled_at=None).update(settled_at=NOW)
    relay.restore_trust(redis_client(), now=NOW)
    return redis


@pytest.fixture
def scenes(trusted, monkeypatch):
    """Return what sets a scene; the calls of stores on it can be stopped at."""
    touched = stage.build(monkeypatch)
    yield partial(stage.set_the_scene, touched)
    stage.clear()


def record_policy(spec, *, approved_by="olga", authors=("max",), now=NOW):
    live = policy_store.live_policy()
    base = live.digest if live else ""
    return policy_store.record_policy(
        spec, approved_by=approved_by, authors=authors, base=base, now=now
    )


@pytest.fixture
def policy(trusted):
    record_policy(POLICY)
    policy_store.put_live(trusted)
