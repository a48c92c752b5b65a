import pytest

from consent.signals.gpp import decode, denied_fields
from consent.signals.reading import read_signals
from consent.signals.said import UNREADABLE
from consent.signals.tcf import House
from tests.consent.signals.strings import (
    NOW,
    VENDOR,
    base64url,
    gpp_header,
    number,
    tc_string,
    us_section,
)

HOUSE = House(vendor=VENDOR)
NOTICES = (1, 1, 1, 1, 1, 1)
ALLOWS = (*NOTICES, 2, 2, 2, *[0] * 12, 0, 0, 0, 1, 0, 0)  # usnat, version 1
ALLOWS_2 = (*NOTICES, 2, 2, 2, *[0] * 16, 0, 0, 0, 0, 1, 0, 0)
CALIFORNIA = (1, 1, 1, 2, 1, *[0] * 9, 0, 0, 0, 1, 0, 0)


def denied(text):
    return denied_fields(decode(text))


def national(*values, version=1, gpc=None):
    return f"{gpp_header(7)}~{us_section(version, *values, gpc=gpc)}"


def test_opt_outs_are_read_from_every_section():
    both = f"{gpp_header(7, 8)}~{us_section(1, *ALLOWS)}~{us_section(1, *CALIFORNIA)}"

    assert denied(national(*ALLOWS)) == set()
    assert denied(both) == {"SharingOptOut", "SharingOptOut1"}
    assert denied(f"{gpp_header(6)}~1YYN") == {"SaleOptOut"}
    assert denied(f"{gpp_header(6)}~1YNN") == set()


def test_an_element_of_a_list_is_named():
    health = (*ALLOWS[:9], 0, 0, 0, 1, *ALLOWS[13:])

    assert denied(national(*health)) == {"SensitiveDataProcessing", "SensitiveDataProcessing4"}


@pytest.mark.parametrize(
    "text",
    [
        gpp_header(7),
        f"{gpp_header(7, 8)}~{us_section(1, *ALLOWS)}",
        f"{gpp_header(7)}~{us_section(1, *ALLOWS)}~{us_section(1, *ALLOWS)}",
        f"{gpp_header(7)}~",
        f"{gpp_header(28)}~{us_section(1, *ALLOWS)}",
        f"{gpp_header(4)}~{us_section(1, *ALLOWS)}",
        f"{gpp_header(spans=[(7, 200)])}~{us_section(1, *ALLOWS)}",
        national(*ALLOWS, version=3),
        national(*ALLOWS[:-6]),
        national(3, *ALLOWS[1:]),
        national(*ALLOWS) + ".A",
        national(*ALLOWS, gpc=0) + ".QA",
        f"{gpp_header(9)}~{us_section(1, *[0] * 17, gpc=0)}",
        f"{gpp_header(6)}~1YY",
        f"{gpp_header(6)}~2YYN",
        f"{gpp_header(6)}~1yyn",
        "DBAA~",
        "CPXxRfA",
        base64url(number(3, 6) + number(1, 6) + number(4095, 12) + "0" * 500),
        "DB" + "A" * 16_384,
    ],
)
def test_case_22_what_cannot_be_read_denies_every_field(text):
    assert denied(text) == {UNREADABLE}


def test_case_22_both_versions_of_the_national_section():
    assert denied(national(*ALLOWS_2, version=2)) == set()
    opted_out = (*NOTICES, 1, *ALLOWS_2[7:])
    assert denied(national(*opted_out, version=2)) == {"SaleOptOut", "SaleOptOut1"}
    # Some platforms write the fields of version 2 under version 1.
    assert denied(national(*ALLOWS_2, version=1)) == set()
    assert denied(national(*ALLOWS[:-3], version=2)) == {UNREADABLE}


def test_case_22_gpc_inside_overrules_that_nobody_opted_out():
    said = read_signals(gpp=national(*ALLOWS, gpc=1), now=NOW)

    assert said.gpc
    assert said.gpp == {"SaleOptOut", "SharingOptOut", "TargetedAdvertisingOptOut"}
    assert not said.allow_gpp(("SaleOptOut",))
    assert not read_signals(gpp=national(*ALLOWS, gpc=0), now=NOW).gpc


def test_the_tc_string_inside_counts_with_the_one_beside_it():
    inside = f"{gpp_header(2, 6)}~{tc_string(purposes=(1, 3))}~1YNN"

    assert read_signals(gpp=inside, house=HOUSE, now=NOW).tcf == {1, 3}
    both = read_signals(gpp=inside, tcf=tc_string(purposes=(3, 4)), house=HOUSE, now=NOW)
    assert both.tcf == {3}
    assert read_signals(gpp=f"{gpp_header(2)}~x", house=HOUSE, now=NOW).tcf == frozenset()
    assert read_signals(gpp=national(*ALLOWS), now=NOW).tcf is None


def test_a_span_of_sections_is_read():
    sections = us_section(1, *[0] * 17), us_section(1, *[0] * 16)
    said = decode("~".join([gpp_header(spans=[(9, 10)]), *sections]))

    assert said.ids == (9, 10)
    assert [one.name for one in said.states] == ["usva", "usco"]
