"""Counters wider than a person: offers' totals in slots of their own that hand out credit to partitions.

A slot grants credit in blocks, each grant with a number that the partition chose, so a grant asked for twice
is given once, and one that a crash interrupted is finished by whoever asks next. What is granted never exceeds
the limit, and the last step spends only what its partition was granted. Clicks and conversions come when they
come: they are counted, and an offer is closed once there are enough.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import redis

from consent import people
from decisioning.specs import CapSpec, OfferSpec

BLOCK: Final = 50  # most units of one grant
SPREAD: Final = 4 * people.PARTITIONS  # below this many left a block is a single unit
SLOT_SECONDS: Final = 2 * 86_400  # a window's slot is kept this long after its end

# KEYS: slot.  ARGV: limit, grant id, block, spread, expiry in seconds ("" never).  Returns the units of the grant.
GRANT: Final = """
local known = redis.call('HGET', KEYS[1], ARGV[2])
if known then return tonumber(known) end
local left = tonumber(ARGV[1]) - tonumber(redis.call('HGET', KEYS[1], 'granted') or '0')
if left < 1 then return 0 end
local units = math.max(1, math.min(tonumber(ARGV[3]), math.floor(left / tonumber(ARGV[4]))))
redis.call('HINCRBY', KEYS[1], 'granted', units)
redis.call('HSET', KEYS[1], ARGV[2], units)
if ARGV[5] ~= '' then redis.call('EXPIRE', KEYS[1], ARGV[5]) end
return units
"""

# KEYS: balance.  ARGV: grant number, units, expiry in seconds ("" never).  A grant is applied once, in order.
APPLY: Final = """
if tonumber(redis.call('HGET', KEYS[1], 'grants') or '0') + 1 ~= tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'grants', ARGV[1])
redis.call('HINCRBY', KEYS[1], 'balance', ARGV[2])
if ARGV[3] ~= '' then redis.call('EXPIRE', KEYS[1], ARGV[3]) end
return 1
"""


@dataclass(frozen=True, slots=True)
class Credit:
    """One unit of an offer's total that a last step needs from its partition."""

    offer: str
    slot: str  # key of the slot
    keys: tuple[str, str]  # balance and holds of the partition
    limit: int
    hold: bool  # an impression must confirm it
    expires_s: int | None  # of a window's keys

    @classmethod
    def of(cls, offer: OfferSpec, number: int, *, person: str, now_ms: int) -> "Credit":
        """Return the credit for an offer's cap number `number`; a window is a calendar one, not rolling."""
        cap = offer.caps[number]
        name = slot_name(offer, number, now_ms=now_ms)
        home = people.tag(people.partition_of(person))
        return cls(
            offer.key,
            f"{{total:{name}}}",
            (f"{home}:credit:{name}", f"{home}:held:{name}"),
            cap.limit,
            cap.counts == "impression",
            None if cap.window_s is None else cap.window_s + SLOT_SECONDS,
        )

    @property
    def expiry(self) -> str:
        return "" if self.expires_s is None else str(self.expires_s)


def slot_name(offer: OfferSpec, number: int, *, now_ms: int) -> str:
    """Return the name under which a total is counted, e.g. ``winter-sale#0:20414``."""
    cap: CapSpec = offer.caps[number]
    return f"{offer.key}#{number}.{cap.counts}{_window(cap, now_ms=now_ms)}"


def grant_command(credit: Credit, *, number: int) -> tuple[Any, ...]:
    """Return the command that has the slot give grant `number` to the credit's partition."""
    home = credit.keys[0].partition("}")[0]
    arguments = (credit.limit, f"{home[1:]}:{number}", BLOCK, SPREAD, credit.expiry)
    return ("EVAL", GRANT, 1, credit.slot, *arguments)


def apply_command(credit: Credit, *, number: int, units: int) -> tuple[Any, ...]:
    """Return the command that puts a grant into the partition's balance."""
    return ("EVAL", APPLY, 1, credit.keys[0], number, units, credit.expiry)


# KEYS: counter, seen.  ARGV: milliseconds that a repeat is remembered, expiry in seconds ("" never).
COUNT: Final = """
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
redis.call('INCR', KEYS[1])
redis.call('SET', KEYS[2], '1', 'PX', ARGV[1])
if ARGV[2] ~= '' then redis.call('EXPIRE', KEYS[1], ARGV[2]) end
return 1
"""


def counted(offer: OfferSpec) -> Iterator[tuple[int, CapSpec]]:
    """Yield the numbered totals that reports count; no decision can reserve those."""
    for number, cap in enumerate(offer.caps):
        if cap.scope == "total" and cap.counts not in ("decision", "impression"):
            yield number, cap


def count_key(offer: OfferSpec, number: int, *, now_ms: int) -> str:
    """Return the key of the count of a total; its windows share a slot with what is remembered of reports."""
    return f"{_home(offer, number)}{_window(offer.caps[number], now_ms=now_ms)}"


def count_command(
    offer: OfferSpec, number: int, *, report: str, now_ms: int, dedupe_ms: int
) -> tuple[Any, ...]:
    """Return the command that counts a report in a total, once however often it is sent."""
    cap = offer.caps[number]
    expiry = "" if cap.window_s is None else cap.window_s + SLOT_SECONDS
    keys = count_key(offer, number, now_ms=now_ms), f"{_home(offer, number)}:seen:{report}"
    return ("EVAL", COUNT, 2, *keys, dedupe_ms, expiry)


def _home(offer: OfferSpec, number: int) -> str:
    return f"{{total:{offer.key}#{number}.{offer.caps[number].counts}}}"


def _window(cap: CapSpec, *, now_ms: int) -> str:
    return "" if cap.window_s is None else f":{now_ms // (cap.window_s * 1000)}"


# Sorted set of offers that a last step found used up, by when to try again: a window ends, a limit is
# raised, reservations lapse.
CLOSED_KEY: Final = "total:closed_until"
CLOSED_MS: Final = 5_000


def close_command(offer: str, *, now_ms: int) -> tuple[Any, ...]:
    """Return the command that lets all processes know early that an offer is used up."""
    return ("ZADD", CLOSED_KEY, now_ms + CLOSED_MS, offer)


def closed_offers(
    client: redis.Redis, offers: Iterable[OfferSpec], *, now_ms: int
) -> frozenset[str]:
    """Return the offers known to be used up; one round trip.

    Where decisions reserve, a hint: the last step decides. Where reports count, the limit itself.
    """
    asked = [(offer, number, cap) for offer in offers for number, cap in counted(offer)]
    with client.pipeline(transaction=False) as pipe:
        pipe.zrangebyscore(CLOSED_KEY, now_ms, "+inf")
        for offer, number, _ in asked:
            pipe.get(count_key(offer, number, now_ms=now_ms))
        hinted, *counts = pipe.execute()
    full = {
        offer.key
        for (offer, _, cap), count in zip(asked, counts, strict=True)
        if int(count or 0) >= cap.limit
    }
    return frozenset({member.decode() for member in hinted} | full)
