"""The only place that deletes bodies of the ledger: sealed, their keys destroyed, and with facts that say so."""

import uuid
from collections.abc import Collection
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Exists, OuterRef

from consent.models import ConsentEvent
from consent.proof.facts import KEY_DESTROYED, make_fact
from consent.proof.sealing import seal_batch
from consent.proof.tables import LedgerLeaf


def seal_first(key_ids: Collection[uuid.UUID], *, now: datetime) -> int:
    """Seal the ledger up to what these keys encrypted; return how many bodies wait for a leaf still.

    A body may not go before it has its leaf, which proves that it was there. 0 but where another process is sealing.

    Raises:
        LedgerAlteredError, SigningKeyError: nothing can be sealed.
    """
    bodies = ConsentEvent.objects.filter(key_id__in=key_ids)
    leaves = LedgerLeaf.objects.filter(event_id=OuterRef("event_id"))
    unsealed = bodies.filter(~Exists(leaves))
    while count := unsealed.count():
        if not seal_batch(now=now):
            return count
    return 0


def erase_bodies(key_ids: Collection[uuid.UUID], *, now: datetime, actor: str = "system") -> int:
    """Append a `key.destroyed` for each key and delete what it encrypted; return how many bodies. Three queries.

    Their leaves stay, so the tree and every proof from before still verify. Doing it again deletes nothing more.

    Raises:
        django.db.IntegrityError: a key is not destroyed yet (`PersonKey.destroyed_at`), or a body has no leaf: `seal_first`.
    """
    keys = sorted(set(key_ids))
    facts = [make_fact(KEY_DESTROYED, {"key": str(key)}, now=now, actor=actor) for key in keys]
    with transaction.atomic(), connection.cursor() as cursor:
        ConsentEvent.objects.bulk_create(facts)
        cursor.execute(
            "select consent_erase_bodies(%s::uuid[], %s::uuid[])",
            [keys, [fact.event_id for fact in facts]],
        )
        return int(cursor.fetchone()[0])
