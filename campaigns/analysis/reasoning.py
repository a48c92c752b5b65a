"""The only place that reasons over a condition tree: what can never hold, always holds, or says nothing new; pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from campaigns.analysis.spaces import Mask, Space, space_of
from decisioning.rules.tree import Denied, Group, Leaf, Node, SegmentUse, leaves
from decisioning.rules.visibility import HIDDEN

Wanted = Literal["true", "false", "not true", "not false"]
Code = Literal["never", "dead", "always", "known", "useless", "covered", "excludes nobody"]
Env = Mapping[str, Mask]  # by fact, the cells that are left; a fact that is absent may be anything

_OPPOSITE: Final[dict[Wanted, Wanted]] = {
    "true": "false",
    "false": "true",
    "not true": "not false",
    "not false": "not true",
}
_FAILING: Final[dict[Wanted, Wanted]] = {"true": "not true", "false": "not false"}
# Groups of which every child must be as wanted; in the others one child is enough.
_EACH: Final = frozenset(
    {
        ("all", "true"),
        ("all", "not false"),
        ("any", "false"),
        ("any", "not true"),
        ("none", "true"),
        ("none", "not false"),
    }
)


@dataclass(frozen=True, slots=True)
class Issue:
    """Something odd about one node of a tree.

    never: the tree is true for nobody; dead: this part of it is; always: it is true for everyone; known: for
    everyone of whom its facts are known; useless: in "all" or "none", the `others` say it already; covered:
    in "any", whoever it finds the `others` find; excludes nobody: in "none", it is true for nobody.
    """

    code: Code
    path: str  # JSON pointer into the condition, e.g. "/all/0"
    node: Node
    others: tuple[
        Node, ...
    ] = ()  # what it clashes with, or what makes it useless; () is all the rest


def examine(tree: Node, *, now: float) -> list[Issue]:
    """Return what is odd about a tree, in reading order; each issue is sure, but not everything odd is found.

    Without any one node that is dead, always, useless or covered the tree is true for the same people; two in
    different groups may rest on each other, so drop one and look again.
    `now` is in epoch seconds; what is said of dates holds from then on.
    """
    return list(_Examination(tree, now).issues())


@dataclass(frozen=True, slots=True)
class _Part:
    """A node that must be as wanted."""

    node: Node
    wanted: Wanted
    path: str = ""


@dataclass(slots=True)
class _Examination:
    tree: Node
    now: float
    spaces: dict[str, Space] = field(init=False)
    masks: dict[int, dict[Wanted, Mask]] = field(init=False)

    def __post_init__(self) -> None:
        by_fact: dict[str, list[Leaf]] = {}
        for leaf in leaves(self.tree):
            by_fact.setdefault(leaf.fact, []).append(leaf)
        self.spaces = {fact: space_of(found, now=self.now) for fact, found in by_fact.items()}
        self.masks = {id(one): self._masks(one) for found in by_fact.values() for one in found}

    def _masks(self, leaf: Leaf) -> dict[Wanted, Mask]:
        space = self.spaces[leaf.fact]
        true, false = (0, 0) if leaf.fact.startswith(HIDDEN) else space.truth(leaf)
        return {
            "true": true,
            "false": false,
            "not true": space.full & ~(true & ~false),
            "not false": space.full & ~(false & ~true),
        }

    def issues(self) -> Iterator[Issue]:
        whole = _Part(self.tree, "true")
        if self.env(self.tree, "true", {}) is None:
            yield self._clash("never", whole, [])
        elif isinstance(self.tree, Group) and not self.tree.children:
            return
        elif self.env(self.tree, "not true", {}) is None:
            yield Issue("always", "", self.tree)
        elif self.env(self.tree, "false", {}) is None and not _is_presence(self.tree):
            yield self._known("known", whole)
        elif isinstance(self.tree, Group):
            yield from self._visit(whole, {}, [])

    def env(self, node: Node, wanted: Wanted, given: Env) -> Env | None:
        """Return what the facts may be where the node is as wanted, at most too much; None: it never is."""
        match node:
            case Leaf():
                mask = given.get(node.fact, self.spaces[node.fact].full)
                left = mask & self.masks[id(node)][wanted]
                return {**given, node.fact: left} if left else None
            case Denied():
                return self.env(node.leaf, _OPPOSITE[wanted], given)
            case SegmentUse():
                return self.env(node.tree, wanted, given)
            case Group():
                inner = _OPPOSITE[wanted] if node.kind == "none" else wanted
                if (node.kind, wanted) in _EACH:
                    return self._meet([_Part(child, inner) for child in node.children], given)
                return self._join(node.children, inner, given)

    def _meet(self, parts: Sequence[_Part], given: Env) -> Env | None:
        # Comparisons first: the groups are then judged by what they leave.
        for part in sorted(parts, key=lambda one: not isinstance(one.node, Leaf)):
            found = self.env(part.node, part.wanted, given)
            if found is None:
                return None
            given = found
        return given

    def _join(self, nodes: Sequence[Node], wanted: Wanted, given: Env) -> Env | None:
        found = [env for node in nodes if (env := self.env(node, wanted, given)) is not None]
        if not found:
            return None
        shared = set(found[0]).intersection(*found[1:])
        joined = dict.fromkeys(shared, 0)
        for env in found:
            for fact in shared:
                joined[fact] |= env[fact]
        return joined

    def _visit(self, part: _Part, given: Env, assumed: list[_Part]) -> Iterator[Issue]:
        """Yield what is odd inside a group that must be as wanted while all of `assumed` is."""
        group = part.node
        if not isinstance(group, Group):
            return
        inner = _OPPOSITE[part.wanted] if group.kind == "none" else part.wanted
        each = (group.kind, part.wanted) in _EACH
        parts = [
            _Part(child, inner, f"{part.path}/{group.kind}/{number}")
            for number, child in enumerate(group.children)
        ]
        odd, sound = self._alone(parts, given, assumed, each=each)
        around = inner if each else _FAILING[inner]
        extra, kept = self._repeated(sound, given, assumed, each=each)
        found = {issue.path: [issue] for issue in (*odd, *extra)}
        for one in kept:
            beside = [_Part(p.node, around) for p in kept if p is not one]
            left = self._meet(beside, given)
            if left is not None:
                found[one.path] = [
                    *found.get(one.path, ()),
                    *self._visit(one, left, [*assumed, *beside]),
                ]
        for one in parts:
            yield from found.get(one.path, ())

    def _alone(
        self, parts: list[_Part], given: Env, assumed: list[_Part], *, each: bool
    ) -> tuple[list[Issue], list[_Part]]:
        """Return the issues of children by themselves, and the children that can be compared."""
        odd, sound = [], []
        for part in parts:
            issue = self._odd(part, given, assumed, each=each)
            if issue is not None:
                odd.append(issue)
            if issue is None or issue.code == "known":
                sound.append(part)
        return odd, sound

    def _odd(self, part: _Part, given: Env, assumed: list[_Part], *, each: bool) -> Issue | None:
        node = part.node
        if not each:
            if self.env(node, part.wanted, given) is None:
                code: Code = "dead" if part.wanted == "true" else "useless"
                return self._clash(code, part, assumed)
            return None
        if self.env(node, _FAILING[part.wanted], {}) is None:
            return Issue("always" if part.wanted == "true" else "excludes nobody", part.path, node)
        opposite = _OPPOSITE[part.wanted]
        if self.env(node, opposite, {}) is None and not _is_presence(node):
            return self._known("known" if part.wanted == "true" else "excludes nobody", part)
        return None

    def _known(self, code: Code, part: _Part) -> Issue:
        """Return that a part is as wanted wherever it is known, with the conditions that see to it."""
        against = _Part(part.node, _OPPOSITE[part.wanted], part.path)
        clash = self._clash(code, against, [])
        return Issue(code, part.path, part.node, (clash.node, *clash.others))

    def _repeated(
        self, parts: list[_Part], given: Env, assumed: list[_Part], *, each: bool
    ) -> tuple[list[Issue], list[_Part]]:
        """Return the children that the others make useless, the last first, and the others."""
        if not parts:
            return [], []
        holds = parts[0].wanted
        fails = _FAILING[holds]
        beside, against = (holds, fails) if each else (fails, holds)
        before: list[Env | None] = [given]
        for part in parts[:-1]:
            env = before[-1]
            before.append(None if env is None else self.env(part.node, beside, env))
        issues, kept, after = [], [], list[_Part]()
        for part, env in zip(reversed(parts), reversed(before), strict=True):
            rest = None if env is None else self._meet(after, env)
            alone = len(parts) == 1 and not assumed
            if not alone and (rest is None or self.env(part.node, against, rest) is None):
                siblings = [_Part(p.node, beside) for p in (*parts, *after) if p is not part]
                others = self._cause(part, against, siblings, assumed)
                issues.append(Issue("useless" if each else "covered", part.path, part.node, others))
            else:
                kept.append(part)
                after = [_Part(part.node, beside), *after]
        return issues, kept[::-1]

    def _cause(
        self, part: _Part, against: Wanted, siblings: list[_Part], assumed: list[_Part]
    ) -> tuple[Node, ...]:
        """Return the one condition that makes a part useless; () where it takes several."""
        for one in (*siblings, *assumed):
            if one.node is part.node:
                continue
            env = self.env(one.node, one.wanted, {})
            if env is not None and self.env(part.node, against, env) is None:
                return (one.node,)
        return ()

    def _clash(self, code: Code, part: _Part, assumed: list[_Part]) -> Issue:
        """Return the two conditions that cannot hold together, or the part where it takes more."""
        inside = list(_flat(part))
        for one in inside:
            if self.env(one.node, one.wanted, {}) is None:
                return Issue(code, one.path, one.node)
        for index, one in enumerate(inside):
            env = self.env(one.node, one.wanted, {})
            for other in (*inside[index + 1 :], *assumed):
                if env is not None and self.env(other.node, other.wanted, env) is None:
                    return Issue(code, one.path, one.node, (other.node,))
        return Issue(code, part.path, part.node)


def _flat(part: _Part) -> Iterator[_Part]:
    """Yield what must hold for a part to be as wanted."""
    node = part.node
    if not isinstance(node, Group) or (node.kind, part.wanted) not in _EACH:
        yield part
        return
    inner = _OPPOSITE[part.wanted] if node.kind == "none" else part.wanted
    for number, child in enumerate(node.children):
        yield from _flat(_Part(child, inner, f"{part.path}/{node.kind}/{number}"))


def _is_presence(node: Node) -> bool:
    return isinstance(node, Leaf) and node.operator.presence is not None
