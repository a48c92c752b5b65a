"""The only place that runs the whole product for a test, on stores, ports and files of its own."""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from rtts_site import embedded
from tests import prepared

ROOT = Path(__file__).resolve().parent.parent
START_TIMEOUT_S = 240
MAKE_USER = """
from django.contrib.auth.models import Group, User
user = User.objects.create_user({user!r}, password={password!r}, is_staff=True)
user.is_superuser = {role!r} == "admin"
user.save()
user.groups.set(Group.objects.filter(name__iexact={role!r}))
"""
STORES = {"postgres": embedded.POSTGRES, "redis": embedded.REDIS}


@dataclass
class Product:
    """A running product; its stores may be stopped, frozen and started again."""

    var: Path
    env: dict[str, str]
    base_url: str  # "http://127.0.0.1:40123"
    process: subprocess.Popen[bytes]
    keys: dict[tuple[str, ...], str] = field(default_factory=dict)
    sign_ins: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def database_url(self):
        return embedded.database_url(self.var)

    @property
    def redis_url(self):
        return embedded.redis_url(self.var)

    def sign_in(self, role):
        """Return user and password of a role, e.g. "marketer": the demo's, else a user made for it."""
        if role not in self.sign_ins:
            self.sign_ins[role] = self._demo_sign_in(role) or self._make_user(role)
        return self.sign_ins[role]

    def _demo_sign_in(self, role):
        path = self.var / "demo.json"
        people = json.loads(path.read_text())["sign_ins"] if path.exists() else []
        return next(((p["user"], p["password"]) for p in people if p["role"] == role), None)

    def _make_user(self, role):
        user, password = f"test-{role}", secrets.token_urlsafe(12)
        self.python(MAKE_USER.format(user=user, password=password, role=role))
        return user, password

    def manage(self, *arguments):
        """Run a management command in the product's environment and return what it printed."""
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=self.env, capture_output=True, text=True)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def python(self, code):
        """Run code in a Django shell of the product and return what it printed."""
        return self.manage("shell", "--no-imports", "-c", code)

    def key(self, *scopes):
        """Return a secret key with these scopes, made once."""
        if scopes not in self.keys:
            options = [part for scope in scopes for part in ("--scope", scope)]
            if "management" in scopes:
                options += ["--by", self.sign_in("marketer")[0]]
            self.keys[scopes] = self.manage("rtts_key", "test", *options).strip()
        return self.keys[scopes]

    def pid(self, name):
        """Return the process id of ``web``, ``streams``, ``first``, ``jobs``, ``beat``, ``postgres``, ``redis``."""
        if name == "postgres":
            return int((self.var / "postgres/postmaster.pid").read_text().split()[0])
        if name == "redis":
            return _redis_pid(self.var)
        workers = {queue: f"{queue}@%h" for queue in ("streams", "first", "jobs")}
        marks = {"web": "uvicorn", "beat": "beat", **workers}
        for child in psutil.Process(self.process.pid).children():
            if marks[name] in child.cmdline():
                return child.pid
        raise LookupError(f"{name} does not run")

    def stop(self, name):
        """Stop a store as an operator would."""
        embedded.stop(STORES[name], self.var)

    def start(self, name):
        embedded.start(STORES[name], self.var, dies_with_parent=True)

    def kill(self, name):
        """End a process with its children at once, as the kernel would; a store stays away until `start`."""
        top = psutil.Process(self.pid(name))
        family = [top, *top.children(recursive=True)]
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(family, timeout=10)

    @contextmanager
    def stopped(self, name):
        self.stop(name)
        try:
            yield
        finally:
            self.start(name)

    @contextmanager
    def frozen(self, name):
        """Freeze a process, with its children, so that it holds its connections and answers nothing."""
        top = psutil.Process(self.pid(name))
        family = [top, *top.children(recursive=True)]
        for process in family:
            with suppress(psutil.NoSuchProcess):  # a child of its own accord, between the two
                process.suspend()
        try:
            yield
        finally:
            for process in family:
                with suppress(psutil.NoSuchProcess):
                    process.resume()


def _redis_pid(var):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(embedded.redis_socket(var)))
        connection.sendall(b"INFO server\r\n")
        answer = connection.recv(65536).decode()
    return int(answer.split("process_id:")[1].split()[0])


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def running(*, demo=False, migrated=True, **env: str) -> Iterator[Product]:
    """Run the product as `make up` does; `env` adds or replaces settings, e.g. ``RTTS_REDIS_TIMEOUT_MS="20"``.

    It migrates by itself, as at a newcomer's, where `migrated` is false.
    """
    var = Path(tempfile.mkdtemp(prefix="rtts-product-"))
    port = free_port()
    whole = {
        **os.environ,
        "RTTS_VAR": str(var),
        "RTTS_PORT": str(port),
        "RTTS_DEMO": "1" if demo else "0",
        "RTTS_TRICKLE": "0",  # a test says itself what happens
        **env,
    }
    try:
        if migrated:
            prepared.place_database(var)
        # Started here, so that the product uses them and goes on when a test stops them.
        for server in STORES.values():
            embedded.start(server, var, dies_with_parent=True)
        process = _start(var, whole)
        try:
            base_url = f"http://127.0.0.1:{port}"
            _wait_until_up(process, var, base_url, demo=demo)
            yield Product(var, whole, base_url, process)
        finally:
            _end(process)
    finally:
        for server in STORES.values():
            embedded.stop(server, var)
        shutil.rmtree(var, ignore_errors=True)


def _start(var, env):
    command = embedded.tie_to_parent([sys.executable, "manage.py", "up"])
    with (var / "up.log").open("wb") as log:
        return subprocess.Popen(
            command, cwd=ROOT, env=env, stdout=log, stderr=log, start_new_session=True
        )


def _wait_until_up(process, var, base_url, *, demo):
    end = time.monotonic() + START_TIMEOUT_S
    while not (_answers(base_url + "/healthz") and (not demo or (var / "demo.json").exists())):
        is_over = process.poll() is not None or time.monotonic() > end
        assert not is_over, "\n".join((var / "up.log").read_text().splitlines()[-60:])
        time.sleep(0.1)


def _answers(url):
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - our own address
            return answer.status == 200
    except (OSError, urllib.error.URLError):
        return False


def _end(process):
    process.send_signal(signal.SIGINT)
    try:
        process.wait(timeout=40)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
