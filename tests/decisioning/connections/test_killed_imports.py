"""An import whose worker is killed again and again takes each row once."""

import random
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest
from django.db import connection

from decisioning.connections import folder, importing
from decisioning.models import Import
from rtts_site.foundation.jobs import Job
from tests.decisioning.connections.test_importing import ORDERS, as_csv, received, records

ROWS = 1_500
WORKER = """
from datetime import UTC, datetime, timedelta
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "rtts_site.settings"
import django
django.setup()
from decisioning.connections import importing
from rtts_site.foundation.redis_clients import redis_client
importing.CHUNK = 10
importing.HELD = timedelta(milliseconds=200)
client = redis_client()
print("ready", flush=True)
while True:
    importing.work(client, now=lambda: datetime.now(UTC), spell=timedelta(milliseconds=300))
"""


@pytest.fixture
def tidy(committed):
    """Take away what the test made."""
    yield
    Import.objects.all().delete()
    Job.objects.filter(kind=importing.JOB_KIND).delete()
    connection.close()


@pytest.mark.faults
def test_takes_each_row_once_though_its_worker_is_killed(tidy, redis):
    dice = random.Random(4)  # noqa: S311
    raw = as_csv([(f"c-{n % 50}", "", n if n % 100 else "odd") for n in range(ROWS)])
    row = received(raw)
    importing.start(row, ORDERS, now=datetime.now(UTC))

    kills = 0
    while not row.is_over:
        worker = subprocess.Popen([sys.executable, "-c", WORKER], stdout=subprocess.PIPE)
        worker.stdout.readline()
        end = time.monotonic() + dice.uniform(0.05, 0.5)
        while time.monotonic() < end and not row.is_over:
            time.sleep(0.02)
            row.refresh_from_db()
        worker.kill()
        worker.wait()
        worker.stdout.close()
        kills += 1
        assert kills < 60

    found = records(redis)
    assert kills > 3
    assert row.state == "done"
    assert len(found) == len({one.message_id for one in found}) == ROWS - ROWS // 100
    assert (row.rows, row.accepted, row.refused) == (ROWS, len(found), ROWS // 100)
    told = folder.refused_path(row.pk).read_bytes()[: row.refused_bytes].decode().splitlines()
    assert [line.split(",")[0] for line in told[1:]] == [str(n + 2) for n in range(0, ROWS, 100)]
    print(f"killed {kills} times; {len(found):,} rows taken once")
