"""What waits for whom: changes that a person may approve, their own, and those they may not approve, with why."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.auth.models import AbstractBaseUser, AbstractUser, AnonymousUser
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from campaigns import approvals
from campaigns.approvals import Standing
from campaigns.models import Change

OPEN = (Change.State.DRAFT, Change.State.IN_REVIEW, Change.State.APPROVED, Change.State.PREPARING)
MOST = 100  # changes that the inbox lists


@dataclass(frozen=True, slots=True)
class Filter:
    """Which changes to look at; "" is all."""

    state: str = ""
    author: str = ""  # user name
    kind: str = ""  # of a thing in it
    query: str = ""  # in the title, or the name of a thing in it


@dataclass(frozen=True, slots=True)
class Entry:
    """One change, where it stands, and why this person may not approve it ("": they may)."""

    change: Change
    standing: Standing
    why_not: str

    @property
    def missing(self) -> str:
        """Return which approvals it lacks, "" where none or not in review."""
        is_read = self.change.state == Change.State.IN_REVIEW
        return self.standing.missing_words if is_read else ""


@dataclass(frozen=True, slots=True)
class Inbox:
    """Every open change in exactly one list."""

    for_me: list[Entry]
    mine: list[Entry]
    not_for_me: list[Entry]
    approved: list[Entry]
    others: list[Entry]  # drafts of colleagues
    is_cut: bool  # there are more than are listed


def inbox_of(user: AbstractUser, chosen: Filter | None = None) -> Inbox:
    """Return the inbox of a user; about ten queries, however many changes."""
    rows = _filtered(Change.objects.filter(state__in=OPEN), chosen or Filter())
    changes = list(rows.prefetch_related("authors").order_by("submitted_at", "-pk")[: MOST + 1])
    standings = approvals.standings(changes[:MOST])
    entries = [_entry(user, change, standings[change.pk]) for change in changes[:MOST]]
    lists: dict[str, list[Entry]] = {name: [] for name in _LISTS}
    for entry in entries:
        lists[_list_of(user, entry)].append(entry)
    return Inbox(**lists, is_cut=len(changes) > MOST)


_LISTS = ("for_me", "mine", "not_for_me", "approved", "others")


def _entry(user: AbstractUser, change: Change, standing: Standing) -> Entry:
    why = approvals.why_not(user, standing)
    if not why and not approvals.is_wanted(user, standing):
        why = _("It needs %(missing)s.") % {"missing": standing.missing_words}
    return Entry(change, standing, why)


def _list_of(user: AbstractUser, entry: Entry) -> str:
    if user.pk in entry.standing.authors:
        return "mine"
    if entry.change.state == Change.State.IN_REVIEW:
        return "not_for_me" if entry.why_not else "for_me"
    return "others" if entry.change.state == Change.State.DRAFT else "approved"


def _filtered(rows: QuerySet[Change], chosen: Filter) -> QuerySet[Change]:
    if chosen.state:
        rows = rows.filter(state=chosen.state)
    if chosen.author:
        rows = rows.filter(authors__username=chosen.author)
    if chosen.kind:
        rows = rows.filter(revisions__item__kind=chosen.kind)
    if chosen.query:
        named = Q(revisions__item__name__icontains=chosen.query)
        rows = rows.filter(Q(title__icontains=chosen.query) | named)
    return rows.distinct()


def waiting_count(user: AbstractBaseUser | AnonymousUser) -> int:
    """Return how many changes wait for a user's approval; one query where nothing is in review."""
    if not isinstance(user, AbstractUser) or not user.has_perm("campaigns.approve_change"):
        return 0
    in_review = Change.objects.filter(state=Change.State.IN_REVIEW).exclude(authors=user.pk)
    return len(waiting_for(user)) if in_review.exists() else 0


def waiting_for(user: AbstractBaseUser | AnonymousUser) -> list[Change]:
    """Return the changes in review that a user's approval would bring further, oldest submission first."""
    if not isinstance(user, AbstractUser):
        return []
    return [entry.change for entry in inbox_of(user, Filter(state="in_review")).for_me]


def authors_of_open() -> Iterable[str]:
    """Return the names of everybody who has an open change; one query."""
    rows = Change.objects.filter(state__in=OPEN, authors__isnull=False)
    return rows.order_by("authors__username").values_list("authors__username", flat=True).distinct()
