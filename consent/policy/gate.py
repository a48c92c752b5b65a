"""The consent gate: whether what a person has said lets their data be used for these purposes, and why. Pure.

Each step may deny and none may undo a denial, in this order: the purpose itself, age, objection and opt-out, special
category and automated decisions, device access, consent and its end, changes of the notice, TCF and GPP, suppression.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from consent.policy.reasons import Reason
from consent.policy.specs import Mechanism, PolicySpec, PurposeSpec
from consent.policy.terms import Ready, Terms, codes_with, is_below, make_ready
from consent.policy.views import EVERY_CHANNEL, GRANTING, AgeBracket, ConsentView, State, Status
from consent.signals.said import NO_SIGNALS, Signals

Ground = Literal["consent", "opt_out", "legitimate_interest", "notice", "contract", "none"]
STRICTNESS: dict[Ground, int] = {
    "consent": 0,
    "opt_out": 1,
    "legitimate_interest": 2,
    "notice": 3,
    "contract": 4,
    "none": 5,
}
# What allows a purpose that nobody has to be asked for, and its code.
_SILENT: dict[Mechanism, tuple[Ground, str]] = {
    "opt_out": ("opt_out", "NOT_OPTED_OUT"),
    "notice_only": ("notice", "NOTICE_ONLY"),
}


@dataclass(frozen=True, slots=True)
class GateResult:
    """The gate's answer; where allowed, what it rests on."""

    allowed: bool
    reasons: tuple[Reason, ...]  # where denied, of every purpose that denies
    basis: Ground = "none"  # the most demanding: consent, opt-out, legitimate interest, contract
    purpose: str = ""  # the purpose that `basis` is of
    record: str = ""  # id of the consent event, where the basis is consent
    expires_at: float | None = None  # epoch seconds; the earliest instant at which a consent lapses


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate says of one purpose."""

    reason: Reason
    allowed: bool = False
    basis: Ground = "none"
    record: str = ""
    expires_at: float | None = None


@dataclass(frozen=True, slots=True)
class _Case:
    """One purpose of one person at one time, with all that is looked up for it."""

    ready: Ready
    terms: Terms
    purpose: PurposeSpec
    state: State | None
    age: AgeBracket
    now: float

    @property
    def is_granted(self) -> bool:
        return self.state is not None and self.state.status in GRANTING

    @property
    def needs_consent(self) -> bool:
        """Return whether the person has to have said yes: by what it does, or by where and how old they are."""
        purpose = self.purpose
        if purpose.device_access or purpose.special_category:
            return True
        if purpose.significant_effect and purpose.basis != "contract":
            return True
        return purpose.basis == "consent" and self.mechanism == "opt_in"

    @property
    def needs_explicit(self) -> bool:
        purpose = self.purpose
        decides = purpose.significant_effect and purpose.basis != "contract"
        return purpose.special_category or decides

    @property
    def mechanism(self) -> Mechanism:
        return self.terms.mechanism_of(self.purpose, self.age)

    @property
    def is_child(self) -> bool:
        """Return whether only a guardian's consent counts."""
        terms = self.terms
        return is_below(self.age, terms.age_of_consent, unknown=terms.unknown_is_child)


@dataclass(slots=True)
class Judge:
    """One person on one channel at one time; remembers what it found of each purpose."""

    policy: PolicySpec | None
    view: ConsentView
    channel: str
    signals: Signals
    now: float  # epoch seconds
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    _at_hand: tuple[Ready, Terms] | None = None

    def permits(self, purposes: Sequence[str]) -> GateResult:
        """Return whether all of these purposes are allowed; what is not certain denies."""
        if not purposes:
            return GateResult(True, (Reason("NO_PERSONAL_DATA"),))
        doubt = self.doubt()
        if doubt:
            return GateResult(False, (Reason(doubt),))
        found = [self.verdict(purpose) for purpose in purposes]
        denials = tuple(verdict.reason for verdict in found if not verdict.allowed)
        return GateResult(False, denials) if denials else _allowed(found)

    def doubt(self) -> str:
        """Return the code of what denies every purpose, "" where nothing does."""
        if self.policy is None:
            return "POLICY_UNAVAILABLE"
        if not self.view.trusted:
            return "CONSENT_UNAVAILABLE"
        if self.view.fenced:
            return "CONSENT_CHANGING"
        return "RESTRICTED" if self.view.restricted else ""

    def verdict(self, key: str) -> Verdict:
        """Return what holds for one purpose; only where there is no doubt."""
        known = self.verdicts.get(key)
        if known is None:
            known = self.verdicts[key] = self._judge(key)
        return known

    def _judge(self, key: str) -> Verdict:
        if self.policy is None:
            return Verdict(Reason("POLICY_UNAVAILABLE", key))
        ready, terms = self._at_hand or self._look_up(self.policy)
        purpose = ready.purposes.get(key)
        if purpose is None or purpose.retired:
            return Verdict(Reason("PURPOSE_RETIRED" if purpose else "PURPOSE_UNKNOWN", key))
        state = self.view.said(key, self.channel)
        case = _Case(ready, terms, purpose, state, self.view.age_at(self.now), self.now)
        denial = _by_age(case) or self._refusal(case)
        if denial:
            return Verdict(Reason(denial, key))
        verdict = _by_consent(case) if case.needs_consent else _without_consent(case)
        denial = self._narrowed(case) if verdict.allowed else ""
        return Verdict(Reason(denial, key)) if denial else verdict

    def _look_up(self, policy: PolicySpec) -> tuple[Ready, Terms]:
        ready, view = make_ready(policy), self.view
        codes = codes_with(view.jurisdiction, self.signals.place, resident=view.resident)
        self._at_hand = ready, ready.terms(codes)
        return self._at_hand

    def _refusal(self, case: _Case) -> str:
        """Return the code of a no: the person's own, their browser's, the request's."""
        purpose, state = case.purpose, case.state
        if state is not None and state.status is Status.OBJECTED and not _is_binding(purpose):
            return "OBJECTED"
        if self.signals.gpc and purpose.gpc and case.terms.gpc_denies:
            chosen = state is not None and state.over_gpc and case.is_granted
            if not chosen:
                return "GPC"
        return "REQUEST_DENIED" if purpose.key in self.signals.denied else ""

    def _narrowed(self, case: _Case) -> str:
        if not self.signals.allow_tcf(case.purpose.tcf):
            return "TCF"
        if not self.signals.allow_gpp(case.purpose.gpp):
            return "GPP"
        return "SUPPRESSED" if self._is_suppressed(case) else ""

    def _is_suppressed(self, case: _Case) -> bool:
        suppressed = self.view.suppressed
        if not suppressed or _is_binding(case.purpose):
            return False
        # Only an explicit yes, said since, lifts it; whoever records that takes the channel off.
        return self.channel in suppressed or EVERY_CHANNEL in suppressed


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
    return Judge(policy, view, channel, signals, now.timestamp()).permits(purposes)


def _allowed(verdicts: Sequence[Verdict]) -> GateResult:
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


def _is_binding(purpose: PurposeSpec) -> bool:
    """Return whether people may not object: only to what a contract needs."""
    return purpose.basis == "contract" and not purpose.objectable


def _by_age(case: _Case) -> str:
    """Return the code of what their age forbids, "" where it forbids nothing."""
    if case.purpose.profiled_ads and is_below(case.age, case.terms.ads_from, unknown=False):
        return "MINOR"
    if not case.needs_consent:
        return ""
    said_by_guardian = case.state is not None and case.state.by_guardian
    if case.is_child:
        return "" if said_by_guardian else "GUARDIAN_NEEDED"
    return "OWN_CONSENT_NEEDED" if said_by_guardian and case.is_granted else ""


def _standing(case: _Case) -> tuple[Status | None, float | None]:
    """Return the status at the time, None where it is not yet in force, and when a grant lapses."""
    if case.state is None:
        return Status.UNKNOWN, None
    if not case.is_granted:
        return case.state.status, None
    if case.state.since > case.now:
        return None, None
    lapse = case.terms.lapse(case.purpose, case.state)
    if lapse is not None and lapse <= case.now:
        return Status.EXPIRED, None
    return case.state.status, lapse


def _by_consent(case: _Case) -> Verdict:
    key, state = case.purpose.key, case.state
    status, lapse = _standing(case)
    if status is None:
        return Verdict(Reason("CONSENT_NOT_YET", key))
    if state is None or status not in GRANTING:
        # An objection that the contract outweighs is none to what needs consent.
        code = "OBJECTED" if status is Status.OBJECTED else f"CONSENT_{status.upper()}"
        return Verdict(Reason(code, key))
    if case.needs_explicit and state.event_type != "explicit":
        return Verdict(Reason("EXPLICIT_NEEDED", key))
    if state.event_type == "implied":
        return Verdict(Reason("CONSENT_IMPLIED", key))
    suspended, coming = case.ready.unseen(key, state, case.now)
    if suspended:
        return Verdict(Reason("NOTICE_CHANGED", key))
    lapse = min((end for end in (lapse, coming) if end is not None), default=None)
    return Verdict(Reason("CONSENT_GIVEN", key), True, "consent", state.record, lapse)


def _without_consent(case: _Case) -> Verdict:
    """Judge a purpose that needs no consent: anything but silence or a grant counts as an objection.

    A purpose once asked as consent and refused, lapsed or unanswered may not be done under another basis.
    """
    purpose = case.purpose
    status, _lapse = _standing(case)
    ended = status in (Status.TERMINATED, Status.INVALIDATED)
    if _is_binding(purpose) and not ended:
        return Verdict(Reason("CONTRACT", purpose.key), True, "contract")
    if status is None or status is Status.UNKNOWN or status in GRANTING:
        basis, code = _silent_ground(case)
        return Verdict(Reason(code, purpose.key), True, basis)
    if status in (Status.OBJECTED, Status.WITHDRAWN, Status.REFUSED):
        return Verdict(Reason("OBJECTED", purpose.key))
    return Verdict(Reason(f"CONSENT_{status.upper()}", purpose.key))


def _silent_ground(case: _Case) -> tuple[Ground, str]:
    match case.purpose.basis:
        case "contract":
            return "contract", "CONTRACT"
        case "legitimate_interest":
            return "legitimate_interest", "LEGITIMATE_INTEREST"
        case _:
            return _SILENT[case.mechanism]
