"""Decision ids and tracking tokens: how an answer is found again, and how feedback proves what it is about."""

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import Final

import msgspec

SIGNATURE_BYTES: Final = 16
DECISION_ID: Final = re.compile(r"d-(\d{3})-(\d{1,15})-(\d{1,15})-([0-9a-f]{16})")


class TokenError(ValueError):
    """A tracking token that this installation did not make."""


class Shown(msgspec.Struct, frozen=True, array_like=True):
    """What a tracking token stands for: one offer that one decision showed."""

    decision_id: str
    person: str
    placement: str
    channel: str
    offer: str
    variant: str
    campaign: str
    experiment: str = ""
    arm: str = ""
    accounts: tuple[str, ...] = ()  # for which it counts too


@dataclass(frozen=True, slots=True)
class DecisionId:
    """Where a decision is logged; `stream_id` is "0-0" where no stream had it when it was answered."""

    partition: int
    stream_id: str
    nonce: str

    def __str__(self) -> str:
        return f"d-{self.partition:03d}-{self.stream_id}-{self.nonce}"


def new_nonce() -> str:
    """Return 16 hexadecimal digits that name a decision before any store has it."""
    return secrets.token_hex(8)


def parse_decision_id(text: str) -> DecisionId:
    """Return the parts of a decision id such as ``d-042-1763776180123-0-9f86d081884c7d65``.

    Raises:
        ValueError: not a decision id.
    """
    found = DECISION_ID.fullmatch(text)
    if found is None or int(found[1]) > 255:
        raise ValueError("a decision id looks like d-042-1763776180123-0-9f86d081884c7d65")
    return DecisionId(int(found[1]), f"{int(found[2])}-{int(found[3])}", found[4])


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Shown)


def sign_token(shown: Shown, *, key: bytes) -> str:
    """Return the tracking token of a shown offer."""
    body = _encoder.encode(shown)
    return _text(_signature(body, key) + body)


def read_token(token: str, *, key: bytes) -> Shown:
    """Return what a token stands for.

    Raises:
        TokenError: altered, or of another installation.
    """
    try:
        data = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        signature, body = data[:SIGNATURE_BYTES], data[SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, _signature(body, key)):
            raise TokenError("The tracking token was altered or is of another installation.")
        return _decoder.decode(body)
    except (ValueError, msgspec.DecodeError) as error:
        raise TokenError("This is no tracking token; send it as the decision gave it.") from error


def _signature(body: bytes, key: bytes) -> bytes:
    return hmac.digest(key, body, hashlib.sha256)[:SIGNATURE_BYTES]


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
