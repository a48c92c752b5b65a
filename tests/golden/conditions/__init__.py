"""Reads the golden cases of conditions for tests and benchmarks."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from decisioning.rules.conditions import Catalogue, Node, conform, parse
from decisioning.rules.operators.registry import TYPE_OF
from decisioning.rules.tree import leaves
from decisioning.rules.values import parse_date
from decisioning.specs import ReleaseSpec

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Case:
    """One condition and the truth of it for each of some people."""

    name: str
    tree: Node
    people: tuple[tuple[dict[str, Any], str], ...]  # facts, "true" | "false" | "unknown"


def load_cases() -> tuple[Catalogue, float, list[Case]]:
    """Return catalogue, the time in epoch seconds, and the cases."""
    release = msgspec.json.decode((HERE / "catalogue.json").read_bytes(), type=ReleaseSpec)
    catalogue = Catalogue.of(release)
    stored = json.loads((HERE / "cases.json").read_text())
    now, _ = parse_date(stored["now"])
    return catalogue, now, [_case(one, catalogue) for one in stored["cases"]]


def _case(stored: dict[str, Any], catalogue: Catalogue) -> Case:
    tree = parse(stored["condition"], catalogue)
    people = tuple((_facts(one["facts"], tree), one["truth"]) for one in stored["people"])
    return Case(stored["name"], tree, people)


def _facts(stored: dict[str, Any], tree: Node) -> dict[str, Any]:
    facts = {}
    events = iter(stored.get("events", ()))
    for leaf in leaves(tree):
        if leaf.aggregate is not None:
            value = next(events, None)
        else:
            value = conform(stored.get(leaf.fact), TYPE_OF[leaf.family])
            value = stored.get(leaf.fact) if value is None else value
        if value is not None:
            facts[leaf.fact] = value
    return facts
