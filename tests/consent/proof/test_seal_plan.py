"""Sealing costs what waits, whatever plans a connection kept from when the ledger was small."""

import time

import psycopg
import pytest
from django.conf import settings

from rtts_site import embedded

LEAVES, WAITING = 3_000, 1_000
APPEND = (
    "insert into consent_consentevent (event_id, key_id, schema_version, recorded_at, body, leaf_hash) "
    "select gen_random_uuid(), gen_random_uuid(), 2, now(), decode(repeat('ab', 200), 'hex'), sha256('x') "
    "from generate_series(1, %s)"
)
SEAL = "select count(*), count(distinct seq), max(seq) - min(seq) from consent_seal(10000, now())"


@pytest.fixture
def owner(django_db_setup):
    """Yield a connection to tables that were analysed while they were small; nothing of it is committed."""
    url = embedded.database_url(settings.RTTS_VAR, embedded.OWNER_ROLE)
    with psycopg.connect(url) as connection:
        connection.execute(
            "analyze consent_consentevent, consent_ledgerpending, consent_ledgerleaf"
        )
        yield connection
        connection.rollback()


def test_a_ledger_that_grew_is_sealed_as_fast_as_a_small_one(owner):
    for _ in range(8):  # plans are kept from the sixth time on
        owner.execute(APPEND, [1])
        owner.execute(SEAL)
    owner.execute(APPEND, [LEAVES])
    owner.execute(SEAL)
    owner.execute(APPEND, [WAITING])

    began = time.perf_counter()
    sealed = owner.execute(SEAL).fetchone()
    took = time.perf_counter() - began

    print(f"{WAITING} of {LEAVES} in {took:.3f} s")
    assert sealed == (WAITING, WAITING, WAITING - 1)
    assert owner.execute("select count(*) from consent_ledgerpending").fetchone() == (0,)
    assert took < 1
