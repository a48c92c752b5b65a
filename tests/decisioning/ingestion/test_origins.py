"""Which message each attribute came from, as history tells."""

from consent import people
from decisioning.ingestion import history
from decisioning.ingestion.origins import message_ids
from decisioning.profiles.store import load_profile
from tests.decisioning.ingestion.people_and_records import (
    accept,
    drain_all,
    make_drain,
    make_record,
    person,
)


def test_history_tells_the_message_of_each_attribute_merges_included(redis, db):
    said = {"plan": "gold"}
    first = make_record("said on the phone", "anonymous:d-1", type="identify", attributes=said)
    joins = ["anonymous:d-1"]
    accept(redis, [first])
    accept(
        redis,
        [
            make_record(
                "sign-in", "user:ana", type="identify", attributes={"city": "Graz"}, joins=joins
            )
        ],
    )
    drain_all(make_drain(redis))
    history.archive(redis, range(people.PARTITIONS))

    owner, profile = load_profile(redis, person("user:ana"))
    known = message_ids(owner, profile)

    told = {key: known[cell.message] for key, cell in profile.attributes.items()}
    assert told == {"plan": "msaid on the phone", "city": "msign-in"}
