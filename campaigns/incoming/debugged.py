"""The only place that tells one event after the other: as it came, as it was understood, what it changed."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
import redis
from django.utils.translation import gettext as _

from campaigns.candidates import candidate_of
from campaigns.incoming.masking import told
from campaigns.people_reading import moment
from decisioning.ingestion.records import Record, decode_record, stream_order
from decisioning.models import EventRecord
from decisioning.observing.debugging import Came, Changed, latest
from decisioning.profiles.live_set import load_live
from decisioning.profiles.profile import Profile, decode_profile
from decisioning.profiles.somebody import all_reads, judges, with_accounts
from decisioning.profiles.windows import aggregate_value
from decisioning.rules.conditions import Catalogue, ConditionError, Truth
from decisioning.rules.words import measured
from decisioning.specs import AggregateSpec
from rtts_site.foundation.language import ACTIVE

SETTLED_MS: Final = 1_500  # an event that is folded later is shown without what it changed
SHOWN: Final = 50
EARLIER: Final = 20  # of history, before anybody looked
EARLIER_SPAN: Final = timedelta(hours=1)
TRUTHS: Final = {Truth.TRUE: True, Truth.FALSE: False}


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that an event changed of its person."""

    name: str
    before: Any
    after: Any


@dataclass(slots=True)
class Row:
    """One event of a source; values are shapes where the reader may not see them."""

    key: str  # orders rows; the newest is the cursor of the next look
    at: datetime
    message_id: str = ""
    event: str = ""
    who: str = ""
    person: str = ""
    raw: str = ""
    said: list[tuple[str, Any]] = field(default_factory=list)
    pointer: str = ""
    reason: str = ""
    is_folded: bool = False
    attributes: list[Difference] = field(default_factory=list)
    aggregates: list[Difference] = field(default_factory=list)
    segments: list[Difference] = field(default_factory=list)

    @property
    def changes(self) -> list[tuple[str, list[Difference]]]:
        """Return what changed by its kind, without what did not."""
        kinds = (
            (_("Attributes"), self.attributes),
            (_("Counted"), self.aggregates),
            (_("Segments"), self.segments),
        )
        return [(name, found) for name, found in kinds if found]


class Teller:
    """Tells rows under the live release; made once for a page."""

    def __init__(self, client: "redis.Redis", *, plain: bool) -> None:
        self._client = client
        self._plain = plain
        candidate = candidate_of(None)
        self._catalogue: Catalogue = candidate.catalogue
        self._names = {one.key: one.name for one in candidate.spec.attributes}
        self._kept = load_live(client).specs
        found = judges(candidate.spec.segments, self._catalogue)
        self._segments = [
            (one.name, found[one.key]) for one in candidate.spec.segments if one.key in found
        ]
        self._reads = all_reads(found.values())

    def rows(self, source: str, *, since: str, now: datetime) -> list[Row]:
        """Return what came behind the row `since` and is settled, the newest first."""
        came, changed = latest(self._client, source)
        folded: dict[str, Changed] = {}
        for _key, one in reversed(changed):
            folded.setdefault(decode_record(one.record).message_id, one)
        named = {one.message_id for _key, one in came if one.message_id}
        others = [pair for pair in changed if decode_record(pair[1].record).message_id not in named]
        both: list[tuple[str, Came | Changed]] = [*came, *others]
        every = sorted(both, key=lambda pair: stream_order(pair[0]))
        found = []
        for key, item in every:
            if stream_order(key) <= stream_order(since):
                continue
            if not _is_settled(key, item, folded, now):
                break  # rows come in order: this one, and what follows, next time
            found.append(self._row(key, item, folded))
        return found[::-1][:SHOWN]

    def earlier(self, source: str, *, now: datetime) -> list[Row]:
        """Return what history has of the last hour, as it was understood."""
        rows = EventRecord.objects.filter(source=source, received_at__gte=now - EARLIER_SPAN)
        found = []
        for one in rows.order_by("-received_at")[:EARLIER]:
            row = Row(one.event_id, one.received_at, is_folded=True)
            self._tell_record(row, decode_record(bytes(one.body)))
            found.append(row)
        return found

    def _row(self, key: str, item: Came | Changed, folded: dict[str, Changed]) -> Row:
        row = Row(key, moment(stream_order(key)[0]))
        changed = item if isinstance(item, Changed) else folded.get(item.message_id)
        if isinstance(item, Came):
            row.at, row.raw = moment(item.at_ms), self._pretty(item.raw)
            row.message_id = item.message_id
            row.pointer, row.reason = item.pointer, item.reason
            if item.record:
                self._tell_record(row, decode_record(item.record))
        if changed is not None and not row.reason:
            record = decode_record(changed.record)
            self._tell_record(row, record)
            self._tell_changes(row, record, changed)
        return row

    def _pretty(self, raw: bytes) -> str:
        if not raw:
            return ""
        shown = told(msgspec.json.decode(raw), plain=self._plain)
        return msgspec.json.format(msgspec.json.encode(shown), indent=2).decode()

    def _tell_record(self, row: Row, record: Record) -> None:
        row.message_id, row.person = record.message_id, record.person
        row.event = record.event or record.type
        row.who = ", ".join(record.identifiers) if self._plain else ""
        said = {**record.properties, **record.attributes, **record.traits}
        row.said = [(key, told(value, plain=self._plain)) for key, value in said.items()]

    def _tell_changes(self, row: Row, record: Record, changed: Changed) -> None:
        before = decode_profile(changed.before or None)
        after = decode_profile(changed.after or None)
        row.is_folded = True
        row.attributes = list(self._attributes(before, after))
        row.aggregates = list(self._aggregates(record, before, after))
        row.segments = list(self._memberships(record, before, after))

    def _attributes(self, before: Profile | None, after: Profile | None) -> Iterator[Difference]:
        old, new = (one.attributes if one is not None else {} for one in (before, after))
        for key in sorted({*old, *new}):
            was = old[key].value if key in old else None
            now = new[key].value if key in new else None
            if was != now:
                name = self._names.get(key, key)
                yield Difference(name, told(was, plain=self._plain), told(now, plain=self._plain))

    def _aggregates(
        self, record: Record, before: Profile | None, after: Profile | None
    ) -> Iterator[Difference]:
        now = record.received_at_ms / 1000
        for spec in self._kept:
            if record.event and not spec.of and record.event in (spec.event, spec.then):
                was, is_now = (
                    aggregate_value(one or Profile(), spec, now) for one in (before, after)
                )
                if was != is_now:
                    yield Difference(self._measured(spec), was, is_now)

    def _measured(self, spec: AggregateSpec) -> str:
        try:
            return measured(spec, self._catalogue, ACTIVE)
        except (ConditionError, KeyError):
            return spec.key  # of a release in preparation: the live catalogue lacks its event

    def _memberships(
        self, record: Record, before: Profile | None, after: Profile | None
    ) -> Iterator[Difference]:
        now = record.received_at_ms / 1000
        (known,) = with_accounts(self._client, {record.person: after}, self._reads)
        old = replace(known, profile=before)  # of what their accounts were nobody took note
        for name, judge in self._segments:
            was, is_now = (judge.truth(one, now) for one in (old, known))
            if was is not is_now:
                yield Difference(name, TRUTHS.get(was), TRUTHS.get(is_now))


def _is_settled(key: str, item: Came | Changed, folded: dict[str, Changed], now: datetime) -> bool:
    if now.timestamp() * 1000 - stream_order(key)[0] > SETTLED_MS:
        return True
    return isinstance(item, Came) and (bool(item.reason) or item.message_id in folded)
