"""The only place that carries out what a partition owes others: appended records, fences, joined consent."""

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
import redis

from consent import people
from consent.state import begin_merge, merge_token, remove_fence
from decisioning.ingestion.log import event_log
from decisioning.ingestion.planning import Delivery
from decisioning.profiles.carrying import Brought, carry
from decisioning.profiles.store import load_profile

logger = logging.getLogger("decisioning")

JoinConsent = Callable[
    [str, str], None
]  # (source, target): has their consent joined, or parted, later
_decoder = msgspec.msgpack.Decoder(Delivery)


def packed_deliveries(deliveries: Sequence[Delivery], *, until: str) -> dict[str, bytes]:
    """Return the outbox entries of a batch that ends at stream id `until`."""
    return {f"{until}.{place}": msgspec.msgpack.encode(one) for place, one in enumerate(deliveries)}


def deliver(
    client: "redis.Redis",
    partition: int,
    *,
    join_consent: JoinConsent,
    part_consent: JoinConsent,
    now_ms: int,
) -> int:
    """Carry out all that a partition's outbox holds and return how many that were.

    An entry leaves the outbox as soon as it is done, so a crash in between repeats that one; what goes through the
    broker comes last, so that without it nothing else waits.
    """
    outbox = people.outbox_key(partition)
    found: Any = client.hgetall(outbox)
    deliveries = {key: _decoder.decode(data) for key, data in found.items()}
    for key, delivery in deliveries.items():
        _prepare(client, delivery, now_ms=now_ms)
        if delivery.moved is not None:
            brought = Brought(delivery.moved, delivery.caps, delivery.arms)
            carry(client, brought, name=key.decode())
            client.hdel(outbox, key)
    records = [one.record for one in deliveries.values() if one.record is not None]
    if records:
        event_log(client).accept(records)
    for delivery in deliveries.values():
        _lower(client, delivery)
    done = [key for key, one in deliveries.items() if one.join is None and one.part is None]
    if done:
        client.hdel(outbox, *done)
    for key, delivery in deliveries.items():
        if delivery.join is not None or delivery.part is not None:
            _have_consent_follow(delivery, join_consent, part_consent)
            client.hdel(outbox, key)
    return len(deliveries)


def _have_consent_follow(
    delivery: Delivery, join_consent: JoinConsent, part_consent: JoinConsent
) -> None:
    if delivery.join is not None:
        join_consent(*delivery.join)
    if delivery.part is not None:
        part_consent(*delivery.part)


def _prepare(client: "redis.Redis", delivery: Delivery, *, now_ms: int) -> None:
    """Fence the target of a merge, and whoever it has become, before anything of the source can reach it."""
    if delivery.fence is None:
        return
    source, target = delivery.fence
    owner, _ = load_profile(client, target)
    for person in {target, owner}:
        begin_merge(client, source, person, now_ms=now_ms)


def _lower(client: "redis.Redis", delivery: Delivery) -> None:
    if delivery.unfence is None:
        return
    source, target = delivery.unfence
    owner, _ = load_profile(client, target)
    if load_profile(client, source)[0] == owner:
        return  # they became one by another merge, whose fence stands until consent is joined
    for person in {target, owner}:
        remove_fence(client, person, merge_token(source))


def owing(client: "redis.Redis", partitions: Iterable[int]) -> list[int]:
    """Return the partitions whose outbox is not empty; one round trip."""
    asked = list(partitions)
    with client.pipeline(transaction=False) as pipe:
        for partition in asked:
            pipe.hlen(people.outbox_key(partition))
        sizes = pipe.execute()
    return [partition for partition, size in zip(asked, sizes, strict=True) if size]
