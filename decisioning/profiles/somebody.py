"""The one door through which people are read together with the accounts that they belong to, and judged."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import or_

import redis
from django.conf import settings

from consent import people
from decisioning.profiles.accounts import NO_ACCOUNTS, NO_READS, Accounts, Reads, accounts_of
from decisioning.profiles.profile import Profile
from decisioning.profiles.store import load_profile, load_profiles
from decisioning.profiles.windows import facts
from decisioning.rules.catalogue import Catalogue
from decisioning.rules.conditions import (
    ConditionError,
    Explanation,
    Facts,
    Node,
    Truth,
    aggregates,
    attributes,
    evaluate,
    explain,
    parse,
)
from decisioning.rules.membership import meaning
from decisioning.specs import AggregateSpec, Condition, SegmentSpec


@dataclass(frozen=True, slots=True)
class Somebody:
    """A person, as they are by now, with what is known of their accounts."""

    person: str
    profile: Profile | None
    accounts: Accounts = NO_ACCOUNTS


def load_somebody(client: "redis.Redis", person: str, reads: Reads) -> Somebody:
    """Return who a person is by now; one round trip, one for each merge passed, and one for accounts."""
    owner, profile = load_profile(client, person)
    return next(with_accounts(client, {owner: profile}, reads))


def with_accounts(
    client: "redis.Redis", profiles: Mapping[str, Profile | None], reads: Reads
) -> Iterator[Somebody]:
    """Yield people together with their accounts, in order; one round trip for the accounts of all."""
    named = {
        person: reads.needed(accounts_of(person, profile, pepper=settings.RTTS_PEPPER))
        for person, profile in (profiles.items() if reads != NO_READS else ())
    }
    own = {person for person, ids in named.items() if person in ids.values()}
    loaded = _load(client, (one for ids in named.values() for one in ids.values()), profiles)
    for person, profile in profiles.items():
        ids = named.get(person, {})
        known = {kind: loaded[one] or Profile() for kind, one in ids.items()}
        if person in own and profile is not None:
            known = dict.fromkeys(ids, profile)
        yield Somebody(person, profile, Accounts(reads.attributes, known, ids))


def _load(
    client: "redis.Redis", ids: Iterable[str], known: Mapping[str, Profile | None]
) -> dict[str, Profile | None]:
    by_partition: dict[int, set[str]] = {}
    for one in ids:
        if one not in known:
            by_partition.setdefault(people.partition_of(one), set()).add(one)
    return dict(known) | (load_profiles(client, by_partition) if by_partition else {})


@dataclass(frozen=True, slots=True)
class Judge:
    """A condition ready to be judged of people and the accounts that they belong to."""

    tree: Node
    attributes: frozenset[str]
    aggregates: frozenset[AggregateSpec]
    reads: Reads

    @classmethod
    def of(cls, condition: Condition, catalogue: Catalogue) -> "Judge":
        """Return the judge of a condition of a catalogue.

        Raises:
            ConditionError: it cannot be read.
        """
        return cls.of_tree(parse(condition, catalogue))

    @classmethod
    def of_tree(cls, tree: Node) -> "Judge":
        """Return the judge of a condition that was read."""
        return cls(tree, attributes(tree), aggregates(tree), Reads.of_tree(tree))

    def facts(self, one: Somebody, now: float) -> Facts:
        """Return what the condition reads of somebody; `now` in epoch seconds."""
        return facts(one.profile, self.attributes, self.aggregates, now, one.accounts)

    def truth(self, one: Somebody, now: float) -> Truth:
        """Return whether the condition is true of somebody."""
        return evaluate(self.tree, self.facts(one, now), now)

    def explained(self, one: Somebody, now: float) -> Explanation:
        """Return why the condition is true of somebody or not."""
        return explain(self.tree, self.facts(one, now), now)


def judges(segments: Iterable[SegmentSpec], catalogue: Catalogue) -> dict[str, Judge]:
    """Return who is in each segment that can be read, by key."""
    found = {}
    for one in segments:
        try:
            found[one.key] = Judge.of(meaning(one), catalogue)
        except ConditionError:
            continue
    return found


def all_reads(found: Iterable[Judge]) -> Reads:
    """Return what some conditions together read of accounts."""
    return reduce(or_, (one.reads for one in found), NO_READS)
