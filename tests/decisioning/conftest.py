"""A process of the fast paths for each test, on the session's Valkey."""

import shutil

import pytest
import pytest_asyncio
from django.conf import settings

from decisioning.api.process import this_process
from tests.decisioning import making


def end_process():
    """End the process of the fast paths that a test has begun."""
    if this_process.cache_info().currsize:
        this_process().stop()
    this_process.cache_clear()


@pytest.fixture
def kept(redis):
    """Return an empty Valkey whose consents can be trusted, with a policy in force; for `making.run`."""
    end_process()
    for folder in ("releases", "spool"):
        shutil.rmtree(settings.RTTS_VAR / folder, ignore_errors=True)
    making.trust(redis)
    making.publish_policy(redis)
    yield redis
    end_process()


@pytest_asyncio.fixture
async def store(kept):
    """Return the same for tests that are coroutines."""
    yield kept
    if this_process.cache_info().currsize:
        await this_process().close_connections()


@pytest.fixture
def key(kept):
    return making.make_key(kept, "decisions", "decisions:trace", "decisions:now")
