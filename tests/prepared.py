"""The only place that migrates: once for all servers of a test run, which each begin with a copy."""

import atexit
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rtts_site import embedded

ROOT = Path(__file__).resolve().parent.parent
_NAME = "RTTS_TEST_PREPARED"  # worker processes inherit it


def _directory():
    """Return the run's directory; whoever made it removes it."""
    if _NAME not in os.environ:
        os.environ[_NAME] = tempfile.mkdtemp(prefix="rtts-prepared-")
        atexit.register(shutil.rmtree, os.environ[_NAME], ignore_errors=True)
    return Path(os.environ[_NAME])


def place_database(var):
    """Put a migrated PostgreSQL under `var`, to be started there; `var` has none yet."""
    prepared = _directory()
    with (prepared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (prepared / "done").exists():
            _migrate(prepared)
            (prepared / "done").touch()
    shutil.copytree(prepared / "postgres", var / "postgres", symlinks=True)


def _migrate(var):
    shutil.rmtree(var / "postgres", ignore_errors=True)
    embedded.start(embedded.POSTGRES, var, dies_with_parent=True)
    try:
        embedded.prepare_database(var)
        command = [sys.executable, "manage.py", "migrate", "--no-input", "--verbosity", "0"]
        subprocess.run(command, cwd=ROOT, env={**os.environ, "RTTS_VAR": str(var)}, check=True)
    finally:
        embedded.stop(embedded.POSTGRES, var)


_directory()  # before any worker is started
