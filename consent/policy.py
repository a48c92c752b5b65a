"""The consent gate: whether what a person has said lets their data be used for these purposes, and why. Pure."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

import msgspec
import rfc8785

from consent.signals.said import NO_SIGNALS, Signals

FORMAT = 1  # raised when a reader of an older policy could misread a newer one
DAY_SECONDS = 86_400
EVERY_CHANNEL = "*"

Basis = Literal["consent", "legitimate_interest", "contract"]
Ground = Literal["consent", "legitimate_interest", "contract", "none"]


class Status(StrEnum):
    """Where a person stands on a purpose; the words of the Data Privacy Vocabulary, and objection."""

    UNKNOWN = "unknown"
    REQUESTED = "requested"
    DEFERRED = "deferred"
    GIVEN = "given"
    RENEWED = "renewed"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    TERMINATED = "terminated"
    INVALIDATED = "invalidated"
    OBJECTED = "objected"


GRANTING = frozenset({Status.GIVEN, Status.RENEWED})


def _(source: str) -> str:
    """Mark words for translation; whoever shows them translates them."""
    return source


# What pages say of where a person stands.
STATUSES = (
    *(_("unknown"), _("requested"), _("deferred"), _("given"), _("renewed"), _("refused")),
    *(_("withdrawn"), _("expired"), _("terminated"), _("invalidated"), _("objected")),
)


@dataclass(frozen=True, slots=True)
class State:
    """What a person last said about one purpose on one channel."""

    status: Status
    since: float  # epoch seconds from which it holds
    expires_at: float | None = None  # epoch seconds; the first instant at which it no longer holds
    record: str = ""  # id of the consent event


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentView:
    """A person's consent as a reader found it; `states` has (purpose, channel), channel ``"*"`` being all others."""

    version: int  # rises with every change; 0: nothing was ever recorded
    fenced: bool  # a change is under way
    trusted: bool  # the store that was read has every change that was acknowledged
    states: Mapping[tuple[str, str], State] = field(default_factory=lambda: MappingProxyType({}))
    restricted: bool = False  # only storage is allowed (restriction, erasure, merged away)
    run_id: str = ""  # of the Redis process that was read

    @property
    def usable(self) -> bool:
        return self.trusted and not self.fenced


UNAVAILABLE = ConsentView(version=-1, fenced=False, trusted=False)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySpec:
    """The whole consent policy; `purposes` sorted by key, so that equal content has an equal digest."""

    format: int = FORMAT
    version: int = 0
    digest: str = ""  # "sha256:…" over the canonical JSON of everything else
    purposes: tuple[PurposeSpec, ...] = ()

    def purpose(self, key: str) -> PurposeSpec | None:
        """Return a purpose by key, or None."""
        return next((purpose for purpose in self.purposes if purpose.key == key), None)


class PolicyError(ValueError):
    """A policy cannot be read or trusted; the message says why."""


def canonical_policy(policy: PolicySpec) -> bytes:
    """Return the bytes that the digest covers: canonical JSON without the digest itself.

    Source: RFC 8785.
    """
    content = msgspec.to_builtins(policy)
    del content["digest"]
    return rfc8785.dumps(content)


def policy_digest(policy: PolicySpec) -> str:
    """Return the digest of a policy, e.g. ``sha256:9f86d0…``."""
    return "sha256:" + hashlib.sha256(canonical_policy(policy)).hexdigest()


def seal_policy(purposes: Sequence[PurposeSpec], *, version: int) -> PolicySpec:
    """Return the policy of these purposes with its digest."""
    ordered = tuple(sorted(purposes, key=lambda purpose: purpose.key))
    unsealed = PolicySpec(version=version, purposes=ordered)
    return replace(unsealed, digest=policy_digest(unsealed))


def encode_policy(policy: PolicySpec) -> bytes:
    """Return a policy as JSON, digest included."""
    return msgspec.json.encode(policy)


def decode_policy(body: bytes) -> PolicySpec:
    """Return a policy whose content matches its digest.

    Raises:
        PolicyError: unreadable, of a newer format, or altered.
    """
    try:
        policy = msgspec.json.decode(body, type=PolicySpec)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise PolicyError(f"The policy cannot be read: {error}") from error
    if policy.format != FORMAT:
        raise PolicyError(f"The policy has format {policy.format}; this version reads {FORMAT}.")
    if policy.digest != policy_digest(policy):
        raise PolicyError("The policy does not match its digest.")
    return policy


REASONS: dict[str, str] = {
    "NO_PERSONAL_DATA": _("it uses no personal data"),
    "CONSENT_GIVEN": _("consent was given"),
    "LEGITIMATE_INTEREST": _("legitimate interest, and no objection"),
    "CONTRACT": _("needed for the contract"),
    "CONSENT_UNAVAILABLE": _("consent cannot be read with certainty right now"),
    "CONSENT_CHANGING": _("a change of consent is under way"),
    "POLICY_UNAVAILABLE": _("no verified consent policy is in force"),
    "RESTRICTED": _("this person's data may only be stored"),
    "PURPOSE_UNKNOWN": _("the consent policy does not have this purpose"),
    "PURPOSE_RETIRED": _("nothing is done for this purpose any more"),
    "GPC": _("the browser's Global Privacy Control says no"),
    "TCF": _("the request's TCF string does not allow it"),
    "GPP": _("the request's GPP string does not allow it"),
    "REQUEST_DENIED": _("the request itself denies this purpose"),
    "OBJECTED": _("the person objected"),
    "CONSENT_UNKNOWN": _("consent was never given"),
    "CONSENT_REQUESTED": _("consent was asked for and not answered"),
    "CONSENT_DEFERRED": _("the person has put off the answer"),
    "CONSENT_REFUSED": _("consent was refused"),
    "CONSENT_WITHDRAWN": _("consent was withdrawn"),
    "CONSENT_EXPIRED": _("consent has expired"),
    "CONSENT_TERMINATED": _("consent was ended by the controller"),
    "CONSENT_INVALIDATED": _("consent was found not valid"),
    "CONSENT_NOT_YET": _("consent holds only from a later time"),
}


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a purpose is allowed or denied."""

    code: str  # a key of REASONS; stable
    purpose: str = ""  # "" is all of them

    @property
    def name(self) -> str:
        """Return code and purpose as one text, e.g. ``CONSENT_WITHDRAWN:email``."""
        return f"{self.code}:{self.purpose}" if self.purpose else self.code

    @property
    def words(self) -> str:
        subject = f"{self.purpose}: " if self.purpose else ""
        return subject + REASONS[self.code]


@dataclass(frozen=True, slots=True)
class GateResult:
    """The gate's answer; where allowed, what it rests on."""

    allowed: bool
    reasons: tuple[Reason, ...]  # where denied, of every purpose that denies
    basis: Ground = (
        "none"  # the most demanding of the bases: consent, legitimate interest, contract
    )
    purpose: str = ""  # the purpose that `basis` is of
    record: str = ""  # id of the consent event, where the basis is consent
    expires_at: float | None = None  # epoch seconds; the earliest instant at which a consent lapses


@dataclass(frozen=True, slots=True)
class _Verdict:
    reason: Reason
    allowed: bool = False
    basis: Ground = "none"
    record: str = ""
    expires_at: float | None = None


STRICTNESS: dict[Ground, int] = {"consent": 0, "legitimate_interest": 1, "contract": 2, "none": 3}


def permits(
    policy: PolicySpec | None,
    view: ConsentView,
    purposes: Sequence[str],
    *,
    channel: str,
    signals: Signals = NO_SIGNALS,
    now: datetime,
) -> GateResult:
    """Return whether all of these purposes are allowed on a channel at `now`; what is not certain denies.

    With no purposes nothing personal is used, which is always allowed. No clock, no store; a few microseconds.
    """
    if not purposes:
        return GateResult(True, (Reason("NO_PERSONAL_DATA"),))
    if policy is None:
        return GateResult(False, (Reason("POLICY_UNAVAILABLE"),))
    if not view.usable or view.restricted:
        return GateResult(False, (Reason(_unusable(view)),))
    verdicts = [
        _judge(policy, view, purpose, channel=channel, signals=signals, now=now.timestamp())
        for purpose in purposes
    ]
    denials = tuple(verdict.reason for verdict in verdicts if not verdict.allowed)
    return GateResult(False, denials) if denials else _allowed(verdicts)


def _unusable(view: ConsentView) -> str:
    if not view.trusted:
        return "CONSENT_UNAVAILABLE"
    return "CONSENT_CHANGING" if view.fenced else "RESTRICTED"


def _allowed(verdicts: Sequence[_Verdict]) -> GateResult:
    main = min(verdicts, key=lambda verdict: STRICTNESS[verdict.basis])
    lapses = [verdict.expires_at for verdict in verdicts if verdict.expires_at is not None]
    return GateResult(
        True,
        tuple(verdict.reason for verdict in verdicts),
        main.basis,
        main.reason.purpose,
        main.record,
        min(lapses, default=None),
    )


def _judge(
    policy: PolicySpec,
    view: ConsentView,
    key: str,
    *,
    channel: str,
    signals: Signals,
    now: float,
) -> _Verdict:
    purpose = policy.purpose(key)
    if purpose is None:
        return _Verdict(Reason("PURPOSE_UNKNOWN", key))
    denial = _signal_denial(purpose, signals)
    if denial is not None:
        return _Verdict(Reason(denial, key))
    state = view.states.get((key, channel)) or view.states.get((key, EVERY_CHANNEL))
    status, expires_at = _standing(purpose, state, now)
    if purpose.basis == "consent" or purpose.device_access:
        return _by_consent(key, state, status, expires_at)
    return _without_consent(purpose, status)


def _signal_denial(purpose: PurposeSpec, signals: Signals) -> str | None:
    denials = {
        "PURPOSE_RETIRED": purpose.retired,
        "REQUEST_DENIED": purpose.key in signals.denied,
        "GPC": signals.gpc and purpose.gpc,
        "TCF": not signals.allow_tcf(purpose.tcf),
        "GPP": not signals.allow_gpp(purpose.gpp),
    }
    return next((code for code, holds in denials.items() if holds), None)


def _standing(
    purpose: PurposeSpec, state: State | None, now: float
) -> tuple[Status | None, float | None]:
    """Return the status at `now`, None where it is not yet in force, and when a grant lapses."""
    if state is None:
        return Status.UNKNOWN, None
    if state.status not in GRANTING:
        return state.status, None
    if state.since > now:
        return None, None
    limits = [state.expires_at] if state.expires_at is not None else []
    if purpose.validity_days is not None:
        limits.append(state.since + purpose.validity_days * DAY_SECONDS)
    expires_at = min(limits, default=None)
    if expires_at is not None and expires_at <= now:
        return Status.EXPIRED, None
    return state.status, expires_at


def _by_consent(
    key: str, state: State | None, status: Status | None, expires_at: float | None
) -> _Verdict:
    if state is not None and status in GRANTING:
        return _Verdict(Reason("CONSENT_GIVEN", key), True, "consent", state.record, expires_at)
    if status is None:
        return _Verdict(Reason("CONSENT_NOT_YET", key))
    if status is Status.OBJECTED:
        return _Verdict(Reason("OBJECTED", key))
    return _Verdict(Reason(f"CONSENT_{status.upper()}", key))


def _without_consent(purpose: PurposeSpec, status: Status | None) -> _Verdict:
    """Judge a purpose that needs no consent: anything but silence or a grant counts as an objection.

    A purpose once asked as consent and refused, lapsed or unanswered may not be done under another basis.
    """
    ended = status in (Status.TERMINATED, Status.INVALIDATED)
    if purpose.basis == "contract" and not purpose.objectable and not ended:
        return _Verdict(Reason("CONTRACT", purpose.key), True, "contract")
    if status is None or status is Status.UNKNOWN or status in GRANTING:
        code = "CONTRACT" if purpose.basis == "contract" else "LEGITIMATE_INTEREST"
        return _Verdict(Reason(code, purpose.key), True, purpose.basis)
    if status in (Status.OBJECTED, Status.WITHDRAWN, Status.REFUSED):
        return _Verdict(Reason("OBJECTED", purpose.key))
    return _Verdict(Reason(f"CONSENT_{status.upper()}", purpose.key))
