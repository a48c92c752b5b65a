"""The only place that signs messages to other systems: their secrets, kept sealed, and the headers that prove them.

Source: Standard Webhooks (headers, signature).
"""

import base64
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

from standardwebhooks import Webhook as Signer

from rtts_site.foundation.sealing import seal, unseal

SECRET_BYTES: Final = 32
BOTH_SIGN: Final = timedelta(hours=24)  # after a rotation


class Signs(Protocol):
    """A row that holds a secret, and for a while the one before."""

    sealed: Any  # bytes as the database gives them
    former: Any
    former_until: datetime | None


def new_secret() -> str:
    """Return a secret as receivers' libraries take it, "whsec_…"."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()}"


def sealed_secret(secret: str, *, purpose: str) -> bytes:
    """Return a secret as it is kept."""
    return seal(secret.encode(), purpose=purpose)


def exchange(row: Signs, *, purpose: str, now: datetime) -> str:
    """Put a new secret into a row and return it; the former one signs beside it for a day. Saves nothing."""
    secret = new_secret()
    row.former, row.former_until = row.sealed, now + BOTH_SIGN
    row.sealed = sealed_secret(secret, purpose=purpose)
    return secret


def secrets_of(row: Signs, *, purpose: str, now: datetime) -> list[str]:
    """Return the secrets that sign now, the newest first.

    Raises:
        SealError: the product's secret key was exchanged since.
    """
    sealed = [row.sealed]
    if row.former is not None and row.former_until and now < row.former_until:
        sealed.append(row.former)
    return [unseal(bytes(one), purpose=purpose).decode() for one in sealed]


def signed_headers(
    message: str, body: str, *, secrets: Iterable[str], now: datetime
) -> dict[str, str]:
    """Return the headers of one try; each secret signs, `message` is the same at each try."""
    moment = now.astimezone(UTC)
    signatures = [Signer(secret).sign(message, moment, body) for secret in secrets]
    return {
        "webhook-id": message,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(signatures),
        "Content-Type": "application/json",
        "User-Agent": "rtts-webhooks/1",
    }
