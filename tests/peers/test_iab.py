"""The strings of the IAB's own projects: what its decoders read is read alike, what they reject grants nothing."""

import gzip
import json
from datetime import UTC, datetime, timedelta

import pytest

from consent.signals import gpp, tcf, tcf_canada
from consent.signals.said import UNREADABLE
from tests.peers.shared_data import suite

TCF = suite("iab_tcf")
GPP = suite("iab_gpp")
# Its own test string has bits behind the end of the section, which its decoder passes over.
GARBLED = "BPSG_8APSG_8AAyACAENGdCgf_gfgAfgfgBgABABAAABAB4AACACADwAAEAE.fHHHA4444ao"
OF_NOBODY = "CPSG_8APSG_8AAAAAAENAAFg"  # CMP 0, which one of the two decoders reads and one rejects


def rows(path):
    return json.loads(
        gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_text()
    )


STRINGS = [
    row
    for path in sorted(TCF.glob("tc_strings_*"))
    if "rejected" not in path.name
    for row in rows(path)
]
REJECTED = [row["string"] for row in rows(TCF / "tc_strings_rejected_by_reference.json")]
PLATFORM = rows(GPP / "gpp_strings.json")


def of(some):
    """Run a test with each of some rows; some begin alike, so they are numbered."""
    return pytest.mark.parametrize("row", some, ids=[str(place) for place in range(len(some))])


def iso(seconds):
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def told_1(said):
    core = said.core
    return {
        "version": core.version,
        "created": iso(core.created),
        "lastUpdated": iso(core.updated),
        "cmpId": core.cmp,
        "cmpVersion": core.cmp_version,
        "consentScreen": core.screen,
        "consentLanguage": core.language,
        "vendorListVersion": core.list_version,
        "purposeConsents": core.purposes.all(),
        "vendorConsents": core.vendors.all(),
    }


def told(said):
    core, publisher = said.core, said.publisher
    restrictions = sorted((one, kind, whom.all()) for one, kind, whom in core.restrictions)
    return told_1(said) | {
        "policyVersion": core.policy,
        "isServiceSpecific": core.service_specific,
        "useNonStandardTexts": core.own_texts,
        "purposeOneTreatment": core.one_treated,
        "publisherCountryCode": core.country,
        "specialFeatureOptins": core.special_features.all(),
        "purposeLegitimateInterests": core.interests.all(),
        "vendorLegitimateInterests": core.interest_vendors.all(),
        "vendorsDisclosed": said.disclosed.all() if said.disclosed else [],
        "vendorsAllowed": said.allowed.all() if said.allowed else [],
        "publisherConsents": publisher.purposes.all() if publisher else [],
        "publisherLegitimateInterests": publisher.interests.all() if publisher else [],
        "numCustomPurposes": publisher.own if publisher else 0,
        "publisherCustomConsents": publisher.own_purposes.all() if publisher else [],
        "publisherCustomLegitimateInterests": publisher.own_interests.all() if publisher else [],
        "publisherRestrictions": restrictions,
    }


def expected(row):
    wanted = dict(row["decoded"])
    wanted["publisherRestrictions"] = sorted(
        (one["purposeId"], one["restrictionType"], one["vendors"])
        for one in wanted["publisherRestrictions"]
    )
    return wanted


@of(STRINGS)
def test_a_tc_string_is_read_as_the_reference_reads_it(row):
    said, wanted = tcf.decode(row["string"]), expected(row)

    assert said is not None
    found = told_1(said) if said.core.version == 1 else told(said)
    assert found == {name: wanted[name] for name in found}


def grants_to_anybody(text, *, now):
    """Return what a string grants the vendors that it names."""
    said = tcf.decode(text)
    if said is None:
        return frozenset()
    some = [*said.core.vendors.all()[:3], *said.core.interest_vendors.all()[:3], 1, 740]
    houses = [
        tcf.House(one, legitimate_interest=interest)
        for one in some
        for interest in (frozenset(), frozenset(tcf.PURPOSES))
    ]
    return frozenset().union(*(tcf.allowed_purposes(text, house=one, now=now) for one in houses))


def test_case_21_what_the_reference_rejects_grants_nothing():
    for text in REJECTED:
        for year in range(2018, 2028):
            assert not grants_to_anybody(text, now=datetime(year, 6, 1, tzinfo=UTC)), text


def moment_of(row):
    return datetime.fromisoformat(row["decoded"]["lastUpdated"]) + timedelta(hours=1)


SHORT = [row for row in STRINGS if len(row["string"]) < 300 and row["decoded"]["version"] == 2]


@of(SHORT)
def test_case_21_no_truncation_grants_more(row):
    whole, now = row["string"], moment_of(row)
    segments = whole.split(".")
    for length in range(len(whole)):
        cut = whole[:length]
        # Without its last segments a string is another one, and as sound.
        rest = ".".join(segments[: cut.count(".") + 1])
        assert grants_to_anybody(cut, now=now) <= grants_to_anybody(rest, now=now)
        assert tcf.decode(cut) in (None, tcf.decode(rest))


@of(SHORT[:12])
def test_case_21_characters_of_another_alphabet_deny(row):
    text = row["string"]
    for place in range(len(text)):
        for one in "+/=~ é\n":
            assert tcf.decode(text[:place] + one + text[place + 1 :]) is None


def test_vendors_of_a_real_list_are_granted_what_they_were_given():
    granted = {
        row["string"]: grants_to_anybody(row["string"], now=moment_of(row)) for row in STRINGS
    }
    relied_on = {
        row["string"]
        for row in STRINGS
        if row["decoded"]["version"] == 2
        and row["decoded"]["policyVersion"] >= tcf.MIN_POLICY
        and row["decoded"]["isServiceSpecific"]
    }

    assert {text for text, purposes in granted.items() if purposes} <= relied_on
    assert any(granted.values())


@of(PLATFORM)
def test_a_gpp_string_is_read_as_the_reference_reads_it(row):
    said = gpp.decode(row["string"])
    if not row["valid"]:
        assert said is None
        assert gpp.denied_fields(said) == {UNREADABLE}
        return
    sections = row["decoded"]["sections"]
    assert list(said.ids) == row["decoded"]["sectionIds"]
    for section in said.states:
        wanted = sections[section.name]
        for name, values in section.fields.items():
            of_reference = wanted[name] if isinstance(wanted[name], list) else [wanted[name]]
            # Version 1 in the longer form: the reference leaves the new elements out.
            assert list(values)[: len(of_reference)] == of_reference
        assert section.gpc in (None, wanted.get("Gpc"))
    if said.usp:
        usp = sections["uspv1"]
        assert said.usp == f"1{usp['Notice']}{usp['OptOutSale']}{usp['LspaCovered']}"


def bitfield(values):
    return [place for place, is_set in enumerate(values, 1) if is_set]


@of(PLATFORM)
def test_the_tcf_inside_a_gpp_string_is_read_as_the_reference_reads_it(row):
    said = gpp.decode(row["string"])
    if said is None:
        return
    if said.europe and not said.europe.startswith(OF_NOBODY) and said.europe != ".":
        core, wanted = tcf.decode(said.europe).core, row["decoded"]["sections"]["tcfeuv2"]
        assert core.purposes.all() == bitfield(wanted["PurposeConsents"])
        assert core.interests.all() == bitfield(wanted["PurposeLegitimateInterests"])
        assert core.vendors.all() == wanted["VendorConsents"]
        assert (core.cmp, core.policy) == (wanted["CmpId"], wanted["PolicyVersion"])
    if said.canada and said.canada != GARBLED:
        canada, wanted = tcf_canada.decode(said.canada), row["decoded"]["sections"]["tcfcav1"]
        assert canada.express.all() == bitfield(wanted["PurposesExpressConsent"])
        assert canada.implied_vendors.all() == wanted["VendorImpliedConsent"]


def test_case_22_no_truncated_gpp_string_says_less():
    for row in PLATFORM:
        full = gpp.decode(row["string"])
        for length in range(len(row["string"])):
            cut = gpp.decode(row["string"][:length])
            if cut is not None and row["string"][length] != ".":
                assert [one.fields for one in cut.states] == [one.fields for one in full.states]
