"""200,000 consent strings that nobody should send: none raises, none allows what a sound one would not."""

import itertools
import random
import time
from datetime import timedelta

import pytest

from consent.signals import gpp, tcf
from consent.signals.reading import read_signals
from consent.signals.said import UNREADABLE
from tests.consent.signals.strings import (
    ALPHABET,
    LATE,
    NOW,
    VENDOR,
    base64url,
    disclosed,
    gpp_header,
    restriction,
    tc_string,
    us_section,
    vendor_ranges,
)

pytestmark = pytest.mark.fuzz

EACH = 50_000
LIMIT_S = 240.0
HOUSE = tcf.House(vendor=VENDOR)
OPTED_OUT = (1, 1, 1, 1, 1, 1, 1, 1, 1, *[1] * 12, 1, 1, 1, 1, 1, 2)
SOUND = (
    tc_string(disclosed(), created=LATE, purposes=()),
    tc_string(disclosed(), created=LATE, consented=vendor_ranges((41, 900), largest=900)),
    tc_string(disclosed(), restrictions=[restriction(one, 0, (1, 900)) for one in (1, 3, 4)]),
)
PLATFORM = (
    f"{gpp_header(7)}~{us_section(1, *OPTED_OUT, gpc=1)}",
    f"{gpp_header(2, 6, 7)}~{SOUND[0]}~1YYN~{us_section(1, *OPTED_OUT)}",
)
ODD = ALPHABET + ".~+/= é\x00"


def spoilt(text, chance):
    """Return a text with a few characters changed, dropped, doubled, swapped or cut."""
    said = list(text)
    for _ in range(chance.randrange(1, 5)):
        place = chance.randrange(len(said)) if said else 0
        match chance.randrange(5):
            case 0 if said:
                said[place] = chance.choice(ODD)
            case 1:
                del said[place : place + chance.randrange(1, 4)]
            case 2:
                said[place:place] = said[place : place + chance.randrange(1, 9)]
            case 3:
                said.insert(place, chance.choice(ODD))
            case _:
                del said[place + 1 :]
    return "".join(said)


def made_up(chance):
    return "".join(chance.choices(ODD, k=chance.randrange(0, 200)))


def from_bits(chance, start):
    bits = "".join(chance.choices("01", k=chance.randrange(0, 600)))
    return base64url(start + bits)


def test_case_21_no_tc_string_raises_or_allows_what_is_not_there():
    chance, begun, granted = random.Random(21), time.monotonic(), 0  # noqa: S311 - spoils texts
    texts = itertools.chain(
        (spoilt(chance.choice(SOUND), chance) for _ in range(EACH)),
        (made_up(chance) for _ in range(EACH // 2)),
        (from_bits(chance, f"{2:06b}") for _ in range(EACH // 2)),
    )
    for text in texts:
        said = read_signals(tcf=text, house=HOUSE, now=NOW)
        if said.tcf:
            granted += 1
            relied_on = tcf.decode(text)
            assert VENDOR in relied_on.core.vendors
            assert said.tcf <= set(relied_on.core.purposes.all())
            assert relied_on.core.updated <= (NOW + timedelta(minutes=5)).timestamp()
    assert time.monotonic() - begun < LIMIT_S
    # A flipped bit of a purpose or a vendor is a sound string that says another thing.
    assert granted < EACH // 50


def test_case_22_no_gpp_string_raises_or_reads_half():
    chance, begun = random.Random(22), time.monotonic()  # noqa: S311 - spoils texts
    texts = itertools.chain(
        (spoilt(chance.choice(PLATFORM), chance) for _ in range(EACH)),
        (made_up(chance) for _ in range(EACH // 2)),
        (gpp_header(7) + "~" + from_bits(chance, f"{1:06b}") for _ in range(EACH // 2)),
    )
    for text in texts:
        if not text:
            continue
        said, whole = read_signals(gpp=text, house=HOUSE, now=NOW), gpp.decode(text)
        assert (whole is None) == (said.gpp == {UNREADABLE})
        assert whole is None or len(whole.ids) == text.count("~")
    assert time.monotonic() - begun < LIMIT_S
