"""The only place that says which policies may be published: what contradicts itself, or what was told to people before."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _

from consent.policy import (
    EVERY_PURPOSE,
    ON_DEVICES,
    JurisdictionSpec,
    NoticeSpec,
    PolicySpec,
    PurposeSpec,
)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one field of one thing of a policy, and what to do about it."""

    kind: str  # "purpose", "jurisdiction", "notice"
    key: str
    field: str
    words: str


def faults(policy: PolicySpec, published: Iterable[PolicySpec]) -> Iterator[Fault]:
    """Yield everything that keeps a policy from being published after those that were, in any order."""
    published = list(published)
    yield from _basis_faults(policy, published)
    for purpose in policy.purposes:
        for field, words in purpose_faults(purpose):
            yield Fault("purpose", purpose.key, field, words)
    yield from _place_faults(policy)
    yield from _notice_faults(policy, published)


def purpose_faults(purpose: PurposeSpec) -> Iterator[tuple[str, str]]:
    """Yield (field, words) for what a purpose cannot be by itself.

    Source: ePrivacy Directive, article 5(3); GDPR, articles 9(2)(a) and 22(2).
    """
    by_consent = purpose.basis == "consent"
    if purpose.device_access and not by_consent:
        yield "basis", _("Reading or writing the device needs consent.")
    if purpose.special_category and not by_consent:
        yield "basis", _("Special categories of data need explicit consent.")
    if purpose.significant_effect and purpose.basis == "legitimate_interest":
        yield (
            "basis",
            _("Decisions with a significant effect need explicit consent or a contract."),
        )
    asked = purpose.device_access or purpose.special_category or purpose.significant_effect
    if by_consent and asked and purpose.mechanism != "opt_in":
        yield "mechanism", _("People have to be asked first for this: choose opt-in.")


def _basis_faults(policy: PolicySpec, published: Iterable[PolicySpec]) -> Iterator[Fault]:
    """Yield a fault for each purpose that was asked as consent in a published policy and no longer is.

    Source: EDPB Guidelines 05/2020, paragraphs 121-123.
    """
    earlier = [purpose for one in published for purpose in one.purposes]
    by_consent = {purpose.key for purpose in earlier if purpose.basis == "consent"}
    asked = by_consent | {purpose.key for purpose in earlier if purpose.device_access}
    for purpose in policy.purposes:
        stays = purpose.basis == "consent" or (
            purpose.device_access and purpose.key not in by_consent
        )
        if purpose.key in asked and not stays:
            words = _(
                "People were asked for consent to “{name}”, so it cannot go on under another basis; make a new purpose."
            ).format(name=purpose.name)
            yield Fault("purpose", purpose.key, "basis", words)


def _place_faults(policy: PolicySpec) -> Iterator[Fault]:
    named = Counter(code for place in policy.jurisdictions for code in set(place.codes))
    for place in policy.jurisdictions:
        for code in place.codes:
            if named[code] > 1:
                words = _("“{code}” is in two jurisdictions: which one holds?").format(code=code)
                yield Fault("jurisdiction", place.key, "codes", words)
        yield from _purposes_of(policy, place)


def _purposes_of(policy: PolicySpec, place: JurisdictionSpec) -> Iterator[Fault]:
    known = {purpose.key for purpose in policy.purposes}
    for field, named in (("mechanisms", place.mechanisms), ("validity_days", place.validity_days)):
        for purpose in sorted(named.keys() - known - {EVERY_PURPOSE, ON_DEVICES}):
            words = _("There is no purpose “{purpose}”.").format(purpose=purpose)
            yield Fault("jurisdiction", place.key, field, words)


def _notice_faults(policy: PolicySpec, published: Iterable[PolicySpec]) -> Iterator[Fault]:
    earlier = {notice.reference: notice for one in published for notice in one.notices}
    known = {purpose.key for purpose in policy.purposes}
    for notice in policy.notices:
        before = earlier.get(notice.reference)
        if before is not None and before != notice:
            words = _(
                "Version {version} was shown to people as it is: give the new words a new version."
            ).format(version=notice.version)
            yield Fault("notice", notice.key, "version", words)
        if before is None:
            yield from _new_notice_faults(notice, earlier.values(), known)


def _new_notice_faults(
    notice: NoticeSpec, earlier: Iterable[NoticeSpec], known: set[str]
) -> Iterator[Fault]:
    newest = max((one.version for one in earlier if one.key == notice.key), default=0)
    if notice.version <= newest:
        words = _("Versions only rise: the newest is {newest}.").format(newest=newest)
        yield Fault("notice", notice.key, "version", words)
    for purpose in notice.purposes:
        if purpose not in known:
            words = _("There is no purpose “{purpose}”.").format(purpose=purpose)
            yield Fault("notice", notice.key, "purposes", words)


def with_earlier(
    notices: Iterable[NoticeSpec], published: PolicySpec | None
) -> tuple[NoticeSpec, ...]:
    """Return notices with every version that was ever published; what a policy says of one of them stands."""
    said = {notice.reference: notice for notice in published.notices} if published else {}
    return tuple((said | {notice.reference: notice for notice in notices}).values())
