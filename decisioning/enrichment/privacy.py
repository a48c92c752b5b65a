"""The only place that takes from a record what must not be stored: whole addresses, user agents, attributes without purpose."""

import hashlib
import hmac
import ipaddress
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from decisioning.enrichment.agents import read_agent
from decisioning.enrichment.surroundings import Surroundings
from decisioning.enrichment.walking import change_in_place
from decisioning.ingestion.records import Record
from decisioning.specs import AttributeSpec

if TYPE_CHECKING:
    from decisioning.enrichment.steps import Known
    from decisioning.enrichment.terms import Undeclared

V4_BITS: Final = 24
V6_BITS: Final = 48
ADDRESSES: Final = frozenset({"ip", "ip_address", "ipAddress", "$ip"})
AGENTS: Final = frozenset(
    {"userAgent", "user_agent", "$raw_user_agent", "$user_agent", "userAgentData"}
)


def cut_address(record: Record, around: Surroundings, known: "Known") -> None:
    """Leave of addresses their network alone."""
    for said in (record.context, record.properties, record.traits):
        change_in_place(said, ADDRESSES, _cut)


def _cut(value: Any) -> str | None:
    return (network_of(value) if isinstance(value, str) else "") or None


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
        change_in_place(said, AGENTS, _reduced)


def _reduced(value: Any) -> str | None:
    return (read_agent(value).reduced if isinstance(value, str) else "") or None


def keep_permitted(record: Record, around: Surroundings, known: "Known") -> None:
    """Drop or hash attributes that may serve no purpose, and do as decided with undeclared traits."""
    if record.traits:
        _permit(record.traits, known)
    in_context = record.context.get("traits")
    if isinstance(in_context, dict):
        record.context["traits"] = own = dict(in_context)  # its messages may share a batch's
        _permit(own, known)
    for told in filter(None, (record.attributes, record.account_attributes)):
        for key in [key for key in told if _serves_nothing(known.attributes.get(key))]:
            value = told.pop(key)
            if key in known.terms.hashed and value is not None:
                record.traits[key] = hashed(value, salt=known.salt)


def _permit(traits: dict[str, Any], known: "Known") -> None:
    for key in list(traits):
        decided = _decided(key, known)
        if decided == "keep":
            continue
        value = traits.pop(key)
        if decided == "hash" and value is not None:
            traits[key] = hashed(value, salt=known.salt)


def _decided(key: str, known: "Known") -> "Undeclared":
    spec = known.attributes.get(key)
    if spec is None:
        return known.terms.undeclared
    if _serves_nothing(spec):
        return "hash" if key in known.terms.hashed else "drop"
    return "keep"


def _serves_nothing(spec: AttributeSpec | None) -> bool:
    return spec is not None and spec.source in ("profile", "account") and not spec.purposes


def hashed(value: Any, *, salt: bytes) -> str:
    """Return what can be compared with itself and says nothing else, e.g. ``sha256:9f86…``."""
    return f"sha256:{hmac.new(salt, repr(value).encode(), hashlib.sha256).hexdigest()}"
