"""The only place that reads when an event happened, by its sender's clock and by ours."""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

import msgspec

from decisioning.ingestion.records import Record
from decisioning.ingestion.refusals import Refused

FUTURE_MS: Final = 5 * 60_000  # an event further ahead is quarantined
_LOOSE_DAY: Final = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?=T|$)")


def event_time_ms(stamped: str | None, sent: str | None, *, received_at_ms: int) -> int:
    """Return received − (sent − stamped) where the sender says when it sent, else the stamp, else received.

    Raises:
        Refused: one of the two is no time.
    """
    stamped_ms = parse_time("/timestamp", stamped)
    sent_ms = parse_time("/sentAt", sent)
    if stamped_ms is None:
        return received_at_ms
    return without_skew(stamped_ms, sent_ms, received_at_ms=received_at_ms)


def without_skew(stamped_ms: int, sent_ms: int | None, *, received_at_ms: int) -> int:
    """Return when something happened by our clock; the stamp itself where nothing says when it was sent."""
    if sent_ms is None:
        return stamped_ms
    return max(0, received_at_ms - (sent_ms - stamped_ms))


def parse_time(pointer: str, text: str | None) -> int | None:
    """Return epoch milliseconds of an ISO 8601 time, UTC where no zone is given.

    Raises:
        Refused: not such a time, or before 1970.
    """
    if text is None or text == "":
        return None
    try:
        epoch_ms = _epoch_ms(text)
    except (ValueError, OverflowError) as error:
        raise Refused(pointer, 'Send a time such as "2026-11-22T09:00:00Z".') from error
    if epoch_ms < 0:
        raise Refused(pointer, "Send a time after 1970.")
    return epoch_ms


@lru_cache(maxsize=512)  # the messages of a batch were sent at one time
def _epoch_ms(text: str) -> int:
    moment = _moment(text)
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(zoned.timestamp() * 1000)


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:  # seldom, and dear
        return datetime.fromisoformat(_LOOSE_DAY.sub(_padded, text.strip()))


def _padded(match: re.Match[str]) -> str:
    year, month, day = match.groups()
    return f"{year}-{month:0>2}-{day:0>2}"


def in_time(record: Record) -> Record:
    """Return the record no later than it was received, so that the newest event is never ahead of now.

    Raises:
        Refused: its time lies more than FUTURE_MS ahead; it is to be kept apart.
    """
    ahead_ms = record.event_time_ms - record.received_at_ms
    if ahead_ms <= 0:
        return record
    if ahead_ms > FUTURE_MS:
        seconds = ahead_ms // 1000
        reason = f"The event's time is {seconds} s in the future; it is kept apart and not used."
        raise Refused("/timestamp", reason, quarantined=record)
    return msgspec.structs.replace(record, event_time_ms=record.received_at_ms)
