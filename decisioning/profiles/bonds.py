"""The only place that says what is kept of who was joined with whom beside the profile itself."""

from typing import Final

import msgspec

MAX_AWAY: Final = 8  # stretches of a stream that are remembered; archiving is seconds behind


class Bonds(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a person's merges leave behind; None in most profiles."""

    owner_kind: str = ""  # of a tombstone: namespace of whom it merged into
    away: tuple[tuple[str, str], ...] = ()  # (behind, up to) stream ids: what stood there moved on
    claims: dict[str, bool] = {}  # of an identifier: people who named it -> whether a user
    shared: bool = False  # of an identifier: more users than its rule allows; it joins nobody
    # Who must not be joined with this person again -> stream id since which what is theirs is sent back;
    # "" where that was decided before this person was reached.
    apart: dict[str, str] = {}
    sought: dict[
        str, str
    ] = {}  # people asked for -> their identifier, of namespaces that are unique


NONE: Final = Bonds()
