import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import psutil
import pytest

from rtts_site import stack as site_stack
from tests import product


def read(url):
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own address
        return answer.status, answer.read().decode()


def test_the_sign_in_page_is_served(bare_stack):
    status, page = read(bare_stack.base_url + "/admin/login/")

    assert status == 200
    assert "csrfmiddlewaretoken" in page


def check(started):
    """Return what rtts_check says as soon as beat has been seen."""
    command = [sys.executable, "manage.py", "rtts_check"]
    end = time.monotonic() + 300
    while True:
        done = subprocess.run(
            command, cwd=product.ROOT, env=started.env, capture_output=True, text=True
        )
        if "were seen" in done.stdout or time.monotonic() > end:
            return done


@pytest.fixture(scope="module")
def alone():
    """Return a running product in which nothing was published; its last test may stop it."""
    with product.running(migrated=False) as running:
        yield running


@pytest.mark.faults
def test_the_check_speaks_of_every_part(alone):
    done = check(alone)

    assert done.returncode == 1  # nothing has been published
    for words in (
        "PostgreSQL 18",
        "All migrations are applied",
        "Roles are separated in name only",
        "never evicts",
        "No release is live",
        "Beat and the jobs worker were seen",
        "The web process answers",
    ):
        assert words in done.stdout


def test_a_killed_web_process_comes_back(bare_stack):
    before = bare_stack.pid("web")

    os.kill(before, signal.SIGKILL)

    end = time.monotonic() + 60
    while not product._answers(bare_stack.base_url + "/healthz"):
        assert time.monotonic() < end
        time.sleep(0.1)
    assert bare_stack.pid("web") != before


def test_a_second_up_of_the_same_directory_is_refused(bare_stack):
    done = subprocess.run(
        [sys.executable, "manage.py", "up"],
        cwd=product.ROOT,
        env=bare_stack.env,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 1
    assert "It runs already" in done.stderr


def test_a_taken_port_is_said_in_words(settings):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        settings.RTTS_PORT = other.getsockname()[1]

        with pytest.raises(site_stack.ServiceFailed, match="RTTS_PORT=8001 make up"):
            site_stack.require_port()


@pytest.mark.faults
def test_down_stops_everything_and_nothing_is_left(alone):
    everything = psutil.Process(alone.process.pid).children(recursive=True)

    said = alone.manage("down")

    assert "Stopped." in said
    assert alone.process.wait(5) == 0
    _gone, alive = psutil.wait_procs(everything, timeout=5)
    assert not alive


def test_the_welcome_holds_what_a_person_needs(settings, tmp_path):
    settings.RTTS_VAR = tmp_path
    left = {
        "sign_ins": [{"role": "marketer", "user": "mia", "password": "long-enough"}],
        "key": "rtts_sk_1",
        "request": {"person": {"user_id": "it's me"}},
    }
    (tmp_path / "demo.json").write_text(json.dumps(left))

    lines = "\n".join(site_stack.welcome_lines())

    assert "mia" in lines
    assert "long-enough" in lines
    assert "-H 'Authorization: Bearer rtts_sk_1'" in lines
    assert """'{"person": {"user_id": "it'"'"'s me"}}'""" in lines


def test_demo_data_is_loaded_once_and_only_where_wanted(settings, tmp_path, monkeypatch):
    settings.RTTS_VAR = tmp_path
    settings.RTTS_EMBEDDED_POSTGRES = False
    monkeypatch.delenv("RTTS_DEMO", raising=False)
    assert not site_stack.wants_demo()

    monkeypatch.setenv("RTTS_DEMO", "1")
    (tmp_path / "demo.json").write_text('{"sign_ins": [], "key": "", "request": {}}')
    assert not site_stack.wants_demo()
