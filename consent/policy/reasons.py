"""Why the gate allows or denies: stable codes and their words. Pure."""

from dataclasses import dataclass


def _(source: str) -> str:
    """Mark words for translation; whoever shows them translates them."""
    return source


REASONS: dict[str, str] = {
    "NO_PERSONAL_DATA": _("it uses no personal data"),
    "CONSENT_GIVEN": _("consent was given"),
    "LEGITIMATE_INTEREST": _("legitimate interest, and no objection"),
    "CONTRACT": _("needed for the contract"),
    "NOT_OPTED_OUT": _("they may opt out where they live, and have not"),
    "NOTICE_ONLY": _("where they live it is enough to tell them, and they have not objected"),
    "CONSENT_UNAVAILABLE": _("consent cannot be read with certainty right now"),
    "CONSENT_CHANGING": _("a change of consent is under way"),
    "POLICY_UNAVAILABLE": _("no verified consent policy is in force"),
    "RESTRICTED": _("this person's data may only be stored"),
    "PURPOSE_UNKNOWN": _("the consent policy does not have this purpose"),
    "PURPOSE_RETIRED": _("nothing is done for this purpose any more"),
    "MINOR": _("the person is too young for profiled advertising"),
    "GUARDIAN_NEEDED": _("at this age only the consent of a guardian counts"),
    "OWN_CONSENT_NEEDED": _("a guardian's consent is no longer enough: ask the person"),
    "OBJECTED": _("the person objected"),
    "GPC": _("the browser's Global Privacy Control says no"),
    "REQUEST_DENIED": _("the request itself denies this purpose"),
    "EXPLICIT_NEEDED": _("it needs explicit consent, and consent was not given explicitly"),
    "TCF": _("the request's TCF string does not allow it"),
    "GPP": _("the request's GPP string does not allow it"),
    "CONSENT_UNKNOWN": _("consent was never given"),
    "CONSENT_REQUESTED": _("consent was asked for and not answered"),
    "CONSENT_DEFERRED": _("the person has put off the answer"),
    "CONSENT_REFUSED": _("consent was refused"),
    "CONSENT_WITHDRAWN": _("consent was withdrawn"),
    "CONSENT_EXPIRED": _("consent has expired"),
    "CONSENT_TERMINATED": _("consent was ended by the controller"),
    "CONSENT_INVALIDATED": _("consent was found not valid"),
    "CONSENT_NOT_YET": _("consent holds only from a later time"),
    "CONSENT_IMPLIED": _("consent was only implied, and here it has to be expressed"),
    "NOTICE_CHANGED": _("the notice has changed since: consent has to be renewed"),
    "SUPPRESSED": _("the person asked to be left alone on this channel"),
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
