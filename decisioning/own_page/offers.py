"""The only place that says what a person was shown before they allow something on their own page, and that it was this."""

import base64
import binascii
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Final

import msgspec
from django.template import Engine
from django.utils.html import strip_tags

from consent.models import NoticeText
from consent.notices import texts_of
from consent.policy import NoticeSpec, PolicySpec
from rtts_site.foundation.sealing import SealError, seal, unseal

PURPOSE: Final = "own page: shown"
UNDETERMINED: Final = (
    "und"  # BCP 47: a policy does not say in which language its purposes are described
)
TEMPLATES: Final = ("person/page.html", "person/row.html")


class Shown(msgspec.Struct, frozen=True, array_like=True):
    """What a page showed a person of one purpose."""

    person: str
    purpose: str
    reference: str  # "privacy@3"; "policy@7" where no notice asks about the purpose
    language: str
    digest: str  # "sha256:…" of the bytes


class ShownBeforeError(Exception):
    """The page showed something else than what holds now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What is shown of one purpose now."""

    reference: str
    language: str
    digest: str
    words: str  # of the notice; "" where the policy describes the purpose itself
    is_kept: bool  # the notice can be read as its very bytes


def offer_of(policy: PolicySpec, purpose: str, language: str, *, now: datetime) -> Offer | None:
    """Return what a page shows of a purpose; None where its notice has no words, so that nobody can agree to it.

    A query where there is a notice.
    """
    if not any(purpose in notice.purposes for notice in policy.notices):
        return Offer(
            reference=f"policy@{policy.version}",
            language=UNDETERMINED,
            digest=policy.digest,
            words="",
            is_kept=False,
        )
    notice = notice_for(policy, purpose, now=now)
    kept = _text_of(notice, language) if notice else None
    if notice is None or kept is None:
        return None
    return Offer(
        reference=notice.reference,
        language=kept.language,
        digest=kept.sha256,
        words=_words(kept),
        is_kept=True,
    )


def notice_for(policy: PolicySpec, purpose: str, *, now: datetime) -> NoticeSpec | None:
    """Return the version of the notice that is shown for a purpose now."""
    shown = [
        notice
        for notice in policy.notices
        if purpose in notice.purposes and notice.effective_from <= now
    ]
    return max(shown, key=lambda notice: (notice.effective_from, notice.version), default=None)


def _text_of(notice: NoticeSpec, language: str) -> NoticeText | None:
    """Return a notice in a language, in English or in the first it has; only as the policy knows it."""
    kept = {
        text.language: text
        for text in texts_of(notice.key, notice.version)
        if notice.languages.get(text.language) == text.sha256
    }
    wanted = (language, language.partition("-")[0], "en", *sorted(kept))
    return next((kept[one] for one in wanted if one in kept), None)


def _words(text: NoticeText) -> str:
    said = bytes(text.content).decode()
    return strip_tags(said) if text.media_type == "text/html" else said


def seal_offer(person: str, purpose: str, offer: Offer) -> str:
    """Return what a form carries to prove what its page showed whom."""
    shown = Shown(person, purpose, offer.reference, offer.language, offer.digest)
    sealed = seal(msgspec.msgpack.encode(shown), purpose=PURPOSE)
    return base64.urlsafe_b64encode(sealed).decode()


def open_offer(
    token: str, persons: Iterable[str], policy: PolicySpec, purpose: str, *, now: datetime
) -> Shown:
    """Return what a form's page showed, where that is what holds still.

    Raises:
        ShownBeforeError: it showed something else, or nothing that we know of.
    """
    try:
        sealed = base64.urlsafe_b64decode(token)
        shown = msgspec.msgpack.decode(unseal(sealed, purpose=PURPOSE), type=Shown)
    except (SealError, msgspec.DecodeError, binascii.Error, ValueError) as error:
        raise ShownBeforeError("The form does not say what was shown.") from error
    holds = offer_of(policy, purpose, shown.language, now=now)
    same = holds is not None and shown == Shown(
        shown.person, purpose, holds.reference, holds.language, holds.digest
    )
    if not same or shown.person not in persons:
        raise ShownBeforeError("The notice changed since the page was shown.")
    return shown


@cache
def build_of_page() -> str:
    """Return the version of the page that shows it, by what its templates say."""
    engine = Engine.get_default()
    said = b"".join(engine.get_template(name).source.encode() for name in TEMPLATES)
    return f"preference page {hashlib.sha256(said).hexdigest()[:12]}"
