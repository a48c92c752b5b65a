"""The only place that words e-mails: from the decided offer, with a way to unsubscribe that needs one click."""

from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

import msgspec
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.utils.html import strip_tags
from django.utils.translation import gettext as _

from consent.rights.closing import is_suppressed
from decisioning.dispatching.bodies import body_of
from decisioning.dispatching.deciding import (
    Decided,
    Later,
    NotSent,
    Question,
    check_again,
    decide_for,
)
from decisioning.dispatching.unsubscribing import Link, token_of
from decisioning.ingestion.identities import email_identifier
from decisioning.models import Sending
from rtts_site.foundation.sealing import SealError, seal, unseal

__all__ = ["Later", "NotSent", "Prepared", "prepare", "prepared_before", "sealed", "unsealed"]

PURPOSE: Final = "prepared e-mail"
SUBJECT_LENGTH: Final = 200


@dataclass(frozen=True, slots=True)
class Prepared:
    """One e-mail, ready to be handed over."""

    message: str  # id, the same at each try
    sender: str
    decided: Decided
    subject: str
    text: str
    html: str
    unsubscribe: str  # address
    at: datetime

    def headers(self) -> dict[str, str]:
        """Return the headers that name the message and say how to unsubscribe."""
        host = urlsplit(settings.RTTS_PUBLIC_URL).hostname or "localhost"
        return {
            "Message-ID": f"<{self.message}@{host}>",
            "List-Unsubscribe": f"<{self.unsubscribe}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        }

    def mail(self) -> EmailMultiAlternatives:
        """Return it as the mail server takes it."""
        mail = EmailMultiAlternatives(
            subject=self.subject,
            body=self.text,
            from_email=self.sender,
            to=[self.decided.address],
            headers=self.headers(),
        )
        mail.attach_alternative(self.html, "text/html")
        return mail

    def as_body(self) -> str:
        """Return it as a webhook of a mail provider takes it."""
        data = {
            "to": self.decided.address,
            "subject": self.subject,
            "text": self.text,
            "html": self.html,
            "headers": self.headers(),
            "person_id": self.decided.person,
            "decision_id": self.decided.shown.decision_id,
            "offer": self.decided.shown.offer,
            "variant": self.decided.shown.variant,
        }
        return body_of("email.send", data, at=self.at)


def prepare(sending: Sending, *, now: datetime) -> Prepared:
    """Decide what an e-mail shows, and word it.

    Raises:
        NotSent: there is nothing to say, or it may not be sent.
        Later: quiet hours, or a store is away.
    """
    question = _question(sending)
    decided = decide_for(question, now=now)
    _check_is_known(decided.address)
    # Whoever the e-mail was triggered for: consent follows their merges, and its undoing gives it back to them.
    link = Link(question.person, decided.purposes, decided.channel, sending.message)
    address = urljoin(settings.RTTS_PUBLIC_URL, f"/v1/unsubscribe/{token_of(link)}")
    return Prepared(
        sending.message,
        sending.destination.sender,
        decided,
        _line(decided.content.get("headline")) or _("News for you"),
        _text(decided.content, address),
        _html(decided.content, address),
        address,
        now,
    )


def prepared_before(sending: Sending, *, now: datetime) -> Prepared:
    """Return the e-mail that an earlier try was to send, if it may be sent now.

    Raises:
        NotSent: it may not be sent any more.
        Later: quiet hours, or a store is away.
    """
    try:
        prepared = unsealed(sending)
    except SealError as error:
        raise NotSent(str(error)) from error
    check_again(_question(sending), prepared.decided, now=now)
    _check_is_known(prepared.decided.address)
    return prepared


def _check_is_known(address: str) -> None:
    """Refuse an address of somebody who was erased, whoever's profile it came back in: an import, a shared mailbox."""
    identifier = email_identifier(address)
    if identifier is not None and is_suppressed(identifier):
        raise NotSent(_("Whose address this is was erased, and has not opted in again."))


def sealed(prepared: Prepared) -> bytes:
    """Return an e-mail as it is kept between tries: it holds an address."""
    return seal(msgspec.msgpack.encode(prepared), purpose=PURPOSE)


def unsealed(sending: Sending) -> Prepared:
    """Return the e-mail that is kept with a sending.

    Raises:
        SealError: the product's secret key was exchanged since.
    """
    packed = unseal(bytes(sending.prepared or b""), purpose=PURPOSE)
    return msgspec.msgpack.decode(packed, type=Prepared)


def _question(sending: Sending) -> Question:
    said = msgspec.json.decode(sending.body)
    return Question(
        trigger=said["data"]["trigger"]["key"],
        person=said["data"]["person_id"],
        recipient=sending.destination.recipient,
        fired_at=datetime.fromisoformat(said["timestamp"]),
    )


def _line(value: Any) -> str:
    """Return a text on one line: a subject cannot hold two."""
    text = strip_tags(value) if isinstance(value, str) else ""
    return " ".join(text.split())[:SUBJECT_LENGTH]


def _text(content: dict[str, Any], unsubscribe: str) -> str:
    parts = [
        _line(content.get("headline")),
        strip_tags(str(content.get("text", ""))).strip(),
        _address(content.get("link_url")),
        _("Unsubscribe: {address}").format(address=unsubscribe),
    ]
    return "\n\n".join(part for part in parts if part)


def _html(content: dict[str, Any], unsubscribe: str) -> str:
    headline, text = _line(content.get("headline")), strip_tags(str(content.get("text", "")))
    link = _address(content.get("link_url"))
    lines = [
        f"<h1>{escape(headline)}</h1>" if headline else "",
        f"<p>{escape(text)}</p>" if text else "",
        f'<p><a href="{escape(link)}">{escape(link)}</a></p>' if link else "",
        f'<p><a href="{escape(unsubscribe)}">{escape(_("Unsubscribe"))}</a></p>',
    ]
    return "\n".join(line for line in lines if line)


def _address(value: Any) -> str:
    """Return a link that an e-mail may hold: whole, and of the web."""
    if not isinstance(value, str) or not value:
        return ""
    whole = urljoin(settings.RTTS_PUBLIC_URL, value)
    return whole if urlsplit(whole).scheme in ("http", "https") else ""
