"""The only place that searches everything authored: names, keys, tags, descriptions, words of conditions and content."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.models import Change, Item, Release, Revision
from campaigns.models.items import Kind
from campaigns.uses import Name, references
from decisioning.rules.operators.registry import OPERATORS

MOST_TERMS: Final = 8
KEPT_TEXTS: Final = 50_000  # of revisions, in each process
PER_GROUP: Final = 8
DIGEST_PART: Final = 8  # characters; fewer are in every digest
# Words that join conditions in a sentence; they tell nothing apart.
JOINTS: Final = frozenset(
    [
        "and",
        "or",
        "of",
        "the",
        "is",
        "are",
        "in",
        "not",
        "none",
        "und",
        "oder",
        "der",
        "ist",
        "nicht",
    ]
)
NUMBER: Final = re.compile(r"release\s*(\d{1,9})|(\d{1,9})", re.IGNORECASE)

_texts: dict[int, "Text"] = {}  # by revision: what is saved is never edited


@dataclass(frozen=True, slots=True)
class Text:
    """What a revision says, ready to be searched."""

    words: str  # every text and number in it, lower case
    names: frozenset[Name]  # what it refers to
    operators: frozenset[str]  # of its conditions: "gt"


@dataclass(frozen=True, slots=True, order=True)
class Hit:
    """One thing found; the best has the lowest rank."""

    rank: float
    title: str
    pk: int = field(compare=False)
    kind: str = field(compare=False, default="")
    note: str = field(compare=False, default="")  # "winter-sale · archived"


@dataclass(frozen=True, slots=True)
class Group:
    """What was found of a kind, best first."""

    kind: str  # a Kind, "change" or "release"
    hits: list[Hit]
    more: int = 0  # found beyond the hits

    @property
    def more_words(self) -> str:
        """Return e.g. "12 more"."""
        return ngettext("%(count)s more", "%(count)s more", self.more) % {"count": f"{self.more:,}"}


def find_things(query: str, kinds: Iterable[str]) -> list[Group]:
    """Return what of these kinds has every word of a query; three queries, one more where texts are new."""
    found: dict[str, list[Hit]] = {}
    for rank, row in _matches(query, frozenset(kinds)):
        found.setdefault(row.kind, []).append(Hit(-rank, row.name, row.pk, row.kind, row.note))
    return [_group(kind, sorted(found[kind])) for kind in Kind.values if kind in found]


def matching(query: str, kind: str) -> list[int]:
    """Return the ids of the things of one kind that have every word of a query; queries as `find_things`."""
    return [row.pk for _rank, row in _matches(query, frozenset([kind]))]


def _matches(query: str, kinds: frozenset[str]) -> "Iterator[tuple[float, _Row]]":
    words = query.replace("\0", "").lower().split()[:MOST_TERMS]
    if not words:
        return
    rows = list(_rows())
    called = {(row.kind, row.key): f"{row.name} {row.key}".lower() for row in rows}
    terms = [_Term(word, called) for word in words]
    for row in rows:
        if row.kind in kinds:
            ranks = [term.rank(row) for term in terms]
            if all(ranks):
                yield sum(ranks), row


def _group(kind: str, hits: list[Hit]) -> Group:
    return Group(kind, hits[:PER_GROUP], max(0, len(hits) - PER_GROUP))


@dataclass(frozen=True, slots=True)
class _Row:
    pk: int
    kind: str
    key: str
    name: str
    tags: list[str]
    is_archived: bool
    texts: list[Text]

    @property
    def note(self) -> str:
        parts = [self.key, *(f"#{tag}" for tag in self.tags)]
        return " · ".join([*parts, _("archived")] if self.is_archived else parts)


class _Term:
    """One word of a query, and what it means for everything."""

    def __init__(self, term: str, called: Mapping[Name, str]) -> None:
        self.term = term
        self.named = {name for name, words in called.items() if term in words}
        self.operators = {
            key
            for family in OPERATORS.values()
            for key, operator in family.items()
            if term in _(operator.label).lower()
        }

    def rank(self, row: _Row) -> float:
        """Return how well a thing fits, 0 where not at all."""
        name = row.name.lower()
        if self.term in name:
            return 4.0 if name.startswith(self.term) or f" {self.term}" in name else 3.0
        if self.term in row.key.lower() or any(self.term in tag.lower() for tag in row.tags):
            return 2.0
        if any(self.term in text.words for text in row.texts):
            return 1.0
        met = any(text.names & self.named or text.operators & self.operators for text in row.texts)
        return 0.5 if met else 0.1 if self.term in JOINTS else 0.0


def _rows() -> Iterator[_Row]:
    newest = dict(
        Revision.objects.order_by("item_id", "-number")
        .distinct("item_id")
        .values_list("item_id", "pk")
    )
    items = list(
        Item.objects.values_list(
            "pk", "kind", "key", "name", "tags", "live_revision_id", "archived_at"
        )
    )
    known = _read_texts({*newest.values(), *(row[5] for row in items if row[5])})
    for pk, kind, key, name, tags, live, archived_at in items:
        texts = [known[revision] for revision in {live, newest.get(pk)} if revision in known]
        is_archived = archived_at is not None and live is None
        yield _Row(pk, kind, key, name or key, tags, is_archived, texts)


def _read_texts(revisions: set[int]) -> dict[int, Text]:
    """Return the texts of these revisions; another thread may empty what is kept meanwhile."""
    found = {pk: text for pk in revisions if (text := _texts.get(pk)) is not None}
    missing = revisions - found.keys()
    if missing:
        rows = Revision.objects.filter(pk__in=missing)
        said = rows.values_list("pk", "item__kind", "body", "details")
        read = {pk: _text_of(kind, body, details) for pk, kind, body, details in said}
        if len(_texts) + len(read) > KEPT_TEXTS:
            _texts.clear()
        _texts.update(read)
        found |= read
    return found


def _text_of(kind: str, body: dict[str, Any], details: dict[str, Any]) -> Text:
    operators: set[str] = set()
    words = " ".join(_words({**body, "description": details.get("description", "")}, operators))
    names = frozenset((named, key) for named, key, _field in references(kind, body))
    return Text(words.lower(), names, frozenset(operators))


def _words(value: Any, operators: set[str]) -> Iterator[str]:
    """Yield every text and number; what an "is" says is an operator."""
    if isinstance(value, dict):
        yield from _words_of_object(value, operators)
    elif isinstance(value, list):
        for inner in value:
            yield from _words(inner, operators)
    elif isinstance(value, float):
        yield f"{value:g}"
    elif not (isinstance(value, bool) or value is None):
        yield str(value)


def _words_of_object(value: dict[str, Any], operators: set[str]) -> Iterator[str]:
    for key, inner in value.items():
        if key == "is" and isinstance(inner, str):
            operators.add(inner)
        elif key not in ("key", "salt"):
            yield from _words(inner, operators)


def find_changes(query: str) -> list[Group]:
    """Return the changes whose title, author or discussion has a query, newest first; one query."""
    said = Q(title__icontains=query) | Q(authors__username__icontains=query)
    told = Q(comments__text__icontains=query) | Q(revisions__why__icontains=query)
    changes = Change.objects.filter(said | told).distinct().order_by("-pk")[: PER_GROUP + 1]
    hits = [
        Hit(rank, change.title, change.pk, "change", change.get_state_display())
        for rank, change in enumerate(changes)
    ]
    return [_group("change", hits)] if hits else []


def find_releases(query: str) -> list[Group]:
    """Return the releases of a version ("12", "release 12"), digest or change, newest first; one query."""
    said = Q(change__title__icontains=query) | Q(why__icontains=query)
    if len(query) >= DIGEST_PART:
        said |= Q(digest__icontains=query)
    number = NUMBER.fullmatch(query.strip())
    if number:
        said |= Q(version=int(number[1] or number[2]))
    rows = Release.objects.exclude(version=None).filter(said).select_related("change")
    releases = rows.defer("spec", "artifact", "policy").order_by("-version")[: PER_GROUP + 1]
    hits = [
        Hit(rank, str(release), release.pk, "release", str(release.change or ""))
        for rank, release in enumerate(releases)
    ]
    return [_group("release", hits)] if hits else []
