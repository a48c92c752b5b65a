"""Readers and writers of consent in every order of their store calls, killed at each.

Never a decision that rests on consent and starts after the answer to a withdrawal. Redis restarts in `test_restarts`.
"""

import random

import pytest

from tests.consent.interleaving import PAIRS, check, check_all, lengths
from tests.consent.orders import RESTART, broken_off, orders, same
from tests.consent.stage import LENGTHS, play


def living(kinds):
    """Return those of whom nothing is left when they are killed."""
    return [which for which, kind in enumerate(kinds) if kind == "reader"]


@pytest.mark.parametrize("kind", LENGTHS)
def test_an_actor_makes_as_many_calls_as_the_plans_assume(scenes, kind):
    actor = scenes([kind]).act(kind)
    while not actor.dead:
        actor.step()

    assert actor.steps == LENGTHS[kind]


def test_r05_orders_picked_at_random_never_honour_a_consent_after_its_end(scenes):
    chance = random.Random(5)  # noqa: S311 - picks plans
    for kinds in PAIRS:
        order = [0] * LENGTHS[kinds[0]] + [1] * LENGTHS[kinds[1]]
        for killed in (None, (0, chance.randrange(1, 5))):
            chance.shuffle(order)
            check(scenes(kinds), kinds, bytes(order), killed)
        at = chance.randrange(1, len(order))
        check(scenes(kinds), kinds, bytes([*order[:at], RESTART, *order[at:]]))


@pytest.mark.faults
@pytest.mark.parametrize("kinds", PAIRS, ids="-".join)
def test_every_interleaving_of_a_pair_never_honours_a_consent_after_its_end(scenes, kinds):
    played, total = check_all(scenes, kinds, broken_off(lengths(kinds), living(kinds)))
    print(f"{'-'.join(kinds)}: {played} plans, which stand for {total}")


@pytest.mark.faults
@pytest.mark.parametrize("kinds", [("withdrawal", "reader"), ("withdrawal", "grant")], ids="-".join)
def test_orders_that_are_left_out_come_out_as_the_one_that_is_played(scenes, kinds):
    def outcome(order):
        scene = scenes(kinds)
        actors, touched = play(scene, kinds, order)
        scene.settle()
        ended = scene.decide(), scene.record_allows(scene.ana)
        scene.leave()
        return (*(bool(actor.answer) for actor in actors), *ended), touched

    outcomes = {order: outcome(order) for order in orders(*lengths(kinds))}
    for order, (one, touched) in outcomes.items():
        assert {outcomes[other][0] for other in same(order, touched)} == {one}


@pytest.mark.parametrize("overtaken_after", range(1, LENGTHS["reader"]))
def test_case_01_a_withdrawal_answered_mid_flight_is_seen_by_the_last_step(scenes, overtaken_after):
    writes = [0] * LENGTHS["withdrawal"]
    order = [*[1] * overtaken_after, *writes, *[1] * (LENGTHS["reader"] - overtaken_after)]

    kinds = ("withdrawal", "reader")
    (withdrawal, reader), _ = play(scenes(kinds), kinds, bytes(order))

    assert withdrawal.answer
    assert not reader.answer
