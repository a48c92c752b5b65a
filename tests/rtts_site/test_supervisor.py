import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from rtts_site.supervisor import Service, ServiceFailed, Supervisor

ROOT = Path(__file__).resolve().parents[2]
SLEEP = (sys.executable, "-c", "import time; time.sleep(600)")
PROGRAM = """
import sys
from rtts_site.supervisor import Service, Supervisor
sleep = (sys.executable, "-c", "import time; print('hello', flush=True); time.sleep(600)")
supervisor = Supervisor()
supervisor.catch_signals()
supervisor.start(Service(name="store", argv=sleep, is_store=True), Service(name="web", argv=sleep))
print("up", supervisor.pid("store"), supervisor.pid("web"), flush=True)
try:
    supervisor.watch()
finally:
    supervisor.shut_down()
"""


@pytest.fixture
def program():
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    yield process
    process.kill()
    process.communicate()


def children_of(program):
    lines = iter(program.stdout.readline, "")
    words = next(line for line in lines if line.startswith("up")).split()
    return [int(pid) for pid in words[1:]]


def wait_until(condition, seconds=5.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def is_gone(pid):
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_everything_cleanly(program, number):
    pids = children_of(program)

    program.send_signal(number)

    assert program.wait(10) == 0
    assert all(is_gone(pid) for pid in pids)


def test_children_end_with_a_killed_supervisor(program):
    pids = children_of(program)

    program.kill()

    wait_until(lambda: all(is_gone(pid) for pid in pids))


def test_the_end_of_a_store_ends_everything(program):
    store, web = children_of(program)

    os.kill(store, signal.SIGKILL)

    assert program.wait(10) != 0
    assert is_gone(web)


def test_a_service_that_ends_is_started_again(program):
    _, web = children_of(program)
    parent = psutil.Process(program.pid)

    os.kill(web, signal.SIGKILL)

    wait_until(
        lambda: len([c for c in parent.children() if c.pid != web and not is_gone(c.pid)]) == 2
    )


def test_a_service_that_never_runs_is_named():
    lines = []
    supervisor = Supervisor(log=lambda name, line: lines.append((name, line)))
    broken = Service(
        name="web",
        argv=(sys.executable, "-c", "print('no such port'); raise SystemExit(3)"),
        is_ready=lambda: False,
    )

    with pytest.raises(ServiceFailed, match="web ended"):
        supervisor.start(broken)
    supervisor.shut_down()

    wait_until(lambda: lines == [("web", "no such port")])
