"""The Redis server itself is killed between the steps of readers and writers of consent, and comes back or stays away."""

import random
import shutil
from dataclasses import dataclass
from functools import partial

import pytest
import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from rtts_site import embedded
from tests.consent import stage
from tests.consent.interleaving import check
from tests.consent.orders import RESTART
from tests.consent.stage import LENGTHS

pytestmark = pytest.mark.faults

TOGETHER = [
    ("withdrawal", "reader"),
    ("grant", "reader"),
    ("merge", "reader"),
    ("withdrawal", "grant"),
    ("withdrawal", "merge"),
]


def start():
    return embedded.start(embedded.REDIS, settings.RTTS_VAR, dies_with_parent=True)


def kill():
    process = start()  # it runs already
    process.kill()
    process.wait()


@dataclass
class Real(stage.Scene):
    """People whose consent lies in a Redis that is killed."""

    older: bool = False  # it comes back with what it had when the scene was set
    away: bool = False  # it is back at the next restart only
    is_down: bool = False

    def keep(self):
        shutil.rmtree(kept(), ignore_errors=True)
        shutil.copytree(settings.RTTS_VAR / "redis", kept())

    def restart(self):
        if not self.is_down:
            kill()
        self.is_down = self.away and not self.is_down
        if self.older:
            shutil.rmtree(settings.RTTS_VAR / "redis")
            shutil.copytree(kept(), settings.RTTS_VAR / "redis")
        if not self.is_down:
            start()

    def reader(self):
        """Read over a connection of one's own: it ends with the process it was made to, and so does the decision."""
        kwargs = self.client.connection_pool.connection_kwargs | {"retry": Retry(NoBackoff(), 0)}
        pool = redis.ConnectionPool(self.client.connection_pool.connection_class, **kwargs)
        with redis.Redis(connection_pool=pool, single_connection_client=True) as link:
            return self._read(link, self.ana)


def kept():
    return settings.RTTS_VAR / "redis-older"


@pytest.fixture
def real(scenes):
    """Return what sets a scene on the session's Redis, which runs again afterwards."""
    yield partial(scenes, cast=Real)
    start()
    shutil.rmtree(kept(), ignore_errors=True)


@pytest.mark.parametrize("how", [{}, {"older": True}, {"away": True}], ids="-".join)
def test_a_redis_that_is_killed_at_any_step_revives_no_consent(real, how):
    chance = random.Random(11)  # noqa: S311 - picks orders
    played = 0
    for kinds in TOGETHER:
        order = [which for which, kind in enumerate(kinds) for _ in range(LENGTHS[kind])]
        for at in range(1, len(order)):
            chance.shuffle(order)
            back = [order[at], RESTART] if "away" in how else [order[at]]
            check(real(kinds, **how), kinds, bytes([*order[:at], RESTART, *back, *order[at + 1 :]]))
            played += 1
    print(f"{played} plans")
