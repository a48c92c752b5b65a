"""People by the thousand, written to a Valkey as the workers would: profiles, roster and consents."""

import random

from consent import people, state
from consent.people import Identifier, person_id
from consent.policy import State, Status
from decisioning.profiles.cells import Cell
from decisioning.profiles.profile import Profile, encode_profile
from rtts_site.foundation.redis_clients import server_run_id

SEEN_MS = 1_795_000_000_000


def enrol(redis, profiles):
    """Write profiles by person id, those who are somebody onto the roster; some hundreds a round trip."""
    waiting = list(profiles.items())
    for start in range(0, len(waiting), 1_000):
        with redis.pipeline(transaction=False) as pipe:
            for person, profile in waiting[start : start + 1_000]:
                pipe.set(people.profile_key(person), encode_profile(profile))
                pipe.zadd(people.roster_key(people.partition_of(person)), {person: 0})
            pipe.execute()


def persons(count, *, salt="c"):
    """Return ids, as hashed as in the product."""
    return [person_id(Identifier("user", f"{salt}-{n}"), pepper=b"tests") for n in range(count)]


def profile_with(**attributes):
    cells = {key: Cell(value, SEEN_MS, 1, "k") for key, value in attributes.items()}
    return Profile(attributes=cells, first_seen_ms=SEEN_MS, newest_ms=SEEN_MS)


def crowd(count, *, seed=1, salt="c"):
    """Return profiles by person: half are silver, a tenth gold; spend from 0 to 1,000, unknown of one in ten."""
    chance = random.Random(seed)  # noqa: S311 - the same crowd each time
    found = {}
    for person in persons(count, salt=salt):
        known = {"tier": chance.choices(["gold", "silver", "bronze"], [1, 5, 4])[0]}
        if chance.random() < 0.9:
            known["spend"] = round(chance.uniform(0, 1_000), 2)
        found[person] = profile_with(**known)
    return found


def consent(redis, states):
    """Write consents by person: ``{person: {(purpose, channel): Status.GIVEN}}``, and trust the store."""
    state.trust(redis, server_run_id(redis), range(people.PARTITIONS), watermark_ms=0)
    packed = [
        (person, 1, state.pack_states({key: State(status, 1.0) for key, status in said.items()}))
        for person, said in states.items()
    ]
    for start in range(0, len(packed), 1_000):
        state.write_states_if_newer(redis, packed[start : start + 1_000])


def give(redis, given, *, purpose="ads", channel="*"):
    consent(redis, dict.fromkeys(given, {(purpose, channel): Status.GIVEN}))
