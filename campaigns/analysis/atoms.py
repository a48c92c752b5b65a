"""The only place that knows how pieces of text, members of lists and circles on the map exclude or contain each other."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from typing import Any, Final, Literal

from decisioning.rules.operators.texts import matches_pattern
from decisioning.rules.tree import Leaf
from decisioning.rules.values import distance_km

Relation = Literal["in", "contains", "starts_with", "ends_with", "matches", "member", "within_km"]
MAX_ATOMS: Final = 6  # of one fact that are told apart: 64 combinations
_IGNORING_CASE: Final = "_ignoring_case"
_SLACK_KM: Final = 0.001  # of rounding in distances


@dataclass(frozen=True, slots=True, order=True)
class Atom:
    """Something that holds of a value or not, e.g. "contains winter"; `folded`: upper and lower case are one."""

    relation: Relation
    folded: bool
    value: Any  # text, parts of a pattern, sorted texts, (lat, lon, km)


def pieces_of(leaf: Leaf) -> dict[str, Atom]:
    """Return what a leaf asks of a text, list or place; none where it names whole values or a size."""
    key = leaf.operator.key.removesuffix(_IGNORING_CASE)
    folded = leaf.operator.key.endswith(_IGNORING_CASE)
    if leaf.family == "place":
        circle = leaf.prepared["lat"], leaf.prepared["lon"], leaf.prepared["km"]
        return {"": Atom("within_km", False, circle)}
    if leaf.family == "list":
        texts = () if key.startswith("size_") else _texts(leaf.prepared)
        return {one: Atom("member", folded, one) for one in texts}
    atom = _piece_of_text(key, leaf.prepared, folded=folded)
    return {"": atom} if atom else {}


def _texts(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(sorted(value))


def _piece_of_text(key: str, value: Any, *, folded: bool) -> Atom | None:
    if key in ("eq", "ne", "any_of", "none_of"):
        return Atom("in", True, _texts(value)) if folded else None
    if key == "matches":
        if len(value) > 1:
            return Atom("matches", folded, value)
        return Atom("in", True, value) if folded else None
    relation: Any = key
    return Atom(relation, folded, value)


def combinations(atoms: Iterable[Atom]) -> list[dict[Atom, bool]]:
    """Return every way in which the atoms may hold together, more than can be rather than fewer.

    Past `MAX_ATOMS` the rest is left out: what is not in a combination may be either.
    """
    told = sorted(atoms, key=lambda one: (one.relation, one.folded, str(one.value)))[:MAX_ATOMS]
    return [
        known
        for truths in product((False, True), repeat=len(told))
        if _can_be(known := dict(zip(told, truths, strict=True)))
    ]


def _can_be(known: dict[Atom, bool]) -> bool:
    true = [one for one, holds in known.items() if holds]
    false = [one for one, holds in known.items() if not holds]
    apart = any(exclude(a, b) for index, a in enumerate(true) for b in true[index + 1 :])
    return not apart and not any(entails(a, b) for a in true for b in false)


def entails(a: Atom, b: Atom) -> bool:
    """Return whether `b` surely holds where `a` does."""
    if a.relation == "within_km":
        return a == b or bool(_between(a, b) + a.value[2] + _SLACK_KM <= b.value[2])
    if a.folded and not b.folded:
        return False
    a, b = _alike(a, b)
    if a.relation == "member":
        return bool(a.value == b.value)
    if a.relation == "in":
        return all(_holds(b, value) for value in a.value)
    match b.relation:
        case "contains":
            return any(b.value in part for part in _parts(a))
        case "starts_with":
            return _start(a).startswith(b.value)
        case "ends_with":
            return _end(a).endswith(b.value)
        case _:
            return a == b


def exclude(a: Atom, b: Atom) -> bool:
    """Return whether `a` and `b` surely hold never together."""
    if a.relation == "within_km":
        return bool(_between(a, b) > a.value[2] + b.value[2] + _SLACK_KM)
    if a.relation == "member":
        return False
    a, b = _alike(a, b)
    if a.relation == "in":
        return not any(_holds(b, value) for value in a.value)
    if b.relation == "in":
        return not any(_holds(a, value) for value in b.value)
    starts, ends = (_start(a), _start(b)), (_end(a), _end(b))
    return not _extends(*starts) or not _extends(*(end[::-1] for end in ends))


def _extends(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def _between(a: Atom, b: Atom) -> float:
    return distance_km(a.value[:2], b.value[:2])


def _alike(a: Atom, b: Atom) -> tuple[Atom, Atom]:
    """Return both without regard to case where one is: what holds in exact spelling holds in any."""
    if a.folded == b.folded:
        return a, b
    return _folded(a), _folded(b)


def _folded(atom: Atom) -> Atom:
    value = atom.value
    if not atom.folded:
        value = value.casefold() if isinstance(value, str) else tuple(v.casefold() for v in value)
    return Atom(atom.relation, True, value)


def _holds(atom: Atom, text: str) -> bool:
    match atom.relation:
        case "in":
            return text in atom.value
        case "contains":
            return atom.value in text
        case "starts_with":
            return text.startswith(atom.value)
        case "ends_with":
            return text.endswith(atom.value)
        case _:
            return matches_pattern(text, atom.value)


def _parts(atom: Atom) -> tuple[str, ...]:
    return atom.value if atom.relation == "matches" else (atom.value,)


def _start(atom: Atom) -> str:
    """Return what a text surely begins with."""
    if atom.relation == "matches":
        return str(atom.value[0])
    return str(atom.value) if atom.relation == "starts_with" else ""


def _end(atom: Atom) -> str:
    if atom.relation == "matches":
        return str(atom.value[-1])
    return str(atom.value) if atom.relation == "ends_with" else ""
