"""The only place that asks whether the ledger is what was once signed, check by check, over a plain cursor.

Each check has a name; what it finds is a sentence with the row it is about. Other apps add their own by `register`.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import msgspec

from consent.proof.facts import Fact, decode_fact
from consent.proof.leaves import HOUSE_KEY

MOST_TOLD = 20  # troubles of one check; more are counted


class Cursor(Protocol):
    """What Django's and psycopg's cursors have in common."""

    def execute(self, sql: Any, params: Any = None, /) -> Any: ...

    def fetchall(self) -> list[Any]: ...

    def fetchone(self) -> Any: ...


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is not as it should be."""

    words: str
    is_warning: bool = False  # a promise kept late, nothing altered


@dataclass(slots=True)
class Finding:
    """What became of one check."""

    name: str  # "anchored checkpoints"
    count: int = 0  # of troubles that are no warnings
    warnings: int = 0
    told: list[Trouble] = field(default_factory=list)

    @property
    def is_well(self) -> bool:
        """Return whether nothing was altered."""
        return not self.count

    def add(self, troubles: Iterable[Trouble]) -> None:
        """Count troubles and keep the first of them."""
        for trouble in troubles:
            self.warnings += trouble.is_warning
            self.count += not trouble.is_warning
            if len(self.told) < MOST_TOLD:
                self.told.append(trouble)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is known from elsewhere when the ledger is asked."""

    now: datetime
    anchored: Sequence[tuple[str, str]] = ()  # (where it was found, the note)
    trusted: Collection[bytes] = ()  # public keys known another way; none: the ledger's first one
    own: Collection[bytes] = ()  # public halves of what this installation signs with
    progress: Callable[[int, int], None] = lambda done, total: None


Check = Callable[[Cursor, Question], Iterator[tuple[str, Trouble | None]]]
"""Yields (name of a check, what it found); the name with None once, so that it is shown where all is well."""

_checks: list[Check] = []


def register(check: Check) -> None:
    """Have a check run with every verification; from `AppConfig.ready`."""
    if check not in _checks:
        _checks.append(check)


def verify(cursor: Cursor, question: Question) -> list[Finding]:
    """Run every check and return what each found, in the order they ran."""
    found: dict[str, Finding] = {}
    for check in _checks:
        for name, trouble in check(cursor, question):
            finding = found.setdefault(name, Finding(name))
            if trouble is not None:
                finding.add([trouble])
    return list(found.values())


def facts_in(cursor: Cursor, kind: str) -> Iterator[tuple[int | None, Fact]]:
    """Yield (place in the tree, fact) of one kind, oldest first; None where it has no leaf yet."""
    cursor.execute(
        "select l.seq, b.body from consent_consentevent b "
        "left join consent_ledgerleaf l on l.event_id = b.event_id "
        "where b.key_id = %s and position(%s::bytea in b.body) > 0 order by l.seq nulls last",
        [HOUSE_KEY, b'"kind":"' + kind.encode() + b'"'],
    )
    for seq, body in cursor.fetchall():
        try:
            yield seq, decode_fact(body)
        except msgspec.MsgspecError:
            continue  # altered: the check of bodies says so


def compare_with_facts(
    cursor: Cursor, kind: str, rows: Iterable[Mapping[str, str | int]], *, key: str
) -> Iterator[Trouble]:
    """Yield where rows and facts of a kind differ, in the fields that rows have; `key` names the row."""
    told: dict[str | int, Mapping[str, str | int]] = {}
    for _, fact in facts_in(cursor, kind):
        name = fact.fields.get(key, "")
        if name in told:
            yield Trouble(f"{kind}: the ledger tells of {key} {name} twice")
        told[name] = fact.fields
    for row in rows:
        fields = told.pop(row[key], None)
        if fields is None:
            yield Trouble(f"{kind}: the ledger knows nothing of {key} {row[key]}")
            continue
        differing = [name for name in row if fields.get(name) != row[name]]
        if differing:
            words = ", ".join(differing)
            yield Trouble(f"{kind}: {key} {row[key]} is not as the ledger tells it: {words}")
    for gone in told:
        yield Trouble(f"{kind}: {key} {gone} is gone")
