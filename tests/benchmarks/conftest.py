import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from rtts_site import embedded, stack
from tests.browser.conftest import chromium as chromium  # a fixture of benchmarks in a browser
from tests.product import free_port

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def floor_url(bare_stack):
    """Return the address of the floors: ``/`` constant, ``/redis`` with one Redis read."""
    port = free_port()
    program = [sys.executable, "-m", "uvicorn", "tests.benchmarks.floor:app", "--port", str(port)]
    flags = [flag if flag != "on" else "off" for flag in stack.UVICORN_FLAGS]
    env = {**os.environ, "FLOOR_REDIS_URL": bare_stack.redis_url}
    process = subprocess.Popen(embedded.tie_to_parent([*program, *flags]), cwd=ROOT, env=env)
    url = f"http://127.0.0.1:{port}"
    while not _answers(url):
        assert process.poll() is None
        time.sleep(0.05)
    yield url
    process.terminate()
    process.wait()


def _answers(url):
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - our own address
            return answer.status == 200
    except (OSError, urllib.error.URLError):
        return False
