"""Writes consent strings as tests want them, right or wrong."""

from datetime import UTC, datetime

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
VENDOR = 40
EARLY = datetime(2026, 1, 15, tzinfo=UTC)  # before vendors had to be disclosed
LATE = datetime(2026, 4, 1, tzinfo=UTC)
NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


def base64url(bits):
    """Return bits in whole bytes, then in whole characters, as the reference encoders fill them."""
    bits += "0" * (-len(bits) % 8)
    bits += "0" * (-len(bits) % 6)
    return "".join(ALPHABET[int(bits[at : at + 6], 2)] for at in range(0, len(bits), 6))


def number(value, width):
    return f"{value:0{width}b}"


def chosen(numbers, width):
    return "".join("1" if place in numbers else "0" for place in range(1, width + 1))


def letters(text):
    return "".join(number(ord(one) - ord("A"), 6) for one in text)


def moment(at):
    return number(round(at.timestamp() * 10), 36)


def vendors(numbers, *, largest=None):
    largest = max(numbers, default=0) if largest is None else largest
    return number(largest, 16) + "0" + chosen(numbers, largest)


def ranges(*pairs):
    entries = (
        "1" + number(first, 16) + number(last, 16) if last != first else "0" + number(first, 16)
        for first, last in pairs
    )
    return number(len(pairs), 12) + "".join(entries)


def vendor_ranges(*pairs, largest):
    return number(largest, 16) + "1" + ranges(*pairs)


def disclosed(numbers=(VENDOR,)):
    return base64url("001" + vendors(numbers))


def restriction(purpose, kind, *pairs):
    return number(purpose, 6) + number(kind, 2) + ranges(*pairs)


def tc_string(
    *segments,
    version=2,
    created=EARLY,
    updated=None,
    cmp=31,
    policy=5,
    specific=1,
    purposes=(1, 3, 4),
    interests=(),
    consented=None,
    interested=None,
    restrictions=(),
):
    """Return a TC string that allows purposes 1, 3 and 4 to vendor 40, unless told otherwise."""
    core = (
        number(version, 6)
        + moment(created)
        + moment(updated or created)
        + number(cmp, 12)
        + number(7, 12)
        + number(1, 6)
        + letters("EN")
        + number(112, 12)
        + number(policy, 6)
        + number(specific, 1)
        + "0"
        + chosen((), 12)
        + chosen(purposes, 24)
        + chosen(interests, 24)
        + "0"
        + letters("DE")
        + (vendors((VENDOR,)) if consented is None else consented)
        + (vendors(()) if interested is None else interested)
        + number(len(restrictions), 12)
        + "".join(restrictions)
    )
    return ".".join([base64url(core), *segments])


FIBONACCI = (1, 2, 3, 5, 8, 13, 21, 34, 55, 89)


def fibonacci(value):
    bits, rest = "", value
    for one in reversed([one for one in FIBONACCI if one <= value]):
        bits, rest = ("1" + bits, rest - one) if one <= rest else ("0" + bits, rest)
    return bits + "1"


def gpp_header(*ids, spans=()):
    """Return the header of single sections, then of spans of (first, last)."""
    bits, last = number(3, 6) + number(1, 6) + number(len(ids) + len(spans), 12), 0
    for one in ids:
        bits, last = bits + "0" + fibonacci(one - last), one
    for first, end in spans:
        bits += "1" + fibonacci(first - last) + fibonacci(end - first)
        last = end
    return base64url(bits)


def us_section(version, *values, gpc=None):
    """Return a section of fields of two bits each."""
    core = base64url(number(version, 6) + "".join(number(one, 2) for one in values))
    return core if gpc is None else f"{core}.{base64url('01' + number(gpc, 1))}"
