"""The only judge of which approvals a change needs, which it has, and who may give one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from django.contrib.auth.models import AbstractUser
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.candidates import content_digest, is_changed
from campaigns.drafts import authors_of, newest_drafts
from campaigns.models import Approval, ApprovalRule, Change, Release, Revision
from campaigns.models.items import Kind

FROZEN = (Release.State.CANDIDATE, Release.State.PREPARING)


@dataclass(frozen=True, slots=True)
class Need:
    """How many approvals are needed, and who of those that were given counts."""

    count: int
    role: str  # name of a group; "" is everybody who may approve
    because: tuple[str, ...]
    given: tuple[Approval, ...]

    @property
    def missing(self) -> int:
        """Return how many more are needed for this alone."""
        return max(0, self.count - len(self.given))

    @property
    def words(self) -> str:
        """Return what is needed, e.g. "2 approvers of Compliance"."""
        return _needed(self.count, self.role)

    @property
    def missing_words(self) -> str:
        """Return what is missing, e.g. "1 approver"."""
        return _needed(self.missing, self.role)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a change stands: every need, and the approvals that count."""

    needs: tuple[Need, ...]
    approvals: tuple[Approval, ...]
    authors: frozenset[int]  # may not approve

    @property
    def is_complete(self) -> bool:
        """Say whether the change may be published; one person fills one place of a role only."""
        roles = [need.role for need in self.needs if need.role for one in range(need.count)]
        enough = len(self.approvals) >= max(len(roles), *(need.count for need in self.needs))
        return enough and _seats_all(roles, self.approvals)

    @property
    def missing_words(self) -> str:
        """Return what is missing in words, "" where nothing is."""
        words = [need.missing_words for need in self.needs if need.missing]
        if not words and not self.is_complete:
            words = [_needed(1, "")]
        return _(" and ").join(words)

    def has_of(self, user: AbstractUser) -> bool:
        """Say whether a user has approved."""
        return any(approval.user_id == user.pk for approval in self.approvals)


def _needed(count: int, role: str) -> str:
    if role:
        words = ngettext("%(count)s approver of %(role)s", "%(count)s approvers of %(role)s", count)
    else:
        words = ngettext("%(count)s approver", "%(count)s approvers", count)
    return words % {"count": count, "role": role}


def _seats_all(roles: Sequence[str], approvals: Sequence[Approval]) -> bool:
    """Say whether each place of a role can have a person of its own.

    Source: augmenting paths of bipartite matching (Kuhn).
    """
    seated: dict[int, int] = {}  # approval -> place

    def seat(place: int, tried: set[int]) -> bool:
        for number, approval in enumerate(approvals):
            if roles[place] not in approval.roles or number in tried:
                continue
            tried.add(number)
            if number not in seated or seat(seated[number], tried):
                seated[number] = place
                return True
        return False

    return all(seat(place, set()) for place in range(len(roles)))


def standing_of(change: Change) -> Standing:
    """Return where a change stands by the rules of now; see `standings`."""
    return standings([change])[change.pk]


def standings(changes: Iterable[Change]) -> dict[int, Standing]:
    """Return where changes stand by the rules of now, by their ids; seven queries however many.

    An approval counts for exactly the revisions that were read, and never where its giver had a hand in them.
    """
    read = _Read([change.pk for change in changes])
    return {pk: read.standing(pk) for pk in read.changes}


class _Read:
    """Everything that the standings of some changes rest on, read at once."""

    def __init__(self, changes: list[int]) -> None:
        self.changes = changes
        drafts = newest_drafts(changes).select_related("item__live_revision")
        self.drafts = _by_change(drafts)
        given = Approval.objects.filter(change__in=changes, voided_at=None)
        self.given = _by_change(given.select_related("user").order_by("given_at"))
        self.authors = authors_of(changes)
        self.rules = list(ApprovalRule.objects.select_related("role").order_by("pk"))
        reach = Release.objects.filter(change__in=changes, state__in=FROZEN).order_by("pk")
        self.reach = dict(reach.values_list("change_id", "reach"))

    def standing(self, change: int) -> Standing:
        drafts, authors = self.drafts.get(change, []), self.authors[change]
        content = content_digest(drafts)
        approvals = tuple(
            one
            for one in self.given.get(change, [])
            if one.content == content and one.user_id not in authors
        )
        touched = {(d.item.kind, d.item.key): str(d.item) for d in drafts if is_changed(d)}
        whys = _applying(self.rules, touched, self.reach.get(change) or {})
        return Standing(tuple(_needs(whys, approvals)), approvals, authors)


Row = TypeVar("Row", Revision, Approval)


def _by_change(rows: Iterable[Row]) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = {}
    for row in rows:
        found.setdefault(row.change_id, []).append(row)
    return found


def _needs(applying: list[tuple[ApprovalRule, str]], approvals: tuple[Approval, ...]) -> list[Need]:
    counts: dict[str, int] = {"": 1}
    reasons: dict[str, list[str]] = {"": [_("every change is read by a colleague")]}
    for rule, why in applying:
        role = rule.role.name if rule.role else ""
        counts[role] = max(counts.get(role, 0), rule.approvers)
        reasons.setdefault(role, []).append(why)
    return [
        Need(count, role, tuple(dict.fromkeys(reasons[role])), _fitting(role, approvals))
        for role, count in counts.items()
    ]


def _fitting(role: str, approvals: tuple[Approval, ...]) -> tuple[Approval, ...]:
    return tuple(one for one in approvals if not role or role in one.roles)


Touched = dict[tuple[str, str], str]  # (kind, key) -> name


def _applying(
    rules: list[ApprovalRule], touched: Touched, reach: Mapping[str, int | None]
) -> list[tuple[ApprovalRule, str]]:
    """Return the rules that touched things fall under, each with why."""
    found = []
    for rule in rules:
        why = next(filter(None, (_why(rule, *one, reach) for one in touched.items())), "")
        if why:
            found.append((rule, why))
    return found


def _why(
    rule: ApprovalRule, place: tuple[str, str], name: str, reach: Mapping[str, int | None]
) -> str:
    kind, key = place
    if rule.kind not in ("", kind):
        return ""
    thing = {"kind": Kind(kind).label, "name": name}
    if rule.above_people is None:
        return _("%(kind)s “%(name)s” is changed") % thing
    people = reach.get(f"{kind}:{key}")
    if people is None:
        return _("%(kind)s “%(name)s” may reach everybody") % thing
    if people <= rule.above_people:
        return ""
    limits = {"people": f"{people:,}", "above": f"{rule.above_people:,}"}
    words = _("%(kind)s “%(name)s” reaches about %(people)s people, more than %(above)s")
    return words % (thing | limits)


def why_not(user: AbstractUser, standing: Standing) -> str:
    """Return why a user may not approve a change in review, "" where they may."""
    if user.pk in standing.authors:
        return _("You wrote part of this change: a colleague has to approve it.")
    if not user.has_perm("campaigns.approve_change"):
        return _("Your role does not approve changes.")
    if standing.has_of(user):
        missing = standing.missing_words
        return _("You approved it; it still needs %(missing)s.") % {"missing": missing}
    return ""


def is_wanted(user: AbstractUser, standing: Standing) -> bool:
    """Say whether a user's approval would bring a change further."""
    roles = {"", *(group.name for group in user.groups.all())}
    missing = [need for need in standing.needs if need.missing]
    return not missing or any(need.role in roles for need in missing)
