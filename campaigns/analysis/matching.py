"""The only place that runs a release's compiled rules over sampled people."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from campaigns.analysis.contents import spots, tokens_of
from campaigns.analysis.layout import Layout
from decisioning.held import needs_by_group
from decisioning.rules.artifact import Artifact
from decisioning.rules.compiler import AUDIENCE
from decisioning.rules.conditions import Catalogue, Facts, attributes, parse
from decisioning.rules.engine import Engine
from decisioning.rules.membership import meaning
from decisioning.specs import ReleaseSpec

People = int  # one bit per sampled person
STEP = 50  # people between two reports


@dataclass(frozen=True, slots=True)
class Matched:
    """Whom each rule and each segment found among so many people."""

    sampled: int
    rules: Mapping[tuple[str, str], People]  # placement and "campaign/offer"
    segments: Mapping[str, People]
    lacking: Mapping[str, People]  # by attribute: who has no value of it


def match(
    release: ReleaseSpec,
    artifacts: tuple[Artifact, Artifact],
    known: Iterable[Facts],
    *,
    now: datetime,
    go_on: Callable[[int], bool],
) -> Matched:
    """Return whom the rules of a release and its segments find, by the engine that decides.

    `artifacts` are those of its rules and of its segments; `go_on` is asked every `STEP` people with their
    number, and ends it.
    """
    engines = Engine(artifacts[0]), Engine(artifacts[1])
    needs = {key: need.keys for key, need in needs_by_group(release, artifacts[0]).items()}
    tokens = frozenset(names_said(release))
    rules: dict[tuple[str, str], People] = {}
    segments: dict[str, People] = {}
    lacking: dict[str, People] = {}
    number = 0
    try:
        for facts in known:
            bit = 1 << number
            for group, keys in needs.items():
                seen = {key: facts[key] for key in keys if key in facts}
                for name in engines[0].match(group, seen, now.timestamp()):
                    place = group.placement, name
                    rules[place] = rules.get(place, 0) | bit
            for name in engines[1].match(AUDIENCE, facts, now.timestamp()):
                segments[name] = segments.get(name, 0) | bit
            for name in tokens:
                if facts.get(name) in (None, "", []):
                    lacking[name] = lacking.get(name, 0) | bit
            number += 1
            if number % STEP == 0 and not go_on(number):
                break
    finally:
        engines[0].close()
        engines[1].close()
    return Matched(number, rules, segments, lacking)


def names_said(release: ReleaseSpec) -> set[str]:
    """Return the attributes that content cannot do without."""
    known = {one.key for one in release.attributes if one.source == "profile"}
    return {
        name
        for offer in release.offers
        for variant in offer.variants
        for spot in spots(variant)
        for name in tokens_of(spot.text)[1]
    } & known


def keys_read(release: ReleaseSpec) -> set[str]:
    """Return the attributes that conditions and content of a release read."""
    catalogue = Catalogue.of(release)
    conditions = [
        *(meaning(one) for one in release.segments),
        *(one.eligibility for one in release.offers),
        *(one.eligibility for one in release.campaigns),
        *(one.condition for one in Layout(release).arm_conditions),
    ]
    read = {key for one in conditions for key in attributes(parse(one, catalogue))}
    return read | names_said(release)
