"""Runs the real readers and writers of consent one store call at a time, in whatever order a test says."""

from dataclasses import dataclass, field
from datetime import timedelta

from greenlet import getcurrent, greenlet

from consent import ledger, people, projection, relay, state
from consent.policy import permits
from consent.standing import load_view_of_record
from rtts_site.foundation.redis_clients import redis_client
from tests.consent.builders import ADS, EVIDENCE, NOW, POLICY, SUBJECT, given, withdrawn
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
)


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
        except ledger.StoreUnavailableError:
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


@dataclass
class Scene:
    """People, and what may happen to them at once; `begun` and `ended` are positions in the order of steps."""

    client: object
    ana: str
    ben: str  # becomes Ana in a merge; has said no
    kept: dict[str, object] = field(default_factory=dict)

    def act(self, kind):
        return Actor(getattr(self, kind))

    def withdrawal(self):
        return self._record(withdrawn(at=LATER))

    def grant(self):  # said before the withdrawal, and arriving whenever it does
        return self._record(given(at=LATER - timedelta(seconds=1)))

    def merge(self):
        state.begin_merge(self.client, self.ben, self.ana, now_ms=ms(LATER))
        ledger.merge_people(self.ben, self.ana, now=LATER)
        return "merged"

    def relay(self):
        relay.settle(self.client, now=LATER + timedelta(seconds=6))

    def reader(self):
        run_id = state.run_id_of(self.client.info("server"))
        replies = []
        for command in state.read_commands(self.ana):
            pause()
            replies.append(self.client.execute_command(*command))
        view = state.parse_view(run_id, replies)
        allowed = permits(POLICY, view, [ADS], channel="web", now=LATER).allowed
        pause()
        return allowed and stands(self.client, self.ana, view.version, view.run_id)

    def _record(self, change):
        recorded = ledger.record_change(
            self.ana, [change], evidence=EVIDENCE, actor=SUBJECT, now=LATER
        )
        return recorded.in_force

    def keep(self):
        """Remember what Redis has of them, for a restart that comes back with it."""
        for person in (self.ana, self.ben):
            for key in (people.consent_key(person), people.fence_key(person)):
                self.kept[key] = self.client.dump(key)

    def restart(self):
        """Lose all that Redis was told since, and be another process than the one that is trusted."""
        for key, body in self.kept.items():
            self.client.delete(key)
            if body is not None:
                self.client.restore(key, 0, body)
        for person in (self.ana, self.ben):
            fences = people.fences_key(people.partition_of(person))
            for member in self.client.zrange(fences, 0, -1):
                if member.decode().startswith(person):
                    self.client.zrem(fences, member)
            trust = people.trust_key(people.partition_of(person))
            self.client.hset(trust, "run_id", "0" * 40)

    def settle(self):
        relay.settle(self.client, now=MUCH_LATER)
        relay.restore_trust(self.client, now=MUCH_LATER)

    def decide(self):
        actor = self.act("reader")
        while not actor.dead:
            actor.step()
        return actor.answer

    def record_allows(self):
        """Say what PostgreSQL, which has all that was ever acknowledged, allows."""
        view = load_view_of_record(ledger.current_person(self.ana))
        return permits(POLICY, view, [ADS], channel="web", now=LATER).allowed


def ms(moment):
    return int(moment.timestamp() * 1000)


def set_the_scene(ana, ben):
    client = redis_client()
    scene = Scene(client, ana, ben)
    ledger.record_change(ana, [given()], evidence=EVIDENCE, actor=SUBJECT, now=NOW)
    no = withdrawn(at=NOW - timedelta(hours=1))
    ledger.record_change(ben, [no], evidence=EVIDENCE, actor=SUBJECT, now=NOW)
    scene.keep()
    return scene


def length(kind):
    """Return how many steps an actor takes by itself, found by letting it."""
    return LENGTHS[kind]


# The calls of each, from the first to the end; a test compares them with what really happens.
LENGTHS = {"withdrawal": 5, "grant": 5, "merge": 8, "reader": 5, "relay": 1}


def play(scene, kinds, order, *, killed=None, restart=None):
    """Let actors make their steps in an order, e.g. ``[0, 1, 1, 0]``; return them.

    `killed` is (which, after how many of its steps); `restart` the position before which Redis is exchanged.
    """
    actors = [scene.act(kind) for kind in kinds]
    for position, which in enumerate(order):
        if position == restart:
            scene.restart()
        actor = actors[which]
        if actor.began is None:
            actor.began = position
        if killed == (which, actor.steps):
            actor.kill()
        else:
            actor.step()
        if actor.dead and actor.ended is None:
            actor.ended = position
    for actor in actors:  # a retry takes more steps than the first try
        while not actor.dead:
            actor.step()
        actor.ended = len(order) if actor.ended is None else actor.ended
    return actors
