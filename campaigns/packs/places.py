"""The jurisdictions that a new installation begins with; whoever answers for data protection confirms or edits them.

Each says where it is written and when that was last read.
"""

from datetime import date
from typing import Final

from consent.policy import ON_DEVICES, JurisdictionSpec

READ_ON: Final = date(2026, 11, 22)
EEA: Final = (
    *("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "GR", "HR", "HU", "IE", "IS"),
    *("IT", "LI", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK"),
)
# That ask for Global Privacy Control to be honoured, California apart.
GPC_STATES: Final = ("CO", "CT", "DE", "MD", "MT", "NE", "NH", "NJ", "OR", "TX")

JURISDICTIONS: Final = (
    JurisdictionSpec(
        key="eea",
        name="European Economic Area",
        codes=EEA,
        regime="GDPR",
        age_of_consent=16,
        acknowledge_days=None,
        answer_days=30,
        source_url="https://eur-lex.europa.eu/eli/reg/2016/679/oj",
        reviewed_on=READ_ON,
    ),
    JurisdictionSpec(
        key="fr",
        name="France",
        codes=("FR",),
        regime="GDPR",
        age_of_consent=15,
        reprompt_days=180,
        validity_days={ON_DEVICES: 180},
        source_url="https://www.cnil.fr/fr/cookies-et-autres-traceurs",
        reviewed_on=READ_ON,
    ),
    JurisdictionSpec(
        key="gb",
        name="United Kingdom",
        codes=("GB",),
        regime="UK GDPR",
        age_of_consent=13,
        source_url="https://www.legislation.gov.uk/eur/2016/679/contents",
        reviewed_on=READ_ON,
    ),
    JurisdictionSpec(
        key="us-ca",
        name="California",
        codes=("US-CA",),
        regime="CCPA",
        mechanism="opt_out",
        age_of_consent=13,
        opt_in_below=16,
        ads_from=0,
        acknowledge_days=10,
        answer_days=45,
        source_url="https://cppa.ca.gov/regulations/",
        reviewed_on=READ_ON,
    ),
    JurisdictionSpec(
        key="us-gpc",
        name="US states that honour Global Privacy Control",
        codes=tuple(f"US-{state}" for state in GPC_STATES),
        regime="US state laws",
        mechanism="opt_out",
        age_of_consent=13,
        opt_in_below=16,
        ads_from=0,
        answer_days=45,
        source_url="https://globalprivacycontrol.org/",
        reviewed_on=READ_ON,
    ),
    JurisdictionSpec(
        key="us",
        name="Other US states",
        codes=("US",),
        regime="US",
        mechanism="opt_out",
        age_of_consent=13,
        opt_in_below=13,
        ads_from=0,
        answer_days=45,
        gpc_effect="none",
        source_url="https://www.ftc.gov/legal-library/browse/rules/childrens-online-privacy-protection-rule-coppa",
        reviewed_on=READ_ON,
    ),
)
