"""Three readers and writers of consent at once, in orders picked at random, killed and restarted under at random."""

import random
import time

import pytest

from tests.consent.interleaving import WRITERS, check
from tests.consent.orders import RESTART
from tests.consent.stage import LENGTHS

TRIPLES = 20_000
PARTS = 4
EVERYONE = [*WRITERS, "reader", "relay", "recovery"]
TURNS = LENGTHS | {"relay": 4, "recovery": 4}  # they have more to do the more was broken off


def picked(chance):
    """Return (kinds, order, killed) of three, one of them a writer."""
    kinds = (chance.choice(WRITERS), chance.choice(EVERYONE), chance.choice(EVERYONE))
    order = [which for which, kind in enumerate(kinds) for _ in range(TURNS[kind])]
    chance.shuffle(order)
    which = chance.randrange(3)
    dies = kinds[which] in WRITERS and chance.random() < 0.4
    killed = (which, chance.randrange(1, LENGTHS[kinds[which]])) if dies else None
    if chance.random() < 0.3:
        order.insert(chance.randrange(1, len(order)), RESTART)
    return kinds, bytes(order), killed


@pytest.mark.long
@pytest.mark.parametrize("seed", range(PARTS))
def test_triples_picked_at_random_never_honour_a_consent_after_its_end(scenes, seed):
    chance, began = random.Random(seed), time.monotonic()  # noqa: S311 - picks plans
    for played in range(1, TRIPLES // PARTS + 1):
        kinds, order, killed = picked(chance)
        scene = scenes(kinds)
        check(scene, kinds, order, killed)
        scene.leave()
        if played % 500 == 0:
            print(f"{played} triples, {time.monotonic() - began:.0f} s", flush=True)
