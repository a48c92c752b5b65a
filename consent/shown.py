"""The only place that says under which policy and notice something was said, for every door where people say it."""

from collections.abc import Sequence
from dataclasses import replace

from consent.changes import ConsentChange, Evidence
from consent.policy import GRANTING, PolicySpec, PurposeSpec


class NotShownError(ValueError):
    """What the evidence names was not shown, or nobody published it; the message says what was."""

    def __init__(self, field: str, words: str) -> None:
        super().__init__(words)
        self.field = field  # of the evidence


def under(purpose: PurposeSpec, change: ConsentChange) -> ConsentChange:
    """Return a change with the basis and the validity that the policy gives its purpose now."""
    return replace(change, legal_basis=purpose.legal_basis, validity_days=purpose.validity_days)


def with_notice(
    policy: PolicySpec, changes: Sequence[ConsentChange], evidence: Evidence
) -> Evidence:
    """Return the evidence with the policy and the digest of what was shown.

    Raises:
        NotShownError: something is granted that a notice asks about, and the evidence names no such notice.
    """
    evidence = replace(evidence, policy=policy.version)
    asked = {change.purpose for change in changes if change.status in GRANTING}
    about = {one for notice in policy.notices for one in notice.purposes}
    notice = policy.notice(evidence.notice_version)
    if not asked & about and notice is None:
        return evidence
    shown = notice.languages if notice is not None else {}
    covered = set(notice.purposes) if notice is not None else set()
    if asked & about - covered:
        known = ", ".join(one.reference for one in policy.notices)
        words = f"Of no notice that asks about this purpose; there are: {known}."
        raise NotShownError("notice_version", words)
    language = evidence.language
    digest = shown.get(language) or shown.get(language.partition("-")[0])
    if digest is None:
        raise NotShownError("language", f"This notice is in: {', '.join(shown)}.")
    return replace(evidence, notice_sha256=digest)
