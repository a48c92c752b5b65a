"""Readers and writers of consent in every order of their store calls, killed at each, over a Redis that restarts at each.

Never a decision that rests on consent and starts after the answer to a withdrawal.
"""

import random
from itertools import combinations

import pytest

from tests.consent.builders import make_person
from tests.consent.stage import LENGTHS, play, put_doors, set_the_scene

WRITERS = ("withdrawal", "grant", "merge")
PAIRS = [
    *((writer, "reader") for writer in WRITERS),
    ("withdrawal", "withdrawal"),
    ("withdrawal", "grant"),
    ("grant", "grant"),
    ("withdrawal", "merge"),
    ("grant", "merge"),
]
TRIPLES = 20_000


@pytest.fixture
def scene(trusted, monkeypatch):
    put_doors(monkeypatch)
    return lambda: set_the_scene(make_person(), make_person())


def orders(one, other):
    """Yield every merge of two sequences of steps, e.g. ``[0, 1, 1, 0]``."""
    total = one + other
    for places in combinations(range(total), one):
        yield [0 if place in places else 1 for place in range(total)]


def restarts(kinds):
    """Yield (order, killed, restart) of a pair: Redis restarts between any two steps of any order."""
    for order in orders(*(LENGTHS[kind] for kind in kinds)):
        yield from ((order, None, restart) for restart in range(1, len(order)))


def plans(kinds):
    """Yield (order, killed, restart) of a pair: nothing breaks, or one is killed after any of its steps."""
    lengths = [LENGTHS[kind] for kind in kinds]
    for order in orders(*lengths):
        yield order, None, None
    for which in (0, 1):
        if kinds[which] == "reader":
            continue
        for after in range(1, lengths[which]):
            shorter = [*lengths]
            shorter[which] = after + 1
            yield from ((order, (which, after), None) for order in orders(*shorter))


def denying(kinds):
    """Return who ends the consent: in a merge Ben's older no, which a newer grant of theirs lifts."""
    return {"withdrawal"} if "grant" in kinds else {"withdrawal", "merge"}


def check(scene, kinds, order, killed, restart):
    """Play a plan on people of its own and judge what came of it."""
    actors = play(scene, kinds, order, killed=killed, restart=restart)
    plan = (kinds, order, killed, restart)
    denied_from = [
        actor.ended
        for kind, actor in zip(kinds, actors, strict=True)
        if kind in denying(kinds) and actor.answer
    ]
    for kind, actor in zip(kinds, actors, strict=True):
        if kind == "reader" and actor.answer and denied_from:
            assert actor.began <= min(denied_from), plan
    if denied_from:
        assert not scene.decide(), plan
    scene.settle()
    allowed = scene.decide()
    assert allowed is scene.record_allows(), plan
    if denied_from:
        assert not allowed, plan


@pytest.mark.parametrize("kind", LENGTHS)
def test_an_actor_makes_as_many_calls_as_the_plans_assume(scene, kind):
    one = scene()
    actor = one.act(kind)
    while not actor.dead:
        actor.step()

    assert actor.steps == LENGTHS[kind]


def test_r05_orders_picked_at_random_never_honour_a_consent_after_its_end(scene):
    chance = random.Random(5)  # noqa: S311 - picks plans
    for kinds in PAIRS:
        for plan in (*chance.sample([*plans(kinds)], 2), chance.choice([*restarts(kinds)])):
            check(scene(), kinds, *plan)


@pytest.mark.faults
@pytest.mark.parametrize("kinds", PAIRS, ids="-".join)
def test_every_interleaving_of_a_pair_never_honours_a_consent_after_its_end(scene, kinds):
    played = 0
    for plan in plans(kinds):
        check(scene(), kinds, *plan)
        played += 1
    print(f"{'-'.join(kinds)}: {played} plans")


@pytest.mark.long
@pytest.mark.parametrize("kinds", PAIRS, ids="-".join)
def test_a_restart_of_redis_between_any_two_steps_revives_no_consent(scene, kinds):
    played = 0
    for plan in restarts(kinds):
        check(scene(), kinds, *plan)
        played += 1
    print(f"{'-'.join(kinds)}: {played} plans")


@pytest.mark.long
def test_triples_picked_at_random_never_honour_a_consent_after_its_end(scene):
    chance = random.Random(7)  # noqa: S311 - picks plans
    everyone = [*WRITERS, "reader", "relay"]
    for _ in range(TRIPLES):
        kinds = tuple(chance.choice(everyone) for _ in range(3))
        order = [which for which, kind in enumerate(kinds) for _ in range(LENGTHS[kind])]
        chance.shuffle(order)
        which = chance.randrange(3)
        killed = (which, chance.randrange(1, 6)) if chance.random() < 0.3 else None
        if kinds[which] in ("reader", "relay"):
            killed = None
        restart = chance.randrange(1, len(order)) if chance.random() < 0.3 else None
        check(scene(), kinds, order, killed, restart)


@pytest.mark.parametrize("overtaken_after", range(1, LENGTHS["reader"]))
def test_case_01_a_withdrawal_answered_mid_flight_is_seen_by_the_last_step(scene, overtaken_after):
    one = scene()
    writes = [0] * LENGTHS["withdrawal"]
    order = [*[1] * overtaken_after, *writes, *[1] * (LENGTHS["reader"] - overtaken_after)]

    withdrawal, reader = play(one, ("withdrawal", "reader"), order)

    assert withdrawal.answer
    assert not reader.answer
