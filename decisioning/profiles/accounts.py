"""The only place that knows which accounts somebody belongs to, and what of them is read; pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from consent import people
from decisioning.profiles.profile import Profile
from decisioning.specs import AggregateSpec, AttributeSpec, CapSpec


@dataclass(frozen=True, slots=True)
class Reads:
    """What some conditions, texts and caps may read of the accounts that people belong to."""

    attributes: frozenset[str] = frozenset()  # keys that accounts say, never the person
    types: frozenset[str] = frozenset()  # of accounts whose events or showings are counted

    @classmethod
    def of(
        cls,
        attributes: Iterable[AttributeSpec],
        aggregates: Iterable[AggregateSpec],
        *,
        caps: Iterable[CapSpec] = (),
    ) -> "Reads":
        """Return what the attributes of a catalogue, aggregates and caps read of accounts."""
        said = frozenset(one.key for one in attributes if one.source == "account")
        capped = {one.of for one in caps if one.scope == "account"}
        return cls(said, frozenset(one.of for one in aggregates if one.of) | capped)

    def for_keys(self, keys: Iterable[str], aggregates: Iterable[AggregateSpec]) -> "Reads":
        """Return what of this these attributes and aggregates need."""
        return Reads(self.attributes & set(keys), frozenset(one.of for one in aggregates if one.of))

    def needed(self, accounts: Mapping[str, str]) -> dict[str, str]:
        """Return those of somebody's accounts that have to be read, by type."""
        return {
            kind: one for kind, one in accounts.items() if self.attributes or kind in self.types
        }


NO_READS = Reads()


@dataclass(frozen=True, slots=True)
class Accounts:
    """What is known of the accounts of somebody."""

    attributes: frozenset[str] = frozenset()  # keys that accounts say, never the person
    profiles: Mapping[str, Profile] = field(default_factory=dict)  # by type

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
