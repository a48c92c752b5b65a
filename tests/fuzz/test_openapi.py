"""Every operation of the published document, with what schemathesis makes of its schema: no 5xx."""

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error

MANAGED = ("decisions", "events", "health", "other")  # tags of the fast paths


@pytest.fixture(scope="session")
def api_schema(client):
    document = client.get("/api/schema", headers={"Accept": "application/json"})
    assert document.status_code == 200, document.text[:500]
    return schemathesis.openapi.from_dict(document.json())


schema = schemathesis.pytest.from_fixture("api_schema")


@schema.parametrize()
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_no_request_makes_a_server_error(client, case):
    if case.path == "/v1/stream":
        pytest.skip("an endless answer")

    case.call_and_validate(
        base_url=str(client.base_url),
        headers=dict(client.headers),
        checks=(not_a_server_error,),
    )
