"""Decisions while a file of opt-outs is recorded, killed half-way and run again: as fast as within three times of idle."""

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import psycopg
import pytest

from tests.benchmarks.load import Target, measure_paced

ROOT = Path(__file__).resolve().parents[2]
PURPOSE = "personalised_offers"
HOUSEHOLDS = 500
RATE = 100  # decisions a second
IDLE_S = 30
TIMES_IDLE = 3
SEALED_WITHIN_S = 60
DENIED = "select count(*) from consent_consentstate where status = 'withdrawn' and purpose = %s"
PENDING = "select count(*) from consent_ledgerpending"


@pytest.fixture
def decisions(stack):
    headers = {
        "authorization": f"Bearer {stack.key('decisions')}",
        "content-type": "application/json",
    }
    bodies = tuple(body(f"household-{number}") for number in range(1, HOUSEHOLDS))
    url = f"{stack.base_url}/v1/decisions"
    return Target(url, bodies=bodies, headers=headers, is_right=is_whole)


def body(user):
    asked = {
        "person": {"user_id": user},
        "placements": [{"key": "web.home.hero"}],
        "options": {"explain": "none", "deadline_ms": 5_000},
    }
    return json.dumps(asked).encode()


def is_whole(content):
    """A degraded answer is an error, however fast."""
    return not msgspec.json.decode(content)["degraded"]


@pytest.fixture
def count(stack):
    def counted(query, *values):
        with psycopg.connect(stack.database_url) as connection:
            return connection.execute(query, values).fetchone()[0]

    return counted


def write_file(path, people):
    with path.open("w") as file:
        file.write("person,purpose\n")
        file.writelines(f"user:opts-out-{number},{PURPOSE}\n" for number in range(people))
    return path


def start_import(stack, path):
    command = [sys.executable, "manage.py", "rtts_import_opt_outs", str(path)]
    return subprocess.Popen(command, cwd=ROOT, env=stack.env, stderr=subprocess.DEVNULL)


async def record_all(stack, path, people, count):
    """Import a file, killed half-way and started again; return how long it took in all, in seconds."""
    began = time.perf_counter()
    first = start_import(stack, path)
    while await asyncio.to_thread(count, DENIED, PURPOSE) < people // 2:
        assert first.poll() is None
        await asyncio.sleep(1)
    first.kill()
    first.wait()
    second = start_import(stack, path)
    while second.poll() is None:
        await asyncio.sleep(0.2)
    assert second.returncode == 0
    return time.perf_counter() - began


async def decide_meanwhile(decisions, work):
    """Return what decisions took while some work went on, and what the work gave."""
    task = asyncio.ensure_future(work)
    took = await measure_paced(decisions, lambda: not task.done(), rate=RATE)
    return took, await task


@pytest.mark.parametrize(
    "people",
    [
        pytest.param(100_000, marks=pytest.mark.benchmark),
        pytest.param(1_000_000, marks=pytest.mark.long),
    ],
)
def test_opt_outs_in_bulk_are_all_recorded_and_leave_decisions_their_time(
    stack, decisions, count, tmp_path, people
):
    path = write_file(tmp_path / "opt-outs.csv", people)
    before = count(DENIED, PURPOSE)
    idle, _ = asyncio.run(decide_meanwhile(decisions, asyncio.sleep(IDLE_S)))

    busy, seconds = asyncio.run(
        decide_meanwhile(decisions, record_all(stack, path, people + before, count))
    )
    ended = time.perf_counter()
    while count(PENDING):
        assert time.perf_counter() - ended < SEALED_WITHIN_S * 10
        time.sleep(0.5)

    sealed_s = time.perf_counter() - ended
    p99s = idle.quantile(0.99), busy.quantile(0.99)
    print(
        f"\n{people:,} opt-outs in {seconds:,.0f} s ({people / seconds:,.0f}/s), sealed {sealed_s:.0f} s later; decisions"
        f" at {RATE}/s: idle p50 {idle.quantile(0.5):.1f}, p99 {p99s[0]:.1f} ms, meanwhile p50 {busy.quantile(0.5):.1f},"
        f" p99 {p99s[1]:.1f} ms: {p99s[1] / p99s[0]:.1f} times idle (at most {TIMES_IDLE})"
    )
    assert (idle.errors, busy.errors) == (0, 0)
    assert count(DENIED, PURPOSE) == people + before
    assert sealed_s < SEALED_WITHIN_S
    assert p99s[1] <= TIMES_IDLE * p99s[0]
