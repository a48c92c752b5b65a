"""The same consent sent many times at once, and another one under the same key."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from uuid import uuid4

from django.db import connection
from django.test import Client

from consent.models import ConsentChange, ConsentState, Person
from consent.proof.tables import LedgerPending
from tests.consent.builders import ADS
from tests.consent.test_api import body, change, make_user, post, shop

__all__ = ["shop"]

TIMES, AT_ONCE = 50, 8


def send(headers, said, key, _number):
    try:
        return post(Client(headers=headers), said, **key)
    finally:
        connection.close()


def test_case_06_the_same_consent_fifty_times_at_once_is_one(shop):
    ana, key = make_user(), {"Idempotency-Key": uuid4().hex}
    headers = {"authorization": shop.defaults["HTTP_AUTHORIZATION"]}
    said, before = body(ana), LedgerPending.objects.count()

    with ThreadPoolExecutor(AT_ONCE) as threads:
        answers = list(threads.map(partial(send, headers, said, key), range(TIMES)))

    recorded = [answer for answer in answers if answer.status_code in (200, 201)]
    busy = {answer.status_code for answer in answers} - {200, 201}
    assert busy <= {409}  # the first of them was still being answered
    assert len({tuple(answer.json()["receipts"]) for answer in recorded}) == 1
    person = recorded[0].json()["person_id"]
    assert ConsentChange.objects.filter(person=person).count() == 1
    assert ConsentState.objects.filter(person=person).count() == 1
    assert Person.objects.get(id=person).version == 1
    assert LedgerPending.objects.count() == before + 1


def test_case_06_another_consent_under_the_same_key_is_refused(shop):
    ana, key = make_user(), {"Idempotency-Key": uuid4().hex}
    first = post(shop, body(ana), **key)

    other = post(shop, body(ana, change(ADS, "withdrawn")), **key)

    assert first.status_code == 201
    assert other.status_code == 409, other.content
