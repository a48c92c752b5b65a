"""Builders of this folder: named people, records, and a drain that runs until the streams are empty."""

from consent.people import PARTITIONS, Identifier, person_id
from decisioning.ingestion.drain import Drain
from decisioning.ingestion.log import event_log
from decisioning.ingestion.records import Join, Record

PEPPER = b"a pepper for tests"
NOW_MS = 1_795_000_000_000


def person(name):
    """Return the person id of ``"user:ana"`` or ``"anonymous:d-1"``."""
    namespace, _, value = name.partition(":")
    return person_id(Identifier(namespace, value), pepper=PEPPER)


def make_record(number, *names, joins=(), **fields):
    """Return a record of the first of `names`."""
    return Record(
        message_id=f"m{number}",
        person=person(names[0]),
        identifiers=names,
        joins=tuple(Join(person(one), one) for one in joins),
        event_time_ms=fields.pop("at_ms", NOW_MS),
        received_at_ms=NOW_MS,
        **fields,
    )


def accept(redis, records):
    return event_log(redis).accept(records)


def make_drain(redis, joined=None, **kwargs):
    def join_consent(source, target):
        if joined is not None:
            joined.append((source, target))

    partitions = kwargs.pop("partitions", list(range(PARTITIONS)))
    return Drain(redis, group=0, partitions=partitions, join_consent=join_consent, **kwargs)


def drain_all(drain):
    """Fold until nothing comes any more."""
    quiet = 0
    while quiet < 2:
        quiet = 0 if drain.step() else quiet + 1
