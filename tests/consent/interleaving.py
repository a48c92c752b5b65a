"""Which readers and writers of consent meet, and what must hold whatever order they meet in."""

from consent.models import Person
from tests.consent.orders import RESTART, same
from tests.consent.stage import LENGTHS, play

WRITERS = ("withdrawal", "grant", "merge")
MERGES = [
    ("merge", "merge"),
    *(("merge", f"merge_{how}") for how in ("of_cid", "into_cid", "back")),
]
PAIRS = [
    *((writer, "reader") for writer in WRITERS),
    ("withdrawal", "withdrawal"),
    ("withdrawal", "grant"),
    ("grant", "grant"),
    ("withdrawal", "merge"),
    ("grant", "merge"),
    ("first_withdrawal", "first_grant"),
    ("first_grant", "first_grant"),
    ("first_withdrawal", "reader"),
    ("first_withdrawal", "merge"),
    ("first_grant", "merge"),
    *MERGES,
]


def lengths(kinds):
    return [LENGTHS[kind] for kind in kinds]


def denying(kinds):
    """Return who ends the consent: in a merge Ben's older no, which a newer grant of theirs lifts."""
    withdrawals = {"withdrawal", "first_withdrawal"}
    return withdrawals if {"grant", "first_grant"} & {*kinds} else {*withdrawals, "merge"}


def check_all(scenes, kinds, plans):
    """Play a plan of each kind that can be told from the others; return how many were played, and of how many."""
    seen, played, total = set(), 0, 0
    for order, killed in plans:
        total += 1
        if (order, killed) not in seen:
            scene = scenes(kinds)
            touched = check(scene, kinds, order, killed)
            scene.leave()
            seen.update((other, killed) for other in same(order, touched))
            played += 1
    return played, total


def check(scene, kinds, order, killed=None):
    """Play a plan on people of its own and judge what came of it; return what each step touched."""
    actors, touched = play(scene, kinds, order, killed=killed)
    plan = (kinds, [*order], killed)
    answered = [(kind, actor) for kind, actor in zip(kinds, actors, strict=True) if actor.answer]
    denied_from = [actor.ended for kind, actor in answered if kind in denying(kinds)]
    for kind, actor in answered:
        if kind == "reader" and denied_from:
            assert actor.began <= min(denied_from), plan
        if kind.startswith("merge"):
            source, target = actor.answer
            assert scene.owner(source) == scene.owner(target), plan
            assert not scene.decide(source), plan
    _check_denied(scene, denied_from, plan)
    if RESTART in order:
        _merge_again(scene, kinds, actors)
    scene.settle()
    _check_denied(scene, denied_from, plan)
    merges = any(kind.startswith("merge") for kind in kinds)
    for person in scene.everybody if merges else [scene.ana]:
        assert scene.decide(person) is scene.record_allows(person), plan
    if all(kind.startswith("merge") for kind in kinds):
        _check_each_merged_once(scene, plan)
    return touched


def _merge_again(scene, kinds, actors):
    """Do what a merge's job does until it is answered; the fence by which the relay finds it may be lost."""
    for kind, actor in zip(kinds, actors, strict=True):
        if kind.startswith("merge") and not actor.answer:
            getattr(scene, kind)()


def _check_denied(scene, denied_from, plan):
    if denied_from:
        assert not scene.decide(scene.owner(scene.ana)), plan


def _check_each_merged_once(scene, plan):
    rows = Person.objects.filter(id__in=scene.everybody)
    merged = sum(bool(row.merged_into) for row in rows)
    assert sum(row.version for row in rows) == len(rows) + 2 * merged, plan
