"""The last step of a decision, atomic under the person's tag: nothing changed meanwhile, caps reserved, logged."""

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec
import redis

from consent import people
from consent.policy import ConsentView
from consent.state import CONSENT_STANDS_LUA
from decisioning.arbitration.caps import RESERVATION_MS, counter, person_counters
from decisioning.arbitration.totals import Credit
from decisioning.link import Replies
from decisioning.messages import Decision
from decisioning.profiles.carrying import ARMS_KEPT_SECONDS
from decisioning.profiles.profile import IS_MERGED_LUA
from decisioning.specs import CapSpec, OfferSpec

logger = logging.getLogger("decisioning")

LOG_HARD_MARK: Final = 20_000  # entries of one partition; what cannot be logged is not decided
Outcome = Literal[
    "done", "moved", "consent", "capped", "full", "credit", "unavailable", "unknown_script"
]

# KEYS: profile, consent, fence, trust, caps, arms, log, then balance and holds of each total cap.
# ARGV: now ms, consent version ("" where nothing rests on it), run id, log body, nonce, hard mark, plan (JSON).
SCRIPT: Final = (
    CONSENT_STANDS_LUA
    + IS_MERGED_LUA
    + """
local now = tonumber(ARGV[1])
local plan = cjson.decode(ARGV[7])
local counts = #plan.checks + #plan.adds + #plan.holds > 0
local profile = (plan.personal or counts) and redis.call('GET', KEYS[1])
if profile and is_merged(profile) then return {'moved'} end
if ARGV[2] ~= '' and not consent_stands(KEYS[2], KEYS[3], KEYS[4], ARGV[2], ARGV[3]) then return {'consent'} end
if redis.call('XLEN', KEYS[7]) >= tonumber(ARGV[6]) then return {'full'} end

local reserved = {}
if #plan.checks > 0 or #plan.holds > 0 then
  local fields = redis.call('HGETALL', KEYS[5])
  for i = 1, #fields, 2 do
    if string.sub(fields[i], 1, 2) == 'r|' then
      if tonumber(fields[i + 1]) <= now then
        redis.call('HDEL', KEYS[5], fields[i])
      else
        local offer, channel = string.match(fields[i], '^r|([^|]*)|([^|]*)|')
        reserved[offer] = (reserved[offer] or 0) + 1
        reserved[offer .. '@' .. channel] = (reserved[offer .. '@' .. channel] or 0) + 1
      end
    end
  end
end
for _, check in ipairs(plan.checks) do
  local used = reserved[check.reserved] or 0
  local times = redis.call('HGET', KEYS[5], check.counter)
  if times then
    for moment in string.gmatch(times, '%d+') do
      if tonumber(moment) > check.since then used = used + 1 end
    end
  end
  if used >= check.limit then return {'capped', check.offer} end
end
for _, credit in ipairs(plan.credits) do
  local balance, holds = KEYS[credit.key], KEYS[credit.key + 1]
  local lapsed = redis.call('ZREMRANGEBYSCORE', holds, '-inf', now)
  if lapsed > 0 then redis.call('HINCRBY', balance, 'balance', lapsed) end
  if tonumber(redis.call('HGET', balance, 'balance') or '0') < 1 then return {'credit', credit.slot} end
end

for _, credit in ipairs(plan.credits) do
  redis.call('HINCRBY', KEYS[credit.key], 'balance', -1)
  if credit.hold then
    redis.call('ZADD', KEYS[credit.key + 1], now + plan.reserve_ms, ARGV[5] .. '|' .. credit.offer)
  else
    redis.call('HINCRBY', KEYS[credit.key], 'spent', 1)
  end
end
for _, add in ipairs(plan.adds) do
  local times = redis.call('HGET', KEYS[5], add.counter) or ''
  local kept, count = {ARGV[1]}, 1
  for moment in string.gmatch(times, '%d+') do
    if count < add.keep then kept[count + 1] = moment; count = count + 1 end
  end
  redis.call('HSET', KEYS[5], add.counter, table.concat(kept, ','))
end
for _, hold in ipairs(plan.holds) do
  redis.call('HSET', KEYS[5], 'r|' .. hold .. '|' .. ARGV[5], now + plan.reserve_ms)
end
for experiment, arm in pairs(plan.arms) do
  redis.call('HSETNX', KEYS[6], experiment, arm)
  redis.call('EXPIRE', KEYS[6], plan.arms_s)
end
return {'done', redis.call('XADD', KEYS[7], '*', 'd', ARGV[4], 'n', ARGV[5])}
"""
)
SHA: Final = hashlib.sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class LastStep:
    """How the last step ended; `word` is the stream id, or what stood in the way."""

    outcome: Outcome
    word: str = ""


def last_step(
    person: str,
    decision: Decision,
    *,
    offers: Mapping[str, OfferSpec],
    view: ConsentView,
    now_ms: int,
) -> "Step":
    """Return the last step of a decision, still without its log body."""
    plan = _Plan()
    personal = any(chosen.purpose for placed in decision.placed for chosen in placed.chosen)
    for placed in decision.placed:
        for chosen in placed.chosen:
            if placed.status == "offers":
                plan.add(offers[chosen.offer], placed.channel, person=person, now_ms=now_ms)
    return Step(person, plan, view if personal else None, now_ms, decision.arms if personal else {})


class _Plan:
    def __init__(self) -> None:
        self.checks: list[dict[str, Any]] = []
        self.adds: list[dict[str, Any]] = []
        self.holds: list[str] = []
        self.credits: list[Credit] = []

    def add(self, offer: OfferSpec, channel: str, *, person: str, now_ms: int) -> None:
        for number, cap in enumerate(offer.caps):
            if cap.scope == "total":
                if cap.counts in ("decision", "impression"):
                    self.credits.append(Credit.of(offer, number, person=person, now_ms=now_ms))
            else:
                self.checks.append(_check(offer, cap, channel, now_ms=now_ms))
        for name, keep in person_counters(offer, channel, "decision"):
            self.adds.append({"counter": name, "keep": keep})
        if any(cap.counts == "impression" for cap in offer.caps):
            self.holds.append(f"{offer.key}|{channel}")


def _check(offer: OfferSpec, cap: CapSpec, channel: str, *, now_ms: int) -> dict[str, Any]:
    where = channel if cap.scope == "channel" else ""
    reserved = f"{offer.key}@{where}" if where else offer.key
    return {
        "offer": offer.key,
        "counter": counter(cap.counts, offer.key, where),
        "reserved": reserved if cap.counts == "impression" else "",
        "since": now_ms - cap.window_s * 1000 if cap.window_s is not None else 0,
        "limit": cap.limit,
    }


class Step:
    """A last step ready to be sent, again if need be."""

    def __init__(
        self,
        person: str,
        plan: _Plan,
        view: ConsentView | None,
        now_ms: int,
        arms: Mapping[str, str],
    ) -> None:
        self.person = person
        self.credits = plan.credits
        self._view = view
        self._now_ms = now_ms
        self._plan = msgspec.json.encode(
            {
                "personal": view is not None,
                "checks": plan.checks,
                "adds": plan.adds,
                "holds": plan.holds,
                "arms": dict(arms),
                "credits": [
                    {"key": 8 + 2 * number, "slot": one.slot, "offer": one.offer, "hold": one.hold}
                    for number, one in enumerate(plan.credits)
                ],
                "reserve_ms": RESERVATION_MS,
                "arms_s": ARMS_KEPT_SECONDS,
            }
        )

    def commands(self, body: bytes, nonce: str, *, whole: bool = False) -> list[tuple[Any, ...]]:
        """Return what to send: the script by digest, or `whole`."""
        person, partition = self.person, people.partition_of(self.person)
        keys = [
            people.profile_key(person),
            people.consent_key(person),
            people.fence_key(person),
            people.trust_key(partition),
            people.caps_key(person),
            people.arms_key(person),
            people.decision_log_key(partition),
            *(key for credit in self.credits for key in credit.keys),
        ]
        version = str(self._view.version) if self._view else ""
        run_id = self._view.run_id if self._view else ""
        arguments = [self._now_ms, version, run_id, body, nonce, LOG_HARD_MARK, self._plan]
        script = ("EVAL", SCRIPT) if whole else ("EVALSHA", SHA)
        return [(*script, len(keys), *keys, *arguments)]

    def read(self, replies: Replies) -> LastStep:
        """Return how it ended."""
        (reply,) = replies
        if isinstance(reply, redis.exceptions.NoScriptError):
            return LastStep("unknown_script")
        if isinstance(reply, Exception):
            logger.error("last_step.failed error=%s", reply)
            return LastStep("unavailable", str(reply))
        if self._view and replies.run_id != self._view.run_id:
            return LastStep("unavailable", "the server was exchanged")
        words = [part.decode() for part in reply]
        return LastStep(words[0], words[1] if len(words) > 1 else "")
