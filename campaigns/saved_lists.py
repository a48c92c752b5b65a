"""The only door to what each person keeps about lists: named filters and chosen columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import parse_qsl, urlencode

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.utils.translation import gettext as _

from campaigns.models import ListColumns, SavedFilter

MOST: Final = 50  # saved filters of a person
QUERY_LENGTH: Final = 1_000
NOT_KEPT: Final = frozenset({"p", "e", "_changelist_filters"})  # page, error mark
User = AbstractBaseUser | AnonymousUser


class NotKept(Exception):
    """A filter that cannot be saved; the message says what to do."""


@dataclass(frozen=True, slots=True)
class NamedFilter:
    """A saved filter as a link."""

    pk: int
    name: str
    model: str
    query: str
    on_home: bool


def filters_of(user: User, model: str) -> list[NamedFilter]:
    """Return a person's filters of a list, by name; one query."""
    return [
        _named(row)
        for row in SavedFilter.objects.filter(user=user.pk, model=model).order_by("name")
    ]


def filters_on_home(user: User) -> list[NamedFilter]:
    """Return the filters that a person pinned to Home, by name; one query."""
    rows = SavedFilter.objects.filter(user=user.pk, on_home=True).order_by("name")
    return [_named(row) for row in rows]


def _named(row: SavedFilter) -> NamedFilter:
    return NamedFilter(row.pk, row.name, row.model, row.query, row.on_home)


def kept_query(query: str) -> str:
    """Return a list's query string without its page number, e.g. ``"state=live&q=winter"``."""
    pairs = parse_qsl(query.replace("\0", ""), keep_blank_values=True, max_num_fields=100)
    return urlencode([(name, value) for name, value in pairs if name not in NOT_KEPT])


def save_filter(
    user: User, *, model: str, name: str, query: str, on_home: bool, now: datetime
) -> None:
    """Keep a filter under a name; one of the same name is replaced.

    Raises:
        NotKept: no name, too long a filter, or too many.
    """
    name = name.strip()[:60]
    try:
        kept = kept_query(query)
    except ValueError:
        raise NotKept(_("This filter is too long to be kept.")) from None
    if not name:
        raise NotKept(_("Give the filter a name."))
    if len(kept) > QUERY_LENGTH:
        raise NotKept(_("This filter is too long to be kept."))
    if SavedFilter.objects.filter(user=user.pk).count() >= MOST:
        raise NotKept(_("Remove a filter first: %(most)s are kept.") % {"most": MOST})
    SavedFilter.objects.update_or_create(
        user_id=user.pk or 0,
        model=model,
        name=name,
        defaults={"query": kept, "on_home": on_home},
        create_defaults={"query": kept, "on_home": on_home, "created_at": now},
    )


def pin_filter(user: User, pk: int, *, on_home: bool) -> None:
    """Put one of a person's filters on Home, or take it off."""
    SavedFilter.objects.filter(user=user.pk, pk=pk).update(on_home=on_home)


def drop_filter(user: User, pk: int) -> None:
    """Forget one of a person's filters."""
    SavedFilter.objects.filter(user=user.pk, pk=pk).delete()


def columns_of(user: User, model: str) -> list[str]:
    """Return the columns that a person chose for a list, none where none were chosen; one query."""
    row = ListColumns.objects.filter(user=user.pk, model=model).first()
    return row.columns if row else []


def save_columns(user: User, *, model: str, columns: Sequence[str]) -> None:
    """Remember the columns of a list; none is the list's own choice."""
    if not columns:
        ListColumns.objects.filter(user=user.pk, model=model).delete()
        return
    ListColumns.objects.update_or_create(
        user_id=user.pk or 0, model=model, defaults={"columns": list(columns)}
    )
