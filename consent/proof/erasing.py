"""The only place that deletes bodies of the ledger: after their keys were destroyed, and with facts that say so."""

import uuid
from collections.abc import Collection
from datetime import datetime

from django.db import connection, transaction

from consent.models import ConsentEvent
from consent.proof.facts import KEY_DESTROYED, make_fact


def erase_bodies(key_ids: Collection[uuid.UUID], *, now: datetime, actor: str = "system") -> int:
    """Append a `key.destroyed` for each key and delete what it encrypted; return how many bodies. Three queries.

    Their leaves stay, so the tree and every proof from before still verify. Doing it again deletes nothing more.

    Raises:
        django.db.IntegrityError: a key is not destroyed yet (`PersonKey.destroyed_at`).
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
