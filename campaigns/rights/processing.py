"""The only place that writes the register of processing: of each purpose what, why, who gets it, how long.

Source: GDPR article 30(1).
"""

from typing import Any, Final

from campaigns.candidates import candidate_of
from consent import policy_store
from consent.policy import PurposeSpec
from decisioning.models import Destination, Source
from decisioning.specs import AttributeSpec

COLUMNS: Final = (
    *("purpose", "name", "description", "legal_basis", "special_category", "data_subjects"),
    *(
        "data_categories",
        "attributes",
        "sources",
        "recipients",
        "transfers",
        "retention",
        "security",
    ),
)
SUBJECTS: Final = "customers and visitors"
SECURITY: Final = (
    "Decisions and consents are encrypted under a key of each person, which an erasure destroys; identifiers are kept as"
    " keyed hashes; every consent is in a signed, append-only ledger; staff read under roles, and each reading is logged."
)


def register_of_processing() -> list[dict[str, Any]]:
    """Return a row for each purpose of the policy in force, by key; COLUMNS are the fields. Four queries."""
    live = policy_store.live_policy()
    attributes = candidate_of(None).spec.attributes
    sources = sorted(Source.objects.filter(is_active=True).values_list("name", flat=True))
    destinations = list(Destination.objects.filter(is_active=True))
    return [
        _row(
            purpose,
            [one for one in attributes if purpose.key in one.purposes],
            sources=["the web, app and server APIs", *sources],
            told=[
                one.name for one in destinations if purpose.key in (one.purposes or [purpose.key])
            ],
        )
        for purpose in (live.purposes if live is not None else ())
        if not purpose.retired
    ]


def _row(
    purpose: PurposeSpec, read: list[AttributeSpec], *, sources: list[str], told: list[str]
) -> dict[str, Any]:
    days = purpose.retention_days
    return {
        "purpose": purpose.key,
        "name": purpose.name,
        "description": purpose.description,
        "legal_basis": purpose.legal_basis,
        "special_category": "yes" if purpose.special_category else "no",
        "data_subjects": SUBJECTS,
        "data_categories": sorted(
            {*purpose.data_categories, *(one.data_class for one in read if one.data_class)}
        ),
        "attributes": sorted(_with_retention(one) for one in read),
        "sources": sources,
        "recipients": sorted({*purpose.recipients, *told}),
        "transfers": list(purpose.transfers),
        "retention": f"{days} days" if days is not None else "until erasure",
        "security": SECURITY,
    }


def _with_retention(attribute: AttributeSpec) -> str:
    days = attribute.retention_days
    return attribute.key if days is None else f"{attribute.key} ({days} days)"


def cell(value: Any) -> str:
    """Return a value as one cell that no spreadsheet takes for a formula."""
    text = "; ".join(value) if isinstance(value, list) else str(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t")) else text
