from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from consent.changes import (
    DENYING,
    MAX_SKEW,
    NEUTRAL,
    apply_changes,
    comes_too_early,
    missing_evidence,
    settle,
    strictest,
)
from consent.policy import (
    GRANTING,
    ConsentView,
    PurposeSpec,
    State,
    Status,
    permits,
    seal_policy,
)
from tests.consent.builders import ADS, EVIDENCE, NOW, given, withdrawn

TIMES = st.floats(0, 100)
STATED = st.builds(State, st.sampled_from([s for s in Status if s is not Status.EXPIRED]), TIMES)


def state(status, since):
    return State(status, since)


def test_case_08_a_backdated_grant_changes_nothing():
    standing = state(Status.WITHDRAWN, 10)

    assert settle(standing, state(Status.GIVEN, 9)) is standing
    assert settle(standing, state(Status.GIVEN, 10)) is standing


def test_case_08_a_backdated_withdrawal_applies_at_once():
    settled = settle(state(Status.GIVEN, 10), state(Status.WITHDRAWN, 5))

    assert settled == state(Status.WITHDRAWN, 10)


def test_a_later_grant_ends_a_withdrawal():
    assert settle(state(Status.WITHDRAWN, 10), state(Status.GIVEN, 11)).status is Status.GIVEN


def test_asking_again_leaves_consent_as_it_is():
    standing = state(Status.GIVEN, 10)

    assert settle(standing, state(Status.REQUESTED, 11)) is standing


@for_all(st.lists(STATED, max_size=6))
def test_case_07_a_grant_holds_only_if_said_after_every_denial(said):
    standing = None
    for one in said:
        standing = settle(standing, one)

    denials = [s.since for s in said if s.status not in GRANTING | NEUTRAL]
    if standing is not None and standing.status in GRANTING:
        assert all(standing.since > denial for denial in denials)


@for_all(
    st.dictionaries(st.tuples(st.sampled_from("ab"), st.sampled_from(["sms", "web"])), STATED),
    st.sampled_from("ab"),
    st.sampled_from(["sms", "web"]),
)
def test_r03_what_is_said_of_one_purpose_and_channel_leaves_all_others(states, purpose, channel):
    after = apply_changes(states, [withdrawn(purpose, channel=channel)], now=NOW)

    for key in states.keys() - {(purpose, channel)}:
        assert after[key] is states[key]
    assert after[purpose, channel].status is Status.WITHDRAWN


@pytest.mark.parametrize("year", [1971, 2038])
def test_case_09_a_wrong_clock_makes_no_consent_effective_early(year):
    wrong = NOW.replace(year=year)

    (said,) = apply_changes({}, [given(at=wrong)], now=NOW).values()
    no = withdrawn(at=wrong)
    denied = apply_changes({(ADS, "*"): said}, [no], now=NOW)

    assert said.since <= NOW.timestamp()
    assert comes_too_early(given(at=wrong), now=NOW) is (year == 2038)
    assert denied[ADS, "*"].status is Status.WITHDRAWN


@for_all(
    denial=st.sampled_from(sorted(DENYING)),
    ahead=st.timedeltas(timedelta(microseconds=1), MAX_SKEW),
    before=st.timedeltas(timedelta(), MAX_SKEW),
    channels=st.tuples(st.sampled_from(["*", "web"]), st.sampled_from(["*", "web"])),
    grant=st.sampled_from(sorted(GRANTING)),
)
def test_case_09_a_grant_by_a_fast_clock_ends_no_denial_that_may_be_younger(
    denial, ahead, before, channels, grant
):
    said_no, said_yes = channels
    standing = {(ADS, said_no): State(denial, (NOW - before).timestamp())}
    yes = replace(given(at=NOW + ahead, channel=said_yes), status=grant)

    after = apply_changes(standing, [yes], now=NOW)

    touched = after[ADS, said_no] if said_yes in (said_no, "*") else after.get((ADS, said_yes))
    assert touched is None or touched.status is denial


@pytest.mark.parametrize(
    ("event_time", "denied_at", "holds"),
    [
        (NOW + MAX_SKEW, NOW - MAX_SKEW, False),
        (NOW + MAX_SKEW, NOW - MAX_SKEW - timedelta(milliseconds=1), True),
        (NOW + timedelta(milliseconds=1), NOW - timedelta(seconds=10), False),
        (NOW, NOW - timedelta(seconds=10), True),
        (NOW, NOW, False),
    ],
)
def test_case_09_the_edges_of_a_grant_by_a_fast_clock(event_time, denied_at, holds):
    standing = {(ADS, "*"): State(Status.WITHDRAWN, denied_at.timestamp())}

    after = apply_changes(standing, [given(at=event_time)], now=NOW)

    assert (after[ADS, "*"].status is Status.GIVEN) is holds


def test_case_09_a_clock_that_steps_back_gives_no_second_life():
    ended = given(expires_at=NOW + timedelta(days=1))
    (said,) = apply_changes({}, [ended], now=NOW).values()
    policy = seal_policy([PurposeSpec(key=ADS, name="Ads")], version=1)
    seen = ConsentView(version=1, fenced=False, trusted=True, states={(ADS, "*"): said})

    # The end is an instant of the record, so no node remembers it and none can forget it.
    asked = [NOW + timedelta(days=days) for days in (2, 0, 1)]
    assert [permits(policy, seen, [ADS], channel="web", now=at).allowed for at in asked] == [
        False,
        True,
        False,
    ]


def test_all_channels_speaks_for_each_and_one_for_itself():
    states = apply_changes({}, [given(channel="sms"), given(channel="email")], now=NOW)

    one = apply_changes(states, [withdrawn(channel="sms", at=NOW)], now=NOW)
    every = apply_changes(states, [withdrawn(at=NOW)], now=NOW)

    assert one[ADS, "email"].status is Status.GIVEN
    assert one[ADS, "sms"].status is Status.WITHDRAWN
    assert {said.status for said in every.values()} == {Status.WITHDRAWN}


@for_all(
    st.dictionaries(st.tuples(st.sampled_from("ab"), st.sampled_from(["*", "web"])), STATED),
    st.dictionaries(st.tuples(st.sampled_from("ab"), st.sampled_from(["*", "web"])), STATED),
)
def test_merging_is_symmetric_and_a_denial_survives(one, other):
    joined = strictest(one, other)

    assert {key: said.status in GRANTING for key, said in joined.items()} == {
        key: said.status in GRANTING for key, said in strictest(other, one).items()
    }
    for key, said in (*one.items(), *other.items()):
        if said.status not in GRANTING | NEUTRAL:
            assert joined[key].status not in GRANTING


def test_a_grant_names_what_its_evidence_lacks():
    assert missing_evidence(given(), EVIDENCE) == []
    assert missing_evidence(given(), replace(EVIDENCE, language="")) == ["language"]
    assert missing_evidence(withdrawn(), replace(EVIDENCE, language="")) == []
