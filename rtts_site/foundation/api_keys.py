"""The only place that knows API keys: what they may do, how they are presented, found, and proven for a person.

A secret is shown once; stores hold its SHA-256. Processes read keys from Redis alone and keep an answer 5 seconds.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, cast

import msgspec
import redis
import redis.asyncio
from django.utils.translation import gettext_noop as _  # pages translate

Kind = Literal["secret", "browser"]
SCOPES: dict[str, str] = {
    "decisions": _("Ask for decisions and report feedback"),
    "decisions:trace": _("See every value that a decision used"),
    "decisions:now": _("Ask what would be decided at another time"),
    "events": _("Send events"),
    "import": _("Send events of any age"),
    "profiles": _("Read profiles"),
    "consents": _("Record and read consents"),
    "ledger": _("Read checkpoints and proofs of the consent ledger"),
    "management": _("Read and edit what is authored"),
    "rights": _("Ask for people’s rights, erasure too; see how far these requests are"),
    "rights:copy": _("Fetch the copies of everything that were asked for"),
    "people": _("Undo merges of people"),
}
MANAGEMENT = "management"
FORMER = {"rights": "erasure"}  # as Redis names it until keys are written there again
BROWSER_SCOPES = frozenset({"consents", "decisions", "events"})
PREFIXES: dict[Kind, str] = {"secret": "rtts_sk_", "browser": "rtts_bk_"}

KEYS = "apikeys"  # hash: SHA-256 of the secret, hex -> packed KeyRecord
KEYS_BY_ID = "{apikeys}:ids"  # the slot of KEYS; hash: key id -> SHA-256 of the secret, hex
KEYS_USED = "{apikeys}:used"  # hash: key id -> last use, epoch seconds; written at most once a minute per process

CACHE_SECONDS = 5.0  # a revoked key is refused within this
RETRY_SECONDS = (
    1.0  # how long a process goes on with what it knows before it asks a silent Redis again
)
USE_SECONDS = 60.0
CACHE_LIMIT = 10_000
PROOF_SECONDS = 900  # a proof may not promise to live longer


class KeyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A key as processes know it."""

    id: str
    name: str
    kind: Kind
    scopes: frozenset[str]
    origins: tuple[str, ...] = ()  # of a browser key, e.g. ("https://shop.example",)
    placements: tuple[str, ...] = ()  # of a browser key; () is all
    expires_at: float | None = None  # epoch seconds; set when a rotation replaced it

    def allows(self, scope: str) -> bool:
        """Return whether the key may do what `scope` names."""
        return scope in self.scopes or FORMER.get(scope) in self.scopes

    def allows_origin(self, origin: str | None) -> bool:
        """Return whether a request with this Origin header may use the key; secret keys have none to check."""
        return self.kind == "secret" or (origin is not None and origin in self.origins)

    def allows_placement(self, placement: str) -> bool:
        """Return whether the key may ask for this placement."""
        return not self.placements or placement in self.placements


class KeysUnavailableError(Exception):
    """Redis does not answer and this process has not met the key before; try again shortly."""


class ProofError(Exception):
    """The person's proof cannot be accepted; the message says why."""


_decoder = msgspec.msgpack.Decoder(KeyRecord)


def new_secret(kind: Kind) -> str:
    """Return a fresh secret with 256 random bits, e.g. ``rtts_sk_…``."""
    return PREFIXES[kind] + secrets.token_urlsafe(32)


def digest_of(secret: str) -> str:
    """Return what stores keep of a secret: SHA-256, hex. The secret is random, so no salt is needed."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def presented_secret(headers: Mapping[str, str], *, write_key: str | None = None) -> str | None:
    """Return the secret that a request presents, or None.

    `headers` has lower-case names. Read in this order: ``Authorization: Bearer``, ``Authorization: Basic`` with the
    key as user name (Segment's libraries), ``X-API-Key``, the body's ``writeKey``.
    """
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip() or None
    if scheme.lower() == "basic":
        return _basic_user(value)
    return headers.get("x-api-key") or write_key or None


def _basic_user(value: str) -> str | None:
    try:
        user = base64.b64decode(value.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    return user.partition(":")[0] or None


class KeyRing:
    """A process's view of the keys. One per process; safe to share between an event loop and threads."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._wall = wall
        self._known: dict[str, tuple[KeyRecord | None, float]] = {}  # digest -> record, asked at
        self._used: dict[str, float] = {}  # key id -> last use written

    async def find(self, client: redis.asyncio.Redis, secret: str) -> KeyRecord | None:
        """Return the key of a secret, or None where there is none. At most one round trip each 5 seconds.

        Raises:
            KeysUnavailableError: Redis is away and the key has not been seen here.
        """
        digest = digest_of(secret)
        known = self._fresh(digest)
        if known is None:
            try:
                packed = await cast("Any", client.hget(KEYS, digest))
            except (redis.RedisError, OSError) as error:
                return self._last_known(digest, error)
            known = self._keep(digest, packed)
            if known[0] is not None and self._stamp_due(known[0]):
                await _quietly(client, known[0].id, self._wall())
        return self._if_current(known[0])

    def find_sync(self, client: redis.Redis, secret: str) -> KeyRecord | None:
        """Return the key of a secret for synchronous callers; see `find`."""
        digest = digest_of(secret)
        known = self._fresh(digest)
        if known is None:
            try:
                packed = cast("bytes | None", client.hget(KEYS, digest))
                known = self._keep(digest, packed)
                if known[0] is not None and self._stamp_due(known[0]):
                    client.hset(KEYS_USED, known[0].id, int(self._wall()))
            except (redis.RedisError, OSError) as error:
                return self._last_known(digest, error)
        return self._if_current(known[0])

    async def verify_proof(
        self, client: redis.asyncio.Redis, proof: str, *, user_id: str
    ) -> tuple[str, ...]:
        """Accept a proof that a channel's server signed for this user with one of its secret keys.

        Returns the accounts that it says the user may name.

        Raises:
            ProofError: not signed by a live secret key, for another user, or out of date.
            KeysUnavailableError: Redis is away.
        """
        key_id = proof_key_id(proof)
        try:
            digest = await cast("Any", client.hget(KEYS_BY_ID, key_id))
            packed = await cast("Any", client.hget(KEYS, digest)) if digest else None
        except (redis.RedisError, OSError) as error:
            raise KeysUnavailableError("Keys cannot be read now; try again shortly.") from error
        record = self._if_current(_unpack(packed))
        if record is None or record.kind != "secret" or not record.allows("decisions"):
            raise ProofError("The proof is not signed by a live secret key with scope decisions.")
        return check_proof(proof, digest=digest.decode(), user_id=user_id, now=self._wall())

    def _fresh(self, digest: str) -> tuple[KeyRecord | None, float] | None:
        known = self._known.get(digest)
        return known if known is not None and self._clock() - known[1] < CACHE_SECONDS else None

    def _keep(self, digest: str, packed: bytes | None) -> tuple[KeyRecord | None, float]:
        record = _unpack(packed)
        if record is None:
            self._known.pop(digest, None)  # strangers must not fill the memory
            return None, 0.0
        if len(self._known) >= CACHE_LIMIT:
            self._known.clear()
        known = self._known[digest] = (record, self._clock())
        return known

    def _last_known(self, digest: str, error: Exception) -> KeyRecord | None:
        # Redis away: decisions must still be answered, so a key that was good here stays good until Redis is back.
        known = self._known.get(digest)
        if known is None:
            raise KeysUnavailableError("Keys cannot be read now; try again shortly.") from error
        self._known[digest] = (known[0], self._clock() - CACHE_SECONDS + RETRY_SECONDS)
        return self._if_current(known[0])

    def _if_current(self, record: KeyRecord | None) -> KeyRecord | None:
        if record is None or (record.expires_at is not None and record.expires_at <= self._wall()):
            return None
        return record

    def _stamp_due(self, record: KeyRecord) -> bool:
        now = self._clock()
        if now - self._used.get(record.id, float("-inf")) < USE_SECONDS:
            return False
        self._used[record.id] = now
        return True


async def _quietly(client: redis.asyncio.Redis, key_id: str, now: float) -> None:
    """Note the last use; a page shows it, so a Redis that went away meanwhile is no reason to refuse."""
    try:
        await cast("Any", client.hset(KEYS_USED, key_id, str(int(now))))
    except (redis.RedisError, OSError):
        return


def _unpack(packed: bytes | None) -> KeyRecord | None:
    return None if packed is None else _decoder.decode(packed)


def _signing_secret(digest: str) -> bytes:
    return hmac.new(bytes.fromhex(digest), b"rtts person proof", hashlib.sha256).digest()


def sign_proof(
    secret: str, *, key_id: str, user_id: str, expires_at: float, accounts: Sequence[str] = ()
) -> str:
    """Return the token by which a channel's server vouches for its signed-in user; at most 15 minutes ahead.

    A compact JWS: header ``{"alg":"HS256","kid":<key id>}``, claims ``{"sub":<user_id>,"exp":<epoch seconds>}`` and,
    where the user may name accounts, ``"accounts":["c-7","household:h-1"]``, signed with
    HMAC-SHA256(SHA-256(secret), "rtts person proof").

    Source: RFC 7515 section 3.1, RFC 7519.
    """
    header = _segment({"alg": "HS256", "kid": key_id})
    vouched = {"accounts": list(accounts)} if accounts else {}
    claims = _segment({"sub": user_id, "exp": int(expires_at), **vouched})
    return f"{header}.{claims}.{_signature(f'{header}.{claims}', digest_of(secret))}"


def proof_key_id(proof: str) -> str:
    """Return the id of the key that a proof says it was signed with.

    Raises:
        ProofError: not a compact JWS with HS256 and a kid.
    """
    header = _claims(proof.partition(".")[0])
    if header.get("alg") != "HS256" or not isinstance(header.get("kid"), str):
        raise ProofError("The proof's header must have alg HS256 and the key's id as kid.")
    return cast("str", header["kid"])


def check_proof(proof: str, *, digest: str, user_id: str, now: float) -> tuple[str, ...]:
    """Check signature, user and time of a proof, and return the accounts that it vouches for too.

    `digest` is the signing key's.

    Raises:
        ProofError: and why.
    """
    signed, _, signature = proof.rpartition(".")
    if not hmac.compare_digest(_signature(signed, digest).encode(), signature.encode()):
        raise ProofError("The proof's signature does not match its key.")
    claims = _claims(signed.partition(".")[2])
    expires_at = claims.get("exp")
    if claims.get("sub") != user_id:
        raise ProofError("The proof is for another user_id.")
    if not isinstance(expires_at, int) or isinstance(expires_at, bool):
        raise ProofError("The proof's exp must be whole epoch seconds.")
    if not now < expires_at <= now + PROOF_SECONDS:
        raise ProofError("The proof has expired or lives longer than 15 minutes.")
    accounts = claims.get("accounts", [])
    if not isinstance(accounts, list) or not all(isinstance(one, str) for one in accounts):
        raise ProofError("The proof's accounts must be a list of texts, such as household:h-1.")
    return tuple(accounts)


def _segment(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(content)).rstrip(b"=").decode()


def _signature(signed: str, digest: str) -> str:
    mac = hmac.new(_signing_secret(digest), signed.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


def _claims(segment: str) -> dict[str, Any]:
    try:
        padded = segment + "=" * (-len(segment) % 4)
        return msgspec.json.decode(base64.urlsafe_b64decode(padded), type=dict[str, Any])
    except (ValueError, msgspec.DecodeError, RecursionError) as error:
        raise ProofError("The proof is not a compact JWS.") from error
