"""The only place that says how many of the people found may be addressed: per purpose and channel, by the gate."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from campaigns.audiences.counting import Found
from campaigns.audiences.estimates import Estimate, estimate
from campaigns.audiences.people import People
from consent.policy import EVERY_CHANNEL, PolicySpec


@dataclass(frozen=True, slots=True)
class ChannelReach:
    """How many may be addressed on one channel."""

    channel: str  # name; "" is every channel
    matched: int
    sampled: int
    population: int

    @property
    def estimate(self) -> Estimate:
        return estimate(self.matched, sampled=self.sampled, population=self.population)


@dataclass(frozen=True, slots=True)
class PurposeReach:
    """How many may be addressed for one purpose, channel by channel."""

    purpose: str  # key
    name: str
    channels: tuple[ChannelReach, ...]

    @property
    def lines(self) -> tuple[ChannelReach, ...]:
        """Return a line for each channel, or one where all channels are alike."""
        first = self.channels[0]
        if any(one.matched != first.matched for one in self.channels):
            return self.channels
        return (replace(first, channel=""),)


def reach_of(
    found: Found,
    people: People,
    policy: PolicySpec,
    *,
    channels: Mapping[str, str],
    now: float,
    only: Iterable[str] = (),
) -> tuple[PurposeReach, ...]:
    """Return the people found whose consent allows each purpose (`only` these where given) of the policy.

    `channels` maps channel key to name. The gate is that of decisions, with no signal from a request.
    """
    wanted = set(only)
    purposes = [one for one in policy.purposes if not one.retired]
    return tuple(
        PurposeReach(one.key, one.name, _by_channel(found, people, policy, one.key, channels, now))
        for one in purposes
        if not wanted or one.key in wanted
    )


def _by_channel(
    found: Found,
    people: People,
    policy: PolicySpec,
    purpose: str,
    channels: Mapping[str, str],
    now: float,
) -> tuple[ChannelReach, ...]:
    each = []
    for channel in channels or {EVERY_CHANNEL: ""}:
        allowed = people.allowed(policy, purpose, channel, most=found.sampled, now=now)
        both = found.together(allowed)
        name = channels.get(channel, "")
        each.append(ChannelReach(name, both.matched, both.sampled, both.population))
    return tuple(each)
