"""The only place that says what a plan of one act on many things is: its effect on each, and what it saves."""

import hashlib
from dataclasses import dataclass, field

import msgspec

from campaigns.drafts import Draft
from campaigns.models import Item
from campaigns.uses import Use


class CannotDo(Exception):
    """An act that one thing does not allow; the message says why."""

    def __init__(self, message: str, users: tuple[Use, ...] = ()) -> None:
        super().__init__(message)
        self.users = users


@dataclass(frozen=True, slots=True)
class Effect:
    """What an act does to one thing."""

    item: Item
    before: str = ""
    after: str = ""
    refusal: str = ""  # why it is left alone
    users: tuple[Use, ...] = ()  # who stands in the way
    drafts: tuple[Draft, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What an act does to all things that were chosen."""

    act: str
    effects: list[Effect] = field(default_factory=list)
    more: tuple[Draft, ...] = ()  # of things beside those chosen
    beside: tuple[str, ...] = ()  # and what happens to them, in words

    @property
    def ready(self) -> list[Effect]:
        """Return what will be done."""
        return [effect for effect in self.effects if not effect.refusal]

    @property
    def refused(self) -> list[Effect]:
        """Return what is left alone."""
        return [effect for effect in self.effects if effect.refusal]

    @property
    def drafts(self) -> list[Draft]:
        """Return everything to save."""
        return [*(draft for effect in self.ready for draft in effect.drafts), *self.more]

    @property
    def digest(self) -> str:
        """Return the digest over all that will be done: a page that showed it may ask for just this."""
        ready = [
            (effect.item.pk, effect.before, effect.after, effect.drafts) for effect in self.ready
        ]
        said = msgspec.json.encode((self.act, ready, self.more), order="deterministic")
        return hashlib.sha256(said).hexdigest()
