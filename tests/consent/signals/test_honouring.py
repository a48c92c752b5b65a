"""An opt-out by the browser and by message: recorded for who is known then, once, and never for others."""

from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest

from consent.changes import STATED, Actor, Evidence, apply_changes
from consent.entries import entries_of
from consent.ledger import StoreUnavailableError, record_change
from consent.models import OptOutSeen
from consent.policy import (
    EVERY_CHANNEL,
    GRANTING,
    ConsentView,
    JurisdictionSpec,
    PolicySpec,
    PurposeSpec,
    State,
    Status,
    permits,
    seal_policy,
)
from consent.projection import load_states
from consent.rights.closing import close
from consent.signals.honouring import (
    concerned_by_gpc,
    gpc_status,
    honour_gpc,
    honour_waiting,
    is_due,
    note_gpc,
    opt_outs,
)
from consent.signals.stopping import stop_messages
from tests.consent.builders import ADS, CARE, EVIDENCE, MAIL, NOW, SUBJECT, given, make_person
from tests.consent.conftest import record_policy

LATER = NOW + timedelta(hours=1)
STAFF = Actor(kind="staff", id="7")
TEXAS = JurisdictionSpec(
    key="us-tx", name="Texas", codes=("US-TX",), mechanism="opt_out", gpc_effect="none"
)
CALIFORNIA = JurisdictionSpec(key="us-ca", name="California", codes=("US-CA",), mechanism="opt_out")
POLICY = seal_policy(
    [
        PurposeSpec(key=ADS, name="Personalised advertising", gpc=True),
        PurposeSpec(key=MAIL, name="E-mail marketing"),
        PurposeSpec(key=CARE, name="Service quality", basis="legitimate_interest"),
        PurposeSpec(key="order", name="Your order", basis="contract", objectable=False),
    ],
    version=1,
)


@pytest.fixture(autouse=True)
def policy(db, trusted):
    record_policy(POLICY)


def allow(person, *purposes, **evidence):
    changes = [given(purpose, event_type="explicit") for purpose in purposes]
    said = replace(EVIDENCE, **evidence)
    record_change(person, changes, evidence=said, actor=SUBJECT, now=NOW)


def states(person):
    return {
        purpose: state.status
        for (purpose, channel), state in load_states([person]).get(person, {}).items()
        if channel == EVERY_CHANNEL
    }


def test_r12_gpc_opts_out_the_person_who_is_known_then():
    known, new = make_person(), make_person()
    allow(known, ADS, MAIL)

    assert honour_gpc({known: [""], new: [""]}, now=LATER) == 2

    assert states(known) == {ADS: Status.WITHDRAWN, MAIL: Status.GIVEN}
    assert states(new) == {ADS: Status.WITHDRAWN}
    entry = list(entries_of([known]))[-1]
    assert (entry.evidence.collection_method, entry.evidence.gpc) == (
        "Global Privacy Control",
        True,
    )


def test_r12_it_is_recorded_once():
    person = make_person()

    assert honour_gpc({person: [""]}, now=LATER) == 1
    assert honour_gpc({person: [""]}, now=LATER + timedelta(minutes=1)) == 0


def test_case_13_a_second_account_on_the_device_stays_as_it_was():
    first, second = make_person(), make_person()
    allow(first, ADS)
    allow(second, ADS)

    honour_gpc({first: [""]}, now=LATER)

    assert states(first)[ADS] is Status.WITHDRAWN
    assert states(second)[ADS] is Status.GIVEN
    # And who was opted out can choose again, for good.
    record_change(
        first,
        [given(ADS, at=LATER + timedelta(minutes=1))],
        evidence=EVIDENCE,
        actor=SUBJECT,
        now=LATER + timedelta(minutes=1),
    )
    assert states(first)[ADS] is Status.GIVEN


def test_r13_a_choice_in_sight_of_the_signal_stays():
    person = make_person()
    allow(person, ADS, gpc=True)

    assert honour_gpc({person: [""]}, now=LATER) == 0

    assert states(person)[ADS] is Status.GIVEN


def test_r12_what_was_seen_waits_until_it_is_recorded(monkeypatch):
    stuck, other = make_person(), make_person()
    for person in (stuck, other):
        allow(person, ADS)
    note_gpc([(stuck, ""), (other, ""), (other, ""), (other, "DE")])
    assert is_due(LATER)
    assert OptOutSeen.objects.count() == 3

    with monkeypatch.context() as patched:
        patched.setattr("consent.ledger.ATTEMPTS", 0)  # everybody changes too fast
        with pytest.raises(StoreUnavailableError):
            honour_waiting(now=LATER)
    assert OptOutSeen.objects.count() == 3

    assert honour_waiting(now=LATER) == 2
    assert not is_due(LATER)
    assert states(stuck)[ADS] is states(other)[ADS] is Status.WITHDRAWN


def test_r12_who_was_erased_holds_up_nobody():
    erased, other = make_person(), make_person()
    close([erased], now=NOW)
    note_gpc([(erased, ""), (other, "")])

    honour_waiting(now=LATER)

    assert not is_due(LATER)
    assert states(other) == {ADS: Status.WITHDRAWN}
    assert not list(entries_of([erased]))


@pytest.mark.parametrize(
    ("known_by", "place", "expected"),
    [
        (STAFF, "US-CA", Status.WITHDRAWN),  # a visit from where it has to be honoured
        (STAFF, "US-TX", Status.GIVEN),
        (STAFF, "", Status.GIVEN),
        (SUBJECT, "US-TX", Status.WITHDRAWN),  # where they live is their own word alone
    ],
)
def test_r12_the_place_of_the_request_counts_as_in_the_decision(known_by, place, expected):
    purpose = PurposeSpec(key=ADS, name="Ads", gpc=True, mechanism="notice_only")
    record_policy(PolicySpec(purposes=(purpose,), jurisdictions=(TEXAS, CALIFORNIA)))
    person = make_person()
    said = replace(EVIDENCE, jurisdiction="US-TX")
    record_change(person, [given()], evidence=said, actor=known_by, now=NOW)
    note_gpc([(person, place)])

    honour_waiting(now=LATER)

    assert states(person)[ADS] is expected


ONE = [None] + [
    State(status, since, event_type="explicit", over_gpc=over)
    for status in STATED
    for since in (NOW.timestamp(), (LATER + timedelta(days=1)).timestamp())
    for over in (False, True)
]
MATRIX = [
    {(ADS, channel): one for channel, one in zip(("*", "web"), pair, strict=True) if one}
    for pair in product(ONE, ONE)
]


@pytest.mark.parametrize("basis", ["consent", "legitimate_interest", "contract"])
@pytest.mark.parametrize("mechanism", ["opt_in", "opt_out", "notice_only"])
def test_r14_what_the_browser_said_holds_without_the_browser(basis, mechanism):
    purpose = PurposeSpec(key=ADS, name="Ads", gpc=True, basis=basis, mechanism=mechanism)
    place = JurisdictionSpec(key="us-ca", name="California", codes=("*",), mechanism=mechanism)
    policy = seal_policy([purpose], version=1, jurisdictions=[place])
    for states in MATRIX:
        after = apply_changes(states, list(opt_outs([ADS], states, now=LATER)), now=LATER)

        assert list(opt_outs([ADS], after, now=LATER)) == []
        if any(one.over_gpc and one.status in GRANTING for one in states.values()):
            assert after == states  # chosen in the signal's sight
            continue
        view = ConsentView(
            version=1, fenced=False, trusted=True, states=after, jurisdiction="US-CA"
        )
        for channel in ("*", "web", "sms"):
            assert not permits(policy, view, [ADS], channel=channel, now=LATER).allowed


def test_r12_who_is_unknown_is_opted_out_as_well():
    person = make_person()
    record_change(person, [given(ADS)], evidence=Evidence(), actor=SUBJECT, now=NOW)
    assert states(person)[ADS] is Status.UNKNOWN

    assert honour_gpc({person: [""]}, now=LATER) == 1

    assert states(person)[ADS] is Status.WITHDRAWN


def test_r13_none_applied_overridden():
    person, other = make_person(), make_person()
    allow(person, ADS, gpc=True)
    allow(other, ADS)
    concerned = concerned_by_gpc(POLICY)

    def said(one):
        return [(purpose, state) for (purpose, _), state in load_states([one])[one].items()]

    assert gpc_status(concerned, said(person), gpc=False) == "none"
    assert gpc_status(concerned, said(person), gpc=True) == "overridden"
    assert gpc_status(concerned, said(other), gpc=True) == "applied"


def test_stop_ends_messages_on_its_channel():
    person = make_person()
    allow(person, ADS, MAIL)

    recorded = stop_messages(
        person, POLICY, channel="sms", scope="channel", message="m-1", now=LATER
    )

    said = {place: state.status for place, state in load_states([person])[person].items()}
    assert said[MAIL, "sms"] is Status.WITHDRAWN
    assert said[CARE, "sms"] is Status.OBJECTED
    assert said[MAIL, EVERY_CHANNEL] is Status.GIVEN
    assert not any(purpose == "order" for purpose, _ in said)
    again = stop_messages(person, POLICY, channel="sms", scope="channel", message="m-1", now=LATER)
    assert (again.repeated, again.events) == (True, recorded.events)


def test_stop_ends_everything_where_the_setting_says_so():
    person = make_person()
    allow(person, ADS, MAIL)

    stop_messages(person, POLICY, channel="sms", scope="all", now=LATER)

    assert states(person) == {
        ADS: Status.WITHDRAWN,
        MAIL: Status.WITHDRAWN,
        CARE: Status.OBJECTED,
    }
