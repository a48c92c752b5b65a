"""The only place that reads bits out of base64url text, as consent strings are written. Pure."""

import base64
import re
from dataclasses import dataclass

MAX_CHARS = 10_000  # of a whole string; the largest real ones have about 2,000
_ALPHABET = re.compile(r"[A-Za-z0-9_-]+")
_TICKS_A_SECOND = 10  # times are in tenths of a second
_LETTERS = 26


class MalformedError(ValueError):
    """The string is not what its standard says; nobody outside the decoders sees this."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """A set of numbers as it was written, so that a range of 65,535 costs no more than one of two."""

    bits: int = 0  # where `ranges` is empty; the highest of `width` bits is number 1
    width: int = 0
    ranges: tuple[tuple[int, int], ...] = ()  # first and last, both included

    def __contains__(self, number: int) -> bool:
        if self.ranges:
            return any(first <= number <= last for first, last in self.ranges)
        return 0 < number <= self.width and self.bits >> self.width - number & 1 == 1

    def all(self) -> list[int]:
        """Return the numbers, ascending; for tools and tests."""
        within = {one for first, last in self.ranges for one in range(first, last + 1)}
        return sorted(within) or [one for one in range(1, self.width + 1) if one in self]


class Bits:
    """Reads a text of base64url from its first bit to its last."""

    __slots__ = ("_left", "_value", "length")

    def __init__(self, text: str) -> None:
        if not _ALPHABET.fullmatch(text):
            raise MalformedError("not base64url")
        filler = -len(text) % 4
        body = base64.urlsafe_b64decode(text + "A" * filler)
        self._left = self.length = 6 * len(text)
        self._value = int.from_bytes(body, "big") >> 6 * filler

    def number(self, width: int) -> int:
        """Return the next `width` bits as a number.

        Raises:
            MalformedError: the text ends before.
        """
        self._left -= width
        if self._left < 0:
            raise MalformedError("truncated")
        return self._value >> self._left & (1 << width) - 1

    def flag(self) -> bool:
        """Return the next bit."""
        return self.number(1) == 1

    def seconds(self) -> float:
        """Return the next 36 bits as a time, epoch seconds."""
        return self.number(36) / _TICKS_A_SECOND

    def letters(self) -> str:
        """Return the next two letters, e.g. ``EN``."""
        both = self.number(6), self.number(6)
        if max(both) >= _LETTERS:
            raise MalformedError("no letters")
        return "".join(chr(ord("A") + one) for one in both)

    def chosen(self, width: int) -> Numbers:
        """Return which of the next `width` bits are set, the first being number 1."""
        return Numbers(self.number(width), width)

    def ranges(self, *, limit: int) -> Numbers:
        """Return a list of numbers and ranges of 16 bits each, all within 1..limit."""
        found: list[tuple[int, int]] = []
        for _ in range(self.number(12)):
            is_range, first = self.flag(), self.number(16)
            last = self.number(16) if is_range else first
            if not 0 < first <= last <= limit:
                raise MalformedError("a range out of bounds")
            found.append((first, last))
        return Numbers(ranges=tuple(found))

    def vendors(self) -> Numbers:
        """Return a section of vendors: the largest number, then a bit for each or ranges."""
        largest = self.number(16)
        return self.ranges(limit=largest) if self.flag() else self.chosen(largest)

    def fibonacci(self) -> int:
        """Return the next number in Fibonacci coding, which two ones in a row end.

        Source: IAB Global Privacy Platform, "Fibonacci encoding".
        """
        total, weight, following, was_one = 0, 1, 2, False
        while True:
            is_one = self.flag()
            if is_one and was_one:
                return total
            total += weight if is_one else 0
            weight, following, was_one = following, weight + following, is_one

    def end(self) -> None:
        """Make sure that nothing but filling zeros is left.

        Raises:
            MalformedError: there is more.
        """
        if self._value & (1 << self._left) - 1:
            raise MalformedError("more than there should be")
