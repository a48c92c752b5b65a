"""The only place that keeps sampled people in memory: profiles, consents, facts by column, what was counted."""

import threading
import time
from collections import OrderedDict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from consent.policy import EVERY_CHANNEL, ConsentView, PolicySpec, permits
from decisioning.profiles.accounts import NO_ACCOUNTS, Accounts
from decisioning.profiles.profile import Profile
from decisioning.profiles.windows import aggregate_value
from decisioning.rules.membership import MEMBER
from decisioning.rules.values import Facts
from decisioning.specs import AggregateSpec

STEADY_S: Final = 60.0  # what holds at a moment is taken to hold this much later
KEPT_RESULTS: Final = 400  # conditions

Allowed = bool | dict[str, bool]  # on every channel, or by channel with "*" for the others


@dataclass(slots=True)
class Column:
    """One thing known of each person, as far as somebody asked; `at` is in epoch seconds."""

    at: float = 0.0
    values: list[Any] = field(default_factory=list)

    def is_of(self, now: float) -> bool:
        return abs(now - self.at) <= STEADY_S


class People:
    """Sampled people in the order of their hashes: the first n of them are a sample too."""

    def __init__(
        self,
        profiles: dict[str, Profile],
        *,
        population: int,
        views: Sequence[ConsentView] = (),
        accounts: Sequence[Accounts] = (),
        token: str = "",
        is_refolded: bool = False,
    ) -> None:
        self.profiles = profiles
        self.population = max(population, len(profiles))
        self.token = token  # of the store that they come from
        self.is_refolded = is_refolded  # with aggregates that workers do not keep yet
        self.is_partial = False  # more could have been drawn
        self.loaded_at = time.monotonic()
        self._in_order = list(profiles.values())
        self.views = views
        self.accounts = accounts or [NO_ACCOUNTS] * len(profiles)
        self._attributes: dict[str, Column] = {}
        self._of_accounts: dict[str, Column] = {}
        self._aggregates: dict[str, Column] = {}
        self._allowed: dict[tuple[str, str], Column] = {}
        self._results: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._in_order)

    @property
    def persons(self) -> tuple[str, ...]:
        """Return the ids, in order."""
        return tuple(self.profiles)

    def first(self, most: int) -> "People":
        """Return the first so many, with nothing counted yet."""
        if most >= len(self):
            return self
        kept = {person: self.profiles[person] for person in self.persons[:most]}
        return People(
            kept,
            population=self.population,
            views=self.views[:most],
            accounts=self.accounts[:most],
            token=self.token,
            is_refolded=self.is_refolded,
        )

    def facts(
        self,
        first: int,
        last: int,
        *,
        attributes: Collection[str],
        aggregates: Collection[AggregateSpec],
        now: float,
        of_accounts: Collection[str] = (),
    ) -> list[Facts]:
        """Return the facts of people number `first` to before `last`; `now` in epoch seconds.

        Of the attributes, `of_accounts` are those that accounts say.
        """
        with self._lock:
            columns = {
                key: self._membership(key.removeprefix(MEMBER), last, now=now)
                if key.startswith(MEMBER)
                else self._said_by_account(key, last)
                if key in of_accounts
                else self._attribute(key, last)
                for key in attributes
            }
            columns |= {spec.key: self._aggregate(spec, last, now=now) for spec in aggregates}
        return [
            {key: value for key, values in columns.items() if (value := values[number]) is not None}
            for number in range(first, last)
        ]

    def _attribute(self, key: str, last: int) -> list[Any]:
        values = self._attributes.setdefault(key, Column()).values
        for profile in self._in_order[len(values) : last]:
            cell = profile.attributes.get(key)
            values.append(None if cell is None else cell.value)
        return values

    def _said_by_account(self, key: str, last: int) -> list[Any]:
        values = self._of_accounts.setdefault(key, Column()).values
        values += [one.value(key) for one in self.accounts[len(values) : last]]
        return values

    def _membership(self, segment: str, last: int, *, now: float) -> list[Any]:
        entered = [one.member_of.get(segment) for one in self._in_order[:last]]
        return [None if ms is None else max(0.0, now - ms / 1000) for ms in entered]

    def _aggregate(self, spec: AggregateSpec, last: int, *, now: float) -> list[Any]:
        column = self._aggregates.get(spec.key)
        if column is None or not column.is_of(now):
            column = self._aggregates[spec.key] = Column(now)
        behind = self._counted(spec, len(column.values), last)
        column.values.extend(
            [None if one is None else aggregate_value(one, spec, column.at) for one in behind]
        )
        return column.values

    def _counted(self, spec: AggregateSpec, first: int, last: int) -> list[Profile | None]:
        """Return whose events count for each person: their own, or their account's, None without one."""
        if not spec.of:
            return list(self._in_order[first:last])
        return [one.profiles.get(spec.of) for one in self.accounts[first:last]]

    def allowed(
        self, policy: PolicySpec, purpose: str, channel: str, *, most: int, now: float
    ) -> bytes:
        """Return a 1 for each of the first `most` people whose consent allows a purpose on a channel, else a 0."""
        with self._lock:
            column = self._allowed.get((policy.digest, purpose))
            if column is None or not column.is_of(now):
                column = self._allowed[policy.digest, purpose] = Column(now)
            behind = self.views[len(column.values) : most]
            column.values.extend(_judge(behind, policy, purpose, now=column.at))
            found: list[Allowed] = column.values[:most]
        return bytes(
            one if isinstance(one, bool) else one.get(channel, one[EVERY_CHANNEL]) for one in found
        )

    def counted(self, condition: str, *, now: float) -> bytes:
        """Return a 1 for each of the first people whom a condition found, else a 0, as far as it was counted."""
        with self._lock:
            at, flags = self._results.get(condition, (0.0, b""))
        return flags if abs(now - at) <= STEADY_S else b""

    def keep_counted(self, condition: str, flags: bytes, *, now: float) -> None:
        """Remember what a condition found."""
        with self._lock:
            self._results[condition] = (now, flags)
            self._results.move_to_end(condition)
            while len(self._results) > KEPT_RESULTS:
                self._results.popitem(last=False)


def _judge(
    views: Iterable[ConsentView], policy: PolicySpec, purpose: str, *, now: float
) -> Iterable[Allowed]:
    moment = datetime.fromtimestamp(now, UTC)
    silent: dict[tuple[bool, bool], bool] = {}  # who said nothing is judged once

    def permitted(view: ConsentView, channel: str) -> bool:
        return permits(policy, view, [purpose], channel=channel, now=moment).allowed

    for view in views:
        mark = (view.usable, view.restricted)
        said = [channel for key, channel in view.states if key == purpose]
        if not said:
            if mark not in silent:
                silent[mark] = permitted(view, EVERY_CHANNEL)
            yield silent[mark]
        elif said == [EVERY_CHANNEL]:
            yield permitted(view, EVERY_CHANNEL)
        else:
            yield {one: permitted(view, one) for one in (EVERY_CHANNEL, *said)}
