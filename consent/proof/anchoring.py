"""The only place that brings checkpoints out of the database: what is outside, no administrator of it can rewrite."""

import json
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from smtplib import SMTPException
from typing import Protocol

from django.conf import settings
from django.core.mail import EmailMessage

from consent.proof.tables import Anchoring, LedgerCheckpoint
from rtts_site.foundation.posting import post, sign

SUFFIX = ".checkpoint"


class AnchoringError(Exception):
    """A checkpoint did not arrive; the message says why."""


class Place(Protocol):
    """Somewhere outside the database."""

    name: str  # "folder"

    def bring(self, checkpoint: LedgerCheckpoint, *, now: datetime) -> None:
        """Put a checkpoint there for good; again does no harm. Raises AnchoringError."""

    def has(self, checkpoint: LedgerCheckpoint) -> bool:
        """Return whether it is there."""


class Folder:
    """A folder where files are only ever added; best one that is copied to storage that is written once."""

    name = "folder"

    def __init__(self, path: Path) -> None:
        self._path = path

    def bring(self, checkpoint: LedgerCheckpoint, *, now: datetime) -> None:
        """Write a file that nobody may write again.

        Raises:
            AnchoringError: it cannot be written, or another checkpoint of that size is there.
        """
        path = self._file(checkpoint)
        try:
            self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
            if path.exists():
                self._compare(path, checkpoint)
                return
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
            with os.fdopen(descriptor, "w") as file:
                file.write(checkpoint.note)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise AnchoringError(f"{path}: {error.strerror}") from error

    def has(self, checkpoint: LedgerCheckpoint) -> bool:
        """Return whether its file is there and says the same, whatever the database notes."""
        path = self._file(checkpoint)
        return path.exists() and path.read_text() == checkpoint.note

    def _file(self, checkpoint: LedgerCheckpoint) -> Path:
        return self._path / f"{checkpoint.size:015d}{SUFFIX}"

    def _compare(self, path: Path, checkpoint: LedgerCheckpoint) -> None:
        if path.read_text() != checkpoint.note:
            raise AnchoringError(
                f"{path} is another checkpoint of that size: run `manage.py rtts_verify_ledger`."
            )

    def notes(self) -> Iterator[tuple[str, str]]:
        """Yield (file, note) of what was brought here."""
        for path in sorted(self._path.glob(f"*{SUFFIX}")):
            yield str(path), path.read_text()


class Webhook:
    """An address that takes Standard Webhooks, such as the auditor's."""

    name = "webhook"

    def has(self, checkpoint: LedgerCheckpoint) -> bool:
        """Return whether it was taken, as far as the database knows."""
        return _is_noted(self.name, checkpoint)

    def __init__(self, url: str, secret: str) -> None:
        self._url, self._secret = url, secret

    def bring(self, checkpoint: LedgerCheckpoint, *, now: datetime) -> None:
        """Send it, signed.

        Raises:
            AnchoringError: the address may not be called, or does not take it.
        """
        told = {"size": checkpoint.size, "checkpoint": checkpoint.note}
        said = {"type": "ledger.checkpoint", "timestamp": now.isoformat(), "data": told}
        body = json.dumps(said)
        message = f"ledger-checkpoint-{checkpoint.size}"
        tried = post(sign(self._url, message, body, secrets=[self._secret], now=now))
        if not tried.is_taken:
            raise AnchoringError(tried.trouble or f"The webhook answered {tried.status}.")


class Mailbox:
    """The auditor's mailbox."""

    name = "e-mail"

    def has(self, checkpoint: LedgerCheckpoint) -> bool:
        """Return whether it was taken, as far as the database knows."""
        return _is_noted(self.name, checkpoint)

    def __init__(self, address: str) -> None:
        self._address = address

    def bring(self, checkpoint: LedgerCheckpoint, *, now: datetime) -> None:
        """Send it as the text of a mail.

        Raises:
            AnchoringError: the mail server does not take it.
        """
        subject = f"Consent ledger: checkpoint of {checkpoint.size} entries"
        mail = EmailMessage(subject, checkpoint.note, to=[self._address])
        try:
            mail.send()
        except (OSError, SMTPException) as error:
            raise AnchoringError(f"The mail server does not take it: {error}") from error


def places() -> list[Place]:
    """Return where checkpoints are brought, as the settings say."""
    found: list[Place] = []
    if settings.RTTS_LEDGER_ANCHOR_FOLDER:
        found.append(Folder(Path(settings.RTTS_LEDGER_ANCHOR_FOLDER)))
    if settings.RTTS_LEDGER_ANCHOR_WEBHOOK:
        url, secret = settings.RTTS_LEDGER_ANCHOR_WEBHOOK, settings.RTTS_LEDGER_ANCHOR_SECRET
        found.append(Webhook(url, secret))
    if settings.RTTS_LEDGER_ANCHOR_EMAIL:
        found.append(Mailbox(settings.RTTS_LEDGER_ANCHOR_EMAIL))
    return found


def anchor(*, now: datetime) -> list[Anchoring]:
    """Bring the newest checkpoint to every place that has not got it, and note what became of it."""
    checkpoint = LedgerCheckpoint.objects.order_by("-size").first()
    if checkpoint is None:
        return []
    return [_bring(place, checkpoint, now=now) for place in places() if not place.has(checkpoint)]


def anchored_notes() -> Iterator[tuple[str, str]]:
    """Yield (where, note) of every anchored checkpoint that can be read from here: those in the folder."""
    if settings.RTTS_LEDGER_ANCHOR_FOLDER:
        yield from Folder(Path(settings.RTTS_LEDGER_ANCHOR_FOLDER)).notes()


def _is_noted(place: str, checkpoint: LedgerCheckpoint) -> bool:
    """Return whether it arrived at a place that cannot be read from here."""
    return Anchoring.objects.filter(place=place, size=checkpoint.size, trouble="").exists()


def _bring(place: Place, checkpoint: LedgerCheckpoint, *, now: datetime) -> Anchoring:
    trouble = ""
    try:
        place.bring(checkpoint, now=now)
    except AnchoringError as error:
        trouble = str(error)[:300]
    return Anchoring.objects.create(
        size=checkpoint.size, place=place.name, trouble=trouble, tried_at=now
    )
