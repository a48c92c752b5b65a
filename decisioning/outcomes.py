"""What comes of shown offers: one atomic step per report that counts it once, settles its caps and logs it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec

from consent import people
from decisioning.arbitration.caps import person_counters
from decisioning.arbitration.claims import confirm_commands
from decisioning.arbitration.reserve import LOG_HARD_MARK
from decisioning.arbitration.totals import Credit, count_command, counted
from decisioning.profiles.profile import IS_MERGED_LUA, decode_profile
from decisioning.profiles.store import MAX_HOPS
from decisioning.round_trips import Budget
from decisioning.specs import OfferSpec
from decisioning.tokens import Shown, parse_decision_id

Kind = Literal["impression", "click", "conversion", "dismissal"]
DEDUPE_MS: Final = 7 * 86_400_000  # a repeat of a message_id within this is not counted again

# KEYS: profile, caps, log, seen, then balance and holds of each total cap.
# ARGV: now ms, dedupe ms, reservation field ("" where the kind settles none), nonce|offer, log body, hard mark,
# counters (JSON), "1" where the total knows it as late.  Returns "duplicate", "full", the stream id, or where the
# person has become another {"moved", late}: their totals are settled here, all else is for the other.
SCRIPT: Final = (
    IS_MERGED_LUA
    + """
local seen, late = redis.call('GET', KEYS[4]), ARGV[8]
if seen == '1' then return 'duplicate' end
local profile = redis.call('GET', KEYS[1])
local moved = profile and is_merged(profile)
if not moved and redis.call('XLEN', KEYS[3]) >= tonumber(ARGV[6]) then return 'full' end
if seen then late = string.sub(seen, 2)
elseif ARGV[3] ~= '' then
  for i = 5, #KEYS, 2 do
    local expires = redis.call('ZSCORE', KEYS[i + 1], ARGV[4])
    redis.call('ZREM', KEYS[i + 1], ARGV[4])
    if expires and tonumber(expires) > tonumber(ARGV[1]) then
      redis.call('HINCRBY', KEYS[i], 'spent', 1)
    else
      if expires then redis.call('HINCRBY', KEYS[i], 'balance', 1) end
      redis.call('HINCRBY', KEYS[i], 'late', 1)
      late = '1'
    end
  end
end
redis.call('SET', KEYS[4], moved and 's' .. late or '1', 'PX', ARGV[2])
if moved then return {'moved', late} end
if ARGV[3] ~= '' then redis.call('HDEL', KEYS[2], ARGV[3]) end
for _, add in ipairs(cjson.decode(ARGV[7])) do
  local times = redis.call('HGET', KEYS[2], add.counter) or ''
  local kept, count = {ARGV[1]}, 1
  for moment in string.gmatch(times, '%d+') do
    if count < add.keep then kept[count + 1] = moment; count = count + 1 end
  end
  redis.call('HSET', KEYS[2], add.counter, table.concat(kept, ','))
end
return redis.call('XADD', KEYS[3], '*', 'o', ARGV[5], 'l', late)
"""
)


class Outcome(msgspec.Struct, frozen=True, array_like=True):
    """One report as it is logged."""

    kind: Kind
    shown: Shown
    message_id: str
    occurred_ms: int
    recorded_ms: int
    value: float | None = None
    attribution: str = "token"


@dataclass(frozen=True, slots=True)
class Report:
    """One report of a channel, validated."""

    kind: Kind
    shown: Shown
    message_id: str
    occurred_ms: int
    value: float | None = None


encoder = msgspec.msgpack.Encoder()
decoder = msgspec.msgpack.Decoder(Outcome)


def report_command(
    report: Report,
    offers: Mapping[str, OfferSpec],
    *,
    now_ms: int,
    owner: str = "",
    late: str = "0",
) -> tuple[Any, ...]:
    """Return the command that counts a report once.

    A decision of an offer that is no longer live has no caps to settle; it is logged all the same. Where the person
    has merged into `owner` meanwhile, the command for the person said `late`.
    """
    shown = report.shown
    person = owner or shown.person
    partition = people.partition_of(person)
    offer = offers.get(shown.offer)
    nonce = parse_decision_id(shown.decision_id).nonce
    counters = person_counters(offer, shown.channel, report.kind) if offer else ()
    settles = report.kind == "impression" and offer is not None
    own = settles and not owner
    credits_ = held_credits(offer, shown, now_ms=now_ms) if own and offer else []
    keys = [
        people.profile_key(person),
        people.caps_key(person),
        people.decision_log_key(partition),
        people.seen_key(partition, f"outcome:{report.message_id}"),
        *(key for credit in credits_ for key in credit.keys),
    ]
    outcome = Outcome(
        report.kind, shown, report.message_id, report.occurred_ms, now_ms, report.value
    )
    arguments = (
        now_ms,
        DEDUPE_MS,
        f"r|{shown.offer}|{shown.channel}|{nonce}" if settles else "",
        f"{nonce}|{shown.offer}",
        encoder.encode(outcome),
        LOG_HARD_MARK,
        msgspec.json.encode([{"counter": name, "keep": keep} for name, keep in counters]),
        late,
    )
    return ("EVAL", SCRIPT, len(keys), *keys, *arguments)


async def count_reports(
    reports: Sequence[Report], offers: Mapping[str, OfferSpec], budget: Budget, *, now_ms: int
) -> list[Any]:
    """Return the reply to each report, following people who have become others since they were shown an offer.

    Raises:
        RedisUnavailable: Redis does not answer; what was counted stays, and is a repeat next time.
    """
    replies = list(
        await budget.ask([report_command(one, offers, now_ms=now_ms) for one in reports])
    )
    owners = [one.shown.person for one in reports]
    for _ in range(MAX_HOPS):
        moved = [place for place, reply in enumerate(replies) if isinstance(reply, list)]
        if not moved:
            break
        found = await budget.ask([("GET", people.profile_key(owners[place])) for place in moved])
        for place, packed in zip(moved, found, strict=True):
            profile = decode_profile(packed)
            owners[place] = profile.merged_into if profile else ""
        again = [
            report_command(
                reports[place],
                offers,
                now_ms=now_ms,
                owner=owners[place],
                late=replies[place][1].decode(),
            )
            for place in moved
        ]
        for place, reply in zip(moved, await budget.ask(again), strict=True):
            replies[place] = reply
    return replies


def held_credits(offer: OfferSpec, shown: Shown, *, now_ms: int) -> list[Credit]:
    """Return the totals whose credit the decision held for an impression of this offer."""
    decided_ms = int(parse_decision_id(shown.decision_id).stream_id.partition("-")[0]) or now_ms
    return [
        Credit.of(offer, number, person=shown.person, now_ms=decided_ms)
        for number, cap in enumerate(offer.caps)
        if cap.scope == "total" and cap.counts == "impression"
    ]


def count_commands(
    report: Report, offers: Mapping[str, OfferSpec], *, now_ms: int
) -> list[tuple[Any, ...]]:
    """Return the commands that count a report in totals and for accounts, once however often it is sent."""
    offer = offers.get(report.shown.offer)
    if offer is None:
        return []
    name = f"{people.partition_of(report.shown.person):03d}:{report.message_id}"
    totals = [
        count_command(offer, number, report=name, now_ms=now_ms, dedupe_ms=DEDUPE_MS)
        for number, cap in counted(offer)
        if cap.counts == report.kind
    ]
    return totals + confirm_commands(
        offer,
        report.shown.accounts,
        report.kind,
        nonce=parse_decision_id(report.shown.decision_id).nonce,
        report=name,
        now_ms=now_ms,
    )
