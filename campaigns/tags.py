"""The only writer of tags: words by which people find things, kept beside what is reviewed."""

from collections.abc import Iterable
from typing import Final

from django.db import transaction
from django.db.models import Func
from django.utils.translation import gettext as _

from campaigns.models import Item
from campaigns.models.items import TAG_LENGTH

MOST: Final = 20  # of a thing


class TagRefused(Exception):
    """A tag, or one more of them, that a thing cannot take."""


def read_tags(text: str) -> list[str]:
    """Return the tags in e.g. ``"Winter sale, Q4"``: as written, once each whatever their case.

    Raises:
        TagRefused: a tag is too long or there are too many.
    """
    found: dict[str, str] = {}
    for part in text.replace("\0", "").split(","):
        tag = " ".join(part.split()).removeprefix("#").strip()
        if len(tag) > TAG_LENGTH:
            raise TagRefused(
                _("“%(tag)s” is too long: use at most %(most)s characters.")
                % {"tag": tag[:TAG_LENGTH], "most": TAG_LENGTH}
            )
        if tag:
            found.setdefault(tag.casefold(), tag)
    _refuse_too_many(found.values())
    return list(found.values())


def tags_of_kind(kind: str) -> list[str]:
    """Return every tag that things of a kind have, in alphabetical order; one query."""
    rows = Item.objects.filter(kind=kind).exclude(tags=[])
    every = rows.annotate(tag=Func("tags", function="unnest")).values_list("tag", flat=True)
    return sorted(set(every), key=str.casefold)


def set_tags(item: Item, tags: list[str]) -> None:
    """Give a thing exactly these tags; one query."""
    _refuse_too_many(tags)
    Item.objects.filter(pk=item.pk).update(tags=sorted(tags, key=str.casefold))


@transaction.atomic
def change_tags(
    things: Iterable[int], *, add: Iterable[str] = (), remove: Iterable[str] = ()
) -> int:
    """Add and remove tags of things that have room for them; return how many moved; two queries."""
    gone = {tag.casefold() for tag in remove}
    moved = []
    for item in Item.objects.select_for_update().filter(pk__in=list(things)):
        after = with_tags([tag for tag in item.tags if tag.casefold() not in gone], add)
        if after != item.tags and len(after) <= MOST:
            item.tags = after
            moved.append(item)
    Item.objects.bulk_update(moved, ["tags"], batch_size=500)
    return len(moved)


def with_tags(tags: Iterable[str], more: Iterable[str]) -> list[str]:
    """Return tags and those that are not among them yet, in alphabetical order."""
    found = {tag.casefold(): tag for tag in [*more, *tags]}
    return sorted(found.values(), key=str.casefold)


def _refuse_too_many(tags: Iterable[str]) -> None:
    if len(list(tags)) > MOST:
        raise TagRefused(_("Keep it to %(most)s tags for each thing.") % {"most": MOST})
