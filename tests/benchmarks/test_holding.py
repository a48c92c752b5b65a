"""Laying out 500 segments of 30 conditions and 2,000 offers beside live decisions: how long, and what waits for it."""

import gc
import threading
import time

import pytest

from decisioning.held import hold
from decisioning.releases import Verified
from decisioning.rules.artifact import decode_artifact, encode_artifact
from decisioning.rules.canonical import canonical, decode_release, digest_of
from decisioning.rules.compiler import compile_release
from tests.benchmarks.test_analysis import large  # noqa: F401

pytestmark = pytest.mark.benchmark

TICK_S = 0.001
HELD_S = 15.0


def stalls(work):
    """Return how long work in a thread took, and by how much each tick beside it came late, in seconds, sorted."""
    took = []

    def run():
        started = time.perf_counter()
        work()
        took.append(time.perf_counter() - started)

    thread = threading.Thread(target=run)
    late = []
    thread.start()
    while thread.is_alive():
        before = time.perf_counter()
        time.sleep(TICK_S)
        late.append(time.perf_counter() - before - TICK_S)
    thread.join()
    return took[0], sorted(late)


def test_decisions_go_on_while_a_large_release_is_laid_out(large, capsys):  # noqa: F811
    release = large.release
    artifact = compile_release(release)
    packed, said = encode_artifact(artifact), canonical(release)
    own = digest_of(said)

    def load():
        known.append((decode_release(said), decode_artifact(packed)))

    known, held = [], []
    gc.collect()
    gc.freeze()  # as a process does once it has started
    loading, late_loading = stalls(load)
    verified = Verified(0, own, 0, *known[0])
    holding, late_holding = stalls(lambda: held.append(hold(verified)))
    gc.unfreeze()
    held[0].engine.close()

    with capsys.disabled():
        for name, took, late in (("load", loading, late_loading), ("hold", holding, late_holding)):
            median, worst = late[len(late) // 2], late[-1]
            print(
                f"\n{name}: {took:.2f} s; beside it {len(late)} ticks, late by "
                f"{median * 1_000:.1f} ms in the middle, {worst * 1_000:.0f} ms at most"
            )
    assert holding < HELD_S
