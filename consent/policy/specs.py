"""The language of the consent policy: purposes, jurisdictions and notices, their bytes and their digest. Pure."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Literal

import msgspec
import rfc8785

FORMAT = 2  # raised when a reader of an older policy could misread a newer one
FORMATS = (1, 2)  # that this version reads; what an older one does not say has the strict defaults

Basis = Literal["consent", "legitimate_interest", "contract"]
# How a purpose that rests on consent is put to people: asked first, told that they may say no, told.
Mechanism = Literal["opt_in", "opt_out", "notice_only"]
MECHANISMS: tuple[Mechanism, ...] = ("opt_in", "opt_out", "notice_only")  # the strictest first
# What a new version of a notice does to consents given under an earlier one.
ChangeClass = Literal["editorial", "notify", "reconsent"]
# In place of a purpose where a jurisdiction limits consents: all, and those to device access.
EVERY_PURPOSE, ON_DEVICES = "*", "@device"
LEGAL_TERMS: dict[Basis, str] = {
    "consent": "eu-gdpr:A6-1-a",
    "contract": "eu-gdpr:A6-1-b",
    "legitimate_interest": "eu-gdpr:A6-1-f",
}
EXPLICIT_TERM = "eu-gdpr:A9-2-a"


@dataclass(frozen=True, slots=True, kw_only=True)
class PurposeSpec:
    """Why data is used, and what that needs."""

    key: str  # "personalised_ads"
    name: str  # "Personalised advertising"
    description: str = ""  # as people read it
    dpv: str = ""  # term of the Data Privacy Vocabulary, e.g. "dpv:PersonalisedAdvertising"
    basis: Basis = "consent"
    device_access: bool = False  # reads or writes the device: consent only, whatever the basis
    validity_days: int | None = None  # of a consent, from when it was given; None is no limit
    objectable: bool = True  # the person may object; for a contract False is usual
    gpc: bool = False  # Global Privacy Control denies it: sale, sharing, targeted advertising
    tcf: tuple[int, ...] = ()  # purposes of the TCF that it rests on
    gpp: tuple[str, ...] = ()  # fields of the GPP that govern it, e.g. ("SaleOptOut",)
    retired: bool = False  # nothing may be done for it any more
    mechanism: Mechanism = "opt_in"  # the least that is asked anywhere; a jurisdiction may ask more
    special_category: bool = False  # reads health, belief, origin …: explicit consent only
    significant_effect: bool = False  # decides on credit, insurance, price: explicit, or a contract
    profiled_ads: bool = False  # not for known minors, below the age that a jurisdiction names
    retention_days: int | None = None  # of the data that it uses; None is not said
    recipients: tuple[str, ...] = ()  # "Example Mail GmbH"
    transfers: tuple[str, ...] = ()  # out of the country, and what covers them
    data_categories: tuple[str, ...] = ()  # "contact", "purchases"

    @property
    def legal_basis(self) -> str:
        """Return the terms that a record of consent names, e.g. ``eu-gdpr:A6-1-a``."""
        term = LEGAL_TERMS[self.basis]
        return f"{term} {EXPLICIT_TERM}" if self.special_category else term


@dataclass(frozen=True, slots=True, kw_only=True)
class JurisdictionSpec:
    """What the law of some places asks; where several may apply, the strictest of each holds."""

    key: str  # "us-ca"
    name: str  # "California"
    codes: tuple[
        str, ...
    ]  # ISO 3166-2, e.g. ("US-CA",); "US" is all states not named elsewhere, "*" any known place
    regime: str = ""  # "CCPA"
    mechanism: Mechanism = "opt_in"
    mechanisms: dict[str, Mechanism] = field(default_factory=dict)  # purpose -> in place of it
    age_of_consent: int = 16  # below it only a guardian's consent counts, 0..18
    opt_in_below: int = 18  # below it opting out is not enough: they are asked first
    ads_from: int = 18  # known minors below it get no profiled advertising; 0 is no such rule
    unknown_age: Literal["adult", "child"] = "adult"  # how somebody of unknown age is treated
    gpc_effect: Literal["denies", "none"] = "denies"
    reprompt_days: int = 365  # nobody who said no is asked again sooner
    validity_days: dict[str, int] = field(
        default_factory=dict
    )  # purpose, "*" or "@device" -> at most
    acknowledge_days: int | None = None  # of a person's request, calendar days
    answer_days: int = 30
    source_url: str = ""
    reviewed_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeSpec:
    """One version of what people are shown when they are asked; versions are never altered."""

    key: str  # "privacy"
    name: str
    version: int = 1
    change_class: ChangeClass = "reconsent"  # against the version before
    effective_from: datetime  # aware
    purposes: tuple[str, ...] = ()
    languages: dict[str, str] = field(default_factory=dict)  # BCP 47 -> "sha256:…" of its bytes
    controller: str = ""
    workflow_version: str = ""  # of the page that shows it, e.g. a build

    @property
    def reference(self) -> str:
        """Return how a record of consent names it, e.g. ``privacy@3``."""
        return f"{self.key}@{self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySpec:
    """The whole consent policy; tuples are sorted, so that equal content has an equal digest."""

    format: int = FORMAT
    version: int = 0
    digest: str = ""  # "sha256:…" over the canonical JSON of everything else
    purposes: tuple[PurposeSpec, ...] = ()
    jurisdictions: tuple[JurisdictionSpec, ...] = ()
    notices: tuple[NoticeSpec, ...] = ()  # every version that was ever published

    def purpose(self, key: str) -> PurposeSpec | None:
        """Return a purpose by key, or None."""
        return next((purpose for purpose in self.purposes if purpose.key == key), None)

    def notice(self, reference: str) -> NoticeSpec | None:
        """Return a version of a notice, e.g. of ``privacy@3``, or None."""
        return next((notice for notice in self.notices if notice.reference == reference), None)

    def says_the_same(self, other: "PolicySpec") -> bool:
        """Return whether two policies have the same content, whatever their versions."""
        return replace(self, version=0, digest="") == replace(other, version=0, digest="")


class PolicyError(ValueError):
    """A policy cannot be read or trusted; the message says why."""


def canonical_policy(policy: PolicySpec) -> bytes:
    """Return the bytes that the digest covers: canonical JSON without the digest itself.

    Source: RFC 8785.
    """
    return _canonical(msgspec.to_builtins(policy))


def _canonical(content: dict[str, Any]) -> bytes:
    return rfc8785.dumps({key: value for key, value in content.items() if key != "digest"})


def policy_digest(policy: PolicySpec) -> str:
    """Return the digest of a policy, e.g. ``sha256:9f86d0…``."""
    return _digest(canonical_policy(policy))


def _digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def seal_policy(
    purposes: Iterable[PurposeSpec],
    *,
    version: int,
    jurisdictions: Iterable[JurisdictionSpec] = (),
    notices: Iterable[NoticeSpec] = (),
) -> PolicySpec:
    """Return the policy of these purposes, jurisdictions and notices with its digest."""
    unsealed = PolicySpec(
        version=version,
        purposes=tuple(sorted(purposes, key=lambda purpose: purpose.key)),
        jurisdictions=tuple(sorted(jurisdictions, key=lambda place: place.key)),
        notices=tuple(sorted(notices, key=lambda notice: (notice.key, notice.version))),
    )
    return replace(unsealed, digest=policy_digest(unsealed))


def encode_policy(policy: PolicySpec) -> bytes:
    """Return a policy as JSON, digest included."""
    return msgspec.json.encode(policy)


def decode_policy(body: bytes) -> PolicySpec:
    """Return a policy whose content matches its digest; one of format 1 with the strict defaults of the rest.

    Raises:
        PolicyError: unreadable, of a newer format, or altered.
    """
    try:
        content = msgspec.json.decode(body, type=dict[str, Any])
        policy = msgspec.json.decode(body, type=PolicySpec)
        said = _canonical(content)
    except (msgspec.DecodeError, UnicodeError, rfc8785.CanonicalizationError) as error:
        raise PolicyError(f"The policy cannot be read: {error}") from error
    if policy.format not in FORMATS:
        raise PolicyError(f"The policy has format {policy.format}; this version reads {FORMATS}.")
    # Over what was written, not over what is read: an older format has fewer fields.
    if policy.digest != _digest(said):
        raise PolicyError("The policy does not match its digest.")
    return policy
