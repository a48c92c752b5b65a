"""The only door to the words of notices: kept for good as the bytes that people are shown, found by what they are."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from consent.models import NoticeText
from consent.policy import ChangeClass, NoticeSpec

REFERENCE: Final = re.compile(r"(?P<notice>[a-z0-9][a-z0-9._-]*)@(?P<version>[1-9][0-9]{0,8})")
MEDIA_TYPES: Final = ("text/html", "text/plain")


class NoticeAlteredError(ValueError):
    """A version of a notice was kept with other words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeDraft:
    """A version of a notice with its words, as it is authored."""

    key: str  # "privacy"
    name: str
    effective_from: datetime  # aware
    texts: dict[str, str]  # BCP 47 -> what people read
    version: int = 1
    change_class: ChangeClass = "reconsent"
    purposes: tuple[str, ...] = ()
    media_type: str = "text/html"
    controller: str = ""
    workflow_version: str = ""

    def spec(self) -> NoticeSpec:
        """Return what the policy says of it: the same, with digests in place of the words."""
        return NoticeSpec(
            key=self.key,
            name=self.name,
            version=self.version,
            change_class=self.change_class,
            effective_from=self.effective_from,
            purposes=self.purposes,
            languages={language: digest_of(text) for language, text in self.texts.items()},
            controller=self.controller,
            workflow_version=self.workflow_version,
        )


def digest_of(text: str) -> str:
    """Return the digest of the bytes of a text, e.g. ``sha256:9f86d0…``."""
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def keep_texts(drafts: Iterable[NoticeDraft], *, now: datetime) -> None:
    """Keep the words of these notices for good, inside the caller's transaction; what is kept already is compared.

    Raises:
        NoticeAlteredError: kept with other words under the same version.
    """
    for draft in drafts:
        kept = {row.language: row.sha256 for row in texts_of(draft.key, draft.version)}
        said = {language: digest_of(text) for language, text in draft.texts.items()}
        if kept and kept != said:
            raise NoticeAlteredError(
                f"{draft.key}@{draft.version} was shown to people with other words."
            )
        if not kept:
            NoticeText.objects.bulk_create(_rows(draft, now=now))


def _rows(draft: NoticeDraft, *, now: datetime) -> list[NoticeText]:
    return [
        NoticeText(
            notice=draft.key,
            version=draft.version,
            language=language,
            media_type=draft.media_type,
            content=text.encode(),
            sha256=digest_of(text),
            recorded_at=now,
        )
        for language, text in sorted(draft.texts.items())
    ]


def texts_of(notice: str, version: int) -> list[NoticeText]:
    """Return a version of a notice in every language; one query."""
    return list(NoticeText.objects.filter(notice=notice, version=version).order_by("language"))


def find_text(reference: str, language: str) -> NoticeText | None:
    """Return what ``privacy@3`` says in a language, e.g. ``de``; "de-AT" falls back to "de". One query."""
    named = REFERENCE.fullmatch(reference)
    if named is None:
        return None
    kept = {row.language: row for row in texts_of(named["notice"], int(named["version"]))}
    return kept.get(language) or kept.get(language.partition("-")[0])
