"""Kills and freezes the processes of a running product by chance, and measures how soon it works again."""

import random
import time

import requests

from consent import people
from decisioning.ingestion.positions import load_positions
from decisioning.ingestion.records import stream_order

KILLS = ("streams", "redis", "postgres", "web")
FREEZES = ("streams", "redis", "postgres")
STORES = ("redis", "postgres")
LONGEST_FREEZE_S = 6.0
PATIENCE_S = 120.0


class Storm:
    """Faults in an order that follows from a seed; what each did is in `told`."""

    def __init__(self, running, client, *, seed, key):
        self._running, self._client, self._key = running, client, key
        self._chance = random.Random(seed)  # noqa: S311
        self._probes = 0
        self._waiting = []
        self.told = []

    def strike(self):
        """Do one fault and wait until the product takes, folds and archives again."""
        if not self._waiting:  # each kind once before any comes again
            self._waiting = [("kill", one) for one in KILLS] + [("freeze", one) for one in FREEZES]
            self._chance.shuffle(self._waiting)
        kind, name = self._waiting.pop()
        away_s = self._freeze(name) if kind == "freeze" else self._kill(name)
        self._before = {one: positions(self._client, one) for one in ("folded", "archived")}
        began = time.monotonic()
        moments = [step() - began for step in (self._take, self._fold, self._archive)]
        self.told.append((f"{kind} {name}", away_s, *moments))
        print(
            f"{kind:>7} {name:<9} away {away_s:4.1f} s, then taken {moments[0]:5.1f} s, "
            f"folds again {moments[1]:5.1f} s, archives again {moments[2]:5.1f} s",
            flush=True,
        )

    def _freeze(self, name):
        seconds = self._chance.uniform(0.5, LONGEST_FREEZE_S)
        with self._running.frozen(name):
            time.sleep(seconds)
        return seconds

    def _kill(self, name):
        seconds = self._chance.uniform(0.0, 3.0) if name in STORES else 0.0
        self._running.kill(name)
        time.sleep(seconds)
        if name in STORES:
            self._running.start(name)
        return seconds

    def _take(self):
        self._probes += 1
        body = {
            "event": "Probe",
            "userId": f"probe-{self._probes}",
            "messageId": f"p{self._probes}",
        }
        post(f"{self._running.base_url}/v1/track", self._key, body)
        return time.monotonic()

    def _fold(self):
        return self._until("folded")

    def _archive(self):
        return self._until("archived")

    def _until(self, name):
        """Wait until a position is another than when the fault was over; what waits behind it is work, not damage."""
        end = time.monotonic() + PATIENCE_S
        while positions(self._client, name) == self._before[name]:
            assert time.monotonic() < end, f"nothing is {name}"
            time.sleep(0.05)
        return time.monotonic()


def positions(client, name):
    """Return how far each partition is folded or archived."""
    found = load_positions(client, range(people.PARTITIONS))
    return [getattr(one, name) for one in found.values()]


def post(url, key, body):
    """Send as a client does: the same again until it is taken, and return the answer."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        try:
            answer = requests.post(url, json=body, auth=(key, ""), timeout=30)
        except requests.RequestException:
            time.sleep(0.1)
            continue
        if answer.status_code == 200:
            return answer.json()
        assert answer.status_code in (429, 503), answer.text
        time.sleep(0.2)
    raise AssertionError(f"{url} never answered")


def last_ids(client):
    """Return the newest id of each partition's stream."""
    with client.pipeline(transaction=False) as pipe:
        for one in range(people.PARTITIONS):
            pipe.xrevrange(people.stream_key(one), count=1)
        return [rows[0][0].decode() if rows else "" for rows in pipe.execute()]


def passed(client, last, name):
    """Return whether every partition has gone past these ids."""
    positions = load_positions(client, range(people.PARTITIONS))
    return all(
        stream_order(getattr(positions[one], name)) >= stream_order(stream_id)
        for one, stream_id in enumerate(last)
    )
