"""``POST /v1/feedback``: what came of shown offers, by tracking token."""

import hashlib
import re
import time
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from decisioning.api.http import (
    FEEDBACK_BODY_BYTES,
    MAX_FEEDBACK,
    Request,
    Response,
    decode,
    route,
)
from decisioning.api.presented import in_segment
from decisioning.api.process import this_process
from decisioning.messages import Key
from decisioning.outcomes import Kind, Report, count_commands, count_reports
from decisioning.round_trips import RedisUnavailable
from decisioning.tokens import TokenError, read_token
from rtts_site.foundation.limits import EVENTS
from rtts_site.foundation.problems import Problem

FUTURE = timedelta(minutes=5)
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class ItemRefused(Exception):
    """A field makes a report unacceptable; sending it again changes nothing."""

    def __init__(self, pointer: str, reason: str) -> None:
        super().__init__(reason)
        self.pointer = pointer


class Item(Struct, frozen=True, forbid_unknown_fields=True):
    """One report; without a `message_id` a token counts once for each type."""

    type: Kind
    tracking_token: Annotated[str, Meta(min_length=1, max_length=2_000)]
    message_id: Key | None = None
    timestamp: Annotated[datetime, Meta(tz=True)] | None = None
    value: float | None = None


class Feedback(Struct, frozen=True, forbid_unknown_fields=True):
    """The body."""

    events: Annotated[tuple[Item, ...], Meta(min_length=1, max_length=MAX_FEEDBACK)]
    writeKey: str | None = None  # a beacon can send no header, so the key may be here


decoder = msgspec.json.Decoder(Feedback)
encoder = msgspec.json.Encoder()


@route(
    "POST",
    "/v1/feedback",
    scope="decisions",
    limit=FEEDBACK_BODY_BYTES,
    find_key=in_segment,
    rate=EVENTS,
)
async def post_feedback(request: Request) -> Response:
    """Count each report once; an item refused for what it is gets its reason inside the 200."""
    items = decode(request.body, decoder).events
    now = datetime.fromtimestamp(time.time(), UTC)
    reports: list[Report] = []
    refused: list[dict[str, Any]] = []
    for number, item in enumerate(items):
        try:
            reports.append(read_item(item, now=now))
        except TokenError as error:
            refused.append({"item": number, "pointer": "/tracking_token", "reason": str(error)})
        except ItemRefused as error:
            refused.append({"item": number, "pointer": error.pointer, "reason": str(error)})
    accepted, duplicates = await record(reports, now_ms=int(now.timestamp() * 1000))
    body = {"accepted": accepted, "duplicates": duplicates, "refused": refused}
    return Response(200, encoder.encode(body))


def read_item(item: Item, *, now: datetime) -> Report:
    """Return an item as a report.

    Raises:
        TokenError: the token is none of ours.
        ItemRefused: a field that no archive can hold.
    """
    check_item(item)
    shown = read_token(item.tracking_token, key=this_process().tracking_key)
    said = item.timestamp or now
    occurred = now if said > now + FUTURE else said
    message_id = item.message_id or implied_id(item)
    return Report(item.type, shown, message_id, int(occurred.timestamp() * 1000), item.value)


def check_item(item: Item) -> None:
    """Refuse what the archive cannot hold.

    Raises:
        ItemRefused: naming the field.
    """
    if item.message_id is not None and CONTROL.search(item.message_id):
        raise ItemRefused("/message_id", "Send no control characters.")
    if item.timestamp is not None and not EARLIEST <= item.timestamp < LATEST:
        raise ItemRefused("/timestamp", "Send a time between the years 1970 and 2100.")
    if item.value is not None and not isfinite(item.value):
        raise ItemRefused("/value", "Send a finite number.")


def implied_id(item: Item) -> str:
    """Return the message id of a report that came without one."""
    return hashlib.sha256(f"{item.type}:{item.tracking_token}".encode()).hexdigest()[:32]


async def record(reports: list[Report], *, now_ms: int) -> tuple[int, int]:
    """Count reports and return how many were new, and how many repeats.

    Raises:
        Problem: 503 where Redis is away or a log is full; send everything again, nothing counts twice.
    """
    if not reports:
        return 0, 0
    process = this_process()
    held = process.holder.current.held
    offers = held.offers if held else {}
    budget = process.budget()
    try:
        replies = await count_reports(reports, offers, budget, now_ms=now_ms)
        if any(isinstance(reply, Exception | list) or reply == b"full" for reply in replies):
            raise RedisUnavailable("a log is full or refused the report")
        # Repeats too: the answer to the first may have been lost before its totals were counted.
        counts = [
            command for one in reports for command in count_commands(one, offers, now_ms=now_ms)
        ]
        if counts and any(isinstance(one, Exception) for one in await budget.ask(counts)):
            raise RedisUnavailable("a total refused to count")
    except RedisUnavailable as error:
        raise Problem(
            503,
            "Not recorded",
            "Feedback cannot be recorded now; send it again.",
            headers=[("Retry-After", "1")],
        ) from error
    duplicates = sum(reply == b"duplicate" for reply in replies)
    return len(reports) - duplicates, duplicates
