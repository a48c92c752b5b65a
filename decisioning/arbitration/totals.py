"""Counters wider than a person: offers' totals in slots of their own that hand out credit to partitions.

A slot grants credit in blocks, each grant with a number that the partition chose, so a grant asked for twice
is given once, and one that a crash interrupted is finished by whoever asks next. What is granted never exceeds
the limit, and the last step spends only what its partition was granted.
"""

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
    window = "" if cap.window_s is None else f":{now_ms // (cap.window_s * 1000)}"
    return f"{offer.key}#{number}.{cap.counts}{window}"


def grant_command(credit: Credit, *, number: int) -> tuple[Any, ...]:
    """Return the command that has the slot give grant `number` to the credit's partition."""
    home = credit.keys[0].partition("}")[0]
    arguments = (credit.limit, f"{home[1:]}:{number}", BLOCK, SPREAD, credit.expiry)
    return ("EVAL", GRANT, 1, credit.slot, *arguments)


def apply_command(credit: Credit, *, number: int, units: int) -> tuple[Any, ...]:
    """Return the command that puts a grant into the partition's balance."""
    return ("EVAL", APPLY, 1, credit.keys[0], number, units, credit.expiry)


CLOSED_KEY: Final = (
    "total:closed"  # set of offers whose total is used up, for all processes to know early
)


def closed_offers(client: redis.Redis) -> frozenset[str]:
    """Return the offers known to be used up; one round trip. A hint: the last step decides."""
    members: Any = client.smembers(CLOSED_KEY)
    return frozenset(member.decode() for member in members)
