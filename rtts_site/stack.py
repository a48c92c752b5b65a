"""The only place that knows which processes make up the product and how one machine runs them all."""

import http.client
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import get_commands
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from rtts_site import embedded
from rtts_site.supervisor import Service, ServiceFailed, Supervisor, print_line

MANAGE = str(settings.BASE_DIR / "manage.py")
HEALTH_PATH = "/healthz"
PROBE_TIMEOUT_S = 2.0
STORES = {
    "postgres": (embedded.POSTGRES, signal.SIGINT),  # SIGINT: "fast", does not wait for clients
    "redis": (embedded.REDIS, signal.SIGTERM),
}
UVICORN_FLAGS = (
    *("--loop", "uvloop", "--http", "httptools", "--lifespan", "on", "--log-level", "warning"),
    *("--no-access-log", "--no-proxy-headers", "--no-server-header", "--no-date-header"),
    *("--timeout-graceful-shutdown", "5"),
)


@dataclass(frozen=True, slots=True)
class Welcome:
    """What the demo data leaves for the person who starts the product."""

    sign_ins: tuple[dict[str, str], ...]  # {"role": "marketer", "user": "…", "password": "…"}
    key: str  # an API key that may ask for decisions
    request: dict[str, Any]  # a body of POST /v1/decisions
    has_shop: bool = False


def base_url() -> str:
    """Return the address for this machine's browser, e.g. ``http://127.0.0.1:8000``."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(  # noqa: S104 - read, not bound
        settings.RTTS_HOST, settings.RTTS_HOST
    )
    return f"http://{host}:{settings.RTTS_PORT}"


def environment() -> dict[str, str]:
    """Return what all processes of the product are told beyond this process's own environment."""
    https = os.environ.get("RTTS_HTTPS", "0")  # one machine speaks plain HTTP unless told
    return {"RTTS_VAR": str(settings.RTTS_VAR), "RTTS_HTTPS": https}


def web_service() -> Service:
    """Return the process that answers HTTP."""
    address = ("--host", settings.RTTS_HOST, "--port", str(settings.RTTS_PORT))
    processes = ("--workers", str(settings.RTTS_WEB_PROCESSES))
    many = processes if settings.RTTS_WEB_PROCESSES > 1 else ()
    program = (sys.executable, "-m", "uvicorn", "rtts_site.asgi:application")
    return Service(
        name="web",
        argv=(*program, *address, *UVICORN_FLAGS, *many),
        env={**environment(), "RTTS_DATABASE_POOL": "1"},
        directory=settings.BASE_DIR,
        is_ready=is_web_alive,
    )


def worker_service(queue: str, *, at_once: int, pool: str = "prefork") -> Service:
    """Return the Celery worker of one queue, which does `at_once` tasks beside each other."""
    options = ("-Q", queue, "-n", f"{queue}@%h", "-P", pool, "-c", str(at_once), "-l", "WARNING")
    quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat")
    # A drain runs for half a minute; a quick end is safe, because its message is delivered again.
    hurry = {"REMAP_SIGTERM": "SIGQUIT"}
    as_root = {"PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges"}
    argv = (*_celery(), "worker", *options, *quiet)
    env = {**environment(), **hurry, **as_root}
    # Somebody waits for what is folded; the others' bursts would make them wait longer.
    gives_way = queue != "streams"
    return Service(name=queue, argv=argv, env=env, directory=settings.BASE_DIR, gives_way=gives_way)


def beat_service() -> Service:
    """Return the process that publishes periodic tasks; there must be one only."""
    options = ("-S", "celery.beat:Scheduler", "--pidfile=", "-l", "WARNING")
    argv = (*_celery(), "beat", *options)
    return Service(
        name="beat", argv=argv, env=environment(), directory=settings.BASE_DIR, gives_way=True
    )


def _celery() -> tuple[str, ...]:
    # The checks would import every page; `manage.py up` and the web process have them.
    return (sys.executable, "-m", "celery", "--quiet", "--skip-checks", "-A", "rtts_site.celery")


def services() -> tuple[Service, ...]:
    """Return everything but the stores; they may start at once."""
    return (
        web_service(),
        worker_service("streams", at_once=settings.RTTS_DRAIN_GROUPS),
        worker_service(
            "first", at_once=8, pool="threads"
        ),  # its tasks are short, or wait for others
        worker_service("jobs", at_once=2),
        beat_service(),
    )


def trickle_service() -> Service:
    """Return the process that keeps the demo's windows alive with about one made-up event a second."""
    return Service(
        name="trickle", argv=(sys.executable, MANAGE, "rtts_demo", "--trickle"), env=environment()
    )


def wants_trickle() -> bool:
    """Return whether the demo is there and its trickle not declined."""
    return os.environ.get("RTTS_TRICKLE", "1") == "1" and load_welcome() is not None


def is_web_alive() -> bool:
    """Return whether the web process answers."""
    host = base_url().removeprefix("http://").rpartition(":")[0].strip("[]")
    probe = http.client.HTTPConnection(host, settings.RTTS_PORT, timeout=PROBE_TIMEOUT_S)
    try:
        probe.request("GET", HEALTH_PATH)
        return probe.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        probe.close()


def embedded_stores() -> list[str]:
    """Return the names of the stores that no setting replaces."""
    wanted = {
        "postgres": settings.RTTS_EMBEDDED_POSTGRES,
        "redis": settings.RTTS_EMBEDDED_REDIS,
    }
    return [name for name, is_wanted in wanted.items() if is_wanted]


def start_stores(supervisor: Supervisor) -> None:
    """Start the embedded stores; one that runs already is used and later left as it is."""
    for name in embedded_stores():
        server, stop_signal = STORES[name]
        process = embedded.start(server, settings.RTTS_VAR, dies_with_parent=True)
        if process is not None:
            store = Service(name=name, stop_signal=stop_signal, is_store=True)
            supervisor.adopt(store, process)
    if settings.RTTS_EMBEDDED_POSTGRES:
        embedded.prepare_database(settings.RTTS_VAR)


def stop_stores() -> list[str]:
    """Stop the embedded stores of this directory; return the names of those that ran."""
    names = reversed(embedded_stores())
    return [name for name in names if embedded.stop(STORES[name][0], settings.RTTS_VAR)]


def needs_migration() -> bool:
    """Return whether the code is ahead of the database."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    connection.close()
    return bool(plan)


def run_command(name: str, *arguments: str, cancelled: Callable[[], bool] = lambda: False) -> None:
    """Run a management command in a process of its own, its output prefixed.

    Raises:
        ServiceFailed: it fails.
    """
    process = subprocess.Popen(
        embedded.tie_to_parent([sys.executable, MANAGE, name, *arguments]),
        cwd=settings.BASE_DIR,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **environment(), "PYTHONUNBUFFERED": "1"},
        start_new_session=True,
    )
    while process.poll() is None:
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.1)
        if cancelled():
            process.send_signal(signal.SIGINT)
    if process.returncode and not cancelled():
        raise ServiceFailed(f"manage.py {name} failed with status {process.returncode}")


@contextmanager
def pid_file() -> Iterator[None]:
    """Hold this directory's place for one `manage.py up`; `down` reads it."""
    path = settings.RTTS_VAR / "up.pid"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(str(os.getpid()))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def running_pid() -> int | None:
    """Return the process id of this directory's `manage.py up`, None where there is none."""
    try:
        pid = int((settings.RTTS_VAR / "up.pid").read_text())
        command = Path(f"/proc/{pid}/cmdline")
        os.kill(pid, 0)
    except (OSError, ValueError):
        return None
    is_other = command.exists() and b"up" not in command.read_bytes().split(b"\0")
    return None if is_other else pid


def wants_demo() -> bool:
    """Return whether demo data is due: first start on the embedded database, and not declined."""
    choice = os.environ.get("RTTS_DEMO", "1" if settings.RTTS_EMBEDDED_POSTGRES else "0")
    return choice == "1" and "rtts_demo" in get_commands() and load_welcome() is None


def load_welcome() -> Welcome | None:
    """Return what the demo data left, None where there is none."""
    path = settings.RTTS_VAR / "demo.json"
    if not path.exists():
        return None
    left = json.loads(path.read_text())
    return Welcome(
        tuple(left["sign_ins"]), left["key"], left["request"], has_shop="browser_key" in left
    )


def curl_line(welcome: Welcome) -> str:
    """Return one line for a shell that asks for a first decision."""
    header = shlex.quote(f"Authorization: Bearer {welcome.key}")
    body = shlex.quote(json.dumps(welcome.request))
    return f"curl -s {base_url()}/v1/decisions -H {header} -H 'Content-Type: application/json' -d {body}"


def welcome_lines() -> list[str]:
    """Return what a person who has started the product needs to go on."""
    lines = ["", f"  Real-time targeting is up: {base_url()}/"]
    welcome = load_welcome()
    if welcome:
        lines += ["", "  Sign in as"]
        lines += [f"    {s['role']:<12} {s['user']:<12} {s['password']}" for s in welcome.sign_ins]
        if welcome.has_shop:
            lines += ["", "  Be a visitor of the demo shop", f"    {base_url()}/shop/"]
        lines += ["", "  Ask for a decision", f"    {curl_line(welcome)}"]
    return [*lines, "", "  Ctrl-C stops everything.", ""]


def run(*, with_demo: bool = True) -> None:
    """Run the product until a signal comes.

    Raises:
        ServiceFailed: a part does not start, a store ended, or a part keeps ending.
    """
    supervisor = Supervisor()
    supervisor.catch_signals()
    with pid_file():
        try:
            _start(supervisor, with_demo=with_demo)
            supervisor.watch()
        finally:
            supervisor.shut_down()


def require_port() -> None:
    """Check that the web process can have its port.

    Raises:
        ServiceFailed: another program has it.
    """
    family = socket.AF_INET6 if ":" in settings.RTTS_HOST else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.RTTS_HOST, settings.RTTS_PORT))
        except OSError as error:
            raise ServiceFailed(
                f"{settings.RTTS_HOST}:{settings.RTTS_PORT}: {error.strerror}. "
                "Choose another port: RTTS_PORT=8001 make up"
            ) from error


def _start(supervisor: Supervisor, *, with_demo: bool) -> None:
    require_port()
    start_stores(supervisor)
    if not supervisor.is_stopping and needs_migration():
        print_line("up", "migrating the database")
        run_command("migrate", "--no-input", "--skip-checks", "--verbosity", "0")
    if not supervisor.is_stopping:
        supervisor.start(*services())
    if with_demo and not supervisor.is_stopping and wants_demo():
        run_command("rtts_demo", cancelled=lambda: supervisor.is_stopping)
    if with_demo and not supervisor.is_stopping and wants_trickle():
        supervisor.start(trickle_service())
    if not supervisor.is_stopping:
        print_line("up", "\n".join(welcome_lines()))
