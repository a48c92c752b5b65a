"""What the benchmark of audiences counts on: 100,000 people, 500 segments of 30 conditions, 2,000 offers."""

import random
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.utils import timezone

from campaigns import drafts, publishing
from consent import people, state
from consent.people import Identifier, person_id
from consent.policy import State, Status
from decisioning.ingestion.records import Record
from decisioning.profiles import roster
from decisioning.profiles.aggregates import Aggregates
from decisioning.profiles.folding import fold
from decisioning.profiles.live_set import announce
from decisioning.profiles.profile import encode_profile
from decisioning.rules.catalogue import Catalogue
from decisioning.rules.conditions import aggregates, parse
from decisioning.specs import AttributeSpec, EventTypeSpec
from rtts_site.foundation.redis_clients import redis_client, server_run_id
from tests.campaigns import catalogues
from tests.campaigns.conftest import go_live, person, save, specs

PEOPLE = 100_000
KINDS_OF_PEOPLE = 4_000  # different profiles
SEGMENTS, OFFERS, CAMPAIGNS = 500, 2_000, 50
ATTRIBUTES = 20
EVENT = "Order Completed"
RULE = "segment-0007"  # the rule that is edited


def leaf(chance, number):
    """Return one condition: of five, three are of numbers, one of words, one of events."""
    sort = number % 5
    if sort == 3:
        return {"attribute": "tier", "is": "any_of", "value": [chance.choice(["gold", "silver"])]}
    if sort == 4:
        days = chance.choice(["7d", "30d", "90d"])
        return {
            "event": EVENT,
            "count": {"is": "gte", "value": chance.randint(1, 4)},
            "within": days,
        }
    key = f"fact-{chance.randrange(ATTRIBUTES)}"
    return {"attribute": key, "is": chance.choice(["gt", "lt"]), "value": chance.randrange(1_000)}


def condition(number, leaves=30):
    """Return 30 conditions: side by side in the edited rule, in six groups of five elsewhere."""
    chance = random.Random(number)  # noqa: S311 - the same catalogue each time
    rows = [leaf(chance, row) for row in range(leaves)]
    if f"segment-{number:04d}" == RULE:
        return {"any": rows}
    return {"any": [{"all": rows[start : start + 5]} for start in range(0, leaves, 5)]}


def fill():
    """Write everything into the stores of this process's settings."""
    put_catalogue()
    put_people(redis_client())


def put_catalogue():
    catalogues.condition = condition
    mia, ada = person("mia", "Marketer"), person("ada", "Approver")
    mia.set_password("benchmark")
    mia.save()
    now = timezone.now() - timedelta(hours=1)
    change = drafts.open_change(mia, now=now, title="First")
    for kind, spec in specs():
        save(change, kind, spec, author=mia, now=now)
    publishing.submit(change, by=mia, now=now)
    release = go_live(change, by=ada, now=now)
    sizes = {"segments": SEGMENTS, "offers": OFFERS, "campaigns": CAMPAIGNS}
    catalogues.put_live(release, by=mia, **sizes)


def catalogue():
    facts = [
        AttributeSpec(key=f"fact-{n}", name=f"Fact {n}", type="number", purposes=("ads",))
        for n in range(40)
    ]
    tier = AttributeSpec(key="tier", name="Tier", type="text", purposes=("ads",))
    event = EventTypeSpec(key=EVENT, name="Order", purposes=("ads",))
    return Catalogue.of_parts(attributes=[*facts, tier], event_types=[event])


def put_people(client):
    """Write profiles as workers fold them, the roster, and the consent of half the people."""
    known = catalogue()
    kept = {
        spec for number in range(SEGMENTS) for spec in aggregates(parse(condition(number), known))
    }
    announce(client, kept)
    packed = [encode_profile(one) for one in profiles(Aggregates.of(kept))]
    given = state.pack_states({("ads", "*"): State(Status.GIVEN, 1.0, None, "e")})
    state.trust(client, server_run_id(client), range(people.PARTITIONS), watermark_ms=0)
    for start in range(0, PEOPLE, 2_000):
        with client.pipeline(transaction=False) as pipe:
            for number in range(start, start + 2_000):
                one = person_id(Identifier("user", f"c-{number}"), pepper=settings.RTTS_PEPPER)
                pipe.set(people.profile_key(one), packed[number % KINDS_OF_PEOPLE])
                pipe.zadd(people.roster_key(people.partition_of(one)), {one: 0})
                if number % 2:
                    pipe.hset(people.consent_key(one), mapping={"v": 1, "s": given})
            pipe.execute()
    client.set(roster.WHOLE_KEY, "benchmark")


def profiles(kept):
    """Yield profiles with 20 numbers, a tier, and up to nine orders of the last 90 days."""
    chance = random.Random(3)  # noqa: S311 - the same people each time
    now_ms = int(datetime.now(UTC).timestamp() * 1000)
    for number in range(KINDS_OF_PEOPLE):
        values = {f"fact-{n}": chance.randrange(1_000) for n in range(ATTRIBUTES)}
        values["tier"] = chance.choice(["gold", "silver", "bronze"])
        first = _record(number, 0, now_ms, type="identify", attributes=values)
        orders = [
            _record(number, n, now_ms - chance.randrange(90 * 86_400_000), event=EVENT)
            for n in range(1, chance.randint(1, 10))
        ]
        yield fold(None, [first, *orders], kept)


def _record(number, n, at_ms, **fields):
    return Record(
        message_id=f"{number}-{n}",
        person="p000",
        identifiers=(f"user:c-{number}",),
        event_time_ms=at_ms,
        received_at_ms=at_ms,
        **fields,
    )
