"""All starter packs, and the only way from a pack to drafts."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.contrib.auth.models import AbstractUser
from django.db import transaction
from django.utils.translation import gettext as _

from campaigns.drafts import Draft, open_change, save_draft, switch_change
from campaigns.mapping import body_of
from campaigns.models import Change, Item
from campaigns.models.items import Kind
from campaigns.packs.education import EDUCATION
from campaigns.packs.finance import FINANCE
from campaigns.packs.health import HEALTH
from campaigns.packs.news import NEWS
from campaigns.packs.pack import Pack
from campaigns.packs.shop import SHOP
from campaigns.packs.streaming import STREAMING
from campaigns.packs.travel import TRAVEL

PACKS: Final[dict[str, Pack]] = {
    pack.key: pack for pack in (SHOP, NEWS, STREAMING, TRAVEL, FINANCE, EDUCATION, HEALTH)
}


class NothingNew(Exception):
    """Everything in a pack is there already."""


@dataclass(frozen=True, slots=True)
class Unpacked:
    """The change that a pack was put into, and what was left out because its key is taken."""

    change: Change
    added: int
    kept: tuple[tuple[Kind, str], ...]


def contents(pack: Pack) -> Counter[Kind]:
    """Return how many things of each kind are in a pack, in reading order."""
    return Counter(kind for kind, _spec in pack.parts())


@transaction.atomic
def unpack(pack: Pack, *, author: AbstractUser, now: datetime) -> Unpacked:
    """Put a pack into a new change of an author, who goes on in it. What has the key of a thing is left out.

    Raises:
        NothingNew: all of it is there.
        Refused, NobodyAnswers: as `save_draft` says.
    """
    taken = set(Item.objects.values_list("kind", "key"))
    new = [(kind, spec) for kind, spec in pack.parts() if (kind.value, spec.key) not in taken]
    if not new:
        raise NothingNew(_("Everything in this pack is there already."))
    change = open_change(author, now=now, title=_("Starter pack: %(pack)s") % {"pack": pack.name})
    for kind, spec in new:
        draft = Draft(kind=kind, key=spec.key, body=body_of(spec), why=_("From a starter pack"))
        save_draft(change, draft, author=author, now=now)
    switch_change(author, change)
    kept = [(kind, spec.key) for kind, spec in pack.parts() if (kind.value, spec.key) in taken]
    return Unpacked(change, len(new), tuple(kept))
