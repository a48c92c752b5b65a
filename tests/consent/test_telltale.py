"""Records of consent hold nothing that names somebody or follows them about."""

import pytest

from consent.forms import ActorForm, EvidenceForm
from consent.telltale import telltale

AGENT = "Mozilla/5.0 (X11; Linux x86_64)"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("cookie banner 4.2.1", ""),
        ("phone call 2026-03-01 12:30:05", ""),
        ("network 203.0.113.0", ""),
        ("banner on 203.0.113.7", "a whole IP address"),
        ("from 2001:db8::1", "a whole IP address"),
        ("asked ana@example.com", "an e-mail address"),
        (AGENT, "a user agent"),
    ],
)
def test_what_tells_of_somebody_is_found(text, found):
    assert telltale(text) == found


@pytest.mark.parametrize(
    "field", ["controller", "collection_method", "service", "source", "session_hash"]
)
@pytest.mark.parametrize("text", ["ana@example.com", "203.0.113.7", AGENT])
def test_r32_evidence_with_an_address_or_a_user_agent_is_refused(field, text):
    form = EvidenceForm(data={field: text})

    assert not form.is_valid()
    assert field in form.errors


def test_r32_an_actor_is_an_id_and_never_an_address():
    assert not ActorForm(data={"kind": "staff", "id": "ana@example.com"}).is_valid()
    assert ActorForm(data={"kind": "staff", "id": "u-7"}).is_valid()


def test_r32_the_address_of_this_machine_names_nobody():
    assert telltale("127.0.0.1") == ""
    assert telltale("banner on ::1") == ""
