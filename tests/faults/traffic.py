"""Made-up traffic of which every message follows from a seed and its number, and the reference fold of it."""

import itertools
import random
import time
from collections import defaultdict

import msgspec

from decisioning.ingestion.wire import Intake, read_messages
from decisioning.profiles.aggregates import Aggregates
from decisioning.profiles.folding import fold
from decisioning.profiles.windows import facts
from decisioning.rules.tree import make_aggregate

OUTDOOR = {"attribute": "category", "family": "text", "is": "eq", "value": "outdoor"}
SPECS = (
    make_aggregate("Order", "count", within="30d"),
    make_aggregate("Order", "count"),
    make_aggregate("Order", "sum", property="value", within="30d"),
    make_aggregate("Order", "min", property="value", within="30d"),
    make_aggregate("Order", "max", property="value", within="7d"),
    make_aggregate("Order", "average", property="value", within="30d"),
    make_aggregate("Order", "distinct", property="category", within="90d"),
    make_aggregate("Order", "count", within="7d", where=OUTDOOR),
    make_aggregate("View", "since_last", within="90d"),
    make_aggregate("View", "sequence", within="7d", then="Order"),
    make_aggregate("View", "sequence", within="7d", then="Order", without=True),
)
ATTRIBUTES = ("loyalty_tier", "age")
BATCH = 100
REPEATED = 0.3
LATE = 0.1
SPAN_S = 20 * 86_400  # event times lie within this
FAR = 5_000  # messages by which a repeat or a late one may come later


class Traffic:
    """`events` messages of users and browsers, `merges` among them."""

    def __init__(self, *, seed, events, merges, now_s):
        self.seed, self.events, self.now_s = seed, events, now_s
        self.users, self.browsers = max(100, events // 50), max(2 * merges, events // 50)
        chance = random.Random(seed)  # noqa: S311
        places = chance.sample(range(events), merges)
        self._merges = dict(zip(places, range(merges), strict=True))

    def message(self, number):
        """Return a message; those in `_merges` join people, a browser to one user only."""
        chance = random.Random(self.seed * 1_000_003 + number)  # noqa: S311
        at = self.now_s - SPAN_S + SPAN_S * number / self.events
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{number % 1000:03d}Z"
        told = {"messageId": f"m{number}", "timestamp": stamp}
        merge = self._merges.get(number)
        if merge is not None and merge % 5 == 0:
            pair = {"previousId": f"u{2 * merge}", "userId": f"u{2 * merge + 1}"}
            return {"type": "alias", **told, **pair}
        traits = {"loyalty_tier": chance.choice(["gold", "silver"]), "age": chance.randrange(90)}
        if merge is not None:
            pair = {"anonymousId": f"b{merge}", "userId": f"u{chance.randrange(self.users)}"}
            return {"type": "identify", **told, **pair, "traits": traits}
        is_user = chance.random() < 0.5
        name = (
            {"userId": f"u{chance.randrange(self.users)}"}
            if is_user
            else {"anonymousId": f"b{chance.randrange(self.browsers)}"}
        )
        if chance.random() < 0.02:
            return {"type": "identify", **told, **name, "traits": traits}
        properties = {
            "value": chance.randrange(1, 10_000) / 100,
            "category": chance.choice(["outdoor", "indoor", "garden"]),
        }
        event = chance.choice(["Order", "View"])
        return {"type": "track", "event": event, **told, **name, "properties": properties}

    def batches(self):
        """Yield batches of numbers."""
        order = self._order()
        while batch := list(itertools.islice(order, BATCH)):
            yield batch

    def _order(self):
        """Yield the numbers as they are sent: a tenth comes late, and three in ten come again."""
        chance = random.Random(self.seed + 1)  # noqa: S311
        later = defaultdict(list)
        for number in range(self.events):
            is_late = chance.random() < LATE
            later[number + is_late * (1 + chance.randrange(FAR))].append(number)
            if chance.random() < REPEATED:
                later[number + chance.choice([0, 1, 50, 2 * FAR])].append(number)
            yield from later.pop(number, ())
        for rest in later.values():
            yield from rest

    def records(self, *, attributes, pepper):
        """Yield the records of a thousand messages at a time, in order of their numbers."""
        for start in range(0, self.events, 1_000):
            numbers = range(start, min(start + 1_000, self.events))
            yield self._read(numbers, attributes=attributes, pepper=pepper)

    def merges(self, *, attributes, pepper):
        """Return the records that join people."""
        return self._read(sorted(self._merges), attributes=attributes, pepper=pepper)

    def _read(self, numbers, *, attributes, pepper):
        intake = Intake(attributes=attributes, received_at_ms=self.now_s * 1000, pepper=pepper)
        raws = [msgspec.Raw(msgspec.json.encode(self.message(one))) for one in numbers]
        records, refused = read_messages(raws, intake=intake)
        assert not refused, refused[0]
        return records


class Owners:
    """Who everybody is after all merges: of people that are joined the best, a user first, then the smaller id."""

    def __init__(self):
        self._next = {}
        self._users = set()

    def take(self, record):
        if record.identifiers and record.identifiers[0].startswith("user:"):
            self._users.add(record.person)
        for join in record.joins:
            if join.identifier.startswith("user:"):
                self._users.add(join.person)
            one, two = self.of(record.person), self.of(join.person)
            if one != two:
                self._next[max(one, two, key=self._rank)] = min(one, two, key=self._rank)

    def of(self, person):
        while person in self._next:
            person = self._next[person]
        return person

    def _rank(self, person):
        return person not in self._users, person


def reference(traffic, *, specs, attributes, pepper):
    """Return owner -> facts by folding all messages in one thread, and person -> owner."""
    aggregates, owners = Aggregates.of(specs, version=1), Owners()
    for record in traffic.merges(attributes=attributes, pepper=pepper):
        owners.take(record)
    profiles, known = {}, {}
    for records in traffic.records(attributes=attributes, pepper=pepper):
        mine = defaultdict(list)
        for record in records:
            owner = known.setdefault(record.person, owners.of(record.person))
            mine[owner].append(record)
        profiles |= {one: fold(profiles.get(one), some, aggregates) for one, some in mine.items()}
    return {one: facts_of(profile, traffic) for one, profile in profiles.items()}, known


def facts_of(profile, traffic):
    return facts(profile, ATTRIBUTES, SPECS, traffic.now_s)
