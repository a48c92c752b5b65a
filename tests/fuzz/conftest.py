import httpx
import pytest


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
