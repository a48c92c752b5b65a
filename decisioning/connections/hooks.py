"""The only place that judges calls of foreign systems: signatures, rows of a body, and what was said before."""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from decisioning.connections.lines import Line
from decisioning.connections.mapping import Fault
from decisioning.connections.picking import MISSING, pick
from decisioning.rules.phrases import gettext_noop as _

Proof = Literal["standard", "hmac", "secret"]
PROOFS: Final[tuple[Proof, ...]] = ("standard", "hmac", "secret")
ROWS: Final = 500  # of one call
TOLERANCE_S: Final = 300  # of a signed time stamp
SECRETS: Final = ("signing",)


class HookSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a source proves itself, and where its rows are."""

    proof: Proof = "standard"
    header: str = ""  # of hmac and secret: "X-Shopify-Hmac-Sha256"
    encoding: Literal["hex", "base64"] = "hex"  # of hmac
    prefix: str = ""  # of hmac: "sha256="
    rows: str = ""  # path of the rows in the body; "" is the body, one row or a list of them
    id_header: str = ""  # of hmac and secret: the header whose value names the call, repeats alike


class NotProven(Exception):
    """A call whose sender did not prove to know the secret."""


def faults_of(spec: HookSpec) -> Iterator[Fault]:
    """Yield what is wrong in a description."""
    named = re.fullmatch(r"[A-Za-z0-9-]{1,60}", spec.header)
    if spec.proof in ("hmac", "secret") and not named:
        yield Fault("/header", _("Name the header that holds the proof, such as X-Signature."))
    if spec.id_header and not re.fullmatch(r"[A-Za-z0-9-]{1,60}", spec.id_header):
        yield Fault("/id_header", _("Name one header, such as X-Shopify-Webhook-Id."))


def check(
    spec: HookSpec, secret: str, headers: Mapping[str, str], body: bytes, *, now: datetime
) -> str:
    """Return the id of a call, which only a Standard Webhook's signature covers, "" where there is none.

    Raises:
        NotProven: no proof, a wrong one, or one of another time.

    Source: Standard Webhooks; others sign the body alone.
    """
    if not secret:
        raise NotProven("The source has no secret yet.")
    if spec.proof == "standard":
        return _check_standard(secret, headers, body, now=now)
    given = headers.get(spec.header.lower(), "")
    if spec.proof == "secret":
        wanted = secret
    else:
        given = given.removeprefix(spec.prefix)
        digest = hmac.new(secret.encode(), body, hashlib.sha256).digest()
        wanted = digest.hex() if spec.encoding == "hex" else base64.b64encode(digest).decode()
        given = given.lower() if spec.encoding == "hex" else given
    if not hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode()):
        raise NotProven("The proof is missing or wrong.")
    return headers.get(spec.id_header.lower(), "")[:150] if spec.id_header else ""


def _check_standard(secret: str, headers: Mapping[str, str], body: bytes, *, now: datetime) -> str:
    said, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not said or len(said) > 150 or not stamp.isdecimal() or len(stamp) > 12:
        raise NotProven("Send webhook-id, webhook-timestamp and webhook-signature.")
    if abs(int(stamp) - now.timestamp()) > TOLERANCE_S:
        raise NotProven("The time stamp is more than 5 minutes away.")
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error as error:
        raise NotProven("The source's secret is none of Standard Webhooks.") from error
    signed = f"{said}.{stamp}.".encode("latin-1", "replace") + body
    wanted = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    for one in headers.get("webhook-signature", "").split(" ")[:10]:
        version, _, given = one.partition(",")
        if version == "v1" and hmac.compare_digest(
            given.encode("utf-8", "replace"), wanted.encode()
        ):
            return said
    raise NotProven("The signature is missing or wrong.")


def rows_of(spec: HookSpec, body: bytes) -> list[Line]:
    """Return the rows of a call's body.

    Raises:
        ValueError: not JSON, no rows where they should be, or too many; the message says which.
    """
    try:
        told: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError("Send JSON.") from error
    found = pick(told, spec.rows) if spec.rows else told
    if found is MISSING or not isinstance(found, dict | list):
        raise ValueError(f"There are no rows at {spec.rows or 'the top'!r} of the body.")
    rows = found if isinstance(found, list) else [found]
    if len(rows) > ROWS:
        raise ValueError(f"Send at most {ROWS} rows at once.")
    return [
        Line(place + 1, place, one)
        if isinstance(one, dict)
        else Line(place + 1, place, {}, "A row must be an object with named values.")
        for place, one in enumerate(rows)
    ]
