"""The only place that runs conditions over sampled people: compiled together, counted once, in bounded time."""

import json
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from campaigns.audiences.estimates import Estimate, estimate
from campaigns.audiences.people import People
from decisioning.rules.compiler import AUDIENCE, compile_trees
from decisioning.rules.conditions import Node, attributes, inline_segments, to_plain
from decisioning.rules.engine import Engine
from decisioning.rules.tree import said_by_accounts
from decisioning.specs import AggregateSpec

AT_ONCE: Final = 50  # people
LEAST: Final = 500  # people, however little time there is
_BREATH_S: Final = 0.0001


@dataclass(frozen=True, slots=True)
class Found:
    """Whom of the first people a condition finds: a 1 or a 0 for each."""

    flags: bytes
    population: int

    @property
    def matched(self) -> int:
        return self.flags.count(1)

    @property
    def sampled(self) -> int:
        return len(self.flags)

    @property
    def estimate(self) -> Estimate:
        return estimate(self.matched, sampled=self.sampled, population=self.population)

    def together(self, flags: bytes) -> "Found":
        """Return whom both find, of the people that both looked at."""
        most = min(len(self.flags), len(flags))
        both = int.from_bytes(self.flags[:most]) & int.from_bytes(flags[:most])
        return Found(both.to_bytes(most), self.population)


def find(
    people: People,
    trees: Mapping[str, Node],
    *,
    now: float,
    seconds: float | None = None,
    specs: Collection[AggregateSpec] = (),
) -> dict[str, Found]:
    """Return whom each tree finds, by the compiled engine; `now` in epoch seconds.

    `specs` are the aggregates of trees that do not carry them, as those of `load` do not. With `seconds` to
    spend, fewer people are looked at where time is short, at least LEAST. What was counted before on the
    same people is not counted again.

    Raises:
        CompileError: the trees are past what the engine can hold.
    """
    whole = {name: inline_segments(tree) for name, tree in trees.items()}
    texts = {name: text_of(tree) for name, tree in whole.items()}
    flags = {text: people.counted(text, now=now) for text in texts.values()}
    behind = {
        texts[name]: tree for name, tree in whole.items() if len(flags[texts[name]]) < len(people)
    }
    if seconds is not None:
        behind = _most_wanted(behind, flags)
    if behind:
        until = None if seconds is None else time.monotonic() + seconds
        first = min(len(flags[text]) for text in behind)
        reading = _Reading(behind, specs, now=now)
        for text, more in _run(people, reading, first=first, until=until).items():
            longer = max(flags[text], flags[text][:first] + more, key=len)
            flags[text] = longer
            people.keep_counted(text, longer, now=now)
    return {name: Found(flags[text], people.population) for name, text in texts.items()}


def _most_wanted(behind: Mapping[str, Node], flags: Mapping[str, bytes]) -> dict[str, Node]:
    """Return those that were hardly counted yet; where there are none, all that are not done."""
    new = {text: tree for text, tree in behind.items() if len(flags[text]) < LEAST}
    return new or dict(behind)


def text_of(tree: Node) -> str:
    """Return a tree as text, equal for equal conditions; segments are put in place."""
    return json.dumps(to_plain(tree), sort_keys=True, separators=(",", ":"))


class _Reading:
    """Trees compiled together, with the facts that they need."""

    def __init__(
        self, trees: Mapping[str, Node], specs: Collection[AggregateSpec], *, now: float
    ) -> None:
        artifact = compile_trees(trees)
        self.texts = tuple(trees)
        self.now = now
        self.aggregates = (*artifact.aggregates, *specs)
        counted = {spec.key for spec in self.aggregates}
        needed = {key for tree in trees.values() for key in attributes(tree)}
        self.attributes = needed - counted
        self.of_accounts = {key for tree in trees.values() for key in said_by_accounts(tree)}
        self.engine = Engine(artifact)


def _run(people: People, reading: _Reading, *, first: int, until: float | None) -> dict[str, bytes]:
    flags = {text: bytearray() for text in reading.texts}
    try:
        for start in range(first, len(people), AT_ONCE):
            stop = min(start + AT_ONCE, len(people))
            _look_at(people, start, stop, reading, flags, first=first)
            if until is not None and stop >= LEAST and time.monotonic() > until:
                break
            time.sleep(_BREATH_S)  # decisions are made in the same process
    finally:
        reading.engine.close()
    return {text: bytes(one) for text, one in flags.items()}


def _look_at(
    people: People,
    start: int,
    stop: int,
    reading: _Reading,
    flags: dict[str, bytearray],
    *,
    first: int,
) -> None:
    known = people.facts(
        start,
        stop,
        attributes=reading.attributes,
        aggregates=reading.aggregates,
        now=reading.now,
        of_accounts=reading.of_accounts,
    )
    for one in flags.values():
        one.extend(bytes(stop - start))
    for number, facts in enumerate(known, start - first):
        for text in reading.engine.match(AUDIENCE, facts, reading.now):
            flags[text][number] = 1
