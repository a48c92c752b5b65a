"""The only place that knows which channels there are, so that whatever is said of one binds it, or else all of them."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from consent.changes import DENYING, ConsentChange
from consent.policy import EVERY_CHANNEL

Tell = Callable[[], Collection[str] | None]
_tellers: list[Tell] = []


class UnknownChannelError(ValueError):
    """Somebody allows something on a channel that does not exist; the message names those that do."""


@dataclass(frozen=True, slots=True)
class Channels:
    """The channels that decisions are made for; None while nothing is live, empty where they cannot be read."""

    names: Collection[str] | None = None

    def find(self, said: str) -> str | None:
        """Return a channel as it is written, whatever the case it is said in; None where there is none."""
        if self.names is None or said in self.names or said == EVERY_CHANNEL:
            return said
        return next((one for one in self.names if one.casefold() == said.casefold()), None)

    def bind(self, change: ConsentChange) -> ConsentChange:
        """Return a change for the channel that is meant; a denial for none that exists is one for all.

        Raises:
            UnknownChannelError: anything else for a channel that does not exist.
        """
        channel = self.find(change.channel)
        if channel is None and change.status in DENYING:
            channel = EVERY_CHANNEL
        elif channel is None and self.names:
            raise UnknownChannelError(f"There is: {', '.join(sorted(self.names))}.")
        return change if channel is None else replace(change, channel=channel)


def on_asking(tell: Tell) -> None:
    """Have `tell` asked which channels there are; it returns None while nothing is live."""
    _tellers.append(tell)


def known_channels() -> Channels:
    """Return the channels that there are; a round trip to Redis."""
    said = [names for tell in _tellers if (names := tell()) is not None]
    return Channels(frozenset().union(*said) if said else None)


def bind_all(changes: Sequence[ConsentChange]) -> list[ConsentChange]:
    """Return changes for the channels that are meant; a round trip to Redis where one is not for all.

    Raises:
        UnknownChannelError: one that is no denial is for a channel that does not exist.
    """
    if all(one.channel == EVERY_CHANNEL for one in changes):
        return list(changes)
    known = known_channels()
    return [known.bind(one) for one in changes]
