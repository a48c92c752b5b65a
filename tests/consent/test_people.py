"""Ids of people are kept for ever: they are HMAC-SHA256 of the identifier's name, whatever computes it."""

import hmac

import pytest

from consent.people import Identifier, partition_of, person_id


@pytest.mark.parametrize("pepper", [b"", b"short", b"x" * 64, b"longer than a block" * 5])
def test_a_person_id_is_the_keyed_hash_of_the_name(pepper):
    for identifier in (Identifier("user", "c-42"), Identifier("anonymous", "ü" * 200)):
        mac = hmac.digest(pepper, identifier.name.encode(), "sha256")

        person = person_id(identifier, pepper=pepper)

        assert person == f"p{mac[0]:03d}{mac[1:11].hex()}"
        assert partition_of(person) == mac[0]
