"""What keeps a person's consent from being used while some of it is recorded: a token, put up first and taken off last."""

import logging
import time
from collections.abc import Mapping
from datetime import datetime, timedelta

import redis

from consent import state
from consent.ids import uuid7

logger = logging.getLogger("consent")


class Fence:
    """A token on people's fences, from before it is looked what they said until what they say is in force."""

    def __init__(self, client: redis.Redis, key: str, *, now: datetime) -> None:
        self.client, self._now, self._began = client, now, time.monotonic()
        self._is_of_event = key.startswith(state.EVENT)
        self.token = key if self._is_of_event else self._fresh()
        self._raised: list[str] = []

    def _fresh(self) -> str:
        return f"{state.CHANGE}{uuid7(self._now)}"

    @property
    def reached(self) -> datetime:
        """What the time is by now."""
        return self._now + timedelta(seconds=time.monotonic() - self._began)

    def raise_for(self, person: str) -> bool:
        """Put the token on a person's fence; return whether Redis answered that it knows nothing of them."""
        if person in self._raised:
            return False
        self._raised.append(person)
        now_ms = int(self._now.timestamp() * 1000)
        try:
            return state.add_fence(self.client, person, self.token, now_ms=now_ms)
        except state.Unwritten:
            # Recording goes on: the answer says in_force only if Redis is back by the end.
            logger.warning("consent.fence_not_set", exc_info=True)
            return False

    def lower(self, *, but: str = "") -> None:
        """Take the token off, `but` off one person's fence."""
        lower_fences(self.client, {one: self.token for one in self._raised if one != but})

    def renew(self) -> None:
        """Go on with another token, for the relay may have claimed the first; that of an event stands throughout."""
        if not self._is_of_event:
            self.lower()
            self.token, self._raised = self._fresh(), []


def lower_fences(client: redis.Redis, tokens: Mapping[str, str]) -> None:
    """Take each person's token off their fence; the relay does where Redis does not take it."""
    try:
        for person, token in tokens.items():
            state.remove_fence(client, person, token)
    except state.Unwritten:
        logger.warning("consent.fence_left_to_relay", exc_info=True)
