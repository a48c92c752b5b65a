"""A process of the fast paths for each test, on the session's Valkey."""

import pytest
import pytest_asyncio

from decisioning.api.process import this_process
from tests.decisioning import making


@pytest_asyncio.fixture
async def store(redis):
    """Return an empty Valkey whose consents can be trusted, with a policy in force."""
    making.trust(redis)
    making.publish_policy(redis)
    yield redis
    if this_process.cache_info().currsize:
        this_process().stop()
        await this_process().close_connections()
    this_process.cache_clear()


@pytest.fixture
def key(store):
    return making.make_key(store, "decisions", "decisions:trace", "decisions:now")
