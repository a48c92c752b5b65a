"""How often a person has been shown what, and whether a cap still lets them see it; pure."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import msgspec

from decisioning.specs import CapSpec, OfferSpec

RESERVATION_MS = 10 * 60 * 1000  # an impression not confirmed by then gives its place back
KEPT_TIMES = 100  # newest times kept per counter, more where a cap's limit asks for it
RESERVED = b"r|"
MEMBERS = "*"  # in place of a channel: what all members of an account were shown
CLAIMED = (
    "r*|"  # before an offer and a nonce: a place that a member's decision claimed of an account
)


class Shown(msgspec.Struct, frozen=True, array_like=True):
    """What a person's hash of counters says, by ``counts|offer``, ``counts|offer@channel`` or ``…@*``."""

    times: dict[str, list[int]] = {}  # milliseconds, newest first
    reserved: dict[str, int] = {}  # live reservations by ``offer`` and ``offer@channel``


def counter(counts: str, offer: str, channel: str = "") -> str:
    """Return a counter's name, e.g. ``impression|winter-sale@web``."""
    return f"{counts}|{offer}@{channel}" if channel else f"{counts}|{offer}"


NO_MEMBERS: Mapping[str, Shown] = MappingProxyType({})


def parse_shown(fields: Mapping[bytes, bytes], *, now_ms: int) -> Shown:
    """Return the counters of a person from their hash; expired reservations count no more."""
    times: dict[str, list[int]] = {}
    reserved: dict[str, int] = {}
    for name, value in fields.items():
        if name.startswith(RESERVED):
            offer, channel = name.decode().split("|")[1:3]
            if int(value) > now_ms:
                for key in (offer, f"{offer}@{channel}"):
                    reserved[key] = reserved.get(key, 0) + 1
        elif name.startswith(CLAIMED.encode()):
            key = f"{name.decode().split('|')[1]}@{MEMBERS}"
            reserved[key] = reserved.get(key, 0) + (int(value) > now_ms)
        else:
            times[name.decode()] = [int(moment) for moment in value.split(b",") if moment]
    return Shown(times, reserved)


def spent(cap: CapSpec, offer: str, where: str, shown: Shown, *, now_ms: int) -> int:
    """Return how much of a cap is used, on a channel or by MEMBERS; an impression reserved counts as one made."""
    moments = shown.times.get(counter(cap.counts, offer, where), ())
    since = now_ms - cap.window_s * 1000 if cap.window_s is not None else 0
    used = sum(1 for moment in moments if moment > since)
    if cap.counts == "impression":
        used += shown.reserved.get(f"{offer}@{where}" if where else offer, 0)
    return used


def reached_cap(
    offer: OfferSpec,
    channel: str,
    shown: Shown,
    *,
    now_ms: int,
    members: Mapping[str, Shown] = NO_MEMBERS,
) -> CapSpec | None:
    """Return the first cap of a person that leaves no room for the offer, or None.

    `members` says by type what all members of their accounts were shown. Nobody sees more than an account may, so
    who belongs to none counts alone.
    """
    for cap in offer.caps:
        if cap.scope == "total":
            continue
        where = channel if cap.scope == "channel" else ""
        if spent(cap, offer.key, where, shown, now_ms=now_ms) >= cap.limit:
            return cap
        of_all = members.get(cap.of) if cap.scope == "account" else None
        if of_all and spent(cap, offer.key, MEMBERS, of_all, now_ms=now_ms) >= cap.limit:
            return cap
    return None


def needs_account(offer: OfferSpec, belongs: Iterable[str], members: Iterable[str]) -> bool:
    """Return whether a cap needs what an account was shown that somebody belongs to, and it is not known."""
    unread = {*belongs} - {*members}
    return any(cap.scope == "account" and cap.of in unread for cap in offer.caps)


def person_counters(offer: OfferSpec, channel: str, counts: str) -> tuple[tuple[str, int], ...]:
    """Return the counters that something of kind `counts` advances, each with how many times to keep."""
    keep: dict[str, int] = {}
    for cap in offer.caps:
        if cap.scope == "total" or cap.counts != counts:
            continue
        name = counter(counts, offer.key, channel if cap.scope == "channel" else "")
        keep[name] = max(keep.get(name, KEPT_TIMES), cap.limit)
    return tuple(keep.items())


def account_counters(offer: OfferSpec, counts: str) -> tuple[tuple[str, int], ...]:
    """Return the counters of an account that something of kind `counts` advances, as `person_counters` does."""
    most = [cap.limit for cap in offer.caps if cap.scope == "account" and cap.counts == counts]
    if not most:
        return ()
    return ((counter(counts, offer.key, MEMBERS), max(KEPT_TIMES, *most)),)
