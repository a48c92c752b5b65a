"""The only place that counts caps of accounts: what all members were shown, in the account's own partition.

An account's counters lie under another tag than the member who is shown something, so one script cannot spend both.
A decision claims its place at the account first and takes the last step then; where that fails it gives the place
back. A claim that a crash leaves behind lapses like any reservation, so claims and what is confirmed never pass the
limit. An impression or another report confirms its claim when it comes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from consent import people
from decisioning.arbitration.caps import (
    CLAIMED,
    MEMBERS,
    RESERVATION_MS,
    account_counters,
    counter,
)
from decisioning.arbitration.reserve import LastStep
from decisioning.messages import Decision
from decisioning.specs import CapSpec, OfferSpec

# KEYS: caps of an account.  ARGV: now ms, nonce, plan (JSON).  Returns {"done"} or {"capped", offer}. A claim leaves
# its nonce, for a command whose answer was lost is sent again.
_CLAIM: Final = """
local now, plan = tonumber(ARGV[1]), cjson.decode(ARGV[3])
if redis.call('HEXISTS', KEYS[1], 'c*|' .. ARGV[2]) == 1 then return {'done'} end
local claimed, fields = {}, redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
  local kind = string.sub(fields[i], 1, 3)
  if (kind == 'r*|' or kind == 'c*|') and tonumber(fields[i + 1]) <= now then
    redis.call('HDEL', KEYS[1], fields[i])
  elseif kind == 'r*|' then
    local offer = string.match(fields[i], '^r%*|([^|]*)|')
    claimed[offer] = (claimed[offer] or 0) + 1
  end
end
for _, check in ipairs(plan.checks) do
  local used = check.reserved and claimed[check.offer] or 0
  for moment in string.gmatch(redis.call('HGET', KEYS[1], check.counter) or '', '%d+') do
    if tonumber(moment) > check.since then used = used + 1 end
  end
  if used >= check.limit then return {'capped', check.offer} end
end
for _, add in ipairs(plan.adds) do
  local kept, count = {ARGV[1]}, 1
  for moment in string.gmatch(redis.call('HGET', KEYS[1], add.counter) or '', '%d+') do
    if count < add.keep then kept[count + 1] = moment; count = count + 1 end
  end
  redis.call('HSET', KEYS[1], add.counter, table.concat(kept, ','))
end
for _, hold in ipairs(plan.holds) do
  redis.call('HSET', KEYS[1], 'r*|' .. hold .. '|' .. ARGV[2], now + plan.reserve_ms)
end
redis.call('HSET', KEYS[1], 'c*|' .. ARGV[2], now + plan.reserve_ms)
return {'done'}
"""

# KEYS: caps of an account.  ARGV: now ms of the claim, nonce, plan (JSON).
_GIVE_BACK: Final = """
if redis.call('HDEL', KEYS[1], 'c*|' .. ARGV[2]) == 0 then return 0 end
local plan = cjson.decode(ARGV[3])
for _, hold in ipairs(plan.holds) do redis.call('HDEL', KEYS[1], 'r*|' .. hold .. '|' .. ARGV[2]) end
for _, add in ipairs(plan.adds) do
  local kept, gone = {}, false
  for moment in string.gmatch(redis.call('HGET', KEYS[1], add.counter) or '', '%d+') do
    if moment == ARGV[1] and not gone then gone = true else kept[#kept + 1] = moment end
  end
  if #kept == 0 then redis.call('HDEL', KEYS[1], add.counter)
  else redis.call('HSET', KEYS[1], add.counter, table.concat(kept, ',')) end
end
return 1
"""

# KEYS: caps of an account, seen.  ARGV: now ms, ms that a repeat is remembered, claim ("" where the kind settles
# none), counters (JSON).
_CONFIRM: Final = """
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
redis.call('SET', KEYS[2], '1', 'PX', ARGV[2])
if ARGV[3] ~= '' then redis.call('HDEL', KEYS[1], ARGV[3]) end
for _, add in ipairs(cjson.decode(ARGV[4])) do
  local kept, count = {ARGV[1]}, 1
  for moment in string.gmatch(redis.call('HGET', KEYS[1], add.counter) or '', '%d+') do
    if count < add.keep then kept[count + 1] = moment; count = count + 1 end
  end
  redis.call('HSET', KEYS[1], add.counter, table.concat(kept, ','))
end
return 1
"""

REMEMBERED_MS: Final = 7 * 86_400_000  # a repeat of a report within this is not counted again


@dataclass(slots=True)
class Claim:
    """What one decision needs of one account."""

    account: str
    checks: list[dict[str, Any]] = field(default_factory=list)
    adds: list[dict[str, Any]] = field(default_factory=list)
    holds: list[str] = field(default_factory=list)

    def take(self, *, now_ms: int, nonce: str) -> tuple[Any, ...]:
        """Return the command that claims a place, once for a nonce."""
        return ("EVAL", _CLAIM, 1, self._key, now_ms, nonce, self._plan)

    def give_back(self, *, now_ms: int, nonce: str) -> tuple[Any, ...]:
        """Return the command that gives the place back."""
        return ("EVAL", _GIVE_BACK, 1, self._key, now_ms, nonce, self._plan)

    @property
    def _key(self) -> str:
        return people.caps_key(self.account)

    @property
    def _plan(self) -> bytes:
        parts = {"checks": self.checks, "adds": self.adds, "holds": self.holds}
        return msgspec.json.encode({**parts, "reserve_ms": RESERVATION_MS})


def claims_of(
    decision: Decision,
    offers: Mapping[str, OfferSpec],
    belongs: Mapping[str, str],
    *,
    now_ms: int,
) -> list[Claim]:
    """Return what a decision has to claim before its last step, by account."""
    found: dict[str, Claim] = {}
    chosen = (
        offers[one.offer]
        for placed in decision.placed
        if placed.status == "offers"
        for one in placed.chosen
    )
    for offer in chosen:
        for cap, account in _of_accounts(offer, belongs):
            claim = found.setdefault(account, Claim(account))
            claim.checks.append(_check(offer, cap, now_ms=now_ms))
        for account in accounts_of_offer(offer, belongs):
            claim = found[account]
            for name, keep in account_counters(offer, "decision"):
                claim.adds.append({"counter": name, "keep": keep})
            if any(cap.counts == "impression" for cap, _ in _of_accounts(offer, belongs)):
                claim.holds.append(offer.key)
    return list(found.values())


def claimed(replies: Sequence[Any]) -> LastStep:
    """Return whether all accounts had room."""
    for reply in replies:
        if isinstance(reply, Exception):
            return LastStep("unavailable", str(reply))
        if reply[0] == b"capped":
            return LastStep("capped", reply[1].decode())
    return LastStep("done")


def accounts_of_offer(offer: OfferSpec, belongs: Mapping[str, str]) -> tuple[str, ...]:
    """Return the accounts for which an offer's showing to somebody counts."""
    return tuple(dict.fromkeys(account for _, account in _of_accounts(offer, belongs)))


def _of_accounts(offer: OfferSpec, belongs: Mapping[str, str]) -> Iterator[tuple[CapSpec, str]]:
    for cap in offer.caps:
        if cap.scope == "account" and cap.of in belongs:
            yield cap, belongs[cap.of]


def _check(offer: OfferSpec, cap: CapSpec, *, now_ms: int) -> dict[str, Any]:
    return {
        "offer": offer.key,
        "counter": counter(cap.counts, offer.key, MEMBERS),
        "reserved": cap.counts == "impression",
        "since": now_ms - cap.window_s * 1000 if cap.window_s is not None else 0,
        "limit": cap.limit,
    }


def confirm_commands(
    offer: OfferSpec,
    accounts: Sequence[str],
    kind: str,
    *,
    nonce: str,
    report: str,
    now_ms: int,
) -> list[tuple[Any, ...]]:
    """Return the commands that count a report for accounts, once however often it is sent."""
    claim = f"{CLAIMED}{offer.key}|{nonce}" if kind == "impression" else ""
    counters = [{"counter": name, "keep": keep} for name, keep in account_counters(offer, kind)]
    if not counters and not claim:
        return []
    body = msgspec.json.encode(counters)
    commands = []
    for account in accounts:
        seen = people.seen_key(people.partition_of(account), f"account:{report}")
        keys = people.caps_key(account), seen
        commands.append(("EVAL", _CONFIRM, 2, *keys, now_ms, REMEMBERED_MS, claim, body))
    return commands
