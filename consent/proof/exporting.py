"""The only writer of exports of the ledger: leaves, checkpoints and facts, a line of JSON each, for the offline verifier."""

import json
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection

from consent.proof.leaves import HOUSE_KEY
from consent.proof.tables import LedgerCheckpoint

FORMAT = "rtts-ledger-export/1"
CHUNK = 5_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ROWS = """
select l.seq, l.event_id, l.key_id, l.schema_version, l.recorded_at, l.body_hash, l.leaf_hash,
  b.event_id is null, case when %s or l.key_id = %s then b.body end
from consent_ledgerleaf l left join consent_consentevent b on b.event_id = l.event_id
where l.seq >= %s and l.seq < %s order by l.seq
"""


def export_ledger(*, bodies: bool = False) -> Iterator[str]:
    """Yield the lines of an export: each checkpoint after its leaves.

    Facts come with their text; people's bodies, which are ciphertext, only with `bodies`.
    """
    yield _line({"format": FORMAT})
    done = 0
    for size, note in LedgerCheckpoint.objects.order_by("size").values_list("size", "note"):
        while done < size:
            until = min(done + CHUNK, size)
            yield from _leaves(done, until, bodies=bodies)
            done = until
        yield _line({"checkpoint": note})


def _leaves(first: int, last: int, *, bodies: bool) -> Iterator[str]:
    with connection.cursor() as cursor:
        cursor.execute(_ROWS, [bodies, HOUSE_KEY, first, last])
        rows = cursor.fetchall()
    for seq, event_id, key_id, version, recorded_at, body_hash, leaf_hash, gone, body in rows:
        told = {
            "leaf": seq,
            "event": event_id.hex,
            "key": key_id.hex,
            "version": version,
            "recorded_us": (recorded_at - _EPOCH) // timedelta(microseconds=1),
            "body_hash": bytes(body_hash).hex(),
            "hash": bytes(leaf_hash).hex(),
            "gone": gone,
        }
        yield _line(told if body is None else told | {"body": b64encode(bytes(body)).decode()})


def _line(told: dict[str, Any]) -> str:
    return json.dumps(told, separators=(",", ":"))
