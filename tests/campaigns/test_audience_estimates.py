"""The interval holds what is true at least 95 times in 100, whatever the share and the sample: by calculation."""

from math import exp, lgamma

import pytest

from campaigns.audiences.estimates import estimate

SIZES = [(300, 100), (2_000, 200), (1_000, 900), (100_000, 2_000), (100_000, 10_000)]
SHARES = [0, 0.0005, 0.001, 0.003, 0.01, 0.02, 0.05, 0.1, 0.25, 1 / 3, 0.5, 2 / 3, 0.9, 0.99, 1]


def log_choices(n, k):
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)


def coverage(population, sampled, true):
    """Return how often the interval holds the true count, over all samples that can be drawn."""
    mean = sampled * true / population
    spread = 8 * (mean * (1 - true / population)) ** 0.5 + 5
    low = max(0, sampled - (population - true), int(mean - spread))
    high = min(sampled, true, int(mean + spread))
    total = 0.0
    for matched in range(low, high + 1):
        told = estimate(matched, sampled=sampled, population=population)
        if told.low <= true <= told.high:
            total += exp(
                log_choices(true, matched)
                + log_choices(population - true, sampled - matched)
                - log_choices(population, sampled)
            )
    return total


@pytest.mark.parametrize(("population", "sampled"), SIZES)
def test_interval_holds_the_truth_95_times_in_100(population, sampled):
    for share in SHARES:
        assert coverage(population, sampled, round(population * share)) >= 0.95, share


def test_everybody_looked_at_is_exact():
    told = estimate(40, sampled=100, population=100)

    assert told.is_exact
    assert (told.people, told.low, told.high) == (40, 40, 40)


def test_interval_never_contradicts_what_was_seen():
    rare = estimate(1, sampled=900, population=1_000)
    common = estimate(899, sampled=900, population=1_000)

    assert rare.low >= 1
    assert common.high <= 999


def test_nobody_sampled_says_nothing():
    told = estimate(0, sampled=0, population=50)

    assert (told.low, told.high) == (0, 50)


def test_a_larger_sample_is_surer():
    rough, fine = (estimate(n // 10, sampled=n, population=100_000) for n in (500, 10_000))

    assert fine.high - fine.low < rough.high - rough.low
    assert (fine.people, fine.share) == (10_000, 0.1)
