"""The only place that folds people's entries again and compares with the states that decisions rest on."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import msgspec

from consent.changes import ConsentChange, apply_changes
from consent.entries import RESTRICTED, Entry, open_entry
from consent.models import ConsentEvent, ConsentState, PersonKey
from consent.person_keys import CipherError, open_key
from consent.policy import State, Status
from consent.projection import SAID, States, state_of
from consent.proof.checking import Cursor, Question, Trouble

RESTRICTIONS: Final = "restrictions of people are what their entries say"
STATES: Final = "states of consent are what people's entries add up to"
CHUNK: Final = 500  # people at a time
ERASING: Final = timedelta(days=1)  # what an erasure takes at most to remove states too
BY_ITSELF: Final = frozenset({"merge", "unmerge"})  # sources of entries that say a state as it is
Told = Iterator[tuple[str, Trouble | None]]

_PEOPLE = """
(select id as person from consent_person where id > %s order by id limit %s) union
(select distinct person from consent_personkey where person > %s order by person limit %s) union
(select distinct person from consent_consentstate where person > %s order by person limit %s)
order by person limit %s
"""
_KEYS = (
    "select key_id, person, wrapped, destroyed_at from consent_personkey "
    "where person = any(%s) and key_class = 'normal'"
)
# By place in the tree: the order in which a person's entries were committed.
_BODIES = """
select b.event_id, b.key_id, b.schema_version, b.recorded_at, b.body, b.leaf_hash
from consent_consentevent b left join consent_ledgerleaf l on l.event_id = b.event_id
left join consent_ledgerpending p on p.event_id = b.event_id
where b.key_id = any(%s) order by l.seq nulls last, p.id
"""
_STATES = """
select person, purpose, channel, status, since, expires_at, event_id, event_type, by_guardian, over_gpc, notice
from consent_consentstate where person = any(%s)
"""
_RESTRICTED = "select id from consent_person where restriction_asked and id = any(%s)"
_CLOSED = (
    "select digest, erased_at from consent_suppression where kind = 'person' and digest = any(%s)"
)


@dataclass(slots=True)
class Known:
    """What the tables have of some people."""

    entries: dict[str, list[Entry]] = field(default_factory=lambda: defaultdict(list))
    states: dict[str, States] = field(default_factory=lambda: defaultdict(dict))
    broken: dict[str, str] = field(default_factory=dict)  # who cannot be read, and why
    restricted: set[str] = field(default_factory=set)
    erasing: set[str] = field(default_factory=set)


def check_states(cursor: Cursor, question: Question) -> Told:
    """Yield whose states and restrictions are not what their entries add up to."""
    yield from ((name, None) for name in (STATES, RESTRICTIONS))
    after = ""
    while people := _people(cursor, after):
        known = _read(cursor, people, question)
        for person in people:
            for words in _differing(person, known):
                yield STATES, Trouble(words, is_warning=person in known.erasing)
            yield from _of_restriction(person, known)
        after = people[-1]


def fold(entries: Iterable[Entry]) -> States:
    """Return the states that entries add up to, in the order in which they were committed."""
    states: States = {}
    for entry in entries:
        if entry.kind != "consent":
            continue
        if entry.actor_kind == "system" and entry.evidence.source in BY_ITSELF:
            states[entry.purpose, entry.channel] = _said(entry)
        else:
            states = apply_changes(states, [change_of(entry)], now=entry.recorded_at)
    return states


def change_of(entry: Entry) -> ConsentChange:
    """Return the change that an entry was made of."""
    return ConsentChange(
        purpose=entry.purpose,
        channel=entry.channel,
        status=Status(entry.event_state),
        event_time=entry.event_time,
        expires_at=entry.expires_at,
        event_id=entry.event_id,
        event_type=entry.event_type,
        by_guardian=entry.by_guardian,
        over_gpc=entry.over_gpc,
        notice=entry.notice,
    )


def _said(entry: Entry) -> State:
    return State(
        Status(entry.event_state),
        entry.event_time.timestamp(),
        entry.expires_at.timestamp() if entry.expires_at else None,
        entry.event_id,
        entry.event_type,
        entry.by_guardian,
        entry.over_gpc,
        entry.notice,
    )


def _people(cursor: Cursor, after: str) -> list[str]:
    cursor.execute(_PEOPLE, [*(after, CHUNK) * 3, CHUNK])
    return [person for (person,) in cursor.fetchall()]


def _read(cursor: Cursor, people: Sequence[str], question: Question) -> Known:
    known = Known()
    _read_entries(cursor, people, known)
    for row in _rows(cursor, _STATES, people):
        name = row["person"], row["purpose"], row["channel"]
        try:
            known.states[name[0]][name[1:]] = state_of(ConsentState(**row))
        except ValueError:
            known.broken[name[0]] = f"{row['status']!r} is no status"
    cursor.execute(_RESTRICTED, [list(people)])
    known.restricted = {one for (one,) in cursor.fetchall()}
    cursor.execute(_CLOSED, [list(people)])
    known.erasing = {one for one, at in cursor.fetchall() if question.now - at < ERASING}
    return known


def _read_entries(cursor: Cursor, people: Sequence[str], known: Known) -> None:
    ciphers: dict[uuid.UUID, tuple[str, Any]] = {}
    for row in _rows(cursor, _KEYS, people):
        if row["destroyed_at"] is None:
            try:
                ciphers[row["key_id"]] = row["person"], open_key(PersonKey(**row))
            except CipherError as error:
                known.broken[row["person"]] = str(error)
    for row in _rows(cursor, _BODIES, ciphers):
        person, cipher = ciphers[row["key_id"]]
        try:
            known.entries[person].append(open_entry(ConsentEvent(**row), cipher))
        except (CipherError, msgspec.MsgspecError) as error:
            known.broken[person] = str(error)


_NAMES: Final[Mapping[str, Sequence[str]]] = {
    _KEYS: ("key_id", "person", "wrapped", "destroyed_at"),
    _BODIES: ("event_id", "key_id", "schema_version", "recorded_at", "body", "leaf_hash"),
    _STATES: ("person", "purpose", "channel", *SAID),
}


def _rows(cursor: Cursor, statement: str, of: Iterable[Any]) -> list[dict[str, Any]]:
    cursor.execute(statement, [list(of)])
    return [dict(zip(_NAMES[statement], row, strict=True)) for row in cursor.fetchall()]


def _differing(person: str, known: Known) -> Iterator[str]:
    if person in known.broken:
        yield f"{person}: {known.broken[person]}"
        return
    entries, stand = known.entries.get(person, []), known.states.get(person, {})
    strange = next((entry for entry in entries if entry.person != person), None)
    if strange is not None:
        yield f"{person}: entry {strange.event_id} is of {strange.person}"
    folded = fold(entries)
    for key in sorted({*folded, *stand}):
        proven, used = folded.get(key), stand.get(key)
        if proven != used:
            words = f"{_words(used)}, and the entries say {_words(proven)}"
            yield f"{person}: {key[0]} on {key[1]} is {words}"


def _of_restriction(person: str, known: Known) -> Told:
    said = [one for one in known.entries.get(person, ()) if one.kind == "restriction"]
    proven = bool(said) and said[-1].event_state == RESTRICTED
    used = person in known.restricted
    if person not in known.broken and proven is not used:
        words = "is restricted, and no entry says so" if used else "is not restricted as asked for"
        # A restriction from before there were entries of it denies, and is nobody's gain.
        unproven = used and not said
        yield RESTRICTIONS, Trouble(f"{person} {words}", is_warning=unproven)


def _words(said: State | None) -> str:
    return f"{said.status} ({said.record})" if said else "nothing"
