"""The only place that says how one item of a request is refused while the others are taken."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import msgspec

from decisioning.ingestion.records import Record

MAX_ID: Final = 200  # characters of an identifier, a message id, an event name
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Refusal:
    """An item refused for what it is; sending it again changes nothing."""

    item: int  # its place in the batch, from 0
    pointer: str  # "/userId"
    reason: str
    message_id: str | None = None
    quarantined: Record | None = None  # kept apart because its time lies in the future


class Refused(Exception):
    """What makes one item unacceptable; `pointer` names its field."""

    def __init__(self, pointer: str, reason: str, *, quarantined: Record | None = None) -> None:
        super().__init__(reason)
        self.pointer = pointer
        self.reason = reason
        self.quarantined = quarantined
        self.message_id: str | None = None


class NamesNobody(Refused):
    """An item that does not say whom it is about."""


def collect(
    items: Sequence[T],
    read: Callable[[T, int], Record],
    *,
    own: Callable[[str], str] | None = None,
) -> tuple[list[Record], list[Refusal]]:
    """Return the records of items, in order, and a refusal for each that `read` refuses.

    `read` is given an item and its place; `own` translates pointers to what the sender calls a field.
    """
    records: list[Record] = []
    refusals: list[Refusal] = []
    for place, item in enumerate(items):
        try:
            records.append(read(item, place))
        except Refused as refused:
            pointer = own(refused.pointer) if own is not None else refused.pointer
            refusals.append(
                Refusal(place, pointer, refused.reason, refused.message_id, refused.quarantined)
            )
    return records, refusals


def wrong_shape(error: msgspec.ValidationError) -> Refused:
    """Return the refusal of an item that has not the fields or types it should.

    >>> import msgspec
    >>> try: msgspec.convert({"a": "b"}, dict[str, int])
    ... except msgspec.ValidationError as error: wrong_shape(error).reason
    'Expected `int`, got `str`'
    """
    words, _, place = str(error).partition(" - at ")
    return Refused(place.strip("`").removeprefix("$").replace(".", "/"), words)


def read_id(pointer: str, value: str | int | None) -> str | None:
    """Return an identifier as text; None where it is missing, null or empty.

    Raises:
        Refused: too long, or with control characters.
    """
    if value is None or value == "":
        return None
    text = str(value)
    if len(text) > MAX_ID or (not text.isprintable() and _CONTROL.search(text)):
        raise Refused(pointer, f"Send at most {MAX_ID} characters, no control characters.")
    return text
