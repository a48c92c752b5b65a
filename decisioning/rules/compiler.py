"""The only place that compiles trees to rulesets, and the one that keeps them within the engine's limits.

The engine hangs or answers wrongly past 64 pending alpha nodes, 512 conditions under a node and 255 properties;
`MAX_RULESET_PATHS` and `MAX_PROPERTIES` stay well below, whatever the trees are.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from decisioning.rules.artifact import (
    Artifact,
    GroupKey,
    Input,
    Predicate,
    RuleGroup,
    Ruleset,
)
from decisioning.rules.canonical import digest
from decisioning.rules.conditions import (
    Catalogue,
    ConditionError,
    Group,
    Node,
    aggregates,
    parse,
    to_nnf,
)
from decisioning.rules.literals import member
from decisioning.rules.membership import meaning
from decisioning.rules.paths import Atom, Comparison, Computed, Paths, expand
from decisioning.rules.phrases import Filled, gettext_noop
from decisioning.rules.tree import leaves
from decisioning.rules.triggers import awaited
from decisioning.rules.visibility import sight_of, without_hidden
from decisioning.specs import (
    AggregateSpec,
    CampaignSpec,
    Condition,
    ExperimentSpec,
    OfferSpec,
    ReleaseSpec,
    TriggerSpec,
    ValueType,
)

MAX_RULESET_PATHS: Final = 48
MAX_PROPERTIES: Final = 200
_ENGINE: Final = {"ne": "neq"}  # the engine's names where they differ from ours
AUDIENCE: Final = GroupKey("", ())  # the key of rules that stand for no placement, such as segments

Rules = dict[GroupKey, dict[str, Node]]  # rule name -> tree


class CompileError(ValueError):
    """A release that cannot be compiled; the message names the object to change."""


def compile_release(release: ReleaseSpec) -> Artifact:
    """Return the rules of all offers of all campaigns, by placement and purposes; deterministic.

    Raises:
        CompileError: a condition cannot be read, or a campaign names an offer that is not there.
    """
    catalogue = Catalogue.of(release)
    kept = {one for tree in _segment_trees(release, catalogue).values() for one in aggregates(tree)}
    for trigger in release.triggers:
        kept |= _awaited(trigger, catalogue)
    return _artifact(digest(release), rules_of(release), kept)


def compile_segments(release: ReleaseSpec) -> Artifact:
    """Return one rule per segment of the release, under the key `AUDIENCE`.

    Raises:
        CompileError: a condition cannot be read.
    """
    trees = _segment_trees(release, Catalogue.of(release))
    return _artifact(digest(release), {AUDIENCE: trees}, ())


def compile_trees(trees: Mapping[str, Node], *, digest: str = "") -> Artifact:
    """Return one rule per tree under the key `AUDIENCE`, to count or try conditions that are not released."""
    return _artifact(digest, {AUDIENCE: dict(trees)}, ())


def rules_of(release: ReleaseSpec) -> Rules:
    """Return what each rule of a release means: the offer's and the campaign's conditions together.

    What an offer's purposes may not see is unknown, whether it is set too.

    Raises:
        CompileError: a condition cannot be read, or a campaign names an offer that is not there.
    """
    catalogue = Catalogue.of(release)
    offers = {offer.key: offer for offer in release.offers}
    own = {
        offer.key: _read(offer.eligibility, catalogue, f"offer {offer.key}")
        for offer in release.offers
    }
    arms = arm_trees(release, catalogue)
    rules: Rules = {}
    for campaign in release.campaigns:
        shared = _read(campaign.eligibility, catalogue, f"campaign {campaign.key}")
        for key in _offers_of(campaign):
            if key not in offers:
                raise CompileError(
                    Filled(
                        gettext_noop("campaign {campaign}: take out {offer}, which is no offer"),
                        campaign=campaign.key,
                        offer=key,
                    )
                )
            sight = sight_of(release, offers[key].purposes)
            rule = f"{campaign.key}/{key}"
            named = {rule: own[key]} | {
                arm_rule(rule, *arm): tree
                for arm, tree in arms.get((campaign.key, key), {}).items()
            }
            for group in _keys(offers[key]):
                for name, tree in named.items():
                    both = Group("all", (tree, shared))
                    rules.setdefault(group, {})[name] = without_hidden(both, sight)
    return rules


Arm = tuple[str, str]  # experiment and arm


def arm_rule(rule: str, experiment: str, arm: str) -> str:
    """Return the name of the rule that stands in for an offer's own in one arm, "campaign/offer@experiment/arm"."""
    return f"{rule}@{experiment}/{arm}"


def arm_trees(release: ReleaseSpec, catalogue: Catalogue) -> dict[tuple[str, str], dict[Arm, Node]]:
    """Return what stands in for offers' own conditions, by (campaign, offer) and (experiment, arm).

    Raises:
        CompileError: a condition of an arm cannot be read.
    """
    found: dict[tuple[str, str], dict[Arm, Node]] = {}
    for experiment in release.experiments:
        for arm in experiment.arms:
            for offer, condition in arm.eligibility.items():
                tree = _read(condition, catalogue, _arm_words(experiment, arm.key, offer))
                found.setdefault((experiment.campaign, offer), {})[experiment.key, arm.key] = tree
    return found


def _arm_words(experiment: ExperimentSpec, arm: str, offer: str) -> str:
    return f"experiment {experiment.key}, arm {arm}, offer {offer}"


def _offers_of(campaign: CampaignSpec) -> Iterable[str]:
    """Return the keys of a campaign's offers, its fallback among them."""
    named = (*campaign.offers, campaign.fallback_offer)
    return dict.fromkeys(key for key in named if key)


def _keys(offer: OfferSpec) -> Iterator[GroupKey]:
    purposes = tuple(sorted(offer.purposes))
    for placement in sorted({one for variant in offer.variants for one in variant.placements}):
        yield GroupKey(placement, purposes)


def _segment_trees(release: ReleaseSpec, catalogue: Catalogue) -> dict[str, Node]:
    return {
        one.key: _read(meaning(one), catalogue, f"segment {one.key}") for one in release.segments
    }


def _awaited(trigger: TriggerSpec, catalogue: Catalogue) -> set[AggregateSpec]:
    where = f"trigger {trigger.key}"
    kept = set(aggregates(_read(trigger.condition, catalogue, where)))
    try:
        return kept | set(awaited(trigger, catalogue)) if trigger.on == "absence" else kept
    except ConditionError as error:
        raise CompileError(f"{where}: {error}") from error


def _read(condition: Condition, catalogue: Catalogue, where: str) -> Node:
    try:
        return parse(condition, catalogue)
    except ConditionError as error:
        raise CompileError(f"{where}: {error}") from error


def _artifact(name: str, rules: Rules, kept: Iterable[AggregateSpec]) -> Artifact:
    needed = {
        one for trees in rules.values() for tree in trees.values() for one in aggregates(tree)
    }
    return Artifact(
        digest=name,
        groups=tuple(_group(key, rules[key]) for key in sorted(rules)),
        aggregates=tuple(sorted(needed.union(kept), key=lambda one: one.key)),
    )


def _group(key: GroupKey, trees: Mapping[str, Node]) -> RuleGroup:
    expanded = {name: expand(to_nnf(tree)) for name, tree in sorted(trees.items())}
    always = tuple(name for name, paths in expanded.items() if frozenset() in paths)
    rules = {name: paths for name, paths in expanded.items() if name not in always and paths}
    table = _Properties.of(rules.values())
    return RuleGroup(
        key=key,
        always=always,
        inputs=table.inputs(),
        predicates=table.predicates(),
        rulesets=tuple(_ruleset(batch, table) for batch in _batches(rules, table)),
        needs=tuple(sorted({leaf.fact for tree in trees.values() for leaf in leaves(tree)})),
    )


@dataclass(frozen=True, slots=True)
class _Properties:
    """The names under which the engine sees the facts and predicates of a group."""

    facts: dict[tuple[str, ValueType], str]
    computed: dict[str, str]  # plain text -> name

    @classmethod
    def of(cls, rules: Iterable[Paths]) -> "_Properties":
        atoms = {atom for paths in rules for path in paths for atom in path}
        facts = sorted({(one.fact, one.type) for one in atoms if isinstance(one, Comparison)})
        texts = sorted({one.text for one in atoms if isinstance(one, Computed)})
        return cls(
            {fact: f"a{number}" for number, fact in enumerate(facts)},
            {text: f"p{number}" for number, text in enumerate(texts)},
        )

    def name(self, atom: Atom) -> str:
        if isinstance(atom, Computed):
            return self.computed[atom.text]
        return self.facts[atom.fact, atom.type]

    def names(self, paths: Paths) -> set[str]:
        return {self.name(atom) for path in paths for atom in path}

    def inputs(self) -> tuple[Input, ...]:
        return tuple(Input(name, fact, kind) for (fact, kind), name in self.facts.items())

    def predicates(self) -> tuple[Predicate, ...]:
        return tuple(Predicate(name, json.loads(text)) for text, name in self.computed.items())


def _batches(
    rules: Mapping[str, Paths], properties: _Properties
) -> Iterator[list[tuple[str, Paths]]]:
    """Yield rules in sets that one ruleset can hold; alike ones stay together and share nodes."""
    batch: list[tuple[str, Paths]] = []
    names: set[str] = set()
    count = 0
    for name, paths in sorted(rules.items(), key=lambda rule: (_signature(rule[1]), rule[0])):
        more = properties.names(paths)
        full = count + len(paths) > MAX_RULESET_PATHS or len(names | more) > MAX_PROPERTIES
        if batch and full:
            yield batch
            batch, names, count = [], set(), 0
        batch.append((name, paths))
        names |= more
        count += len(paths)
    if batch:
        yield batch


def _signature(paths: Paths) -> list[list[str]]:
    return [[repr(atom.order()) for atom in _sorted(path)] for path in paths]


def _sorted(path: Iterable[Atom]) -> list[Atom]:
    return sorted(path, key=lambda atom: atom.order())


def _ruleset(batch: list[tuple[str, Paths]], properties: _Properties) -> Ruleset:
    written = [
        f'"r{number}_{branch}":{{"all":[{{"m":{{"$and":[{_conjunction(path, properties)}]}}}}]}}'
        for number, (_, paths) in enumerate(batch)
        for branch, path in enumerate(paths)
    ]
    used = set().union(*(properties.names(paths) for _, paths in batch))
    return Ruleset(
        definition="{" + ",".join(written) + "}",
        rules=tuple(name for name, _ in batch),
        properties=tuple(sorted(used)),
    )


def _conjunction(path: Iterable[Atom], properties: _Properties) -> str:
    return ",".join(_written(atom, properties.name(atom)) for atom in _sorted(path))


def _written(atom: Atom, name: str) -> str:
    if isinstance(atom, Computed):
        return "{" + member(name, atom.wanted) + "}"
    inner = "{" + member(name, atom.value) + "}"
    return (
        inner if atom.symbol == "eq" else f'{{"${_ENGINE.get(atom.symbol, atom.symbol)}":{inner}}}'
    )
