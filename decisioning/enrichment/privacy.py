"""The only place that takes from a record what must not be stored: whole addresses, user agents, attributes without purpose."""

import hashlib
import hmac
import ipaddress
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from decisioning.enrichment.agents import read_agent
from decisioning.enrichment.surroundings import Surroundings
from decisioning.ingestion.records import Record

if TYPE_CHECKING:
    from decisioning.enrichment.steps import Known

V4_BITS: Final = 24
V6_BITS: Final = 48
_ADDRESSES: Final = frozenset({"ip", "ip_address", "ipAddress", "$ip"})
_AGENTS: Final = frozenset(
    {"userAgent", "user_agent", "$raw_user_agent", "$user_agent", "userAgentData"}
)


def cut_address(record: Record, around: Surroundings, known: "Known") -> None:
    """Leave of addresses their network alone."""
    for said in (record.context, record.properties, record.traits):
        for name in said.keys() & _ADDRESSES:
            value = said.pop(name)
            network = network_of(value) if isinstance(value, str) else ""
            if network:
                said[name] = network


@lru_cache(maxsize=4096)
def network_of(address: str) -> str:
    """Return the network of an address; "" of what is none.

    >>> network_of("203.0.113.77"), network_of("2001:db8:1:2::7"), network_of("here")
    ('203.0.113.0', '2001:db8:1::', '')
    """
    try:
        found = ipaddress.ip_address(address.strip())
    except ValueError:
        return ""
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    bits = V4_BITS if found.version == 4 else V6_BITS
    return str(ipaddress.ip_network((found, bits), strict=False).network_address)


def reduce_agent(record: Record, around: Surroundings, known: "Known") -> None:
    """Leave of user agents family and major version."""
    for said in (record.context, record.properties, record.traits):
        for name in said.keys() & _AGENTS:
            value = said.pop(name)
            reduced = read_agent(value).reduced if isinstance(value, str) else ""
            if reduced:
                said[name] = reduced


def keep_permitted(record: Record, around: Surroundings, known: "Known") -> None:
    """Drop or hash attributes that may serve no purpose, and do as decided with undeclared traits."""
    for key in list(record.attributes):
        spec = known.attributes.get(key)
        if spec is None or spec.source != "profile" or spec.purposes:
            continue
        value = record.attributes.pop(key)
        if key in known.terms.hashed and value is not None:
            record.traits[key] = hashed(value, salt=known.salt)
    if known.terms.undeclared == "keep" or record.type != "identify":
        return
    for key in [key for key in record.traits if key not in known.attributes]:
        value = record.traits.pop(key)
        if known.terms.undeclared == "hash" and value is not None:
            record.traits[key] = hashed(value, salt=known.salt)


def hashed(value: Any, *, salt: bytes) -> str:
    """Return what can be compared with itself and says nothing else, e.g. ``sha256:9f86…``."""
    return f"sha256:{hmac.new(salt, repr(value).encode(), hashlib.sha256).hexdigest()}"
