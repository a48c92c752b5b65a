"""Distinct values beyond the exact bound: a function of the set, and of what the window still holds."""

import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decisioning.profiles import series, sketch

EMPTY = series.empty("distinct", 1)
VALUES = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 2**32 - 1)), max_size=60)


@pytest.fixture(autouse=True)
def _few(monkeypatch):
    monkeypatch.setattr(sketch, "MAX_EXACT", 8)


def counted(seen, *, floor=0):
    """Count in order, dropping what is past, as a fold does."""
    kept, newest = list(EMPTY), 0
    for index, value in seen:
        sketch.add(kept, index, value)
        newest = max(newest, index)
        series.drop_below(kept, max(floor, newest - 20))
        sketch.keep_bounded(kept)
    return kept


@settings(max_examples=60)
@given(seen=VALUES, seed=st.integers(0, 2**32))
def test_any_order_gives_one_sketch(seen, seed):
    newest = max((index for index, _ in seen), default=0)
    shuffled = random.Random(seed).sample(seen, len(seen))  # noqa: S311

    assert counted(shuffled, floor=newest - 20) == counted(seen)


@settings(max_examples=60)
@given(one=VALUES, other=VALUES)
def test_merging_counts_as_one_would(one, other):
    merged = sketch.merged(counted(one), counted(other))
    newest = max((index for index, _ in [*one, *other]), default=0)
    series.drop_below(merged, newest - 20)
    sketch.keep_bounded(merged)

    assert merged == counted([*one, *other])


@pytest.mark.parametrize("different", [300, 3_000, 30_000])
def test_what_a_window_left_behind_is_not_counted(different):
    chance = random.Random(different)  # noqa: S311
    old = {chance.getrandbits(32): chance.randrange(0, 10) for _ in range(different * 3)}
    new = {chance.getrandbits(32): chance.randrange(10, 20) for _ in range(different)}
    kept = list(EMPTY)
    sketch.put(kept, old | new)
    sketch.keep_bounded(kept)

    everything = sketch.count([cell for _, cell in series.buckets(kept)])
    latest = sketch.count([cell for index, cell in series.buckets(kept) if index >= 10])

    assert everything == pytest.approx(different * 4, rel=0.2)
    assert latest == pytest.approx(different, rel=0.2)
    assert len(msgspec.msgpack.encode(kept)) < 6_000
