"""What content costs a decision: plain, with tokens, as HTML, by context; in process, as a ratio to plain."""

import time
from dataclasses import replace

import pytest

from consent.policy import ConsentView, State, Status, seal_policy
from decisioning.decisions import decide
from decisioning.held import hold
from decisioning.messages import Ask, PersonState, PlacementAsk
from decisioning.releases import Verified
from decisioning.rules.canonical import digest
from decisioning.rules.compiler import compile_release
from decisioning.specs import FitSpec
from tests.benchmarks.test_decisions import FEW, NUMBERS, TEXTS, busy_release
from tests.decisioning import making

pytestmark = pytest.mark.benchmark

ROUNDS, TIMES = 15, 100
TOKENS = {"headline": "Hi {{ loyalty_tier }}, {{ offer.name }}", "link_url": "/x?t={{ text_1 }}"}
HTML = {"html": '<p>Hi <b>{{ loyalty_tier }}</b>, <a href="/x?t={{ text_1 }}">more</a></p>'}


def with_variants(spec, change):
    offers = tuple(replace(one, variants=change(one.variants[0])) for one in spec.offers)
    return replace(spec, offers=offers)


def by_context(variant):
    return (
        replace(variant, key="german", fit=FitSpec(languages=("de",))),
        replace(variant, key="mobile", fit=FitSpec(devices=("mobile",))),
        variant,
    )


def test_content_costs_little():
    plain = busy_release()
    releases = {
        "plain": plain,
        "tokens": with_variants(plain, lambda one: (replace(one, content=TOKENS),)),
        "HTML with tokens": with_variants(plain, lambda one: (replace(one, content=HTML),)),
        "three variants by context": with_variants(plain, by_context),
    }
    held = {
        name: hold(Verified(1, digest(spec), 0, spec, compile_release(spec)))
        for name, spec in releases.items()
    }
    policy = seal_policy(making.PURPOSES, version=1)
    given = State(Status.GIVEN, 1.0, None, "evt-1")
    known = {"loyalty_tier": "gold", "device_class": "mobile", **dict.fromkeys(TEXTS, "yes")}
    known |= {key: place + 1 for place, key in enumerate(NUMBERS)}
    view = ConsentView(
        version=1, fenced=False, trusted=True, states={("personalised_ads", "*"): given}
    )
    state = PersonState(facts=known, consent=view)
    ask = Ask(making.person_of("ana"), (PlacementAsk(FEW),))
    best = dict.fromkeys(held, float("inf"))

    for _ in range(ROUNDS):
        for name, one in held.items():
            started = time.process_time()
            for _ in range(TIMES):
                decision = decide(ask, state, one, policy=policy, now=making.NOW)
            best[name] = min(best[name], (time.process_time() - started) / TIMES * 1e6)
            assert decision.placed[0].status == "offers"

    for name, microseconds in best.items():
        ratio = microseconds / best["plain"]
        print(f"{name:28} {microseconds:7.1f} us a decision of 10 offers  {ratio:5.2f}")
        held[name].engine.close()
    assert best["HTML with tokens"] < 4 * best["plain"]
