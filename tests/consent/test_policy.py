from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from consent.policy import (
    GRANTING,
    REASONS,
    UNAVAILABLE,
    ConsentView,
    PolicyError,
    PurposeSpec,
    State,
    Status,
    decode_policy,
    encode_policy,
    permits,
    seal_policy,
)
from consent.signals.said import NO_SIGNALS, UNREADABLE, Signals
from tests.consent.builders import NOW

BASES = ("consent", "legitimate_interest", "contract")
DENIALS = frozenset({Status.OBJECTED, Status.WITHDRAWN, Status.REFUSED})
PAST = NOW.timestamp() - 1000


def view(*states, **more):
    known = {(purpose, channel): state for purpose, channel, state in states}
    return ConsentView(**{"version": 1, "fenced": False, "trusted": True, "states": known, **more})


def ask(purpose, *states, signals=NO_SIGNALS, now=NOW, channel="web", **more):
    policy = seal_policy([purpose], version=1)
    return permits(
        policy, view(*states, **more), [purpose.key], channel=channel, signals=signals, now=now
    )


def expected(basis, device_access, objectable, status):
    """Say by itself, from the law's rules, whether a status allows a basis."""
    if basis == "consent" or device_access:
        return status in GRANTING
    if basis == "contract" and not objectable:
        return status not in (Status.TERMINATED, Status.INVALIDATED)
    return status in GRANTING or status is Status.UNKNOWN


@pytest.mark.parametrize(
    ("basis", "device_access", "objectable", "status"),
    list(product(BASES, (False, True), (False, True), Status)),
)
def test_every_status_under_every_basis(basis, device_access, objectable, status):
    purpose = PurposeSpec(
        key="p", name="P", basis=basis, device_access=device_access, objectable=objectable
    )

    result = ask(purpose, ("p", "*", State(status, PAST, None, "e1")))

    assert result.allowed is expected(basis, device_access, objectable, status)
    assert result.reasons[0].code in REASONS
    assert result.reasons[0].words.startswith("p: ")


@pytest.mark.parametrize("basis", BASES)
@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"trusted": False}, "CONSENT_UNAVAILABLE"),
        ({"fenced": True}, "CONSENT_CHANGING"),
        ({"restricted": True}, "RESTRICTED"),
    ],
)
def test_doubt_denies_every_basis(basis, more, code):
    purpose = PurposeSpec(key="p", name="P", basis=basis)

    result = ask(purpose, ("p", "*", State(Status.GIVEN, PAST)), **more)

    assert not result.allowed
    assert [reason.code for reason in result.reasons] == [code]


def test_without_a_policy_only_the_impersonal_is_allowed():
    assert not permits(None, view(), ["p"], channel="web", now=NOW).allowed
    assert permits(None, UNAVAILABLE, [], channel="web", now=NOW).basis == "none"


def test_a_purpose_that_the_policy_lacks_is_denied():
    policy = seal_policy([], version=1)

    result = permits(policy, view(), ["p"], channel="web", now=NOW)

    assert result.reasons[0].code == "PURPOSE_UNKNOWN"


def test_consent_ends_at_the_exact_instant():
    purpose = PurposeSpec(key="p", name="P", validity_days=10)
    said = ("p", "*", State(Status.GIVEN, NOW.timestamp(), None, "e1"))
    end = NOW + timedelta(days=10)

    before = ask(purpose, said, now=end - timedelta(microseconds=1))
    after = ask(purpose, said, now=end)

    assert before.allowed
    assert before.expires_at == end.timestamp()
    assert after.reasons[0].code == "CONSENT_EXPIRED"


def test_the_earlier_of_two_ends_counts():
    purpose = PurposeSpec(key="p", name="P", validity_days=10)
    said = ("p", "*", State(Status.GIVEN, NOW.timestamp(), NOW.timestamp() + 5))

    assert not ask(purpose, said, now=NOW + timedelta(seconds=5)).allowed


def test_a_grant_is_not_effective_early():
    purpose = PurposeSpec(key="p", name="P")

    result = ask(purpose, ("p", "*", State(Status.GIVEN, NOW.timestamp() + 1)))

    assert result.reasons[0].code == "CONSENT_NOT_YET"


def test_a_channel_of_its_own_goes_before_all_channels():
    purpose = PurposeSpec(key="p", name="P")
    said = [
        ("p", "*", State(Status.GIVEN, PAST)),
        ("p", "sms", State(Status.WITHDRAWN, PAST)),
    ]

    assert ask(purpose, *said, channel="email").allowed
    assert not ask(purpose, *said, channel="sms").allowed


@pytest.mark.parametrize(
    ("signals", "flags", "code"),
    [
        (Signals(gpc=True), {"gpc": True}, "GPC"),
        (Signals(tcf=frozenset({3})), {"tcf": (3, 4)}, "TCF"),
        (Signals(gpp=frozenset({"SaleOptOut"})), {"gpp": ("SaleOptOut",)}, "GPP"),
        (Signals(gpp=frozenset({UNREADABLE})), {"gpp": ("SaleOptOut",)}, "GPP"),
        (Signals(denied=frozenset({"p"})), {}, "REQUEST_DENIED"),
    ],
)
@pytest.mark.parametrize("basis", BASES)
def test_a_signal_narrows_what_is_stored(signals, flags, code, basis):
    purpose = PurposeSpec(key="p", name="P", basis=basis, **flags)
    unconcerned = replace(purpose, gpc=False, tcf=(), gpp=())
    said = ("p", "*", State(Status.GIVEN, PAST))

    assert ask(purpose, said, signals=signals).reasons[0].code == code
    assert ask(unconcerned, said, signals=replace(signals, denied=frozenset())).allowed


def test_a_retired_purpose_is_denied():
    purpose = PurposeSpec(key="p", name="P", basis="contract", retired=True)

    assert ask(purpose).reasons[0].code == "PURPOSE_RETIRED"


STATES = st.builds(
    State,
    st.sampled_from(list(Status)),
    st.floats(PAST, NOW.timestamp() + 1000),
    st.none() | st.floats(PAST, NOW.timestamp() + 1000),
)
PURPOSES = st.builds(
    PurposeSpec,
    key=st.sampled_from(["a", "b", "c"]),
    name=st.just("n"),
    basis=st.sampled_from(BASES),
    device_access=st.booleans(),
    objectable=st.booleans(),
    gpc=st.booleans(),
    validity_days=st.none() | st.integers(1, 3),
)


@for_all(
    st.lists(PURPOSES, unique_by=lambda purpose: purpose.key),
    st.dictionaries(st.tuples(st.sampled_from("abc"), st.sampled_from(["*", "web"])), STATES),
    st.booleans(),
)
def test_asking_for_more_or_signalling_more_never_allows_more(purposes, states, gpc):
    policy = seal_policy(purposes, version=1)
    seen = ConsentView(version=1, fenced=False, trusted=True, states=states)

    def allowed(wanted, *, narrowed=False):
        signals = Signals(gpc=gpc or narrowed)
        return permits(policy, seen, wanted, channel="web", signals=signals, now=NOW).allowed

    alone = {key: allowed([key]) for key in "abc"}
    assert allowed(["a", "b"]) is (alone["a"] and alone["b"])
    assert all(alone[key] or not allowed([key], narrowed=True) for key in "abc")


def test_a_policy_survives_the_wire_and_shows_tampering():
    policy = seal_policy([PurposeSpec(key="p", name="Päpers", validity_days=3)], version=4)
    body = encode_policy(policy)

    assert decode_policy(body) == policy
    with pytest.raises(PolicyError, match="digest"):
        decode_policy(body.replace(b'"validity_days":3', b'"validity_days":9'))


def test_equal_content_has_an_equal_digest_in_any_order():
    one, two = (PurposeSpec(key=key, name=key) for key in "ab")

    assert seal_policy([one, two], version=1) == seal_policy([two, one], version=1)
