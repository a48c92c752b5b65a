"""The only place that says what can be asked over GraphQL, and reads it where it is asked."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, cast

import redis
import strawberry
from graphql import GraphQLError
from strawberry.scalars import JSON
from strawberry.types import ExecutionContext

from decisioning.api.graphql.cost import MOST, USUAL
from decisioning.api.portraits import Portrait, Wanted, everyone, portrait
from decisioning.ingestion.records import decode_record
from decisioning.models import DecisionRecord, EventRecord, ShownRecord
from rtts_site.foundation.api_keys import KeyRecord
from rtts_site.foundation.problems import Problem

logger = logging.getLogger("decisioning")

ORDER = "Order Completed"
First = Annotated[int, strawberry.argument(description=f"Rows, the newest first; at most {MOST}.")]
Keys = Annotated[list[str] | None, strawberry.argument(description="Only these; all without it.")]


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, and where it is read; the context of a query."""

    client: "redis.Redis"
    key: KeyRecord


Info = strawberry.Info[Asker, None]


@strawberry.type(description="A value with where and when it came from.")
class Attribute:
    key: str
    value: JSON | None
    event_time: datetime | None
    message_id: str | None
    source: str


@strawberry.type(description="Something counted over a person's events.")
class Aggregate:
    key: str
    what: str
    event: str
    of: str = strawberry.field(
        description="Type of the account whose members did it; empty: the person."
    )
    function: str
    within: str
    value: JSON | None = strawberry.field(description="Null where it is unknown.")


@strawberry.type(description="A segment of the live release.")
class Segment:
    key: str
    name: str
    is_in: bool | None = strawberry.field(description="Null where it is unknown.")


@strawberry.type(description="Something that the person did, from history.")
class Event:
    name: str
    type: str
    at: datetime
    received_at: datetime
    message_id: str
    source: str
    properties: JSON


@strawberry.type(description="What one placement showed.")
class Shown:
    placement: str
    status: str
    rank: int
    offer: str
    variant: str
    campaign: str


@strawberry.type(description="One answer that the person got.")
class Decision:
    id: str
    decided_at: datetime
    state: str
    release: int | None
    took_ms: float
    shown: list[Shown]


@strawberry.type(
    description="What is known of a person now. `asOf` is the position up to which events are in it; `groups` "
    "are accounts by type; `orders` are events of the name that orders have; `decisions` need that scope too."
)
class Profile:
    told: strawberry.Private[Portrait]

    @strawberry.field
    def person_id(self) -> str:
        return self.told.person

    @strawberry.field
    def as_of(self) -> str:
        return self.told.profile.position

    @strawberry.field
    def first_seen(self) -> datetime | None:
        return self._part("first_seen")

    @strawberry.field
    def newest_event(self) -> datetime | None:
        return self._part("newest_event")

    @strawberry.field
    def identifiers(self) -> list[str]:
        return sorted(self.told.profile.identifiers)

    @strawberry.field
    def attributes(self, keys: Keys = None) -> list[Attribute]:
        found = self.told.attributes(_wanted("attributes", keys))
        return [Attribute(key=key, **cell) for key, cell in found.items()]

    @strawberry.field
    def groups(self, keys: Keys = None) -> list[Attribute]:
        found = self.told.groups(_wanted("groups", keys))
        return [Attribute(key=key, **cell) for key, cell in found.items()]

    @strawberry.field
    def aggregates(self, event: str | None = None) -> list[Aggregate]:
        found = self.told.aggregates(_wanted("aggregates", None if event is None else [event]))
        return [Aggregate(key=key, **one) for key, one in found.items()]

    @strawberry.field
    def segments(self, keys: Keys = None) -> list[Segment]:
        found = self.told.segments(_wanted("segments", keys))
        return [Segment(key=key, name=one["name"], is_in=one["in"]) for key, one in found.items()]

    @strawberry.field
    def events(self, first: First = USUAL, name: str | None = None) -> list[Event]:
        return list(_events(self.told, first, name))

    @strawberry.field
    def orders(self, first: First = USUAL, event: str = ORDER) -> list[Event]:
        return list(_events(self.told, first, event))

    @strawberry.field
    def decisions(self, info: Info, first: First = USUAL) -> list[Decision]:
        if not info.context.key.allows("decisions"):
            raise GraphQLError("This API key lacks the scope decisions.")
        return _decisions(self.told, first)

    def _part(self, name: str) -> datetime | None:
        return cast("datetime | None", self.told.told(_wanted(name, None))[name])


@strawberry.type(
    description="A person is named by user:<id>, another identifier or a person id; null where nothing is known."
)
class Query:
    @strawberry.field
    def profile(self, info: Info, person: str) -> Profile | None:
        try:
            found = portrait(info.context.client, person)
        except Problem as problem:
            raise GraphQLError(problem.detail) from problem
        return None if found is None else Profile(told=found)


class Schema(strawberry.Schema):
    """Logs what went wrong here, and nothing of what was asked wrongly."""

    def process_errors(
        self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        for one in errors:
            original = one.original_error
            if original is not None and not isinstance(original, GraphQLError):
                logger.error("graphql.failed path=%s", one.path, exc_info=original)


schema = Schema(query=Query)


def _wanted(part: str, keys: Iterable[str] | None) -> Wanted:
    return Wanted({part: None if keys is None else frozenset(keys)})


def _rows(first: int) -> int:
    if not 1 <= first <= MOST:
        raise GraphQLError(f"Ask for 1 to {MOST} rows with `first`.")
    return first


def _events(one: Portrait, first: int, name: str | None) -> Iterable[Event]:
    rows = EventRecord.objects.filter(person_id__in=everyone(one), kind="event")
    if name is not None:
        rows = rows.filter(name=name.replace("\0", ""))
    for row in rows.order_by("-event_time")[: _rows(first)]:
        record = decode_record(bytes(row.body))
        yield Event(
            name=row.name,
            type=row.type,
            at=row.event_time,
            received_at=row.received_at,
            message_id=row.message_id,
            source=row.source,
            properties=cast("Any", record.properties),
        )


def _decisions(one: Portrait, first: int) -> list[Decision]:
    people = everyone(one)
    records = DecisionRecord.objects.filter(person_id__in=people).order_by("-decided_at")
    found = list(records.defer("body")[: _rows(first)])
    shown: dict[str, list[Shown]] = {}
    rows = ShownRecord.objects.filter(
        person_id__in=people, decision_id__in=[one.decision_id for one in found]
    )
    for row in rows.order_by("placement", "rank"):
        shown.setdefault(row.decision_id, []).append(
            Shown(
                placement=row.placement,
                status=row.status,
                rank=row.rank,
                offer=row.offer,
                variant=row.variant,
                campaign=row.campaign,
            )
        )
    return [
        Decision(
            id=one.decision_id,
            decided_at=one.decided_at,
            state=one.state,
            release=one.release_version,
            took_ms=one.took_ms,
            shown=shown.get(one.decision_id, []),
        )
        for one in found
    ]
