"""The only place that tells programs parts of a profile: what is not asked for is neither read nor computed."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import redis
from django.db import DatabaseError

from consent.forms import parse_person
from decisioning.ingestion.origins import message_ids
from decisioning.profiles.accounts import Reads
from decisioning.profiles.cells import Cell
from decisioning.profiles.live_set import load_live as load_live_set
from decisioning.profiles.profile import Profile
from decisioning.profiles.somebody import Judge, Somebody, all_reads, judges, with_accounts
from decisioning.profiles.store import load_profile
from decisioning.profiles.windows import facts
from decisioning.releases import LIVE_KEY, load_live
from decisioning.rules.conditions import Catalogue, ConditionError, Truth
from decisioning.rules.words import measured
from decisioning.specs import AggregateSpec, ReleaseSpec
from rtts_site.foundation.problems import Problem, invalid_field
from rtts_site.foundation.redis_clients import Down

PARTS: Final = (
    *("first_seen", "newest_event", "identifiers", "groups"),
    *("attributes", "aggregates", "segments"),
)
KEYED: Final = frozenset({"groups", "attributes", "aggregates", "segments"})  # "segments.gold"
MOST_FIELDS: Final = 200
TRUTHS: Final = {Truth.TRUE: True, Truth.FALSE: False}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which parts are asked for; a part's keys are None for all of them."""

    parts: Mapping[str, frozenset[str] | None]

    def has(self, part: str, key: str = "") -> bool:
        """Return whether a part, or one of its keys, is asked for."""
        if part not in self.parts:
            return False
        keys = self.parts[part]
        return keys is None or not key or key in keys


# Without `fields` the answer has what costs one round trip.
USUAL: Final = Wanted(
    dict.fromkeys(("first_seen", "newest_event", "identifiers", "groups", "attributes"))
)


def parse_fields(text: str | None) -> Wanted:
    """Return what ``attributes.loyalty_tier,aggregates,segments.gold`` asks for; a bare key is an attribute's.

    Raises:
        Problem: 422, nothing is named, too much, or a part that there is not.
    """
    if text is None:
        return USUAL
    named = [one.strip() for one in text.split(",") if one.strip()]
    if not 0 < len(named) <= MOST_FIELDS:
        raise invalid_field("/fields", f"Name 1 to {MOST_FIELDS} fields, with commas between them.")
    parts: dict[str, frozenset[str] | None] = {}
    for one in named:
        part, dot, key = one.partition(".")
        if part not in PARTS:
            # Attributes may have dots in their keys.
            part, dot, key = "attributes", ".", one
        if dot and part not in KEYED:
            raise invalid_field("/fields", f"{part} has no parts; write {part}.")
        if not dot:
            parts[part] = None
        elif parts.get(part, frozenset()) is not None:
            parts[part] = (parts.get(part) or frozenset()) | {key}
    return Wanted(parts)


@dataclass(slots=True)
class Live:
    """The live release as portraits need it; its trees are read once."""

    digest: bytes
    release: ReleaseSpec
    catalogue: Catalogue
    _judges: dict[str, Judge] | None = None

    @property
    def judges(self) -> dict[str, Judge]:
        """Return who is in each segment that can be read."""
        if self._judges is None:
            self._judges = judges(self.release.segments, self.catalogue)
        return self._judges


_live: Live | None = None  # of this process; another thread may have a newer one


def live_release(client: "redis.Redis") -> Live:
    """Return the live release; one round trip where it is the one known. An empty one before the first."""
    global _live  # one reference, swapped whole
    said: Any = client.hget(LIVE_KEY, "digest")
    known = _live
    if known is None or known.digest != (said or b""):
        verified = load_live(client) if said else None
        release = verified.release if verified is not None else ReleaseSpec()
        known = _live = Live(said or b"", release, Catalogue.of(release))
    return known


class Portrait:
    """One person's profile, told part by part."""

    def __init__(self, client: "redis.Redis", person: str, profile: Profile) -> None:
        self.person = person
        self.profile = profile
        self._client = client
        self._now = datetime.now(UTC).timestamp()
        self._messages: Mapping[int, str] | None = None

    def live(self) -> Live:
        """Return the live release."""
        return live_release(self._client)

    def attributes(self, wanted: Wanted) -> dict[str, Any]:
        """Return attributes with where and when each came from."""
        return {
            key: self._cell(cell)
            for key, cell in sorted(self.profile.attributes.items())
            if cell.value is not None and wanted.has("attributes", key)
        }

    def groups(self, wanted: Wanted) -> dict[str, Any]:
        """Return the accounts that the person belongs to, by type."""
        return {
            key: self._cell(cell)
            for key, cell in sorted(self.profile.groups.items())
            if cell.value is not None and wanted.has("groups", key)
        }

    def _cell(self, cell: Cell) -> dict[str, Any]:
        return {
            "value": cell.value,
            "event_time": moment(cell.event_time_ms),
            "message_id": self._message_ids().get(cell.message),
            "source": cell.source,
        }

    def _message_ids(self) -> Mapping[int, str]:
        if self._messages is None:
            try:
                self._messages = message_ids(self.person, self.profile)
            except DatabaseError:  # a profile can be read while history does not answer
                self._messages = {}
        return self._messages

    def aggregates(self, wanted: Wanted) -> dict[str, Any]:
        """Return the live aggregates by key; those of one event where its name is asked for. Null is unknown."""
        catalogue = self.live().catalogue
        asked = [
            spec
            for spec in load_live_set(self._client).specs
            if wanted.has("aggregates", spec.key) or wanted.has("aggregates", spec.event)
        ]
        one = self._somebody(Reads.of((), asked))
        known = facts(one.profile, (), asked, self._now, one.accounts)
        return {
            spec.key: {
                "what": _measured(spec, catalogue),
                "event": spec.event,
                "of": spec.of,
                "function": spec.function,
                "within": spec.within,
                "value": known.get(spec.key),
            }
            for spec in asked
        }

    def segments(self, wanted: Wanted) -> dict[str, Any]:
        """Return the live segments and whether the person is in them; null is unknown."""
        live = self.live()
        asked = [spec for spec in live.release.segments if wanted.has("segments", spec.key)]
        found = {spec.key: live.judges[spec.key] for spec in asked if spec.key in live.judges}
        one = self._somebody(all_reads(found.values()))
        truths = {key: TRUTHS.get(judge.truth(one, self._now)) for key, judge in found.items()}
        return {spec.key: {"name": spec.name, "in": truths.get(spec.key)} for spec in asked}

    def _somebody(self, reads: Reads) -> Somebody:
        (found,) = with_accounts(self._client, {self.person: self.profile}, reads)
        return found

    def told(self, wanted: Wanted) -> dict[str, Any]:
        """Return the parts that are asked for."""
        profile = self.profile
        makers: dict[str, Callable[[], Any]] = {
            "first_seen": lambda: moment(profile.first_seen_ms),
            "newest_event": lambda: moment(profile.newest_ms),
            "identifiers": lambda: sorted(profile.identifiers),
            "groups": lambda: self.groups(wanted),
            "attributes": lambda: self.attributes(wanted),
            "aggregates": lambda: self.aggregates(wanted),
            "segments": lambda: self.segments(wanted),
        }
        head = {"person_id": self.person, "as_of": profile.position}
        return head | {part: make() for part, make in makers.items() if wanted.has(part)}


def portrait(client: "redis.Redis", person: str) -> Portrait | None:
    """Return the portrait of ``user:c-42``, another identifier or a person id; None where nothing is known.

    Raises:
        Problem: 404, nobody can be named so; 503, profiles do not answer.
    """
    try:
        named = parse_person(person)
    except ValueError as error:
        raise Problem(404, "Not found", str(error)) from error
    try:
        owner, profile = load_profile(client, named.id)
    except Down as error:
        raise Problem(503, "Not readable now", "Profiles do not answer; try again.") from error
    return None if profile is None else Portrait(client, owner, profile)


def _measured(spec: AggregateSpec, catalogue: Catalogue) -> str:
    try:
        return measured(spec, catalogue)
    except (ConditionError, KeyError):
        return spec.event  # of a release in preparation: the live catalogue lacks what it names


def everyone(one: Portrait) -> Iterable[str]:
    """Return the ids under which history knows a person."""
    return (one.person, *one.profile.absorbed)


def moment(epoch_ms: int) -> datetime | None:
    """Return epoch milliseconds as an aware time; None for 0, which is never."""
    return datetime.fromtimestamp(epoch_ms / 1000, UTC) if epoch_ms else None
