"""The only reader of histories: who did what to one thing, when and why, in words, newest first.

Authored things tell it by their revisions; what is edited in place by the event rows that the database's triggers write.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from django.apps import apps
from django.contrib.auth.models import Group, User
from django.db.models import Model
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns import wording
from campaigns.candidates import candidate_of
from campaigns.models import ApprovalRule, Change, Item, Release, ReviewComment, Stop, Webhook
from campaigns.review import Difference, told_of
from decisioning.models import Destination, Source
from rtts_site.foundation.models import ApiKey

MOST = 500  # entries of one history

Row = Any  # an event row of the history's models, which are made at start


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that somebody did."""

    at: datetime
    who: str  # "" is the system
    what: str
    why: str = ""
    url: str = ""
    differences: tuple[Difference, ...] = ()
    request: str = ""  # id of the request in which it was done

    @property
    def lines(self) -> list[str]:
        """Return what is different, one line each, e.g. "Headline: old → new"."""
        return [
            f"{d.label}: {d.line.before or '–'} → {d.line.after or '–'}" for d in self.differences
        ]


@dataclass(frozen=True, slots=True)
class Asked:
    """Which entries to return; None and "" are all."""

    who: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def wants(self, entry: Entry) -> bool:
        """Say whether an entry is asked for."""
        return (
            (not self.who or self.who == entry.who)
            and (self.since is None or self.since <= entry.at)
            and (self.until is None or entry.at < self.until)
        )


def history_of(subject: Model, asked: Asked | None = None) -> list[Entry]:
    """Return the newest entries of a thing that has a history.

    Raises:
        LookupError: things of this type have none.
    """
    reader = next((read for model, read in _READERS.items() if isinstance(subject, model)), None)
    if reader is None:
        raise LookupError(f"{type(subject).__name__} has no history.")
    wanted = asked or Asked()
    found = enumerate(entry for entry in reader(subject) if wanted.wants(entry))
    # What was done at the same moment is told in the order of its doing.
    newest = sorted(found, key=lambda one: (one[1].at, one[0]), reverse=True)
    return [entry for _number, entry in newest[:MOST]]


def _of_item(item: Item) -> Iterator[Entry]:
    names = wording.names_of(candidate_of(None))
    rows = item.revisions.select_related("author", "change", "base", "item").order_by("number")
    before = None
    for row in rows:
        told = told_of(before, row, names)
        yield Entry(
            row.created_at,
            row.author.get_username(),
            _("%(verb)s in “%(change)s” (revision %(number)s)")
            % {"verb": _VERBS[told.verb](), "change": row.change, "number": row.number},
            row.why,
            reverse("admin:rtts-change", args=[row.change_id]),
            told.differences,
        )
        before = row
    yield from _published(item)
    yield from _stops(item)
    yield from _tagged(item)


_VERBS: dict[str, Callable[[], str]] = {
    "new": lambda: _("written"),
    "changed": lambda: _("edited"),
    "archived": lambda: _("archived"),
}


def _published(item: Item) -> Iterator[Entry]:
    """Tell each release in which another revision of the thing went live."""
    live = Release.objects.exclude(version=None).filter(revisions__item=item.pk)
    rows = live.order_by("version").values_list(
        "pk", "version", "published_at", "published_by__username", "why", "revisions__number"
    )
    before = None
    for pk, version, at, who, why, number in rows.filter(revisions__item=item.pk):
        if number != before and at is not None:
            what = _("revision %(number)s live with release %(version)s")
            url = reverse("admin:rtts-release", args=[pk])
            yield Entry(at, who or "", what % {"number": number, "version": version}, why, url)
        before = number


def _stops(item: Item) -> Iterator[Entry]:
    for stop in Stop.objects.filter(item=item.pk).select_related("stopped_by", "lifted_by"):
        yield Entry(
            stop.stopped_at, stop.stopped_by.get_username(), _("stopped in an emergency"), stop.why
        )
        if stop.lifted_at is not None:
            who = stop.lifted_by.get_username() if stop.lifted_by else ""
            yield Entry(stop.lifted_at, who, _("emergency stop lifted"), stop.lifted_why)


def _tagged(item: Item) -> Iterator[Entry]:
    """Tell each edit of the tags, which are kept beside the revisions; an event row has those before it."""
    model = apps.get_model("campaigns", "TagsEvent")
    rows = list(model._default_manager.filter(pgh_obj_id=item.pk).order_by("pgh_id"))
    users = _names(rows)
    now = Item.objects.values_list("tags", flat=True).get(pk=item.pk)
    for row, (before, after) in zip(
        rows, pairwise([*(one.tags for one in rows), now]), strict=True
    ):
        yield _by(row, _tag_words(before, after), users)


def _tag_words(before: list[str], after: list[str]) -> str:
    added = [tag for tag in after if tag not in before]
    taken = [tag for tag in before if tag not in after]
    said = []
    if added:
        words = ngettext("tag %(tags)s added", "tags %(tags)s added", len(added))
        said.append(words % {"tags": ", ".join(added)})
    if taken:
        words = ngettext("tag %(tags)s removed", "tags %(tags)s removed", len(taken))
        said.append(words % {"tags": ", ".join(taken)})
    return "; ".join(said)


def _of_change(change: Change) -> Iterator[Entry]:
    said = ReviewComment.objects.filter(change=change).select_related("author")
    for row in said:
        who = row.author.get_username() if row.author else ""
        yield Entry(row.created_at, who, str(row.get_verdict_display()), row.text)
    yield from _of_rows("ChangeEvent", change)


def _of_rows(event_model: str, subject: Model) -> Iterator[Entry]:
    model = apps.get_model("campaigns", event_model)
    rows = list(model._default_manager.filter(pgh_obj_id=subject.pk).order_by("pgh_id"))
    users = _names([*rows, *_people_in(rows)])
    before: Row | None = None
    for row in rows:
        yield _entry(row, "; ".join(_changed(before, row, users)), users)
        before = row


def _entry(row: Row, what: str, users: dict[int, str]) -> Entry:
    verb = _LABELS.get(row.pgh_label, _LABELS["update"])()
    return _by(row, f"{verb}: {what}" if what else verb, users)


def _by(row: Row, words: str, users: dict[int, str]) -> Entry:
    context = row.pgh_context or {}
    who = users.get(int(context.get("user") or 0), "")
    return Entry(row.pgh_created_at, who, words, request=str(context.get("request", "")))


_LABELS: dict[str, Callable[[], str]] = {
    "insert": lambda: _("made"),
    "update": lambda: _("changed"),
    "delete": lambda: _("removed"),
}


def _changed(before: Row | None, row: Row, users: dict[int, str]) -> Iterator[str]:
    if row.pgh_label == "delete":
        return
    for field in _fields(row):
        old = getattr(before, field.attname) if before is not None else None
        new = getattr(row, field.attname)
        if old != new and (before is not None or new not in (None, "", [])):
            label = capfirst(str(field.verbose_name))
            after = _shown(field, new, users)
            was = f"{_shown(field, old, users)} → " if before is not None else ""
            yield f"{label}: {was}{after}"


def _fields(row: Row) -> list[Any]:
    return [
        field
        for field in row._meta.concrete_fields
        if not field.name.startswith("pgh_") and field.name != "id"
    ]


def _shown(field: Any, value: Any, users: dict[int, str]) -> str:
    if value in (None, "", []):
        return "–"
    if field.remote_field is not None:
        if field.related_model is Group:
            return str(Group.objects.filter(pk=value).first() or value)
        return users.get(value, str(value))
    if field.choices:
        return str(dict(field.flatchoices).get(value, value))
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return (_("yes") if value else _("no")) if isinstance(value, bool) else str(value)


def _people_in(rows: Iterable[Row]) -> Iterator[int]:
    for row in rows:
        for field in _fields(row):
            if field.remote_field is not None and issubclass(field.related_model, User):
                value = getattr(row, field.attname)
                if value:
                    yield value


def _names(found: Iterable[Any]) -> dict[int, str]:
    """Return the user names of ids, and of whoever asked for event rows; one query."""
    ids = {
        one if isinstance(one, int) else int((one.pgh_context or {}).get("user") or 0)
        for one in found
    }
    return dict(User.objects.filter(pk__in=ids).values_list("pk", "username"))


def _of_user(user: User) -> Iterator[Entry]:
    yield from _of_rows("UserEvent", user)
    rows = list(apps.get_model("campaigns", "RoleEvent")._default_manager.filter(user_id=user.pk))
    users, groups = _names(rows), dict(Group.objects.values_list("pk", "name"))
    for row in rows:
        words = _("role %(role)s given") if row.pgh_label == "given" else _("role %(role)s taken")
        role = groups.get(row.group_id, str(row.group_id))
        yield _by(row, words % {"role": role}, users)


def _reader(event_model: str) -> Callable[[Any], Iterator[Entry]]:
    return lambda subject: _of_rows(event_model, subject)


_READERS: dict[Any, Callable[[Any], Iterator[Entry]]] = {
    Item: _of_item,
    Change: _of_change,
    ApprovalRule: _reader("ApprovalRuleEvent"),
    Webhook: _reader("WebhookEvent"),
    ApiKey: _reader("ApiKeyEvent"),
    Source: _reader("SourceEvent"),
    Destination: _reader("DestinationEvent"),
    User: _of_user,
}
