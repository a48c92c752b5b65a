"""Who a person is and where their keys live: identifiers, partition, key tag. The only builder of Redis keys."""

import hashlib
from functools import lru_cache
from typing import Any, Literal

from msgspec import Struct

PARTITIONS = 256
Namespace = Literal["user", "anonymous", "email", "phone", "device", "crm", "account"]
# E-mail addresses and phone numbers are identifiers as SHA-256 hex of the normalised value only.
NAMESPACES: tuple[Namespace, ...] = (
    "user",
    "anonymous",
    "email",
    "phone",
    "device",
    "crm",
    "account",
)


class Identifier(Struct, frozen=True):
    """A name that a channel knows a person by, e.g. ``Identifier("user", "c-42")``."""

    namespace: Namespace
    value: str  # 1..200 characters

    @property
    def name(self) -> str:
        """The identifier as records and profiles hold it, e.g. ``user:c-42``."""
        return f"{self.namespace}:{self.value}"


# Who stands for everybody erased: an id of no identifier, of whom nothing is ever kept.
NOBODY = f"p000{'0' * 20}"


def parse_name(name: str) -> Identifier | None:
    """Return the identifier of a name such as ``user:c-42``; None of an unknown namespace or no value."""
    said, _, value = name.partition(":")
    namespace = next((one for one in NAMESPACES if one == said), None)
    return Identifier(namespace, value) if namespace and value else None


def person_id(identifier: Identifier, *, pepper: bytes) -> str:
    """Return the person that an identifier denotes until a merge moves it, e.g. ``p0421f0c…`` (24 characters).

    The first four characters name the partition (``p042``); the rest is a keyed hash, so an id says nothing
    about the identifier. No store is asked: a merged person is found by the tombstone under their own id.
    """
    inner_start, outer_start = _keyed(pepper)
    inner = inner_start.copy()
    inner.update(identifier.name.encode())
    outer = outer_start.copy()
    outer.update(inner.digest())
    mac: bytes = outer.digest()
    return _PREFIXES[mac[0]] + mac[1:11].hex()


_PREFIXES = tuple(f"p{partition:03d}" for partition in range(PARTITIONS))


def person_after(person: str, *, pepper: bytes) -> str:
    """Return whom an id denotes once its person was erased and signed up again; nobody can tell without the pepper."""
    return person_id(Identifier("user", f"\x00again:{person}"), pepper=pepper)


@lru_cache(maxsize=4)
def _keyed(pepper: bytes) -> tuple[Any, Any]:
    """Return the two hashes of HMAC-SHA256 that have read their key; copying those of `hmac` costs three times as much."""
    key = (pepper if len(pepper) <= 64 else hashlib.sha256(pepper).digest()).ljust(64, b"\0")
    inner, outer = (hashlib.sha256(bytes(one ^ pad for one in key)) for pad in (0x36, 0x5C))
    return inner, outer


def partition_of(person: str) -> int:
    """Return the partition, 0..255, of a person id."""
    return int(person[1:4])


def tag(partition: int) -> str:
    """Return the key tag of a partition, e.g. ``{p042}``."""
    return _TAGS[partition]


_TAGS = tuple(f"{{{prefix}}}" for prefix in _PREFIXES)


def profile_key(person: str) -> str:
    """Return the key of the packed profile, or of the tombstone left by a merge."""
    return f"{{{person[:4]}}}:profile:{person}"


def roster_key(partition: int) -> str:
    """Return the key of the sorted set of everyone in a partition who is somebody: all scores 0, so by id."""
    return f"{tag(partition)}:people"


def caps_key(person: str) -> str:
    """Return the key of the hash of cap counters and reservations."""
    return f"{{{person[:4]}}}:caps:{person}"


def arms_key(person: str) -> str:
    """Return the key of the hash of sticky experiment arms."""
    return f"{{{person[:4]}}}:arms:{person}"


def brought_key(person: str) -> str:
    """Return the key of the hash of what a person brought into merges: delivery -> packed caps and arms."""
    return f"{{{person[:4]}}}:brought:{person}"


def consent_key(person: str) -> str:
    """Return the key of the hash of a person's consent: ``v`` the version, ``s`` the packed state."""
    return f"{{{person[:4]}}}:consent:{person}"


def fence_key(person: str) -> str:
    """Return the key of the hash of fence tokens: token -> time set, milliseconds."""
    return f"{{{person[:4]}}}:fence:{person}"


def fences_key(partition: int) -> str:
    """Return the key of a partition's sorted set of standing fence tokens: ``<person> <token>`` by time set, ms."""
    return f"{tag(partition)}:fences"


def settled_key(partition: int) -> str:
    """Return the key of a partition's list of changes in force that PostgreSQL has not heard of: ``<ms> <token>``."""
    return f"{tag(partition)}:settled"


def trust_key(partition: int) -> str:
    """Return the key of the hash that says which Redis process has every acknowledged consent of a partition."""
    return f"{tag(partition)}:trust"


def person_key_key(person: str) -> str:
    """Return the key of the person's wrapped data key."""
    return f"{{{person[:4]}}}:datakey:{person}"


def stream_key(partition: int) -> str:
    """Return the key of a partition's stream of accepted records."""
    return f"{tag(partition)}:stream"


def position_key(partition: int) -> str:
    """Return the key of the hash of a partition's positions: ``folded``, ``archived``."""
    return f"{tag(partition)}:position"


def outbox_key(partition: int) -> str:
    """Return the key of the hash of what a partition has yet to deliver to others: id -> packed delivery."""
    return f"{tag(partition)}:outbox"


def aggregates_key(partition: int) -> str:
    """Return the key of the hash of families taken up in a partition: family -> "generation:position"."""
    return f"{tag(partition)}:aggregates"


def quarantine_key(partition: int) -> str:
    """Return the key of a partition's stream of events that were sent with a time in the future."""
    return f"{tag(partition)}:quarantine"


def unarchived_key(partition: int) -> str:
    """Return the key of the hash of a partition's entries that PostgreSQL cannot hold: log and id -> entry."""
    return f"{tag(partition)}:unarchived"


def timers_key(partition: int) -> str:
    """Return the key of the sorted set of people whom a partition's worker looks at again: person by time, ms."""
    return f"{tag(partition)}:timers"


def dispatches_key(partition: int) -> str:
    """Return the key of the stream of what a partition has to tell others: segments entered, triggers fired."""
    return f"{tag(partition)}:dispatches"


def watching_key(partition: int) -> str:
    """Return the key of the hash that says for which watched segments everybody in a partition was looked at."""
    return f"{tag(partition)}:watching"


def changed_channel(person: str) -> str:
    """Return the channel on which a changed profile or consent is announced."""
    return f"changed:{person}"


def seen_key(partition: int, message_id: str) -> str:
    """Return the dedupe key of a message in the partition where it was sent."""
    return f"{tag(partition)}:seen:{message_id}"


def decision_log_key(partition: int) -> str:
    """Return the key of a partition's stream of decisions."""
    return f"{tag(partition)}:decisions"


def parting_key(parting: int) -> str:
    """Return the key that stands while a worker has taken up the parting of two people."""
    return f"parting:{parting}:taken"


def lease_key(group: int) -> str:
    """Return the key of the lease on a group of partitions."""
    return f"lease:drain:{group}"
