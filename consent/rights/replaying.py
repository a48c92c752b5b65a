"""The only place that says whether the stores know of every erasure on file: a restored copy does not."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import redis
from django.db import DatabaseError, connection

from consent.models import PersonKey, Suppression
from consent.person_keys import erased_among
from consent.rights import anchor

AT_ONCE = 1_000
DO_THIS = "run `manage.py rtts_replay_erasures` before anything opens"


def unreplayed() -> list[anchor.Missing]:
    """Return the erasures on file that the database does not know of: it is a copy from before. Two queries."""
    noted = list(anchor.noted())
    ids = {person for one in noted for person in one.people}
    known = Suppression.objects.filter(kind=Suppression.PERSON, digest__in=ids)
    closed = set(known.values_list("digest", flat=True))
    keys = {key for one in noted for key in one.keys}
    alive = {
        str(key)
        for key in PersonKey.objects.filter(key_id__in=keys, wrapped__isnull=False).values_list(
            "key_id", flat=True
        )
    }
    missing = []
    for one in noted:
        if not closed >= set(one.people):
            missing.append(anchor.Missing(one, "the database does not know that they were erased"))
        elif alive & set(one.keys):
            missing.append(anchor.Missing(one, "a destroyed key is back"))
    return missing


def missing_words(client: redis.Redis) -> str:
    """Return what is missing and what to do, "" where nothing is; without PostgreSQL Redis alone is asked.

    Raises:
        redis.RedisError: it does not answer.
    """
    if not anchor.path().exists():
        return ""
    if any(len(erased_among(client, some)) < len(some) for some in _chunks()):
        return f"Redis does not know of all erasures: {DO_THIS}."
    with ThreadPoolExecutor(1) as thread:  # a loop may not wait for PostgreSQL itself
        missing = thread.submit(_missing).result()
    return f"PostgreSQL lacks {len(missing)} erasures: {DO_THIS}." if missing else ""


def _missing() -> list[anchor.Missing]:
    try:
        return unreplayed()
    except DatabaseError:
        return []
    finally:
        connection.close()


def _chunks() -> Iterator[set[str]]:
    people = (person for one in anchor.noted() for person in one.people)
    while some := set(islice(people, AT_ONCE)):
        yield some
