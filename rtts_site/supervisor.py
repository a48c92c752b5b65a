"""The only place that starts, watches and ends the processes of one `manage.py up`."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from rtts_site.embedded import tie_to_parent

RESTARTS = 4  # within RESTART_WINDOW_S; one more and the whole product stops
RESTART_WINDOW_S = 60.0
READY_TIMEOUT_S = 90.0
TICK_S = 0.05
NICENESS = 10  # of what gives way: about a tenth of the others' weight


class ServiceFailed(Exception):
    """A service does not start, or a store ended; the message names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One process; services start in order, each once the one before is ready, and end in reverse."""

    name: str
    argv: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    directory: Path | None = None  # where it runs
    is_ready: Callable[[], bool] = lambda: True
    stop_signal: signal.Signals = signal.SIGTERM
    grace_s: float = 10.0  # then SIGKILL
    gives_way: bool = False  # to the others, where there are not processors enough
    is_store: bool = False  # never killed, never restarted; its end ends everything


def _let_give_way(pid: int) -> None:
    """Lower the priority of a process that has just started, and so of all that it starts."""
    with suppress(OSError):  # it ended already, or the system has no such thing
        os.setpriority(os.PRIO_PROCESS, pid, NICENESS)
        # Each service has a session of its own, and Linux may weigh sessions before processes.
        Path(f"/proc/{pid}/autogroup").write_text(str(NICENESS))


def print_line(name: str, line: str) -> None:
    """Write one line of a service's output."""
    sys.stdout.write(f"{name:>8} | {line}\n")
    sys.stdout.flush()


class Supervisor:
    """Runs services until told to stop; call it from the main thread."""

    def __init__(self, *, log: Callable[[str, str], None] = print_line) -> None:
        self._log = log
        self._services: list[Service] = []
        self._processes: dict[str, subprocess.Popen[Any]] = {}
        self._started_at: dict[str, deque[float]] = {}
        self._stops = 0  # signals received: the second one means hurry

    @property
    def is_stopping(self) -> bool:
        return self._stops > 0

    def pid(self, name: str) -> int:
        return self._processes[name].pid

    def catch_signals(self) -> None:
        """Turn Ctrl-C and SIGTERM into an orderly stop."""
        signal.signal(signal.SIGINT, self._on_signal)
        signal.signal(signal.SIGTERM, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._stops += 1

    def start(self, *services: Service) -> None:
        """Start all of them at once and wait until they are ready.

        Raises:
            ServiceFailed: one ends before it is ready, or is not ready in time.
        """
        for service in services:
            self._services.append(service)
            self._spawn(service)
        for service in services:
            self._wait_until_ready(service)

    def adopt(self, service: Service, process: subprocess.Popen[Any]) -> None:
        """Take over a process that runs already."""
        self._services.append(service)
        self._processes[service.name] = process

    def _spawn(self, service: Service) -> None:
        process = subprocess.Popen(
            tie_to_parent(list(service.argv), service.stop_signal.name.removeprefix("SIG")),
            cwd=service.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # the terminal's Ctrl-C reaches only the supervisor
            env={**os.environ, "PYTHONUNBUFFERED": "1", **service.env},
        )
        if service.gives_way:
            _let_give_way(process.pid)
        self._processes[service.name] = process
        self._started_at.setdefault(service.name, deque(maxlen=RESTARTS + 1)).append(
            time.monotonic()
        )
        threading.Thread(
            target=self._copy_output, args=(service.name, process), daemon=True
        ).start()

    def _copy_output(self, name: str, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None  # noqa: S101 - as _spawn asked
        with process.stdout as lines:
            for line in lines:
                self._log(name, line.rstrip())

    def _wait_until_ready(self, service: Service) -> None:
        end = time.monotonic() + READY_TIMEOUT_S
        while not self.is_stopping and not service.is_ready():
            if self._processes[service.name].poll() is not None:
                raise ServiceFailed(
                    f"{service.name} ended before it was ready, see its lines above"
                )
            if time.monotonic() > end:
                raise ServiceFailed(f"{service.name} is not ready after {READY_TIMEOUT_S:.0f} s")
            time.sleep(TICK_S)

    def watch(self) -> None:
        """Keep the services running until a signal comes.

        Raises:
            ServiceFailed: a store ended, or another service keeps ending.
        """
        while not self.is_stopping:
            for service in self._services:
                if self._processes[service.name].poll() is not None:
                    self._restart(service)
            time.sleep(TICK_S)

    def _restart(self, service: Service) -> None:
        code = self._processes[service.name].returncode
        if service.is_store:
            raise ServiceFailed(f"{service.name} ended with status {code}")
        starts = self._started_at[service.name]
        recent = [at for at in starts if time.monotonic() - at < RESTART_WINDOW_S]
        if len(recent) > RESTARTS:
            raise ServiceFailed(f"{service.name} keeps ending (status {code})")
        self._log(service.name, f"ended with status {code}, starting it again")
        _kill_group(self._processes[service.name])
        self._pause(0.2 * 2 ** len(recent))
        if not self.is_stopping:
            self._spawn(service)

    def _pause(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.is_stopping:
            time.sleep(TICK_S)

    def shut_down(self) -> None:
        """End all services, last started first; the stores when nobody uses them any more."""
        workers = [service for service in self._services if not service.is_store]
        stores = [service for service in self._services if service.is_store]
        self._end_together(workers)
        for service in reversed(stores):
            self._end_together([service])

    def _end_together(self, services: list[Service]) -> None:
        for service in reversed(services):
            process = self._processes[service.name]
            if process.poll() is None:
                with suppress(ProcessLookupError):
                    os.kill(process.pid, service.stop_signal)
        started = time.monotonic()
        for service in services:
            self._wait_for_end(service, until=started + service.grace_s)

    def _wait_for_end(self, service: Service, *, until: float) -> None:
        process = self._processes[service.name]
        while process.poll() is None:
            hurry = self._stops > 1 or time.monotonic() > until
            if hurry and not service.is_store:
                break
            time.sleep(0.02)
        _kill_group(process)
        process.wait()


def _kill_group(process: subprocess.Popen[Any]) -> None:
    """Kill what is left of the process's session, such as a worker's children."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
