"""The only place that posts signed messages to other systems: one try, and when the next one is.

Source: Standard Webhooks (retries).
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from rtts_site.foundation.addresses import AddressRefused, look_up
from rtts_site.foundation.calling import NoAnswer, call
from rtts_site.foundation.signing import signed_headers

logger = logging.getLogger("rtts_site")

# How long to wait after each try that failed; after the last the message is given up.
PAUSES: Final = tuple(
    timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 3_600, 4 * 3_600, 12 * 3_600)
)
CLAIMED: Final = timedelta(seconds=120)  # one try and a run end within this
TRY_S: Final = 6.0  # of one try, without asking the name service
GONE: Final = 410


@dataclass(frozen=True, slots=True)
class Signed:
    """A message as it is posted."""

    url: str
    headers: Mapping[str, str]
    content: bytes


@dataclass(frozen=True, slots=True)
class Try:
    """How one try went."""

    status: int | None = None  # of the answer, None where there was none
    trouble: str = ""  # what kept an answer from coming

    @property
    def is_taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        """Return whether the receiver wants no more."""
        return self.status == GONE

    def again_at(self, attempts: int, *, now: datetime) -> datetime | None:
        """Return when to try again after so many attempts, None where the message is given up."""
        if self.is_gone or attempts > len(PAUSES):
            return None
        return now + PAUSES[attempts - 1]


def sign(url: str, message: str, body: str, *, secrets: Iterable[str], now: datetime) -> Signed:
    """Return a message signed for one try; `message`, its id, is the same at each."""
    headers = signed_headers(message, body, secrets=secrets, now=now)
    return Signed(url, headers, body.encode())


def post(signed: Signed) -> Try:
    """Post a message once, and say how that went; it asks no database, so threads may."""
    try:
        to = look_up(signed.url)
        headers, content = signed.headers, signed.content
        return Try(call("POST", to, headers=headers, content=content, seconds=TRY_S))
    except (AddressRefused, NoAnswer) as error:
        return Try(trouble=str(error)[:300])
    except Exception as error:  # noqa: BLE001 - one message never holds up the others
        # Without the traceback: an address may hold a token.
        message = signed.headers["webhook-id"]
        logger.error("webhook.failed message=%s error=%s", message, type(error).__name__)
        return Try(trouble=type(error).__name__)
