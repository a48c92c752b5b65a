"""The only place that makes a copy of an authored thing: a draft with a key of its own, sharing nothing."""

import secrets
from datetime import datetime
from itertools import count

from django.contrib.auth.models import AbstractUser
from django.db import transaction
from django.utils.translation import gettext as _

from campaigns import drafts, limits
from campaigns.body_rules import FieldError
from campaigns.drafts import Draft
from campaigns.mapping import Refused
from campaigns.models import Change, Item, Revision
from campaigns.models.items import Kind


@transaction.atomic
def clone(item: Item, *, change: Change, author: AbstractUser, now: datetime) -> Revision:
    """Save a copy of what an author reads of a thing, its tags included, as a draft of a new thing.

    Raises:
        Refused: nothing was ever saved of it, or there can be only one of its kind.
    """
    source = drafts.draft_of(item, change) or item.live_revision
    if source is None or source.removed:
        saved = Revision.objects.filter(item=item.pk, removed=False)
        source = saved.order_by("-number").first()
    if source is None or item.kind == Kind.SETTINGS:
        raise Refused(FieldError("", _("There is nothing to copy.")))
    key = free_key(item)
    name = _("Copy of %(name)s") % {"name": source.body["name"]}
    body = {**source.body, "key": key, "name": name[: limits.NAME_LENGTH]}
    if "salt" in body:
        # With the salt of the original, both experiments would split people alike.
        body["salt"] = f"{key[:80]}-{secrets.token_hex(4)}"
    why = _("Copied from “%(name)s”") % {"name": item}
    draft = Draft(kind=item.kind, key=key, body=body, details=source.details, why=why[:500])
    revision = drafts.save_draft(change, draft, author=author, now=now)
    Item.objects.filter(pk=revision.item_id).update(tags=item.tags)
    return revision


def free_key(item: Item) -> str:
    """Return a key that nothing of this kind has: ``winter-copy``, ``winter-copy-2``; one query."""
    joint = " " if item.kind == Kind.EVENT_TYPE else "-"
    stem = f"{item.key[: limits.KEY_LENGTH - 12]}{joint}copy"
    same = Item.objects.filter(kind=item.kind, key__startswith=stem)
    taken = set(same.values_list("key", flat=True))
    numbered = (stem if number == 1 else f"{stem}{joint}{number}" for number in count(1))
    return next(key for key in numbered if key not in taken)
