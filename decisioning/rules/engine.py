"""The only module that talks to durable_rules: loads compiled rulesets and asks which rules match."""

import threading
from contextlib import suppress
from dataclasses import dataclass
from itertools import count

import durable_rules_engine

from decisioning.rules.artifact import Artifact, GroupKey, Input, Predicate, RuleGroup, Ruleset
from decisioning.rules.conditions import Facts, Node, evaluate, load
from decisioning.rules.literals import literal, member
from decisioning.rules.values import typed

_MATCHED = 0
_NO_RULE = 1  # result code: nothing matched, a normal answer
_NOTHING = "{}"
_names = count()


class EngineError(RuntimeError):
    """The engine failed on one match; the ruleset was loaded anew and the next match is not affected."""


class Engine:
    """The rulesets of one artifact, loaded; matches are made one at a time.

    Loading takes milliseconds per ruleset: do it off the thread that answers.
    """

    def __init__(self, artifact: Artifact) -> None:
        self.digest = artifact.digest
        self._groups = {group.key: _Group.of(group) for group in artifact.groups}
        self._lock = threading.Lock()  # assert, drain and retract on one handle are not atomic
        self._closed = False

    def match(self, group: GroupKey, facts: Facts, now: float) -> frozenset[str]:
        """Return the names of the group's rules that are definitely true; `now` in epoch seconds.

        Raises:
            KeyError: the artifact has no such group.
            EngineError: the engine failed; nothing is known about these facts.
        """
        with self._lock:
            if self._closed:
                raise EngineError("this engine was closed: take the one of the live release")
            return self._groups[group].match(facts, now)

    def needs(self, group: GroupKey) -> tuple[str, ...]:
        """Return the keys of all facts that the group's rules read."""
        return self._groups[group].needs

    def groups(self, placement: str) -> tuple[GroupKey, ...]:
        """Return the groups of a placement, one for each set of purposes."""
        return tuple(key for key in self._groups if key.placement == placement)

    def close(self) -> None:
        """Delete the rulesets; harmless when repeated."""
        with self._lock:
            if not self._closed:
                self._closed = True
                for group in self._groups.values():
                    group.close()


@dataclass(frozen=True, slots=True)
class _Source:
    """A fact on its way to the engine."""

    input: Input
    prefix: str  # "a3":

    def write(self, facts: Facts) -> str | None:
        raw = facts.get(self.input.fact)
        value = None if raw is None else typed(raw, self.input.type)
        return None if value is None else self.prefix + literal(value)


@dataclass(frozen=True, slots=True)
class _Computed:
    """A predicate with both ways of telling the engine its truth."""

    property: str
    tree: Node
    told: tuple[str, None, str]  # by Truth

    @classmethod
    def of(cls, predicate: Predicate) -> "_Computed":
        name = predicate.property
        told = (member(name, False), None, member(name, True))
        return cls(name, load(predicate.condition), told)

    def write(self, facts: Facts, now: float) -> str | None:
        return self.told[evaluate(self.tree, facts, now)]


@dataclass(frozen=True, slots=True)
class _Group:
    needs: tuple[str, ...]
    always: frozenset[str]
    sources: tuple[_Source, ...]
    computed: tuple[_Computed, ...]
    loaded: "tuple[_Loaded, ...]"

    @classmethod
    def of(cls, group: RuleGroup) -> "_Group":
        return cls(
            needs=group.needs,
            always=frozenset(group.always),
            sources=tuple(_Source(one, f'"{one.property}":') for one in group.inputs),
            computed=tuple(map(_Computed.of, group.predicates)),
            loaded=tuple(map(_Loaded, group.rulesets)),
        )

    def match(self, facts: Facts, now: float) -> frozenset[str]:
        members = {source.input.property: source.write(facts) for source in self.sources}
        for one in self.computed:
            members[one.property] = one.write(facts, now)
        names: set[str] = set()
        for ruleset in self.loaded:
            ruleset.match(members, names)
        return self.always | names if names else self.always

    def close(self) -> None:
        for ruleset in self.loaded:
            durable_rules_engine.delete_ruleset(ruleset.handle)


class _Loaded:
    """One ruleset in the engine."""

    __slots__ = ("definition", "handle", "names", "properties")

    def __init__(self, ruleset: Ruleset) -> None:
        self.definition = ruleset.definition
        self.properties = ruleset.properties
        self.names = {str(number): name for number, name in enumerate(ruleset.rules)}
        self.handle = self._load()

    def _load(self) -> int:
        handle: int = durable_rules_engine.create_ruleset(f"rules{next(_names)}", self.definition)
        # The first fact makes the engine lay out its state, for milliseconds: not in a request.
        durable_rules_engine.assert_fact(handle, _NOTHING)
        durable_rules_engine.retract_fact(handle, _NOTHING)
        return handle

    def match(self, members: dict[str, str | None], names: set[str]) -> None:
        """Add the names of the rules that match to `names`."""
        known = [one for name in self.properties if (one := members[name]) is not None]
        if not known:
            return
        fact = "{" + ",".join(known) + "}"
        try:
            self._drain(fact, names)
        except Exception as error:
            self._reload()
            raise EngineError(f"the rules engine failed: {error}") from error

    def _reload(self) -> None:
        # The handle may hold this fact for ever: no later match may see it.
        broken, self.handle = self.handle, self._load()
        with suppress(durable_rules_engine.error):  # a broken handle may refuse even this
            durable_rules_engine.delete_ruleset(broken)

    def _drain(self, fact: str, names: set[str]) -> None:
        code, state = durable_rules_engine.assert_fact(self.handle, fact)
        try:
            if code == _NO_RULE:
                return
            if code != _MATCHED:
                raise EngineError(f"result code {code}: a fact was left behind")
            started = durable_rules_engine.start_action_for_state(self.handle, state)
            action = started[1] if started else None
            while action:
                # An action reads {"r12_0":{"m":{…}}}: only the rule's number matters.
                names.add(self.names[action[3 : action.index("_", 3)]])
                action = durable_rules_engine.complete_and_start_action(self.handle, state)
        finally:
            durable_rules_engine.retract_fact(self.handle, fact)
