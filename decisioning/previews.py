"""Changes laid beside the live release, so that who holds a token sees one before it is published."""

import base64
import hashlib
import hmac
import logging
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
import redis
from django.conf import settings

from decisioning.held import Held, Retired, hold
from decisioning.releases import ARTIFACT_KEY, PREVIEWED_KEY, ReleaseRefused, Verified
from decisioning.rules.artifact import Artifact, decode_artifact, encode_artifact
from decisioning.rules.canonical import canonical, decode_release, digest_of
from decisioning.specs import ReleaseSpec
from rtts_site.foundation.redis_clients import Down

logger = logging.getLogger("decisioning")

PREVIEWS_KEY: Final = "release:previews"  # hash: id -> packed Sealed
MOST_HELD: Final = 20  # in one process: as many as may be active, so that none displaces another …
IDLE_SECONDS: Final = 600.0  # … and none that nobody asked for since
POLL_SECONDS: Final = 0.5
LONGEST: Final = timedelta(days=7)
PREFIX: Final = "rtts_pv_"
ID_BYTES: Final = 8
SIGNATURE_BYTES: Final = 16
_TIME_BYTES: Final = 5


class PreviewRefused(Exception):
    """A token that shows no change; the message says what to do."""


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """A preview as it lies in Redis; `seal` signs all the rest."""

    id: str  # 16 hexadecimal digits
    digest: str
    artifact_sha: str
    expires_at_ms: int
    person: str = ""  # the only one that it answers for; "" is anybody
    seal: str = ""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Sealed)


def preview_key() -> bytes:
    """Return the key that signs previews; only this installation's processes hold it."""
    return hmac.new(settings.RTTS_PEPPER, b"rtts.preview", hashlib.sha256).digest()


def sign_preview(preview_id: str, *, expires_at: datetime) -> str:
    """Return the token of a preview, e.g. ``rtts_pv_…``; the same each time."""
    body = bytes.fromhex(preview_id) + int(expires_at.timestamp()).to_bytes(_TIME_BYTES)
    data = _signature(body) + body
    return PREFIX + base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def read_preview(token: str, *, now: datetime) -> str:
    """Return the id of the preview that a token stands for.

    Raises:
        PreviewRefused: it was altered, is of another installation, or has ended.
    """
    try:
        text = token.strip().removeprefix(PREFIX)
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        data = b""
    signature, body = data[:SIGNATURE_BYTES], data[SIGNATURE_BYTES:]
    sound = len(body) == ID_BYTES + _TIME_BYTES and hmac.compare_digest(signature, _signature(body))
    if not sound:
        raise PreviewRefused("This is no preview token of ours: copy it from the change's page.")
    ends = datetime.fromtimestamp(int.from_bytes(body[ID_BYTES:]), UTC)
    if ends <= now:
        raise PreviewRefused(
            f"This preview ended at {ends:%Y-%m-%d %H:%M} UTC: make another on the change's page."
        )
    return body[:ID_BYTES].hex()


def _signature(body: bytes) -> bytes:
    return hmac.digest(preview_key(), body, hashlib.sha256)[:SIGNATURE_BYTES]


def put_preview(
    client: redis.Redis,
    preview_id: str,
    release: ReleaseSpec,
    artifact: Artifact,
    *,
    expires_at: datetime,
    person: str = "",
) -> str:
    """Give every process a change to show to who holds the token, and return its digest; three round trips."""
    packed, said = encode_artifact(artifact), canonical(release)
    own = digest_of(said)
    client.hset(ARTIFACT_KEY + own, mapping={"release": said, "artifact": packed})
    unsealed = Sealed(
        id=preview_id,
        digest=own,
        artifact_sha=hashlib.sha256(packed).hexdigest(),
        expires_at_ms=int(expires_at.timestamp() * 1000),
        person=person,
    )
    sealed = msgspec.structs.replace(unsealed, seal=_seal_of(unsealed))
    client.hset(PREVIEWED_KEY, preview_id, own)
    client.hset(PREVIEWS_KEY, preview_id, _encoder.encode(sealed))
    return own


def drop_preview(client: redis.Redis, preview_id: str) -> None:
    """Take a preview from every process within a second."""
    client.hdel(PREVIEWS_KEY, preview_id)
    client.hdel(PREVIEWED_KEY, preview_id)


def ended(client: redis.Redis, *, now: datetime) -> list[str]:
    """Return the previews whose time has come; one round trip."""
    now_ms = int(now.timestamp() * 1000)
    packed: Any = client.hgetall(PREVIEWS_KEY)
    return [
        preview_id.decode()
        for preview_id, body in packed.items()
        if _decoder.decode(body).expires_at_ms <= now_ms
    ]


def drop_ended(client: redis.Redis, *, now: datetime) -> int:
    """Take the previews whose time has come, and return how many those were."""
    over = ended(client, now=now)
    for preview_id in over:
        drop_preview(client, preview_id)
    return len(over)


def _seal_of(sealed: Sealed) -> str:
    body = _encoder.encode(msgspec.structs.replace(sealed, seal=""))
    return hmac.new(preview_key(), b"sealed:" + body, hashlib.sha256).hexdigest()


def load_preview(client: redis.Redis, sealed: Sealed) -> Verified:
    """Return the change that a preview shows; one round trip.

    Raises:
        ReleaseRefused: Redis holds something else than what was sealed.
    """
    if not hmac.compare_digest(_seal_of(sealed), sealed.seal):
        raise ReleaseRefused("The preview's seal is not this installation's.")
    body: Any = client.hgetall(ARTIFACT_KEY + sealed.digest)
    packed = body.get(b"artifact", b"")
    if hashlib.sha256(packed).hexdigest() != sealed.artifact_sha:
        raise ReleaseRefused("The preview's rules were altered after they were sealed.")
    release, artifact = decode_release(body[b"release"]), decode_artifact(packed)
    if digest_of(body[b"release"]) != sealed.digest or artifact.digest != sealed.digest:
        raise ReleaseRefused("The preview has another digest than the sealed one.")
    return Verified(0, sealed.digest, 0, release, artifact)


@dataclass(frozen=True, slots=True)
class Shelved:
    """A preview ready to decide with."""

    sealed: Sealed
    held: Held


class Shelf:
    """The previews that were asked for lately; filled by a thread of its own, as each takes long to lay out."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._shelved: dict[str, Shelved] = {}  # replaced as a whole
        self._asked: dict[str, float] = {}  # id -> when last, monotonic
        self._missing: dict[
            str, tuple[float, str]
        ] = {}  # id -> when it was looked for, and why not
        self._lock = threading.Lock()
        self._retired = Retired()
        self._stopped = False
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Keep the shelf filled from now on."""
        self._thread = threading.Thread(target=self._run, name="previews", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopped = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._stopped:
            self._wake.wait(POLL_SECONDS)
            self._wake.clear()
            try:
                self.refresh()
            except Down as error:
                logger.debug("previews.look_unanswered error=%s", type(error).__name__)
            except Exception:
                # The thread must outlive whatever it meets, or no preview is loaded or ended again.
                logger.exception("previews.look_failed")

    def find(self, preview_id: str) -> Shelved | None:
        """Return a preview; None where it is not here yet: it then is at the next look, if it is at all."""
        with self._lock:
            is_new = preview_id not in self._asked
            self._asked[preview_id] = time.monotonic()
        if is_new:
            self._wake.set()
        found = self._shelved.get(preview_id)
        if found is None:
            return None
        return found if found.sealed.expires_at_ms > time.time() * 1000 else None

    def missing(self, preview_id: str, *, since: float) -> str:
        """Return why a preview is not here, looked for after `since` (monotonic); "" while that is not known."""
        at, why = self._missing.get(preview_id, (0.0, ""))
        return why if at > since else ""

    def refresh(self) -> None:
        """Look for what was asked for, and let go of what is gone or nobody asks for any more."""
        started = time.monotonic()
        latest = self._latest(started)
        packed: Any = self._client.hmget(PREVIEWS_KEY, latest) if latest else []
        shelved: dict[str, Shelved] = {}
        missing: dict[str, tuple[float, str]] = {}
        for preview_id, body in zip(latest, packed, strict=True):
            try:
                shelved[preview_id] = self._take(preview_id, body)
            except (ReleaseRefused, PreviewRefused, msgspec.MsgspecError) as error:
                missing[preview_id] = (started, str(error))
        before, self._shelved, self._missing = self._shelved, shelved, missing
        with self._lock:  # what is not there is looked for again when it is asked for again
            self._asked = {one: at for one, at in self._asked.items() if one not in missing}
        kept = {id(one.held) for one in shelved.values()}
        for one in before.values():
            if id(one.held) not in kept:
                self._retired.add(one.held)
        self._retired.close_due()

    def _latest(self, now: float) -> list[str]:
        with self._lock:
            used = {one: at for one, at in self._asked.items() if at > now - IDLE_SECONDS}
            latest = sorted(used, key=lambda one: used[one], reverse=True)[:MOST_HELD]
            self._asked = {one: used[one] for one in latest}
        return latest

    def _take(self, preview_id: str, body: bytes | None) -> Shelved:
        if body is None:
            raise PreviewRefused(
                "This preview was revoked, or is still being prepared: look at the change's page."
            )
        sealed = _decoder.decode(body)
        if sealed.id != preview_id:
            raise ReleaseRefused("The preview lies under another name.")
        known = self._shelved.get(preview_id)
        if known is not None and known.sealed == sealed:
            return known
        return Shelved(sealed, hold(load_preview(self._client, sealed)))
