"""The demo's way into the event log: read as production reads, accepted once, waiting while streams are full."""

import time
from typing import Any

import msgspec
import redis

from decisioning.ingestion import log
from decisioning.ingestion.wire import Intake, read_messages

Message = dict[str, Any]
MARK = 500  # records of one partition that may wait for a worker
PATIENCE_S = 120.0


class NobodyFolds(RuntimeError):
    """Streams are full and stay full."""


def accept(client: redis.Redis, items: list[Message], *, intake: Intake) -> int:
    """Append messages to the streams, waiting while they are full; return how many were not there before.

    Raises:
        ValueError: a message is refused; the demo's own are never.
        NobodyFolds: no worker made room for two minutes.
    """
    raws = [msgspec.Raw(msgspec.json.encode(item)) for item in items]
    records, refusals = read_messages(raws, intake=intake)
    if refusals:
        raise ValueError(f"{refusals[0].message_id}{refusals[0].pointer}: {refusals[0].reason}")
    waits_until = time.monotonic() + PATIENCE_S
    while True:
        try:
            return log.event_log(client).accept(records, mark=MARK).count("accepted")
        except log.LogFull as full:
            if time.monotonic() > waits_until:
                raise NobodyFolds(
                    "No worker folds the events: start `manage.py up`, then run this again."
                ) from full
            time.sleep(0.2)
