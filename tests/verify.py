"""Runs every test that the gate leaves out, file by file, each in bounded time; resumes; prints a table.

``python -m tests.verify [--again] [part of a file's name …]``. What passed with the same code is not run again;
`var/verify.json` remembers it.
"""

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Timer

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / "var" / "verify.json"
MARKS = "long or faults or fuzz or browser or benchmark"
CODE = ("rtts_site", "campaigns", "decisioning", "consent", "templates", "static", "tests")
LIMIT_S = 3_000  # of one file
RUN = (sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider")
DONE, NOTHING = 0, 5  # exit codes of pytest


def digest_of_code():
    """Return a digest of every file that a test can depend on."""
    digest = hashlib.sha256()
    for directory in CODE:
        for path in sorted((ROOT / directory).rglob("*")):
            if (
                path.is_file()
                and path.suffix not in (".pyc", ".mo")
                and "node_modules" not in path.parts
            ):
                digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def files(wanted):
    """Return the files that have such tests, those named if any are."""
    listed = subprocess.run(
        [*RUN, "--collect-only", "-m", MARKS, "tests"], cwd=ROOT, capture_output=True, text=True
    )
    if listed.returncode != DONE:  # what cannot be imported would be left out in silence
        sys.exit(listed.stdout + listed.stderr)
    names = {line.partition("::")[0] for line in listed.stdout.splitlines() if "::" in line}
    return sorted(name for name in names if not wanted or any(one in name for one in wanted))


def load(code):
    """Return what passed with this code."""
    held = json.loads(STATE.read_text()) if STATE.exists() else {}
    return held if held.get("code") == code else {"code": code, "passed": {}}


def run(name):
    """Run one file, printing what it prints, and return its row: how it ended, seconds, and what it printed."""
    began, said = time.monotonic(), []
    command = [*RUN, "--hypothesis-profile=search", "-m", MARKS, name]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as tests:
        late = Timer(LIMIT_S, os.killpg, (tests.pid, signal.SIGKILL))
        late.start()
        try:
            for line in tests.stdout:
                print(line, end="", flush=True)
                said.append(line)
        except KeyboardInterrupt:
            os.killpg(tests.pid, signal.SIGINT)  # what it started is ended by it
            raise
        finally:
            late.cancel()
    seconds = round(time.monotonic() - began)
    return {"ended": ending(tests.returncode), "seconds": seconds, "said": "".join(said)}


def ending(code):
    """Return the word for an exit code."""
    if code == -signal.SIGKILL:
        return "TOO LONG"
    return "passed" if code in (DONE, NOTHING) else "FAILED"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", help="part of a file's name")
    parser.add_argument("--again", action="store_true", help="run what passed before, too")
    asked = parser.parse_args()
    state, failed = load(digest_of_code()), 0
    rows = []
    for name in files(asked.files):
        known = None if asked.again else state["passed"].get(name)
        row = known or run(name)
        if row["ended"] == "passed" and not known:
            state["passed"][name] = row
            STATE.parent.mkdir(exist_ok=True)
            STATE.write_text(json.dumps(state))
        failed += row["ended"] != "passed"
        rows.append((name, row, "before" if known else ""))
        if known:
            print(row["said"], flush=True)
        print(f"{row['ended']:<9}{row['seconds']:>6} s  {name} {rows[-1][2]}", flush=True)
    print("\n" + "-" * 80)
    for name, row, when in rows:
        print(f"{row['ended']:<9}{row['seconds']:>6} s  {name} {when}")
    print(
        f"{len(rows) - failed} of {len(rows)} files passed; run it again to go on with the others"
    )
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
