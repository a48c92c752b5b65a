"""The fields of the sections of the Global Privacy Platform for the United States, in the order of their bits.

Source: IAB Tech Lab, Global Privacy Platform, "Sections/US-National" and "Sections/US-States".
"""

from dataclasses import dataclass
from typing import Final

Fields = tuple[tuple[str, int], ...]  # name, number of values of two bits

MSPA: Final = (
    ("MspaCoveredTransaction", 1),
    ("MspaOptOutOptionMode", 1),
    ("MspaServiceProviderMode", 1),
)
SALE_NOTICES: Final = (("SaleOptOutNotice", 1), ("TargetedAdvertisingOptOutNotice", 1))
SALE: Final = (("SaleOptOut", 1), ("TargetedAdvertisingOptOut", 1))


@dataclass(frozen=True, slots=True)
class Layout:
    """How a section is written."""

    name: str
    fields: Fields
    has_gpc: bool = True  # may have a segment that repeats Global Privacy Control
    has_sensitive: bool = False  # may have a segment of its own for sensitive data


def _sensitive(processing: int, children: int) -> Fields:
    return ("SensitiveDataProcessing", processing), ("KnownChildSensitiveDataConsents", children)


def _national(processing: int, children: int) -> Layout:
    return Layout(
        "usnat",
        (
            ("SharingNotice", 1),
            ("SaleOptOutNotice", 1),
            ("SharingOptOutNotice", 1),
            ("TargetedAdvertisingOptOutNotice", 1),
            ("SensitiveDataProcessingOptOutNotice", 1),
            ("SensitiveDataLimitUseNotice", 1),
            ("SaleOptOut", 1),
            ("SharingOptOut", 1),
            ("TargetedAdvertisingOptOut", 1),
            *_sensitive(processing, children),
            ("PersonalDataConsents", 1),
            *MSPA,
        ),
    )


CALIFORNIA: Final = Layout(
    "usca",
    (
        ("SaleOptOutNotice", 1),
        ("SharingOptOutNotice", 1),
        ("SensitiveDataLimitUseNotice", 1),
        ("SaleOptOut", 1),
        ("SharingOptOut", 1),
        *_sensitive(9, 2),
        ("PersonalDataConsents", 1),
        *MSPA,
    ),
)
UTAH: Final = Layout(
    "usut",
    (
        ("SharingNotice", 1),
        *SALE_NOTICES,
        ("SensitiveDataProcessingOptOutNotice", 1),
        *SALE,
        *_sensitive(8, 1),
        *MSPA,
    ),
    has_gpc=False,
)
IOWA: Final = Layout(
    "usia",
    (
        ("ProcessingNotice", 1),
        *SALE_NOTICES,
        ("SensitiveDataOptOutNotice", 1),
        *SALE,
        *_sensitive(8, 1),
        *MSPA,
    ),
)


def _early(name: str, processing: int, children: int, *, has_gpc: bool = True) -> Layout:
    fields = (("SharingNotice", 1), *SALE_NOTICES, *SALE, *_sensitive(processing, children), *MSPA)
    return Layout(name, fields, has_gpc=has_gpc)


def _later(
    name: str,
    processing: int,
    children: int,
    *,
    notice: str = "ProcessingNotice",
    has_gpc: bool = True,
) -> Layout:
    fields = (
        (notice, 1),
        *SALE_NOTICES,
        *SALE,
        *_sensitive(processing, children),
        ("AdditionalDataProcessingConsent", 1),
        *MSPA,
    )
    return Layout(name, fields, has_gpc=has_gpc)


_LATEST: Final = (
    ("MspaCoveredTransaction", 1),
    ("MspaMode", 1),
    ("ProcessingNotice", 1),
    *SALE_NOTICES,
    *SALE,
)


def _latest(name: str) -> Layout:
    fields = (
        *_LATEST,
        ("KnownChildSensitiveDataConsents", 1),
        ("AdditionalDataProcessingConsent", 1),
    )
    return Layout(name, fields, has_gpc=False, has_sensitive=True)


# Section and version -> how it is written.
LAYOUTS: Final[dict[tuple[int, int], Layout]] = {
    (7, 1): _national(12, 2),
    (7, 2): _national(16, 3),
    (8, 1): CALIFORNIA,
    (9, 1): _early("usva", 8, 1, has_gpc=False),
    (10, 1): _early("usco", 7, 1),
    (11, 1): UTAH,
    (12, 1): _early("usct", 8, 3),
    (13, 1): _later("usfl", 8, 3, has_gpc=False),
    (14, 1): _later("usmt", 8, 3, notice="SharingNotice"),
    (15, 1): _later("usor", 11, 3),
    (16, 1): _later("ustx", 8, 1),
    (17, 1): _later("usde", 9, 5),
    (18, 1): IOWA,
    (19, 1): _later("usne", 8, 1),
    (20, 1): _later("usnh", 8, 3),
    (21, 1): _later("usnj", 10, 5),
    (22, 1): _later("ustn", 8, 1),
    (23, 1): _later("usmn", 8, 1),
    (24, 1): Layout("usmd", (*_LATEST, ("AdditionalDataProcessingConsent", 1))),
    (25, 1): _latest("usin"),
    (26, 1): _latest("usky"),
    (27, 1): _latest("usri"),
}
