"""Whom a message names: namespaces, what is hashed, what a browser may say, the rules of a release."""

import hashlib
from dataclasses import replace

import msgspec
import pytest

from decisioning.ingestion.identities import normal_email, normal_phone, rules_of
from decisioning.ingestion.wire import read_messages
from decisioning.specs import IDENTITY
from tests.decisioning.ingestion.people_and_records import person
from tests.decisioning.ingestion.test_wire import BROWSER, INTAKE

MAIL = f"email:{hashlib.sha256(b'ana@example.com').hexdigest()}"
PHONE = f"phone:{hashlib.sha256(b'+4930901820').hexdigest()}"


def read(message, intake=INTAKE):
    return read_messages([msgspec.Raw(msgspec.json.encode(message))], intake=intake)


def joined(message, intake=INTAKE):
    (record,), _ = read(message, intake)
    return [join.identifier for join in record.joins]


def identify(**fields):
    return {"type": "identify", "userId": "ana", "messageId": "m1", **fields}


def test_an_identify_joins_all_that_it_names_and_keeps_no_plain_address():
    message = identify(
        anonymousId="d-1",
        traits={"email": " Ana@Example.com", "phone": "+49 (0)30 901820", "crm_id": 17},
        context={"device": {"id": "tv-1", "advertisingId": "ad-1"}},
    )

    assert joined(message) == [
        "anonymous:d-1",
        "crm:17",
        MAIL,
        PHONE,
        "device:tv-1",
        "device:ad-1",
    ]
    (record,), _ = read(message)
    assert not any("example" in name for name in record.identifiers)


def test_external_ids_name_people_of_their_kind():
    listed = [
        {"id": "ana@example.com", "type": "email", "collection": "users", "encoding": "none"},
        {"id": MAIL[6:].upper(), "type": "email", "collection": "users", "encoding": "sha256"},
        {"id": "a-1", "type": "android.idfa", "collection": "users", "encoding": "none"},
        {"id": "c-1", "type": "crm_id", "collection": "accounts", "encoding": "none"},
        {"type": "phone"},
        "odd",
    ]

    assert joined(identify(context={"externalIds": listed})) == [MAIL, "device:a-1"]


def test_who_is_known_by_an_address_only_is_somebody():
    (record,), refusals = read(
        {"type": "track", "event": "Opened", "traits": {"email": "ana@example.com"}}
    )

    assert refusals == []
    assert record.identifiers == (MAIL,)
    assert record.person == person(MAIL)


def test_a_browser_does_not_own_an_address_by_typing_it():
    message = {"type": "identify", "anonymousId": "d-1", "traits": {"email": "ana@example.com"}}

    assert joined(message, BROWSER) == []
    assert joined(message, INTAKE) == [MAIL]
    assert joined({**message, "userId": "ana"}, BROWSER) == ["anonymous:d-1"]
    assert joined({**message, "userId": "ana"}, INTAKE) == ["anonymous:d-1", MAIL]


@pytest.mark.parametrize("nobody", ["null", "undefined", "[object Object]"])
def test_what_broken_clients_send_names_nobody(nobody):
    (record,), _ = read(identify(userId=nobody, anonymousId="d-1"))
    _, refusals = read(identify(userId=nobody))

    assert record.identifiers == ("anonymous:d-1",)
    assert refusals[0].pointer == "/userId"


def test_rules_of_the_release_hold_and_travel_with_the_join():
    email = replace(next(one for one in IDENTITY if one.namespace == "email"), users=2, people=5)
    others = tuple(one for one in IDENTITY if one.namespace not in ("email", "device"))
    intake = replace(INTAKE, rules=rules_of((*others, email)))
    message = identify(traits={"email": "ana@example.com"}, context={"device": {"id": "tv"}})

    (record,), _ = read(message, intake)

    assert [(join.identifier, join.people, join.users) for join in record.joins] == [(MAIL, 5, 2)]


def test_addresses_and_numbers_are_hashed_in_one_form():
    assert normal_email("ANA@Example.COM ") == "ana@example.com"
    assert normal_email("no address") is None
    assert normal_phone("0049 30 901820") is None
    assert normal_phone("+49-30-901820") == normal_phone("+49 (0)30 901820") == "+4930901820"
