"""The only place that learns how old people are and where they live, always to their protection where it is in doubt."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from consent.changes import UNKNOWN_PLACE, Actor, Evidence
from consent.models import Person
from consent.policy import AGES, AgeBracket
from consent.policy.terms import UNCERTAIN
from consent.projection import RESIDENCE, SURE

FIELDS: Final = [
    *("age_bracket", "age_known_by", "age_turns_at"),
    *("jurisdiction", "jurisdiction_known_by", "suppressed", "restriction_asked"),
]
MAX_PLACES: Final = (
    8  # that somebody may live in; with more it is not known until their residence is
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What somebody says of a person; what is left out stays."""

    age: AgeBracket | None = None
    age_turns_at: datetime | None = None  # when they enter the next bracket
    jurisdiction: str = ""
    resident: bool = False  # it is certain that they live there
    by: str = ""  # how it is known: "stated", "staff", "guardian", an import


def learn(row: Person, evidence: Evidence, actor: Actor) -> None:
    """Take from a change of consent what it says of age and place; the row is not saved."""
    said = next((age for age in AGES if age == evidence.age_bracket), None)
    know(row, Facts(age=said, jurisdiction=evidence.jurisdiction, by=actor.kind))


def know(row: Person, facts: Facts) -> None:
    """Take facts over: what protects more holds at once, what loosens only by who is sure of it. Nothing is saved."""
    if facts.age is not None and facts.age != "unknown":
        _know_age(row, facts)
    if facts.jurisdiction and facts.jurisdiction != UNKNOWN_PLACE:
        _know_place(row, facts)


def _know_age(row: Person, facts: Facts) -> None:
    age = facts.age or "unknown"
    is_known = row.age_bracket != "unknown"
    # Nobody becomes an adult by saying so: where it is not known, they may have to be treated as children.
    loosens = AGES.index(age) >= AGES.index(row.age_bracket) if is_known else age == "adult"
    if loosens and facts.by not in SURE:
        return
    row.age_bracket, row.age_known_by = age, facts.by
    row.age_turns_at = facts.age_turns_at


def _know_place(row: Person, facts: Facts) -> None:
    if facts.resident:
        row.jurisdiction, row.jurisdiction_known_by = facts.jurisdiction, RESIDENCE
    elif row.jurisdiction_known_by != RESIDENCE:
        row.jurisdiction = _together(row.jurisdiction, facts.jurisdiction)
        if row.jurisdiction_known_by not in SURE:
            row.jurisdiction_known_by = facts.by


def _together(*said: str) -> str:
    """Return all places in which somebody may live; too many to tell are remembered as such."""
    places = sorted({place for some in said for place in some.split()})
    return " ".join(places) if UNCERTAIN not in places and len(places) <= MAX_PLACES else UNCERTAIN


def join(target: Person, source: Person) -> None:
    """Let the stricter of two people who turn out to be one hold for both; the row is not saved."""
    if AGES.index(source.age_bracket) and (
        target.age_bracket == "unknown"
        or AGES.index(source.age_bracket) < AGES.index(target.age_bracket)
    ):
        target.age_bracket, target.age_turns_at = source.age_bracket, source.age_turns_at
        target.age_known_by = "merge"
    _join_places(target, source)
    target.suppressed = sorted({*target.suppressed, *source.suppressed})
    target.restriction_asked = target.restriction_asked or source.restriction_asked


def _join_places(target: Person, source: Person) -> None:
    known_by = {row.jurisdiction_known_by for row in (target, source) if row.jurisdiction}
    target.jurisdiction = _together(target.jurisdiction, source.jurisdiction)
    is_one = target.jurisdiction != UNCERTAIN and " " not in target.jurisdiction
    if RESIDENCE in known_by and is_one:
        target.jurisdiction_known_by = RESIDENCE
    elif known_by & SURE:
        target.jurisdiction_known_by = "system"
    else:
        target.jurisdiction_known_by = "merge" if target.jurisdiction else ""
