"""The only place that sends what is kept for destinations: in time, tried again, given up in the end.

No order is promised: what is tried again comes after what was sent meanwhile.
"""

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from smtplib import SMTPException, SMTPRecipientsRefused, SMTPResponseException
from typing import Final

import msgspec
import redis
from django.core.mail import EmailMultiAlternatives, get_connection
from django.db import transaction
from django.db.models import Q, QuerySet

from decisioning.dispatching.collecting import EMAIL
from decisioning.dispatching.deciding import count_impression, refusal
from decisioning.dispatching.destinations import secrets_of
from decisioning.dispatching.mailing import (
    Later,
    NotSent,
    Prepared,
    prepare,
    prepared_before,
    sealed,
    unsealed,
)
from decisioning.models import Destination, Sending
from decisioning.rules.phrases import gettext_noop as _
from rtts_site.foundation import posting
from rtts_site.foundation.posting import CLAIMED, Signed, Try, sign
from rtts_site.foundation.sealing import SealError

logger = logging.getLogger("decisioning")

RUN_S: Final = 20.0
AT_ONCE: Final = 16
SENT_KEPT: Final = timedelta(days=7)
DEAD_KEPT: Final = timedelta(days=30)
FIRED: Final = "trigger.fired"
OF_PEOPLE: Final = ("segment.entered", "segment.left", "decision.made", FIRED)
REFUSED: Final = (SMTPResponseException, SMTPRecipientsRefused)  # the server's own word: not taken
NOTHING: Final = Try()
OVER: Final = (Sending.State.SENT, Sending.State.DROPPED)


@dataclass(slots=True)
class _Outcome:
    state: str
    tried: Try = NOTHING
    due_at: datetime | None = None


def send_due(*, now: datetime) -> int:
    """Try what is due, for about RUN_S at most; return how many were tried."""
    tried, began = 0, time.monotonic()
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        while (passed := time.monotonic() - began) < RUN_S:
            at = now + timedelta(seconds=passed)
            number = _post_some(pool, at) + _mail_one(at)
            if not number:
                break
            tried += number
    _count_sent(now)
    return tried


def _post_some(pool: ThreadPoolExecutor, now: datetime) -> int:
    hooks = _claim(~Q(kind=EMAIL), AT_ONCE, now=now)
    outcomes = list(pool.map(_outcome_of_post, [_judged(one, now=now) for one in hooks]))
    for sending, outcome in zip(hooks, outcomes, strict=True):
        _note(sending, outcome, now=now)
    return len(hooks)


def _mail_one(now: datetime) -> int:
    """Try one e-mail: a slow mail server must not use up the claims of others."""
    mails = _claim(Q(kind=EMAIL), 1, now=now)
    for sending in mails:
        outcome = _mail(sending, now=now)
        if _note(sending, outcome, now=now) and outcome.state == Sending.State.SENT:
            _count(sending, at=now)
    return len(mails)


def _count_sent(now: datetime) -> None:
    """Count impressions of e-mails that were sent when the store that counts was away."""
    for one in _uncounted().order_by("done_at")[:AT_ONCE]:
        _count(one, at=one.done_at or now)


def _count(sending: Sending, *, at: datetime) -> None:
    """Count the impression, then let go of the e-mail; until then it is known as not counted."""
    try:
        is_counted = count_impression(unsealed(sending).decided.shown, sending.message, at=at)
    except (SealError, redis.RedisError) as error:
        logger.error("mail.uncounted sending=%s error=%s", sending.pk, type(error).__name__)
        return
    if is_counted:
        Sending.objects.filter(pk=sending.pk).update(prepared=None)


def is_due(now: datetime) -> bool:
    """Return whether anything is to be tried or counted; two queries."""
    return _due(now).exists() or _uncounted().exists()


def _due(now: datetime) -> QuerySet[Sending]:
    return Sending.objects.filter(state=Sending.State.WAITING, due_at__lte=now)


def _uncounted() -> QuerySet[Sending]:
    return Sending.objects.filter(state=Sending.State.SENT, prepared__isnull=False)


def _claim(which: Q, most: int, *, now: datetime) -> list[Sending]:
    """Take some so that no other worker tries them; those whose worker dies are due again after a while."""
    with transaction.atomic():
        locked = _due(now).filter(which).select_for_update(skip_locked=True, of=("self",))
        found = list(locked.select_related("destination").order_by("due_at", "pk")[:most])
        for one in found:
            one.due_at, one.attempts = now + CLAIMED, one.attempts + 1
        Sending.objects.bulk_update(found, ["due_at", "attempts"])
    return found


@dataclass(frozen=True, slots=True)
class _NotPosted:
    """What keeps a message from being posted."""

    why: str
    is_final: bool = False  # it will not pass


def _judged(sending: Sending, *, now: datetime) -> Signed | _NotPosted:
    """Return what a sending posts; of what is told of a person only while they permit it."""
    to = sending.destination
    trigger, purposes = "", to.purposes if sending.kind in OF_PEOPLE else []
    if sending.kind == FIRED:
        trigger = msgspec.json.decode(sending.body)["data"]["trigger"]["key"]
    if trigger or purposes:
        try:
            why = refusal(sending.person, purposes, trigger=trigger, now=now)
        except redis.RedisError as error:
            return _NotPosted(type(error).__name__)
        if why:
            return _NotPosted(why, is_final=True)
    return _signed(to, sending.message, sending.body, now=now)


def _signed(to: Destination, message: str, body: str, *, now: datetime) -> Signed | _NotPosted:
    if not to.is_active:
        return _NotPosted(_("The destination is switched off."))
    try:
        secrets = secrets_of(to, now=now)
    except SealError as error:
        return _NotPosted(str(error))
    return sign(to.url, message, body, secrets=secrets, now=now)


def _outcome_of_post(signed: Signed | _NotPosted) -> _Outcome:
    """Return how one request went; it runs in a thread and asks no database."""
    if isinstance(signed, _NotPosted):
        state = Sending.State.DROPPED if signed.is_final else Sending.State.WAITING
        return _Outcome(state, Try(trouble=signed.why[:300]))
    tried = posting.post(signed)
    return _Outcome(Sending.State.SENT if tried.is_taken else Sending.State.WAITING, tried)


def post(to: Destination, message: str, body: str, *, now: datetime) -> Try:
    """Send one body at once, and say how that went."""
    return _outcome_of_post(_signed(to, message, body, now=now)).tried


def _mail(sending: Sending, *, now: datetime) -> _Outcome:
    try:
        prepared = _prepared(sending, now=now)
        mail = prepared.mail()
        mail.message()  # what cannot be written is found before it is handed over
    except NotSent as error:
        return _Outcome(Sending.State.DROPPED, Try(trouble=str(error)[:300]))
    except Later as error:
        return _Outcome(Sending.State.WAITING, Try(trouble=str(error)[:300]), due_at=error.at)
    except Exception as error:  # noqa: BLE001 - one message never holds up the others
        logger.error("mail.failed sending=%s error=%s", sending.pk, type(error).__name__)
        return _Outcome(Sending.State.WAITING, Try(trouble=type(error).__name__))
    if sending.destination.kind == Destination.Kind.WEBHOOK:
        to, body = sending.destination, prepared.as_body()
        return _outcome_of_post(_signed(to, sending.message, body, now=now))
    return _hand_over(sending, mail, now=now)


def _prepared(sending: Sending, *, now: datetime) -> Prepared:
    """Return what is sent, decided at the first try and kept for the others."""
    if sending.prepared is not None:
        return prepared_before(sending, now=now)
    prepared = prepare(sending, now=now)
    sending.prepared = sealed(prepared)
    if not _mine(sending).update(prepared=sending.prepared):
        raise Later(now, _("Another worker tries it."))
    return prepared


def _hand_over(sending: Sending, mail: EmailMultiAlternatives, *, now: datetime) -> _Outcome:
    """Give an e-mail to the mail server, again only where it is known not to have taken it.

    One whose worker dies, or whose connection breaks before the answer, stays marked as handed.
    """
    server = get_connection()
    try:
        server.open()
    except Exception as error:  # noqa: BLE001 - the mail backend raises what it likes
        logger.error("mail.unreachable sending=%s error=%s", sending.pk, type(error).__name__)
        return _Outcome(Sending.State.WAITING, Try(trouble=type(error).__name__))
    if not _mine(sending).update(state=Sending.State.HANDED, done_at=now):
        return _Outcome(Sending.State.WAITING)  # another worker's by now: nothing of this is kept
    try:
        server.send_messages([mail])
    except REFUSED as error:
        logger.error("mail.refused sending=%s error=%s", sending.pk, type(error).__name__)
        return _Outcome(Sending.State.WAITING, Try(trouble=type(error).__name__))
    except Exception as error:  # noqa: BLE001 - whatever it is, the server may have taken it
        logger.error("mail.unanswered sending=%s error=%s", sending.pk, type(error).__name__)
        return _Outcome(Sending.State.HANDED, Try(trouble=type(error).__name__))
    finally:
        with suppress(OSError, SMTPException):  # the answer stands, however the connection ends
            server.close()
    return _Outcome(Sending.State.SENT)


def _mine(sending: Sending) -> QuerySet[Sending]:
    """Return a sending as long as it is this worker's."""
    waiting = Sending.State.WAITING
    return Sending.objects.filter(pk=sending.pk, due_at=sending.due_at, state=waiting)


def _note(sending: Sending, outcome: _Outcome, *, now: datetime) -> bool:
    """Keep how a try ended, unless it was claimed anew meanwhile; say whether it was kept."""
    mine = Sending.objects.filter(pk=sending.pk, due_at=sending.due_at)
    state, tried, done_at, due_at = outcome.state, outcome.tried, None, sending.due_at
    if outcome.due_at is not None:
        due_at = outcome.due_at
        sending.attempts -= 1  # to wait is not to fail
    elif outcome.state == Sending.State.WAITING:
        again_at = tried.again_at(sending.attempts, now=now)
        due_at = again_at or due_at
        state = Sending.State.WAITING if again_at else Sending.State.DEAD
    if state != Sending.State.WAITING:
        done_at = now
    if state == Sending.State.HANDED:
        due_at = now  # nobody is handing it over any more
    if state == Sending.State.DROPPED:
        sending.prepared = None
    is_kept = mine.update(
        prepared=sending.prepared,
        state=state,
        status=tried.status,
        trouble=tried.trouble,
        due_at=due_at,
        done_at=done_at,
        attempts=sending.attempts,
    )
    if tried.is_gone:
        Destination.objects.filter(pk=sending.destination_id).update(is_active=False)
    return bool(is_kept)


def forget_old(*, now: datetime) -> int:
    """Remove what was sent a week ago, and what was given up or handed over a month ago; return how many."""
    sent = Q(state__in=OVER, done_at__lt=now - SENT_KEPT)
    return Sending.objects.filter(sent | Q(done_at__lt=now - DEAD_KEPT)).delete()[0]
