"""The only place that proves to a foreign API who asks: keys in headers, and OAuth 2 tokens, which it fetches and renews.

Source: RFC 6749 (client credentials, refresh tokens), through Authlib's parts that make no requests.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_token_request

from decisioning.connections.polls import PollSpec
from decisioning.rules.phrases import Filled
from decisioning.rules.phrases import gettext_noop as _
from rtts_site.foundation.addresses import look_up
from rtts_site.foundation.calling import Answer, Sent, fetch

TOKEN_BYTES: Final = 100_000
TOKEN_S: Final = 8.0
LEEWAY: Final = timedelta(seconds=60)
LASTS: Final = timedelta(minutes=30)  # where the answer does not say
Secrets = dict[str, str]


class NotAuthorised(Exception):
    """No token could be had; the message says why, without any secret."""


class Token(msgspec.Struct, frozen=True):
    """An access token, kept until it ends."""

    access: str
    until: datetime


class _TokenAnswer(msgspec.Struct):
    access_token: str
    token_type: str = "bearer"  # noqa: S105 - a kind
    expires_in: float | str | None = None
    refresh_token: str | None = None


@dataclass(frozen=True, slots=True)
class Renewed:
    """A new token, and the refresh token that replaces the one it was had with."""

    token: Token
    refresh_token: str  # "" where the old one stays


def key_headers(spec: PollSpec, secrets: Secrets) -> dict[str, str]:
    """Return the header of a source that takes a key; none of one that takes none."""
    if spec.auth != "header":
        return {}
    value = secrets.get("header_value", "")
    if not value.isprintable() or not value.isascii():
        raise NotAuthorised(_("The key holds characters that no header can."))
    return {spec.header: value}


def token_headers(token: Token) -> dict[str, str]:
    """Return the header of a source that takes tokens."""
    return {"Authorization": f"Bearer {token.access}"}


def needs_token(spec: PollSpec) -> bool:
    """Say whether a source takes tokens."""
    return spec.auth in ("client_credentials", "refresh_token")


def is_good(token: Token | None, *, now: datetime) -> bool:
    """Say whether a token lasts for another request."""
    return token is not None and token.until > now + LEEWAY


def renew(spec: PollSpec, secrets: Secrets, *, now: datetime) -> Renewed:
    """Fetch a token.

    Raises:
        NotAuthorised: the server refuses, or answers what is no token.
        AddressRefused, NoAnswer: it cannot be asked.
    """
    extra = {"scope": spec.scope} if spec.scope else {}
    if spec.auth == "refresh_token":
        extra["refresh_token"] = secrets.get("refresh_token", "")
    body = prepare_token_request(spec.auth, "", None, **extra)
    headers = {
        "Accept": "application/json",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    method = "client_secret_post" if spec.in_body else "client_secret_basic"
    client = ClientAuth(spec.client_id, secrets.get("client_secret", ""), auth_method=method)
    url, headers, body = client.prepare("POST", spec.token_url, headers, body)
    return _read(_ask(url, headers, body), now=now)


def _ask(url: str, headers: dict[str, str], body: str) -> Answer:
    sent = Sent("POST", headers, body.encode())
    return fetch(sent, look_up(url), seconds=TOKEN_S, limit=TOKEN_BYTES)


def _read(answer: Answer, *, now: datetime) -> Renewed:
    if answer.status != 200:
        raise NotAuthorised(
            Filled(_("The address for tokens answers {status}."), status=answer.status)
        )
    try:
        told = msgspec.json.decode(answer.body, type=_TokenAnswer)
        lasts = timedelta(seconds=float(told.expires_in)) if told.expires_in else LASTS
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError) as error:
        raise NotAuthorised(_("The address for tokens answers what is no token.")) from error
    if told.token_type.lower() != "bearer" or not told.access_token.isprintable():
        raise NotAuthorised(_("The address for tokens gives tokens of another kind than bearer."))
    # Shorter than the leeway would be renewed for every request.
    until = now + max(min(lasts, timedelta(days=365)), LEEWAY + timedelta(seconds=5))
    return Renewed(Token(told.access_token, until), told.refresh_token or "")
