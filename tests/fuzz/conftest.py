import httpx
import pytest
from django.db import transaction

from rtts_site.foundation.redis_clients import redis_client
from tests.fuzz import world


@pytest.fixture(scope="session")
def client(stack):
    """Return a client that may do everything a secret key can."""
    key = stack.key(
        *("decisions", "decisions:trace", "decisions:now", "events", "import"),
        *("profiles", "consents", "management"),
    )
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=stack.base_url, headers=headers, timeout=30) as session:
        yield session


@pytest.fixture(scope="module")
def everything(django_db_setup, django_db_blocker, redis_server):
    """Return who may do everything and the ids of a world that the tests of a module share, and leave as found."""
    client = redis_client()
    client.flushall()
    with django_db_blocker.unblock(), transaction.atomic():
        yield world.build(client)
        transaction.set_rollback(True)
