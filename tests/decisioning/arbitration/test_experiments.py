"""Buckets and arms by hash; the vectors are frozen for ever."""

import pytest

from decisioning.arbitration.experiments import Assignment, assign_arm, bucket, is_held_out
from decisioning.specs import ArmSpec, ExperimentSpec

GOLDEN = [
    ("winter", "p0420123456789abcdef0123", 0.38635059469379485),
    ("split-1", "p0000000000000000000000a", 0.08668967569246888),
    ("holdout", "p255ffffffffffffffffffff", 0.7563440203666687),
    ("", "", 0.1685548177920282),
    ("sälz", "p042ü", 0.2590891211293638),
]
PEOPLE = [f"p{n % 256:03d}{n:020x}" for n in range(20_000)]


def experiment(traffic=1.0, shares=(0.5, 0.5)):
    arms = tuple(ArmSpec(key=key, share=share) for key, share in zip("abc", shares, strict=False))
    return ExperimentSpec(
        key="split", name="Split", campaign="winter", salt="split-1", arms=arms, traffic=traffic
    )


def arm_of(person, spec, **sticky):
    found = assign_arm(spec, person, sticky=sticky)
    return found.arm if found else None


@pytest.mark.parametrize(("salt", "person", "value"), GOLDEN)
def test_buckets_are_the_golden_vectors(salt, person, value):
    assert bucket(salt, person) == value


def test_shares_are_met():
    arms = [arm_of(person, experiment(shares=(0.2, 0.3, 0.5))) for person in PEOPLE]

    for arm, share in (("a", 0.2), ("b", 0.3), ("c", 0.5)):
        assert arms.count(arm) / len(PEOPLE) == pytest.approx(share, abs=0.012)


def test_raising_the_traffic_moves_nobody_between_arms():
    before = {person: arm_of(person, experiment(traffic=0.2)) for person in PEOPLE[:2_000]}

    after = {person: arm_of(person, experiment(traffic=0.9)) for person in before}

    assert all(after[person] == arm for person, arm in before.items() if arm)
    assert sum(arm is not None for arm in after.values()) > 1_700


def test_an_arm_once_taken_is_kept_while_it_exists():
    person = next(one for one in PEOPLE if arm_of(one, experiment()) == "a")

    kept = assign_arm(experiment(), person, sticky={"split": "b"})
    gone = assign_arm(experiment(), person, sticky={"split": "retired"})

    assert kept == Assignment("split", "b", 0.5, bucket("split-1", person), sticky=True)
    assert gone.arm == "a"


def test_raising_a_holdout_keeps_those_already_out():
    small = {person for person in PEOPLE[:2_000] if is_held_out("holdout", person, share=0.05)}
    large = {person for person in PEOPLE[:2_000] if is_held_out("holdout", person, share=0.2)}

    assert small < large
    assert not any(is_held_out("holdout", person, share=0.0) for person in PEOPLE[:100])


def test_two_experiments_are_independent():
    both = sum(bucket("one", person) < 0.5 and bucket("two", person) < 0.5 for person in PEOPLE)

    assert both / len(PEOPLE) == pytest.approx(0.25, abs=0.012)
