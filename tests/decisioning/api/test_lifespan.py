"""The whole application as its server starts and ends it, on a real Valkey."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from django.conf import settings

from consent import people
from decisioning.api.process import this_process
from decisioning.decision_spool import Spooled, read_rows
from rtts_site import asgi
from tests.decisioning import making


@asynccontextmanager
async def alive():
    """Start and end the application as its server does."""
    said, told = asyncio.Queue(), asyncio.Queue()
    task = asyncio.create_task(asgi.application({"type": "lifespan"}, told.get, said.put))
    await told.put({"type": "lifespan.startup"})
    assert await asyncio.wait_for(said.get(), 10) == {"type": "lifespan.startup.complete"}
    yield
    await told.put({"type": "lifespan.shutdown"})
    assert await asyncio.wait_for(said.get(), 20) == {"type": "lifespan.shutdown.complete"}
    await task


@pytest.fixture
def in_role(request, monkeypatch):
    if request.param == "decisions":  # RTTS_ROLE
        monkeypatch.setattr(asgi, "_pages", None)


@pytest.mark.parametrize("in_role", ["all", "decisions"], indirect=True)
async def test_the_first_request_finds_the_release_loaded(kept, in_role):
    making.publish(kept)

    async with alive():
        loaded = this_process.cache_info().currsize
        held = this_process().holder.current.held

    assert loaded == 1
    assert held.version == 1
    assert held.engine is not None


@pytest.mark.parametrize("in_role", ["all", "decisions"], indirect=True)
async def test_the_last_decisions_outlive_the_process(kept, in_role):
    person = making.person_of("ana")
    rows = [Spooled(person, f"nonce-{number}", b"body") for number in range(500)]

    async with alive():
        spool = this_process().spool
        for row in rows:
            spool.add(row)

    on_disk = [row.nonce for path in spool_files() for row in read_rows(path)]
    sent = kept.xrange(people.decision_log_key(people.partition_of(person)))
    in_log = [fields[b"n"].decode() for _, fields in sent]
    assert set(on_disk) | set(in_log) == {row.nonce for row in rows}


def spool_files():
    return (settings.RTTS_VAR / "spool").glob("decisions.*")
