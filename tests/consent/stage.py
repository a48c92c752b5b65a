"""Runs the real readers and writers of consent one store call at a time, in whatever order a test says."""

import random
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import uuid4

import psycopg
import redis
from django.db import connection
from greenlet import getcurrent, greenlet

from consent import ledger, people, projection, relay, state
from consent.policy import permits
from consent.standing import load_view_of_record
from rtts_site.foundation.redis_clients import redis_client
from tests.consent.builders import ADS, EVIDENCE, NOW, POLICY, SUBJECT, given, withdrawn
from tests.consent.orders import READS, REDIS, RESTART, WRITES
from tests.consent.test_state import stands

LATER = NOW + timedelta(minutes=2)
MUCH_LATER = LATER + timedelta(seconds=61)  # the relay finishes what broke off
# Where a process may be stopped, killed or overtaken: each is one call of a store, or one transaction.
DOORS = (
    (state, "add_fence"),
    (state, "write_state_if_newer"),
    (state, "settle_recorded"),
    (state, "remove_fence"),
    (ledger, "read_standing"),
    (ledger, "_commit"),
    (ledger, "_commit_merge"),
    (projection, "load_states"),
    (relay, "_claim"),
    (state, "trusted_runs"),
    (state, "write_states_if_newer"),
    (state, "trust"),
)
PARTITIONS = 16  # of the house on the stage: the relay looks at each, every time


class DiedError(BaseException):
    """The process was killed; nothing of it runs any more."""


class Actor(greenlet):
    """One process at work; `step` lets it make its next call of a store."""

    def __init__(self, work):
        super().__init__(self._run)
        self.work, self.steps, self.answer, self.dies = work, 0, None, False
        self.began = self.ended = None

    def _run(self):
        try:
            self.answer = self.work()
        except DiedError:
            self.answer = None
        except (ledger.StoreUnavailableError, redis.ConnectionError):
            self.answer = None

    def pause(self):
        self.parent.switch()
        if self.dies:
            raise DiedError

    def step(self):
        if not self.dead:
            self.steps += 1
            self.switch()

    def kill(self):
        self.dies = True
        self.step()


def pause():
    actor = getcurrent()
    if isinstance(actor, Actor):
        actor.pause()


def behind_a_door(call):
    def stopped(*args, **kwargs):
        pause()
        return call(*args, **kwargs)

    return stopped


def put_doors(monkeypatch):
    for module, name in DOORS:
        monkeypatch.setattr(module, name, behind_a_door(getattr(module, name)))


class Touched:
    """Which stores were asked since `begin`, and whether PostgreSQL was to write."""

    def __init__(self):
        self.stores = 0

    def begin(self):
        self.stores = 0

    def watch(self, monkeypatch):
        def execute(cursor, query, *args, call=psycopg.Cursor.execute, **kwargs):
            words = query.lower() if isinstance(query, str) else ""
            only_reads = words.startswith("select") and "for update" not in words
            self.stores |= READS if only_reads else WRITES
            return call(cursor, query, *args, **kwargs)

        monkeypatch.setattr(psycopg.Cursor, "execute", execute)
        monkeypatch.setattr(
            redis.Redis, "execute_command", self._asking(redis.Redis.execute_command)
        )
        monkeypatch.setattr(
            redis.client.Pipeline, "execute", self._asking(redis.client.Pipeline.execute)
        )

    def _asking(self, call):
        def asked(*args, **kwargs):
            self.stores |= REDIS
            return call(*args, **kwargs)

        return asked


def build(monkeypatch):
    """Put up the doors in a small house, whose database answers before its disk does; return what is touched."""
    put_doors(monkeypatch)
    touched = Touched()
    touched.watch(monkeypatch)
    monkeypatch.setattr(people, "PARTITIONS", PARTITIONS)
    monkeypatch.setitem(state.standing_fences.__kwdefaults__, "partitions", range(PARTITIONS))
    with connection.cursor() as cursor:
        cursor.execute("set synchronous_commit to off")
    return touched


def clear():
    """Let the database answer as it did before."""
    with connection.cursor() as cursor:
        cursor.execute("set synchronous_commit to default")


def make_person():
    """Return the id of somebody nobody else has, in a partition that the small house has."""
    return f"p{random.randrange(PARTITIONS):03d}{uuid4().hex[:20]}"  # noqa: S311 - any will do


@dataclass
class Scene:
    """People, and what may happen to them at once; `began` and `ended` are positions in the order of steps."""

    client: redis.Redis
    touched: Touched
    ana: str
    ben: str  # becomes Ana in a merge; has said no
    cid: str  # becomes Ana, or Ana becomes them; has said yes
    everybody: tuple[str, ...] = ()
    kept: dict[str, object] = field(default_factory=dict)

    def act(self, kind):
        return Actor(getattr(self, kind))

    def withdrawal(self):
        return self._record(withdrawn(at=LATER))

    def grant(self):  # said before the withdrawal, and arriving whenever it does
        return self._record(given(at=LATER - timedelta(seconds=1)))

    first_withdrawal, first_grant = withdrawal, grant  # of Ana, who has said nothing before

    def merge(self):
        return self._merge(self.ben, self.ana)

    def merge_of_cid(self):
        return self._merge(self.cid, self.ana)

    def merge_into_cid(self):
        return self._merge(self.ana, self.cid)

    def merge_back(self):
        return self._merge(self.ana, self.ben)

    def _merge(self, source, target):
        state.begin_merge(self.client, source, target, now_ms=ms(LATER))
        ledger.merge_people(source, target, now=LATER)
        return source, target

    def relay(self):
        relay.settle(self.client, now=LATER + timedelta(seconds=6))

    def recovery(self):
        relay.restore_trust(self.client, now=LATER + timedelta(seconds=6))

    def reader(self):
        return self._read(self.client, self.ana)

    def _read(self, client, person):
        run_id = state.run_id_of(client.info("server"))
        replies = []
        for command in state.read_commands(person):
            pause()
            replies.append(client.execute_command(*command))
        view = state.parse_view(run_id, replies)
        allowed = permits(POLICY, view, [ADS], channel="web", now=LATER).allowed
        pause()
        return allowed and stands(client, person, view.version, view.run_id)

    def _record(self, change):
        recorded = ledger.record_change(
            self.ana, [change], evidence=EVIDENCE, actor=SUBJECT, now=LATER
        )
        return recorded.in_force

    def keep(self):
        """Remember what Redis has of them, for a restart that comes back with it."""
        for person in self.everybody:
            for key in (people.consent_key(person), people.fence_key(person)):
                self.kept[key] = self.client.dump(key)

    def restart(self):
        """Lose all that Redis was told since, and be another process than the one that is trusted."""
        for key, body in self.kept.items():
            self.client.delete(key)
            if body is not None:
                self.client.restore(key, 0, body)
        for person in self.everybody:
            fences = people.fences_key(people.partition_of(person))
            for member in self.client.zrange(fences, 0, -1):
                if member.decode().startswith(person):
                    self.client.zrem(fences, member)
            trust = people.trust_key(people.partition_of(person))
            self.client.hset(trust, "run_id", "0" * 40)

    def settle(self):
        relay.settle(self.client, now=MUCH_LATER)
        relay.restore_trust(self.client, now=MUCH_LATER)

    def decide(self, person=None):
        """Say what whoever decides now allows; nothing happens meanwhile."""
        return self._read(self.client, person or self.ana)

    def owner(self, person):
        """Return who a person is by now, as the record has it."""
        return ledger.current_person(person)

    def record_allows(self, person):
        """Say what PostgreSQL, which has all that was ever acknowledged, allows."""
        view = load_view_of_record(person)
        return permits(POLICY, view, [ADS], channel="web", now=LATER).allowed

    def leave(self):
        """Take the people off the stage, so that thousands after them do not wait for them.

        The ledger keeps what they said and then says so: only for a run of nothing else.
        """
        with connection.cursor() as cursor:
            cursor.execute(
                "with states as (delete from consent_consentstate where person = any(%(all)s)), "
                "changes as (delete from consent_consentchange where person = any(%(all)s)) "
                "delete from consent_person where id = any(%(all)s)",
                {"all": list(self.everybody)},
            )


def ms(moment):
    return int(moment.timestamp() * 1000)


def set_the_scene(touched, kinds, cast=Scene, **how):
    """Return people who said what they said before; Cid comes only where somebody does something with them.

    Ana has said nothing where somebody does something first.
    """
    ana, ben, cid = (make_person() for _ in range(3))
    scene = cast(redis_client(), touched, ana, ben, cid, **how)
    if any("cid" in kind for kind in kinds):
        scene.everybody = (ana, ben, cid)
    else:
        scene.everybody = (ana, ben)
    said_before = {ben: withdrawn(at=NOW - timedelta(hours=1))}
    is_new = any(kind.startswith("first") for kind in kinds)
    for person in scene.everybody[is_new:]:
        change = said_before.get(person, given())
        ledger.record_change(person, [change], evidence=EVIDENCE, actor=SUBJECT, now=NOW)
    scene.keep()
    return scene


# The calls of each, from the first to the end; a test compares them with what really happens.
LENGTHS = {
    **{"withdrawal": 5, "grant": 5, "reader": 5, "relay": 1, "recovery": 3},
    **{"first_withdrawal": 4, "first_grant": 4},
    **dict.fromkeys(("merge", "merge_of_cid", "merge_into_cid", "merge_back"), 8),
}


def play(scene, kinds, order, *, killed=None):
    """Let actors make their steps in an order, e.g. ``b"\\0\\1\\1\\0"``; return them and what each step touched.

    `killed` is (which, after how many of its steps).
    """
    actors, touched = [scene.act(kind) for kind in kinds], []
    for position, which in enumerate(order):
        scene.touched.begin()
        if which == RESTART:
            scene.restart()
            touched.append(REDIS)
            continue
        actor = actors[which]
        if actor.began is None:
            actor.began = position
        if killed == (which, actor.steps):
            actor.kill()
        else:
            actor.step()
        if actor.dead and actor.ended is None:
            actor.ended = position
        touched.append(scene.touched.stores)
    for actor in actors:  # a retry takes more steps than the first try
        while not actor.dead:
            actor.step()
        actor.ended = len(order) if actor.ended is None else actor.ended
    return actors, touched
