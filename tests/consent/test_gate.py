"""The consent gate against a second telling of the law, and what no case may undo."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

from consent.policy import (
    AGES,
    EVENT_TYPES,
    REASONS,
    ConsentView,
    Judge,
    JurisdictionSpec,
    Masks,
    NoticeSpec,
    PurposeSpec,
    Signals,
    State,
    Status,
    decode_policy,
    encode_policy,
    permits,
    seal_policy,
)
from tests.consent.builders import NOW
from tests.consent.reference import allows, law_of

PAST = NOW.timestamp() - 1000
LAWS: dict[str, Any] = {
    "DE": {"mechanism": "opt_in", "consent_from": 16, "asked_below": 18, "ads_from": 18},
    "US-TX": {"mechanism": "opt_out", "consent_from": 13, "asked_below": 13, "ads_from": 0},
    "US-CA": {"mechanism": "opt_out", "consent_from": 13, "asked_below": 16, "ads_from": 0},
    "NZ": {"mechanism": "notice_only", "consent_from": 0, "asked_below": 0, "ads_from": 0},
    "XK": {"mechanism": "opt_in", "consent_from": 14, "asked_below": 0, "ads_from": 16},
}
for code, law in LAWS.items():
    law["child"] = code == "XK"
PLACES = tuple(
    JurisdictionSpec(
        key=code.lower(),
        name=code,
        codes=(code,),
        mechanism=law["mechanism"],
        age_of_consent=law["consent_from"],
        opt_in_below=law["asked_below"],
        ads_from=law["ads_from"],
        unknown_age="child" if law["child"] else "adult",
    )
    for code, law in LAWS.items()
)
PLAIN = {
    "device_access": False,
    "special_category": False,
    "significant_effect": False,
    "profiled_ads": False,
    "objectable": True,
}
KINDS = [{}, *({name: True} for name in PLAIN if name != "objectable"), {"objectable": False}]


def view(*states, **more):
    known = {(purpose, channel): state for purpose, channel, state in states}
    return ConsentView(**{"version": 1, "fenced": False, "trusted": True, "states": known, **more})


def ask(policy, seen, purpose="p", *, now=NOW, channel="web", **signals):
    return permits(policy, seen, [purpose], channel=channel, signals=Signals(**signals), now=now)


@pytest.mark.parametrize("basis", ["consent", "legitimate_interest", "contract"])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: next(iter(kind), "plain"))
def test_r04_every_state_under_every_basis_place_and_age(basis, kind):
    said = {**PLAIN, **kind, "basis": basis, "mechanism": "notice_only"}
    policy = seal_policy([PurposeSpec(key="p", name="P", **said)], version=1, jurisdictions=PLACES)
    wrong = []
    for code, age, status, event_type, by_guardian in product(
        [*LAWS, ""], AGES, [None, *Status], EVENT_TYPES, (False, True)
    ):
        state = State(status, PAST, None, "e", event_type, by_guardian) if status else None
        states = [("p", "*", state)] if state else []
        got = ask(policy, view(*states, age=age, jurisdiction=code))
        expected = allows(
            said,
            law_of(LAWS, code),
            age=age,
            status=status,
            event_type=event_type,
            by_guardian=by_guardian and status is not None,
        )
        if got.allowed is not expected or got.reasons[0].code not in REASONS:
            wrong.append((code, age, status, event_type, by_guardian, got.reasons))
    assert wrong == []


@pytest.mark.parametrize("own", ["opt_in", "opt_out", "notice_only"])
def test_a_purpose_asks_at_least_what_it_says_and_a_place_may_ask_more(own):
    policy = seal_policy(
        [PurposeSpec(key="p", name="P", mechanism=own)], version=1, jurisdictions=PLACES
    )

    allowed = {code: ask(policy, view(age="adult", jurisdiction=code)).allowed for code in LAWS}

    assert allowed["DE"] is False
    assert allowed["US-TX"] is (own != "opt_in")
    assert allowed["NZ"] is (own != "opt_in")


def test_what_a_silent_person_rests_on_is_named():
    policy = seal_policy(
        [PurposeSpec(key="p", name="P", mechanism="notice_only")], version=1, jurisdictions=PLACES
    )

    found = {code: ask(policy, view(age="adult", jurisdiction=code)) for code in ("US-TX", "NZ")}

    assert [(one.basis, one.reasons[0].code) for one in found.values()] == [
        ("opt_out", "NOT_OPTED_OUT"),
        ("notice", "NOTICE_ONLY"),
    ]


def test_case_23_several_places_count_as_strictly_as_the_strictest_until_residence_is_known():
    policy = seal_policy(
        [PurposeSpec(key="p", name="P", mechanism="notice_only")], version=1, jurisdictions=PLACES
    )
    texan = view(age="adult", jurisdiction="US-TX")

    assert ask(policy, texan).allowed
    assert not ask(policy, texan, place="DE").allowed  # travelling, or behind a VPN
    assert not ask(policy, replace(texan, jurisdiction="DE US-TX")).allowed  # moving
    assert not ask(policy, replace(texan, jurisdiction="")).allowed  # not known
    assert not ask(policy, replace(texan, jurisdiction=""), place="US-TX").allowed
    assert not ask(policy, replace(texan, jurisdiction="AQ")).allowed  # in no jurisdiction
    assert ask(policy, replace(texan, resident=True), place="DE").allowed


def test_a_country_stands_for_its_parts_and_a_star_for_the_rest():
    elsewhere = replace(PLACES[3], key="elsewhere", codes=("*",))
    us = replace(PLACES[1], key="us", codes=("US",))
    policy = seal_policy(
        [PurposeSpec(key="p", name="P", mechanism="notice_only")],
        version=1,
        jurisdictions=[PLACES[0], us, elsewhere],
    )

    bases = [ask(policy, view(age="adult", jurisdiction=code)).basis for code in ("US-NY", "AQ")]

    assert bases == ["opt_out", "notice"]
    assert not ask(policy, view(age="adult")).allowed


GRANT = State(Status.GIVEN, PAST, None, "e", "explicit")
BY_GUARDIAN = replace(GRANT, by_guardian=True)


@pytest.mark.parametrize(
    ("age", "state", "code"),
    [
        ("13_15", GRANT, "GUARDIAN_NEEDED"),
        ("13_15", BY_GUARDIAN, "CONSENT_GIVEN"),
        ("16_17", BY_GUARDIAN, "OWN_CONSENT_NEEDED"),
        ("16_17", GRANT, "CONSENT_GIVEN"),
        ("adult", BY_GUARDIAN, "OWN_CONSENT_NEEDED"),
        ("unknown", GRANT, "CONSENT_GIVEN"),
    ],
)
def test_r15_below_the_age_of_consent_only_a_guardian_counts(age, state, code):
    policy = seal_policy([PurposeSpec(key="p", name="P")], version=1, jurisdictions=PLACES)

    found = ask(policy, view(("p", "*", state), age=age, jurisdiction="DE"))

    assert found.reasons[0].code == code


def test_r15_a_known_minor_gets_no_profiled_advertising_whoever_agrees():
    ads = PurposeSpec(key="p", name="P", profiled_ads=True)
    policy = seal_policy([ads], version=1, jurisdictions=PLACES)

    found = [
        ask(policy, view(("p", "*", said), age=age, jurisdiction="DE")).reasons[0].code
        for age, said in (("13_15", BY_GUARDIAN), ("16_17", GRANT), ("adult", GRANT))
    ]

    assert found == ["MINOR", "MINOR", "CONSENT_GIVEN"]


def test_r15_a_californian_of_15_is_asked_first_and_answers_alone():
    policy = seal_policy(
        [PurposeSpec(key="p", name="P", mechanism="opt_out")], version=1, jurisdictions=PLACES
    )

    def found(age, *said):
        return ask(policy, view(*said, age=age, jurisdiction="US-CA")).reasons[0].code

    assert found("13_15") == "CONSENT_UNKNOWN"
    assert found("13_15", ("p", "*", GRANT)) == "CONSENT_GIVEN"
    assert found("under_13", ("p", "*", GRANT)) == "GUARDIAN_NEEDED"
    assert found("under_13", ("p", "*", BY_GUARDIAN)) == "CONSENT_GIVEN"
    assert found("16_17") == "NOT_OPTED_OUT"


def test_case_24_a_guardians_consent_is_no_longer_enough_from_the_birthday_on():
    policy = seal_policy([PurposeSpec(key="p", name="P")], version=1, jurisdictions=PLACES)
    birthday = NOW + timedelta(days=3)
    child = view(
        ("p", "*", BY_GUARDIAN), age="13_15", age_turns_at=birthday.timestamp(), jurisdiction="DE"
    )

    before = ask(policy, child, now=birthday - timedelta(microseconds=1))
    after = ask(policy, child, now=birthday)

    assert before.allowed
    assert after.reasons[0].code == "OWN_CONSENT_NEEDED"


def test_r08_an_objection_stands_over_every_basis_that_can_be_objected_to():
    for basis in ("consent", "legitimate_interest", "contract"):
        policy = seal_policy([PurposeSpec(key="p", name="P", basis=basis)], version=1)

        found = ask(policy, view(("p", "*", State(Status.OBJECTED, PAST))))

        assert found.reasons[0].code == "OBJECTED"


def test_case_25_an_objection_that_staff_typed_in_weighs_the_same():
    policy = seal_policy(
        [PurposeSpec(key="p", name="P", basis="legitimate_interest")],
        version=1,
        jurisdictions=PLACES,
    )
    # Who made a change is in the ledger; the state has only that they objected.
    assert not ask(policy, view(("p", "*", State(Status.OBJECTED, PAST)))).allowed


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_r16_special_categories_need_explicit_consent(event_type):
    policy = seal_policy([PurposeSpec(key="p", name="P", special_category=True)], version=1)

    found = ask(policy, view(("p", "*", replace(GRANT, event_type=event_type))))

    assert found.allowed is (event_type == "explicit")
    assert found.reasons[0].code in ("CONSENT_GIVEN", "EXPLICIT_NEEDED")


@pytest.mark.parametrize("basis", ["consent", "contract"])
def test_r17_a_significant_effect_needs_explicit_consent_or_a_contract(basis):
    purpose = PurposeSpec(key="p", name="P", basis=basis, significant_effect=True)
    policy = seal_policy([purpose], version=1)

    silent = ask(policy, view())
    expressed = ask(policy, view(("p", "*", replace(GRANT, event_type="expressed"))))
    explicit = ask(policy, view(("p", "*", GRANT)))

    assert (silent.allowed, expressed.allowed) == ((basis == "contract"),) * 2
    assert explicit.allowed


def test_r23_restriction_leaves_nothing_but_storage():
    policy = seal_policy(
        [PurposeSpec(key="p", name="P", basis="contract", objectable=False)], version=1
    )

    assert ask(policy, view()).allowed
    assert ask(policy, view(restricted=True)).reasons[0].code == "RESTRICTED"


def test_r28_device_access_takes_consent_only_whatever_the_basis():
    for basis, place in product(("consent", "legitimate_interest", "contract"), LAWS):
        purpose = PurposeSpec(
            key="p", name="P", basis=basis, device_access=True, mechanism="notice_only"
        )
        policy = seal_policy([purpose], version=1, jurisdictions=PLACES)

        assert not ask(policy, view(age="adult", jurisdiction=place)).allowed
        assert ask(policy, view(("p", "*", GRANT), age="adult", jurisdiction=place)).allowed


def test_r10_the_shortest_validity_counts_to_the_exact_instant():
    french = replace(PLACES[0], validity_days={"*": 180, "p": 30})
    policy = seal_policy(
        [PurposeSpec(key="p", name="P", validity_days=390), PurposeSpec(key="q", name="Q")],
        version=1,
        jurisdictions=[french],
    )
    said = State(Status.GIVEN, NOW.timestamp(), None, "e")
    seen = view(("p", "*", said), ("q", "*", said), jurisdiction="DE")

    for purpose, days in (("p", 30), ("q", 180)):
        end = NOW + timedelta(days=days)
        before = ask(policy, seen, purpose, now=end - timedelta(microseconds=1))
        assert before.allowed
        assert before.expires_at == end.timestamp()
        assert ask(policy, seen, purpose, now=end).reasons[0].code == "CONSENT_EXPIRED"


@pytest.mark.parametrize(
    ("given_at", "ends_at"),
    [
        (datetime(2028, 2, 29, tzinfo=UTC), datetime(2029, 2, 28, tzinfo=UTC)),  # 365 days
        (datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2027, 3, 28, 12, tzinfo=UTC)),  # DST
        (datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(2017, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)  # fmt: skip
def test_case_10_consent_ends_at_the_exact_instant(given_at, ends_at):
    policy = seal_policy([PurposeSpec(key="p", name="P", validity_days=365)], version=1)
    seen = view(("p", "*", State(Status.GIVEN, given_at.timestamp(), None, "e")))

    assert ask(policy, seen, now=ends_at - timedelta(microseconds=1)).allowed
    assert not ask(policy, seen, now=ends_at).allowed


def notice(version, change_class, *, at, key="privacy"):
    return NoticeSpec(
        key=key, name=key, version=version, change_class=change_class, effective_from=at,
        purposes=("p",), languages={"en": "sha256:0"},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("change_class", "code"),
    [
        ("editorial", "CONSENT_GIVEN"),
        ("notify", "CONSENT_GIVEN"),
        ("reconsent", "NOTICE_CHANGED"),
    ],
)
def test_r11_a_changed_notice_keeps_or_suspends_consent(change_class, code):
    old = NOW - timedelta(days=9)
    notices = [
        notice(1, "reconsent", at=old),
        notice(2, change_class, at=NOW),
        notice(3, "editorial", at=NOW),
    ]
    policy = seal_policy([PurposeSpec(key="p", name="P")], version=1, notices=notices)
    under = {
        version: view(("p", "*", replace(GRANT, notice=f"privacy@{version}")))
        for version in (1, 2, 3)
    }

    assert ask(policy, under[1]).reasons[0].code == code
    assert ask(policy, under[2]).allowed  # renewed
    assert ask(policy, under[3]).allowed
    assert ask(policy, view(("p", "*", GRANT))).reasons[0].code == "NOTICE_CHANGED"  # not proven


def test_case_19_the_same_policy_splits_decisions_at_the_instant_of_the_new_notice():
    notices = [
        notice(1, "reconsent", at=NOW - timedelta(days=9)),
        notice(2, "reconsent", at=NOW),
    ]
    policy = seal_policy([PurposeSpec(key="p", name="P")], version=1, notices=notices)
    elsewhere = decode_policy(encode_policy(policy))  # another process, with its own caches
    seen = view(("p", "*", replace(GRANT, notice="privacy@1")))

    for node in (policy, elsewhere):
        before = ask(node, seen, now=NOW - timedelta(microseconds=1))
        assert before.allowed
        assert before.expires_at == NOW.timestamp()
        assert ask(node, seen, now=NOW).reasons[0].code == "NOTICE_CHANGED"


def test_case_14_gpc_denies_an_older_opt_in_until_the_person_chooses_against_it():
    policy = seal_policy([PurposeSpec(key="p", name="P", gpc=True)], version=1)
    chosen = replace(GRANT, over_gpc=True)

    assert ask(policy, view(("p", "*", GRANT)), gpc=True).reasons[0].code == "GPC"
    assert ask(policy, view(("p", "*", chosen)), gpc=True).allowed
    withdrawn = replace(chosen, status=Status.WITHDRAWN)
    assert not ask(policy, view(("p", "*", withdrawn)), gpc=True).allowed


def test_a_suppressed_channel_is_left_alone_and_the_others_are_not():
    policy = seal_policy([PurposeSpec(key="p", name="P")], version=1)
    seen = view(("p", "*", GRANT), suppressed=("sms",))

    assert ask(policy, seen, channel="sms").reasons[0].code == "SUPPRESSED"
    assert ask(policy, seen, channel="email").allowed


PURPOSES = st.builds(
    PurposeSpec,
    key=st.just("p"),
    name=st.just("n"),
    basis=st.sampled_from(["consent", "legitimate_interest", "contract"]),
    mechanism=st.sampled_from(["opt_in", "opt_out", "notice_only"]),
    device_access=st.booleans(),
    special_category=st.booleans(),
    significant_effect=st.booleans(),
    profiled_ads=st.booleans(),
    objectable=st.booleans(),
    gpc=st.booleans(),
    tcf=st.sampled_from([(), (1, 3)]),
    gpp=st.sampled_from([(), ("SaleOptOut",)]),
)
STATES = st.builds(
    State,
    st.sampled_from(list(Status)),
    st.floats(PAST, NOW.timestamp() + 1000),
    st.none() | st.floats(PAST, NOW.timestamp() + 1000),
    st.just("e"),
    st.sampled_from(EVENT_TYPES),
    st.booleans(),
    st.just(False),
)
SIGNALS = st.builds(
    Signals,
    gpc=st.booleans(),
    tcf=st.none() | st.frozensets(st.integers(1, 4)),
    gpp=st.none() | st.frozensets(st.sampled_from(["SaleOptOut", "*"])),
    denied=st.frozensets(st.sampled_from(["p", "q"])),
    place=st.sampled_from(["", "DE", "US-TX"]),
)
DENIALS = [Status.OBJECTED, Status.WITHDRAWN, Status.REFUSED, Status.TERMINATED]


@settings(max_examples=100)
@for_all(
    PURPOSES,
    st.none() | STATES,
    SIGNALS,
    st.sampled_from(AGES),
    st.sampled_from(["", *LAWS]),
    st.sampled_from(DENIALS),
)
def test_signals_only_narrow_and_a_denial_never_allows(purpose, state, signals, age, code, denial):
    policy = seal_policy([purpose], version=1, jurisdictions=PLACES)
    states = [("p", "*", state)] if state else []
    seen = view(*states, age=age, jurisdiction=code)

    def allowed(known, said=Signals()):  # noqa: B008 - frozen
        return permits(policy, known, ["p"], channel="web", signals=said, now=NOW).allowed

    assert allowed(seen) or not allowed(seen, signals)
    denied = state or State(denial, PAST)
    assert (
        allowed(seen)
        or not allowed(replace(seen, states={("p", "*"): replace(denied, status=denial)}))
        or (purpose.basis == "contract" and not purpose.objectable)
    )
    assert allowed(seen) or not allowed(replace(seen, restricted=True))
    assert allowed(seen) or not allowed(replace(seen, suppressed=("*",)))


def test_a_policy_of_format_1_is_read_with_the_strict_defaults():
    body = (
        b'{"format":1,"version":3,"digest":"sha256:'
        b'%s","purposes":[{"key":"p","name":"P","description":"","dpv":"","basis":"consent",'
        b'"device_access":false,"validity_days":null,"objectable":true,"gpc":false,"tcf":[],'
        b'"gpp":[],"retired":false}]}'
    )
    digest = b"96b6f90af3ef48b9289e48c56b34e2c5193dc44934ab2d74ee582bced188828d"

    policy = decode_policy(body % digest)

    assert policy.purpose("p").mechanism == "opt_in"
    assert not ask(policy, view(jurisdiction="US-TX")).allowed


def test_what_a_jurisdiction_says_survives_the_wire():
    place = replace(PLACES[0], reviewed_on=date(2026, 5, 1), validity_days={"*": 3})
    policy = seal_policy(
        [], version=1, jurisdictions=[place], notices=[notice(1, "notify", at=NOW)]
    )

    assert decode_policy(encode_policy(policy)) == policy


KEYED = st.lists(
    st.tuples(st.sampled_from("abcd"), PURPOSES).map(lambda pair: replace(pair[1], key=pair[0])),
    unique_by=lambda purpose: purpose.key,
)
NEEDS = st.lists(st.lists(st.sampled_from("abcde"), max_size=4).map(tuple), max_size=6)


@settings(max_examples=100)
@for_all(
    KEYED,
    NEEDS,
    st.dictionaries(st.tuples(st.sampled_from("abcd"), st.sampled_from(["*", "web"])), STATES),
    SIGNALS,
    st.sampled_from(AGES),
    st.sampled_from([{}, {"fenced": True}, {"trusted": False}, {"restricted": True}]),
)
def test_masks_allow_exactly_what_the_gate_allows(purposes, needs, states, signals, age, doubt):
    policy = seal_policy(purposes, version=1, jurisdictions=PLACES)
    seen = ConsentView(
        **{"version": 1, "fenced": False, "trusted": True, "states": states, "age": age, **doubt}
    )
    masks = Masks.of(needs)

    granted = masks.granted(Judge(policy, seen, "web", signals, NOW.timestamp()))

    for needed in needs:
        gate = permits(policy, seen, needed, channel="web", signals=signals, now=NOW)
        assert ((granted & masks.required[needed]) == masks.required[needed]) is (
            gate.allowed or not needed
        )
