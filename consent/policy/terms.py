"""A policy made ready for the gate: what holds where a person is, and which notices a consent has to cover. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from consent.policy.specs import (
    EVERY_PURPOSE,
    MECHANISMS,
    ON_DEVICES,
    JurisdictionSpec,
    Mechanism,
    NoticeSpec,
    PolicySpec,
    PurposeSpec,
)
from consent.policy.views import FROM_AGE, AgeBracket, State

DAY_SECONDS: Final = 86_400
ELSEWHERE: Final = "*"
# In place of a code: where else they may live is not known, so the strictest of all holds.
UNCERTAIN: Final = "unknown"
KEPT_POLICIES: Final = 16  # made ready, in each process
KEPT_PLACES: Final = 1_000  # of each: they come from requests


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What holds for a person, the strictest of all places that may apply."""

    mechanism: Mechanism = "opt_in"
    mechanisms: Mapping[str, Mechanism] = field(default_factory=dict)
    age_of_consent: int = 0
    opt_in_below: int = 0
    ads_from: int = 0
    unknown_is_child: bool = False
    gpc_denies: bool = True
    validity_s: Mapping[str, int] = field(default_factory=dict)  # purpose or "*" -> seconds
    reprompt_days: int = 365

    def mechanism_of(self, purpose: PurposeSpec, age: AgeBracket) -> Mechanism:
        """Return how a purpose is put to somebody of an age: the stricter of policy, place and age."""
        if is_below(age, self.opt_in_below, unknown=self.unknown_is_child):
            return "opt_in"
        here = self.mechanisms.get(purpose.key, self.mechanism)
        return _stricter(here, purpose.mechanism)

    def lapse(self, purpose: PurposeSpec, state: State) -> float | None:
        """Return the first instant at which a consent no longer holds, epoch seconds."""
        limits = [state.expires_at] if state.expires_at is not None else []
        if purpose.validity_days is not None:
            limits.append(state.since + purpose.validity_days * DAY_SECONDS)
        keys = (purpose.key, EVERY_PURPOSE, *((ON_DEVICES,) if purpose.device_access else ()))
        limits += [state.since + self.validity_s[key] for key in keys if key in self.validity_s]
        return min(limits, default=None)


NO_PLACES: Final = Terms()  # where a policy knows no jurisdictions: opt-in, and no rule about age


def codes_with(codes: str, place: str, *, resident: bool) -> str:
    """Return all places whose law may apply: where a person lives, and where a request of theirs comes from."""
    # Where nothing is known of them the strictest holds anyway.
    return f"{codes} {place}" if codes and place and not resident else codes


def is_below(age: AgeBracket, limit: int, *, unknown: bool) -> bool:
    """Return whether somebody of a bracket may be younger than a limit; a bracket that holds it counts as younger."""
    return unknown and limit > 0 if age == "unknown" else FROM_AGE[age] < limit


def _stricter(*mechanisms: Mechanism) -> Mechanism:
    return min(mechanisms, key=MECHANISMS.index)


@dataclass(frozen=True, slots=True)
class Ready:
    """A policy with what the gate looks up in it."""

    policy: PolicySpec
    purposes: dict[str, PurposeSpec]
    renewing: dict[str, tuple[NoticeSpec, ...]]  # purpose -> notices that ask for consent anew
    places: dict[str, Terms] = field(default_factory=dict)  # by codes as asked, filled by asking

    def terms(self, codes: str) -> Terms:
        """Return what holds in places given as ISO 3166-2 codes, e.g. ``"DE US-TX"``; "" and "unknown" are not known."""
        known = self.places.get(codes)
        if known is None:
            if len(self.places) >= KEPT_PLACES:
                self.places.clear()
            known = self.places[codes] = terms_of(self.policy.jurisdictions, codes)
        return known

    def unseen(self, purpose: str, state: State, now: float) -> tuple[bool, float | None]:
        """Return whether a later notice asks for this consent anew, and when the next one will, epoch seconds."""
        starts = [
            notice.effective_from.timestamp()
            for notice in self.renewing.get(purpose, ())
            if not _covers(state.notice, notice)
        ]
        coming = min((start for start in starts if start > now), default=None)
        return any(start <= now for start in starts), coming


def _covers(shown: str, notice: NoticeSpec) -> bool:
    key, _at, version = shown.rpartition("@")
    return key == notice.key and version.isdecimal() and int(version) >= notice.version


def make_ready(policy: PolicySpec) -> Ready:
    """Return a policy made ready; kept in the process for as long as it is the same."""
    known = _ready.get(policy.digest)
    if known is None or known.policy is not policy:
        if len(_ready) >= KEPT_POLICIES:
            _ready.clear()
        known = _ready[policy.digest] = _ready_of(policy)
    return known


_ready: dict[str, Ready] = {}


def _ready_of(policy: PolicySpec) -> Ready:
    renewing: dict[str, tuple[NoticeSpec, ...]] = {}
    for notice in policy.notices:
        if notice.change_class == "reconsent":
            for purpose in notice.purposes:
                renewing[purpose] = (*renewing.get(purpose, ()), notice)
    return Ready(policy, {purpose.key: purpose for purpose in policy.purposes}, renewing)


def terms_of(jurisdictions: tuple[JurisdictionSpec, ...], codes: str) -> Terms:
    """Return what holds in places, the strictest of each; a place that no jurisdiction names has the strictest of all."""
    if not jurisdictions:
        return NO_PLACES
    by_code = {code: place for place in jurisdictions for code in place.codes}
    found = [_find(by_code, code) for code in codes.split()]
    if not found or None in found:
        return _strictest(jurisdictions, unknown=True)
    return _strictest([place for place in found if place is not None])


def _find(by_code: Mapping[str, JurisdictionSpec], code: str) -> JurisdictionSpec | None:
    if code == UNCERTAIN:
        return None
    country = code.partition("-")[0]
    return by_code.get(code) or by_code.get(country) or by_code.get(ELSEWHERE)


def _strictest(places: Iterable[JurisdictionSpec], *, unknown: bool = False) -> Terms:
    places = list(places)
    named = {purpose for place in places for purpose in place.mechanisms}
    limits: dict[str, int] = {}
    for place in places:
        for purpose, days in place.validity_days.items():
            limits[purpose] = min(days * DAY_SECONDS, limits.get(purpose, days * DAY_SECONDS))
    mechanisms = {
        purpose: _stricter(*(place.mechanisms.get(purpose, place.mechanism) for place in places))
        for purpose in named
    }
    return Terms(
        mechanism="opt_in" if unknown else _stricter(*(place.mechanism for place in places)),
        mechanisms={} if unknown else mechanisms,
        age_of_consent=max(place.age_of_consent for place in places),
        opt_in_below=max(place.opt_in_below for place in places),
        ads_from=max(place.ads_from for place in places),
        unknown_is_child=any(place.unknown_age == "child" for place in places),
        gpc_denies=any(place.gpc_effect == "denies" for place in places),
        validity_s=limits,
        reprompt_days=max(place.reprompt_days for place in places),
    )
