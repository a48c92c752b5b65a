"""What a person has chosen and can choose on their own page, and how what they say there is recorded."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from django.utils.translation import gettext as _

from consent.changes import UNKNOWN_PLACE, Actor, ConsentChange, Evidence
from consent.ledger import record_change
from consent.policy import (
    EVERY_CHANNEL,
    REASONS,
    ConsentView,
    PolicySpec,
    PurposeSpec,
    Status,
    permits,
)
from consent.shown import under, with_notice
from consent.signals.said import Signals
from consent.signals.stopping import denial_of, may_be_refused
from decisioning.arbitration.unwanted import KINDS, Kind, name_of, unwanted_of
from decisioning.own_page.offers import Offer, Shown, build_of_page, offer_of, seal_offer

SUBJECT: Final = Actor(kind="subject")
METHOD: Final = "preference page"
MOST_THINGS: Final = 300  # that one person does not want to see, or does again


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """Who speaks and in what setting; goes into the evidence."""

    person: str
    host: str  # of the page, as the settings say it
    language: str
    gpc: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One purpose on one channel."""

    channel: str  # "*" is every one that has no row of its own
    allowed: bool
    reason: str  # a key of consent.policy.REASONS

    @property
    def words(self) -> str:
        return _(REASONS[self.reason])


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One purpose as the page shows it."""

    key: str
    name: str
    description: str
    by_consent: bool
    is_fixed: bool  # needed for the contract; nothing to choose
    everywhere: Row
    channels: tuple[Row, ...]
    offer: (
        Offer | None
    )  # what they are shown; None: its notice has no words, nobody can agree to it
    shown: str  # goes back with "allow"; "" where nobody can agree

    @property
    def has_exceptions(self) -> bool:
        return any(row.allowed != self.everywhere.allowed for row in self.channels)


def lines_of(
    speaker: Speaker,
    policy: PolicySpec,
    view: ConsentView,
    *,
    channels: Iterable[str],
    now: datetime,
) -> list[Line]:
    """Return a line for each purpose that is in use; a query for each notice."""
    wanted = sorted({*channels, *(channel for _, channel in view.states)} - {EVERY_CHANNEL})
    signals = Signals(gpc=speaker.gpc)

    def row(purpose: PurposeSpec, channel: str) -> Row:
        gate = permits(policy, view, [purpose.key], channel=channel, signals=signals, now=now)
        return Row(
            channel=channel,
            allowed=gate.allowed,
            reason=gate.reasons[0].code,
        )

    def line(purpose: PurposeSpec) -> Line:
        offer = offer_of(policy, purpose.key, speaker.language, now=now)
        return Line(
            key=purpose.key,
            name=purpose.name,
            description=purpose.description,
            by_consent=purpose.basis == "consent" or purpose.device_access,
            is_fixed=not may_be_refused(purpose),
            everywhere=row(purpose, EVERY_CHANNEL),
            channels=tuple(row(purpose, channel) for channel in wanted),
            offer=offer,
            shown=seal_offer(speaker.person, purpose.key, offer) if offer else "",
        )

    return [line(purpose) for purpose in policy.purposes if not purpose.retired]


def give(
    speaker: Speaker,
    policy: PolicySpec,
    purpose: PurposeSpec,
    channel: str,
    *,
    shown: Shown,
    now: datetime,
) -> None:
    """Record that the person allows a purpose, in sight of their browser's signal if it sends one.

    Raises:
        StoreUnavailableError: it could not be recorded; a repeat is safe.
    """
    changes = [under(purpose, _change(purpose.key, Status.GIVEN, channel, now=now))]
    notice = policy.notice(shown.reference)
    evidence = replace(
        _evidence(speaker),
        controller=(notice.controller if notice else "") or speaker.host,
        notice_version=shown.reference,
        language=shown.language,
        workflow_version=build_of_page(),
    )
    proven = with_notice(policy, changes, evidence)
    record_change(speaker.person, changes, evidence=proven, actor=SUBJECT, now=now)


def withdraw(
    speaker: Speaker,
    policy: PolicySpec,
    purposes: Sequence[str],
    channel: str = EVERY_CHANNEL,
    *,
    now: datetime,
) -> None:
    """Record that the person does not allow purposes: consent is withdrawn, to any other basis they object.

    Raises:
        StoreUnavailableError: it could not be recorded; a repeat is safe.
    """
    found = [one for one in policy.purposes if one.key in purposes and may_be_refused(one)]
    changes = [under(one, _change(one.key, denial_of(one), channel, now=now)) for one in found]
    if changes:
        evidence = with_notice(policy, changes, _evidence(speaker))
        record_change(speaker.person, changes, evidence=evidence, actor=SUBJECT, now=now)


def withdraw_consents(speaker: Speaker, policy: PolicySpec, *, now: datetime) -> None:
    """Withdraw every consent, given or not: afterwards nothing rests on consent."""
    asked = [one.key for one in policy.purposes if one.basis == "consent" or one.device_access]
    withdraw(speaker, policy, asked, now=now)


def switch_off(speaker: Speaker, policy: PolicySpec, *, now: datetime) -> None:
    """Turn personalisation off: withdraw every consent and object to all that may be objected to."""
    withdraw(speaker, policy, [one.key for one in policy.purposes], now=now)


def less_like(
    speaker: Speaker, kind: Kind, key: str, *, again: bool = False, now: datetime
) -> None:
    """Record that the person does not want to see an offer, a campaign or a category, or does again.

    Raises:
        StoreUnavailableError: it could not be recorded; a repeat is safe.
    """
    status = Status.GIVEN if again else Status.OBJECTED
    change = _change(name_of(kind, key), status, EVERY_CHANNEL, now=now)
    evidence = replace(_evidence(speaker), notice_version=METHOD, controller=speaker.host)
    record_change(speaker.person, [change], evidence=evidence, actor=SUBJECT, now=now)


def has_named(view: ConsentView, kind: Kind, key: str) -> bool:
    """Return whether a person has said of a thing before that they do not want to see it, or do again."""
    return (name_of(kind, key), EVERY_CHANNEL) in view.states


def may_name_more(view: ConsentView) -> bool:
    """Return whether a person may name another thing that they do not want to see: each decision reads all."""
    return sum(":" in purpose for purpose, _ in view.states) < MOST_THINGS


def unwanted(view: ConsentView) -> list[tuple[str, str]]:
    """Return kind and key of what the person does not want to see."""
    return sorted(
        (kind, key)
        for kind, _, key in (name.partition(":") for name in unwanted_of(view))
        if kind in KINDS
    )


def _change(purpose: str, status: Status, channel: str, *, now: datetime) -> ConsentChange:
    return ConsentChange(
        purpose=purpose, status=status, channel=channel, event_time=now, event_type="explicit"
    )


def _evidence(speaker: Speaker) -> Evidence:
    return Evidence(
        collection_method=METHOD,
        language=speaker.language,
        jurisdiction=UNKNOWN_PLACE,  # what is known of where they live stays as it is
        service=speaker.host,
        source=METHOD,
        gpc=speaker.gpc,
    )
