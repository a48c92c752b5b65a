"""What a person has chosen and can choose on their own page, and how what they say there is recorded."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.utils.html import strip_tags
from django.utils.translation import gettext as _

from consent.changes import UNKNOWN_PLACE, Actor, ConsentChange, Evidence
from consent.ledger import record_change
from consent.notices import find_text
from consent.policy import (
    EVERY_CHANNEL,
    REASONS,
    ConsentView,
    NoticeSpec,
    PolicySpec,
    PurposeSpec,
    Status,
    permits,
)
from consent.signals.said import Signals
from consent.signals.stopping import denial_of, may_be_refused
from decisioning.arbitration.unwanted import KINDS, Kind, name_of, unwanted_of

SUBJECT: Final = Actor(kind="subject")
METHOD: Final = "preference page"


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
    notice: str  # what they were or would be shown, "" where none is kept

    @property
    def has_exceptions(self) -> bool:
        return any(row.allowed != self.everywhere.allowed for row in self.channels)


def lines_of(
    policy: PolicySpec,
    view: ConsentView,
    *,
    channels: Iterable[str],
    gpc: bool,
    language: str,
    now: datetime,
) -> list[Line]:
    """Return a line for each purpose that is in use; a query for each notice."""
    wanted = sorted({*channels, *(channel for _, channel in view.states)} - {EVERY_CHANNEL})
    signals = Signals(gpc=gpc)

    def row(purpose: PurposeSpec, channel: str) -> Row:
        gate = permits(policy, view, [purpose.key], channel=channel, signals=signals, now=now)
        return Row(
            channel=channel,
            allowed=gate.allowed,
            reason=gate.reasons[0].code,
        )

    return [
        Line(
            key=purpose.key,
            name=purpose.name,
            description=purpose.description,
            by_consent=purpose.basis == "consent" or purpose.device_access,
            is_fixed=not may_be_refused(purpose),
            everywhere=row(purpose, EVERY_CHANNEL),
            channels=tuple(row(purpose, channel) for channel in wanted),
            notice=_text_of(notice_for(policy, purpose.key, now=now), language),
        )
        for purpose in policy.purposes
        if not purpose.retired
    ]


def notice_for(policy: PolicySpec, purpose: str, *, now: datetime) -> NoticeSpec | None:
    """Return the version of the notice that is shown for a purpose now."""
    shown = [
        notice
        for notice in policy.notices
        if purpose in notice.purposes and notice.effective_from <= now
    ]
    return max(shown, key=lambda notice: (notice.effective_from, notice.version), default=None)


def _text_of(notice: NoticeSpec | None, language: str) -> str:
    if notice is None:
        return ""
    text = find_text(notice.reference, language) or find_text(notice.reference, "en")
    return strip_tags(bytes(text.content).decode()) if text else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """Who speaks and in what setting; goes into the evidence."""

    person: str
    host: str  # of the page
    language: str
    gpc: bool


def give(
    speaker: Speaker, policy: PolicySpec, purpose: str, channel: str, *, now: datetime
) -> None:
    """Record that the person allows a purpose, in sight of their browser's signal if it sends one.

    Raises:
        StoreUnavailableError: it could not be recorded; a repeat is safe.
    """
    notice = notice_for(policy, purpose, now=now)
    _record(
        speaker,
        [_change(purpose, Status.GIVEN, channel, now=now)],
        notice=notice.reference if notice else f"policy@{policy.version}",
        controller=(notice.controller if notice else "") or speaker.host,
        now=now,
    )


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
    changes = [_change(one.key, denial_of(one), channel, now=now) for one in found]
    if changes:
        _record(speaker, changes, now=now)


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
    """Record that the person does not want to see an offer, a campaign or a category, or does again."""
    status = Status.GIVEN if again else Status.OBJECTED
    change = _change(name_of(kind, key), status, EVERY_CHANNEL, now=now)
    _record(speaker, [change], notice=METHOD, controller=speaker.host, now=now)


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


def _record(
    speaker: Speaker,
    changes: Sequence[ConsentChange],
    *,
    notice: str = "",
    controller: str = "",
    now: datetime,
) -> None:
    evidence = Evidence(
        controller=controller,
        collection_method=METHOD,
        notice_version=notice,
        language=speaker.language,
        jurisdiction=UNKNOWN_PLACE,  # what is known of where they live stays as it is
        service=speaker.host,
        source=METHOD,
        gpc=speaker.gpc,
    )
    record_change(speaker.person, changes, evidence=evidence, actor=SUBJECT, now=now)
