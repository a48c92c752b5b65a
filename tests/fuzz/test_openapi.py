"""Every operation of the published document, with what schemathesis makes of its schema: no 5xx."""

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings

pytestmark = pytest.mark.fuzz

ENDLESS = {"/v1/stream"}
fuzzing = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def operations(client):
    document = client.get("/api/schema", headers={"Accept": "application/json"})
    assert document.status_code == 200, document.text[:500]
    schema = schemathesis.openapi.from_dict(document.json())
    return [result.ok() for result in schema.get_all_operations()]


def test_no_operation_makes_a_server_error(client, operations):
    assert len(operations) > 30
    for operation in operations:
        if operation.path not in ENDLESS:
            send_anything(client, operation)


def send_anything(client, operation):
    """Send what the schema allows, and what it does not, to one operation."""

    @fuzzing
    @given(case=operation.as_strategy())
    def send(case):
        headers = {"Authorization": client.headers["Authorization"]}

        answer = case.call(base_url=str(client.base_url), headers=headers)

        assert answer.status_code != 500, f"{operation.label}: {answer.text[:500]}"
        assert answer.status_code < 500 or answer.json()["detail"], operation.label

    send()
