"""The only place that knows which accounts somebody belongs to, and what of them is read; pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from consent import people
from decisioning.profiles.profile import Profile
from decisioning.rules.tree import Node, aggregates, said_by_accounts
from decisioning.specs import AggregateSpec, AttributeSpec, CapSpec


@dataclass(frozen=True, slots=True)
class Reads:
    """What some conditions, texts and caps may read of the accounts that people belong to."""

    attributes: frozenset[str] = frozenset()  # keys that accounts say, never the person
    types: frozenset[str] = frozenset()  # of accounts whose events or showings are counted
    every: bool = False  # all that people belong to

    @classmethod
    def of(
        cls,
        attributes: Iterable[AttributeSpec],
        counted: Iterable[AggregateSpec],
        *,
        caps: Iterable[CapSpec] = (),
    ) -> "Reads":
        """Return what the attributes of a catalogue, aggregates and caps read of accounts."""
        said = frozenset(one.key for one in attributes if one.source == "account")
        capped = {one.of for one in caps if one.scope == "account"}
        return cls(said, frozenset(one.of for one in counted if one.of) | capped)

    @classmethod
    def of_tree(cls, tree: Node) -> "Reads":
        """Return what a condition reads of accounts."""
        return cls(said_by_accounts(tree), frozenset(one.of for one in aggregates(tree) if one.of))

    def __or__(self, other: "Reads") -> "Reads":
        """Return what either reads."""
        return Reads(
            self.attributes | other.attributes, self.types | other.types, self.every or other.every
        )

    def needed(self, accounts: Mapping[str, str]) -> dict[str, str]:
        """Return those of somebody's accounts that have to be read, by type."""
        if self.attributes or self.every:
            return dict(accounts)
        return {kind: one for kind, one in accounts.items() if kind in self.types}


NO_READS = Reads()
EVERY_ACCOUNT = Reads(every=True)


@dataclass(frozen=True, slots=True)
class Accounts:
    """What is known of the accounts of somebody."""

    attributes: frozenset[str] = frozenset()  # keys that accounts say, never the person
    profiles: Mapping[str, Profile] = field(default_factory=dict)  # by type
    ids: Mapping[str, str] = field(default_factory=dict)  # by type; not where decisions are made

    def value(self, key: str) -> Any:
        """Return an attribute's value; where several accounts know it, the first by type says it."""
        for _kind, profile in sorted(self.profiles.items()):
            cell = profile.attributes.get(key)
            if cell is not None and cell.value is not None:
                return cell.value
        return None


NO_ACCOUNTS = Accounts()


def accounts_of(person: str, profile: Profile | None, *, pepper: bytes) -> dict[str, str]:
    """Return type -> person id of the accounts that somebody belongs to; an account belongs to itself."""
    if profile is None:
        return {}
    if profile.is_account:
        return dict.fromkeys(_own_types(profile), person)
    return {
        kind: account_id(kind, str(cell.value), pepper=pepper)
        for kind, cell in profile.groups.items()
        if cell.value is not None
    }


def account_id(kind: str, value: str, *, pepper: bytes) -> str:
    """Return the person id under which an account's own profile is kept."""
    return people.person_id(people.Identifier("account", f"{kind}:{value}"), pepper=pepper)


def _own_types(profile: Profile) -> Iterable[str]:
    for name in profile.identifiers:
        namespace, _, value = name.partition(":")
        if namespace == "account":
            yield value.partition(":")[0]
