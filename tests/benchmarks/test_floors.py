import pytest

from tests.benchmarks.load import Target, compare

pytestmark = pytest.mark.benchmark


def test_web_server(bare_stack, floor_url):
    """How much of the server's rate is left for the product's own layer."""
    targets = {
        "floor: constant": Target(floor_url + "/"),
        "floor: one Redis read": Target(floor_url + "/redis"),
        "healthz": Target(bare_stack.base_url + "/healthz"),
    }

    lines = compare(targets, floor="floor: constant", seconds=0.5)

    assert all(line["errors"] == 0 for line in lines.values())
