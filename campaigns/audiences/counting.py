"""The only place that runs conditions over sampled people: compiled together, counted once, in bounded time."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from campaigns.audiences.estimates import Estimate, estimate
from campaigns.audiences.people import People
from decisioning.rules.compiler import AUDIENCE, compile_trees
from decisioning.rules.conditions import Node, attributes, inline_segments, to_plain
from decisioning.rules.engine import Engine

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
    people: People, trees: Mapping[str, Node], *, now: float, seconds: float | None = None
) -> dict[str, Found]:
    """Return whom each tree finds, by the compiled engine; `now` in epoch seconds.

    With `seconds` to spend, fewer people are looked at where time is short, at least LEAST. What was
    counted before on the same people is not counted again.

    Raises:
        CompileError: the trees are past what the engine can hold.
    """
    whole = {name: inline_segments(tree) for name, tree in trees.items()}
    texts = {name: text_of(tree) for name, tree in whole.items()}
    flags = {text: people.counted(text, now=now) for text in texts.values()}
    behind = {
        texts[name]: tree for name, tree in whole.items() if len(flags[texts[name]]) < len(people)
    }
    if behind:
        until = None if seconds is None else time.monotonic() + seconds
        first = min(len(flags[text]) for text in behind)
        for text, more in _run(people, behind, first=first, now=now, until=until).items():
            longer = max(flags[text], flags[text][:first] + more, key=len)
            flags[text] = longer
            people.keep_counted(text, longer, now=now)
    return {name: Found(flags[text], people.population) for name, text in texts.items()}


def text_of(tree: Node) -> str:
    """Return a tree as text, equal for equal conditions; segments are put in place."""
    return json.dumps(to_plain(tree), sort_keys=True, separators=(",", ":"))


def _run(
    people: People, trees: Mapping[str, Node], *, first: int, now: float, until: float | None
) -> dict[str, bytes]:
    artifact = compile_trees(trees)
    needed = {key for tree in trees.values() for key in attributes(tree)}
    flags = {text: bytearray() for text in trees}
    engine = Engine(artifact)
    try:
        for start in range(first, len(people), AT_ONCE):
            stop = min(start + AT_ONCE, len(people))
            known = people.facts(
                start, stop, attributes=needed, aggregates=artifact.aggregates, now=now
            )
            for one in flags.values():
                one.extend(bytes(stop - start))
            for number, facts in enumerate(known, start - first):
                for text in engine.match(AUDIENCE, facts, now):
                    flags[text][number] = 1
            if until is not None and stop >= LEAST and time.monotonic() > until:
                break
            time.sleep(_BREATH_S)  # decisions are made in the same process
    finally:
        engine.close()
    return {text: bytes(one) for text, one in flags.items()}
