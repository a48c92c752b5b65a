"""Consent is unknown once another Redis process answers, with the same data and under an open connection too."""

import pytest
from django.conf import settings

from decisioning import answering
from decisioning.round_trips import HotLine
from rtts_site import embedded
from rtts_site.foundation.redis_clients import Breaker, hot_client, redis_client, server_run_id
from tests.decisioning import making
from tests.decisioning.making import decide, offer

PATIENT = {"deadline_ms": 5_000}


def restart():
    """Restart the session's Valkey; what it holds stays, its run id does not."""
    before = server_run_id(redis_client())
    embedded.stop(embedded.REDIS, settings.RTTS_VAR)
    embedded.start(embedded.REDIS, settings.RTTS_VAR, dies_with_parent=True)
    assert server_run_id(redis_client()) != before


@pytest.fixture
async def consented(store, key):
    """Return a key, with a person who was just shown an offer that rests on consent."""
    making.publish(store, making.release(offers=(offer("for-all"),)))
    making.consent(store, "ana")
    answer = (await decide(key, options=PATIENT)).json
    assert answer["placements"][0]["status"] == "offers"
    return key


async def test_a_connection_knows_the_process_that_it_talks_to(redis):
    line = HotLine(Breaker())
    before = await line.ask([("PING",)], seconds=2)
    assert before.run_id == server_run_id(redis)
    restart()

    after = await line.ask([("PING",)], seconds=2)

    assert after.run_id == server_run_id(redis) != before.run_id
    await line.close()
    await hot_client().aclose()


async def test_a_restart_before_the_read_denies(store, consented):
    restart()
    assert store.exists("release:live")  # nothing but the process is another

    answer = (await decide(consented, options=PATIENT)).json
    making.trust(store)
    later = (await decide(consented, options=PATIENT)).json

    assert answer["placements"][0]["reason"] == "CONSENT"
    assert answer["as_of"]["consent_version"] is None
    assert later["placements"][0]["status"] == "offers"


async def test_a_restart_between_read_and_last_step_denies(consented, monkeypatch):
    whole = answering.Sitting.take_last_step
    steps = []

    async def late(sitting, made):
        restart()
        steps.append(await whole(sitting, made))
        return steps[-1]

    monkeypatch.setattr(answering.Sitting, "take_last_step", late)

    answer = (await decide(consented, options=PATIENT)).json

    assert [step.word for step in steps] == ["the server was exchanged"]
    assert answer["placements"][0]["status"] == "fallback"
    assert answer["degraded"] == ["redis"]
