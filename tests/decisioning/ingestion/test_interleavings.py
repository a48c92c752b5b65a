"""Any order of events, sign-ins and aliases, with deliveries repeated: nobody's events are lost, doubled or mixed."""

from collections import defaultdict

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from consent import people
from decisioning.ingestion.planning import plan
from decisioning.ingestion.records import Join
from decisioning.profiles.aggregates import Aggregates
from decisioning.profiles.folding import fold
from decisioning.profiles.profile import decode_profile, encode_profile
from decisioning.rules.tree import make_aggregate
from tests.decisioning.ingestion.people_and_records import NOW_MS, PEPPER, make_record, person

KEPT = Aggregates.of([make_aggregate("Order", "count", within="30d")], version=1)
USERS = ["user:ana", "user:ben", "user:cleo"]
DEVICES = ["anonymous:phone", "anonymous:laptop", "device:tv", "email:" + "a" * 64]
NAMES = USERS + DEVICES


class Stage:
    """Streams, profiles and outboxes as the workers keep them, a step at a time."""

    def __init__(self):
        self.streams = defaultdict(list)
        self.positions = defaultdict(int)
        self.profiles = {}
        self.outbox = []
        self.seen = set()
        self.clock = 0

    def accept(self, record):
        partition = people.partition_of(record.person)
        if (partition, record.dedupe_id) not in self.seen:
            self.seen.add((partition, record.dedupe_id))
            self.clock += 1
            self.streams[partition].append((f"{self.clock}-0", record))

    def step(self, partition, count):
        start = self.positions[partition]
        entries = self.streams[partition][start : start + count]
        named = {record.person: self.profiles.get(record.person) for _, record in entries}
        made = plan(entries, profiles=named, aggregates=KEPT, pepper=PEPPER)
        for who in made.changed:
            self.profiles[who] = decode_profile(encode_profile(made.profiles[who]))
        self.outbox += [one.record for one in made.deliveries if one.record is not None]
        self.positions[partition] += len(entries)

    def deliver(self, place, *, crashes):
        """Append what is owed; after a crash it is still in the outbox and is delivered again."""
        if self.outbox:
            place %= len(self.outbox)
            self.accept(self.outbox[place])
            if not crashes:
                del self.outbox[place]

    def finish(self):
        while True:
            behind = [p for p, stream in self.streams.items() if self.positions[p] < len(stream)]
            for partition in behind:
                self.step(partition, 64)
            for _ in range(len(self.outbox)):
                self.deliver(0, crashes=False)
            if not behind and not self.outbox:
                return

    def owner(self, name):
        who = person(name)
        while (profile := self.profiles.get(who)) is not None and profile.merged_into:
            who = profile.merged_into
        return who


def joining(name, rule):
    return Join(person(name), name, *rule)


@st.composite
def records(draw, *, users_limit=0, aliases=True):
    """Draw events, sign-ins of users on devices, and aliases of users."""
    made = []
    for number in range(draw(st.integers(1, 14))):
        kind = draw(st.sampled_from(["order", "order", "sign in", "alias"][: 4 if aliases else 3]))
        if kind == "order":
            name = draw(st.sampled_from(NAMES))
            made.append(make_record(number, name, event="Order", at_ms=NOW_MS - number))
            continue
        who = draw(st.sampled_from(USERS if kind == "alias" else NAMES))
        other = draw(st.sampled_from(USERS if kind == "alias" else DEVICES))
        call = "alias" if kind == "alias" else "identify"
        record = make_record(number, who, type=call, at_ms=NOW_MS - number)
        join = joining(other, (0, users_limit, False))
        made.append(
            msgspec.structs.replace(record, joins=(join,), attributes={"plan": str(number)})
        )
    return made


STEPS = st.lists(
    st.tuples(st.sampled_from(["accept", "step", "deliver", "crash"]), st.integers(0, 50)),
    max_size=60,
)


def played(sent, steps):
    stage, left = Stage(), list(sent)
    for what, number in steps:
        busy = sorted(p for p, stream in stage.streams.items() if stage.positions[p] < len(stream))
        if what == "accept" and left:
            stage.accept(left.pop(0))
        elif what == "step" and busy:
            stage.step(busy[number % len(busy)], 1 + number % 3)
        elif what in ("deliver", "crash"):
            stage.deliver(number, crashes=what == "crash")
    for record in left:
        stage.accept(record)
    stage.finish()
    return stage


def content(profile):
    return (
        dict(profile.attributes),
        {key: bytes(msgspec.msgpack.encode(one)) for key, one in profile.series.items()},
        profile.first_seen_ms,
        profile.newest_ms,
    )


@given(records(), STEPS)
def test_everybody_has_the_fold_of_all_that_was_sent_for_them(sent, steps):
    stage = played(sent, steps)

    by_owner = defaultdict(list)
    for record in sent:
        by_owner[stage.owner(record.identifiers[0])].append(record)
    for owner, mine in by_owner.items():
        told = decode_profile(encode_profile(fold(None, mine, KEPT)))
        assert content(stage.profiles[owner]) == content(told)
        assert not stage.profiles[owner].awaited


@given(records(), STEPS)
def test_whoever_an_alias_joins_is_one_in_any_order(sent, steps):
    stage = played(sent, steps)

    for record in sent:
        if record.type == "alias":
            assert stage.owner(record.identifiers[0]) == stage.owner(record.joins[0].identifier)


@given(records(aliases=False), STEPS)
def test_users_are_never_joined_by_what_they_share(sent, steps):
    stage = played(sent, steps)

    assert {name: stage.owner(name) for name in USERS} == {name: person(name) for name in USERS}


@given(records(users_limit=1, aliases=False), STEPS)
def test_a_device_of_several_users_belongs_to_none(sent, steps):
    stage = played(sent, steps)

    users = defaultdict(set)
    for record in sent:
        if record.joins and record.identifiers[0] in USERS:
            users[record.joins[0].identifier].add(record.identifiers[0])
    for device, seen in users.items():
        if len(seen) > 1:
            own = stage.profiles[person(device)]
            assert own.bonds.shared
            assert stage.owner(device) == person(device)
