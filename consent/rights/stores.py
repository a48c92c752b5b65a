"""The only place that lists every store which can hold something of a person: what is not listed is neither told nor erased.

Each app registers its own in AppConfig.ready(). A store says what it covers by labels: ``table:consent.Person``,
``redis:{}:profile:{}`` (the key with {} for each part that varies), ``folder:exports``. What can hold nothing of a person
is exempt with the reason; a test walks all tables, keys and folders and fails for what is neither.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

SHORTEST: Final = 4  # characters of a text by which somebody is found in files of others


@dataclass(frozen=True, slots=True)
class Subject:
    """One person as the stores know them."""

    person: str  # who they are by now
    people: tuple[str, ...]  # that id and every id that was merged into it
    identifiers: tuple[str, ...] = ()  # "user:c-42"
    texts: tuple[
        str, ...
    ] = ()  # values that denote them in files of others: "c-42", "ana@example.com"


@dataclass(frozen=True, slots=True)
class Section:
    """One row of what is told to a person."""

    name: str  # of the table in the export: "events"
    row: Mapping[str, Any]


class PersonStore(Protocol):
    """One place that can hold something of a person."""

    @property
    def name(self) -> str:
        """The name in certificates: ``history of events``."""

    @property
    def covers(self) -> tuple[str, ...]:
        """Labels of the tables, keys and folders that it answers for."""

    def export(self, subject: Subject) -> Iterator[Section]:
        """Yield all that it holds of somebody; nothing where that is only a copy of what another store tells."""

    def erase(self, subject: Subject, *, now: datetime) -> int:
        """Remove all that it holds of somebody and return how many things that were; again removes nothing."""

    def left(self, subject: Subject) -> int:
        """Return how many things it holds of somebody that an erasure would remove."""


_stores: dict[str, PersonStore] = {}
_exempt: dict[str, str] = {}


def register(store: PersonStore) -> None:
    """Add a store; the order of registering is the order of erasing.

    Raises:
        ValueError: another of this name is there.
    """
    if store.name in _stores and type(_stores[store.name]) is not type(store):
        raise ValueError(f"Two stores are called {store.name}; name them apart.")
    _stores[store.name] = store


def exempt(labels: Iterable[str], *, because: str) -> None:
    """Say that tables, keys or folders hold nothing of a person, and why."""
    _exempt.update(dict.fromkeys(labels, because))


def registered() -> tuple[PersonStore, ...]:
    """Return all stores."""
    return tuple(_stores.values())


def covered() -> dict[str, str]:
    """Return what every label is answered for by, or why it is exempt."""
    held = {label: store.name for store in _stores.values() for label in store.covers}
    return {**_exempt, **held}


def _nothing_to_tell(_subject: Subject) -> Iterator[Section]:
    return iter(())


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """A store made of functions."""

    name: str
    covers: tuple[str, ...]
    remove: Callable[[Subject, datetime], int]
    count: Callable[[Subject], int]
    tell: Callable[[Subject], Iterator[Section]] = _nothing_to_tell

    def export(self, subject: Subject) -> Iterator[Section]:
        """Yield what it holds of somebody."""
        return self.tell(subject)

    def erase(self, subject: Subject, *, now: datetime) -> int:
        """Remove what it holds of somebody and return how many things that were."""
        return self.remove(subject, now)

    def left(self, subject: Subject) -> int:
        """Return how many things it holds of somebody."""
        return self.count(subject)


class NotYet(Exception):
    """What holds the person is at work just now; the step is tried again later. The message is for staff."""


Finder = Callable[[str], tuple[set[str], set[str]]]  # person -> ids that are theirs, identifiers
_finders: list[Finder] = []


def on_finding(finder: Finder) -> None:
    """Have `finder` asked for ids and identifiers of a person."""
    _finders.append(finder)


def find_subject(person: str) -> Subject:
    """Return a person with every id and identifier that any app knows them by, merges followed."""
    people, identifiers = {person}, set[str]()
    looked_at: set[str] = set()
    while left := people - looked_at:
        looked_at |= left
        for one in left:
            for finder in _finders:
                ids, names = finder(one)
                people |= ids
                identifiers |= names
    texts = {name.partition(":")[2] for name in identifiers}
    return Subject(
        person=person,
        people=tuple(sorted(people)),
        identifiers=tuple(sorted(identifiers)),
        texts=tuple(sorted(text for text in texts if len(text) >= SHORTEST)),
    )
