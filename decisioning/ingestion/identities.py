"""The only place that decides whom a message is about and whom it says to be the same person. Pure."""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Protocol

import phonenumbers
from msgspec import Struct

from consent.people import NAMESPACES, Identifier, Namespace, person_id
from decisioning.ingestion.records import CallType, Join
from decisioning.ingestion.refusals import MAX_ID, NamesNobody, Refused, read_id
from decisioning.specs import IDENTITY, IdentitySpec

JOINING_CALLS: Final = ("identify", "alias")  # others only say whom they are about
MAX_NAMED: Final = 20  # identifiers of one message that are read
_NAMING: Final = frozenset({"traits", "externalIds", "device"})  # what of a context can name people
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_KIND: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,49}")  # of accounts
ACCOUNT: Final = "account"  # the type of one that is sent without
_MAX_TEXT: Final = 320  # characters of an e-mail address or phone number as sent

# What `context.externalIds` call a namespace, lower case.
_EXTERNAL: Final[Mapping[str, Namespace]] = {
    "email": "email",
    "phone": "phone",
    "crm": "crm",
    "crm_id": "crm",
    "salesforce_id": "crm",
    "device": "device",
    "device_id": "device",
    "android.id": "device",
    "android.idfa": "device",
    "ios.id": "device",
    "ios.idfa": "device",
    "anonymous_id": "anonymous",
}


class Rules:
    """What identifiers of each namespace may do, as the live release says."""

    def __init__(self, specs: tuple[IdentitySpec, ...]) -> None:
        self._specs = {
            one: IdentitySpec(namespace=one, identifies=False, joins=False) for one in NAMESPACES
        } | {one.namespace: one for one in specs}

    def spec(self, namespace: Namespace) -> IdentitySpec:
        """Return the rule of a namespace; one that a release does not name does nothing."""
        return self._specs[namespace]

    def names_somebody(self, identifier: Identifier) -> bool:
        """Return whether a value is not among those that name nobody."""
        return identifier.value.lower() not in self.spec(identifier.namespace).ignored


@lru_cache(maxsize=8)
def rules_of(specs: tuple[IdentitySpec, ...]) -> Rules:
    """Return the rules of a release's `identity`."""
    return Rules(specs)


RULES: Final = rules_of(IDENTITY)


class Named(Protocol):
    """The fields of a message that name people."""

    user_id: str | int | None
    anonymous_id: str | int | None
    previous_id: str | int | None
    traits: dict[str, Any] | None
    context: dict[str, Any] | None


class Naming(Struct, frozen=True):
    """Whom a message names."""

    identifiers: tuple[Identifier, ...]  # the first says whose it is
    joins: tuple[Join, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple([one.name for one in self.identifiers])


NOBODY: Final = Naming((), ())


class Grouped(Named, Protocol):
    """The fields of a message that name an account."""

    group_id: str | int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """What a sender may say about who is who."""

    pepper: bytes
    is_browser: bool = False
    proven: frozenset[str] = frozenset()  # user ids whose proof was verified
    vouched: frozenset[tuple[str, str]] = frozenset()  # user id and account that its proof names
    rules: Rules = RULES


def name_people(message: Named, *, call: CallType, trust: Trust) -> Naming:
    """Return whom a message is about and whom it joins; values of an e-mail or phone only hashed.

    A browser is believed about its anonymous id and a user whose proof it brings alone: else anybody could become
    the owner of an address by typing it.

    Raises:
        NamesNobody: and nothing else is wrong with that.
        Refused: it names somebody it may not name, or cannot be read.
    """
    sent = _sent(message, trust)
    if not trust.is_browser:
        sent += _named_by_the_way(message)
    if len(sent) == 1 and call not in JOINING_CALLS and _names(sent[0], trust):
        return Naming((sent[0],), ())  # as most messages do
    named = [one for one in dict.fromkeys(sent) if trust.rules.names_somebody(one)][:MAX_NAMED]
    about = next((one for one in named if _identifies(one, trust)), None)
    if about is None:
        raise NamesNobody("/userId", "Send userId, anonymousId or both.")
    others = [one for one in named if one != about]
    joined = [*_previous(call, message, trust), *others] if call in JOINING_CALLS else []
    told = others if call in JOINING_CALLS else [one for one in others if one in sent[:2]]
    return Naming((about, *told), tuple(_joins(about, joined, trust)))


def name_account(message: Grouped, *, call: CallType, trust: Trust) -> Identifier | None:
    """Return the account that a message names, e.g. ``account:household:h-1``; None where it names none.

    A browser is believed only where the proof of the user that it names vouches for the account too: else whoever is
    signed in could join any account, see what it is offered and count for it.

    Raises:
        Refused: a group call whose account cannot be read.
    """
    context = message.context or {}
    said = message.group_id if call == "group" else context.get("groupId")
    value = read_id("/groupId", said) if isinstance(said, str | int) else None
    if value is None:
        return None
    kinds = (
        (message.traits or {}).get("type") if call == "group" else None,
        context.get("groupType"),
    )
    kind = next((one for one in kinds if isinstance(one, str) and _KIND.fullmatch(one)), ACCOUNT)
    account = f"{kind}:{value}"
    if trust.is_browser and (str(message.user_id), account) not in trust.vouched:
        return None
    return Identifier("account", account)


def account_named(text: str) -> Identifier:
    """Return the account that a request names: ``c-7``, or with its type ``household:h-1``."""
    kind, colon, value = text.partition(":")
    typed = bool(colon and value and _KIND.fullmatch(kind))
    return Identifier("account", text if typed else f"{ACCOUNT}:{text}")


def _sent(message: Named, trust: Trust) -> list[Identifier]:
    """Return the ids that every message has a field for, the user first."""
    found: list[Identifier] = []
    user = read_id("/userId", message.user_id)
    if user is not None:
        found.append(Identifier("user", user))
        if trust.is_browser:
            _check_proven(found[0], trust)
    anonymous = read_id("/anonymousId", message.anonymous_id)
    if anonymous is not None:
        found.append(Identifier("anonymous", anonymous))
    return found


def _check_proven(user: Identifier, trust: Trust) -> None:
    if user.value not in trust.proven and trust.rules.names_somebody(user):
        raise Refused(
            "/userId",
            "A browser key may name a user only with a proof signed by the channel's server, in "
            "context.proof; send anonymousId.",
        )


def _identifies(identifier: Identifier, trust: Trust) -> bool:
    return trust.rules.spec(identifier.namespace).identifies


def _names(identifier: Identifier, trust: Trust) -> bool:
    return _identifies(identifier, trust) and trust.rules.names_somebody(identifier)


def _previous(call: CallType, message: Named, trust: Trust) -> Iterator[Identifier]:
    """Yield whom an alias says its person was before; a library does not say which kind of id that is."""
    if call != "alias":
        return
    previous = read_id("/previousId", message.previous_id)
    if previous is None:
        raise Refused("/previousId", "An alias needs previousId.")
    yield Identifier("anonymous", previous)
    if not trust.is_browser:
        yield Identifier("user", previous)


def _joins(about: Identifier, others: list[Identifier], trust: Trust) -> Iterator[Join]:
    for other in dict.fromkeys(others):
        rule = trust.rules.spec(other.namespace)
        if other == about or not rule.joins or not trust.rules.names_somebody(other):
            continue
        person = person_id(other, pepper=trust.pepper)
        yield Join(person, other.name, rule.people, rule.users, rule.unique)


# What a message names beside its ids


def _named_by_the_way(message: Named) -> Iterator[Identifier]:
    context = message.context or {}
    if not message.traits and _NAMING.isdisjoint(context):
        return
    in_context = context.get("traits")
    traits = message.traits or (in_context if isinstance(in_context, dict) else {})
    yield from _external(context.get("externalIds"))
    yield from _crm(traits)
    yield from _hashed("email", traits.get("email"))
    yield from _hashed("phone", traits.get("phone"))
    yield from _device(context.get("device"))


def _external(listed: Any) -> Iterator[Identifier]:
    for one in listed[:MAX_NAMED] if isinstance(listed, list) else ():
        if not isinstance(one, dict) or one.get("collection", "users") != "users":
            continue
        namespace = _EXTERNAL.get(str(one.get("type")).lower())
        if namespace in ("email", "phone"):
            read = _digest if one.get("encoding") == "sha256" else _hashed
            yield from read(namespace, one.get("id"))
        elif namespace is not None:
            yield from _plain(namespace, one.get("id"))


def _crm(traits: Mapping[str, Any]) -> Iterator[Identifier]:
    yield from _plain("crm", traits.get("crm_id") or traits.get("crmId"))


def _device(device: Any) -> Iterator[Identifier]:
    if not isinstance(device, dict):
        return
    yield from _plain("device", device.get("id"))
    if device.get("adTrackingEnabled", True):
        yield from _plain("device", device.get("advertisingId"))


def _plain(namespace: Namespace, value: Any) -> Iterator[Identifier]:
    """Yield an identifier of a value that can be one; what is named by the way never refuses a message."""
    text = (
        str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    )
    if 0 < len(text) <= MAX_ID and text.isprintable():
        yield Identifier(namespace, text)


def _digest(namespace: Namespace, value: Any) -> Iterator[Identifier]:
    text = value.lower() if isinstance(value, str) else ""
    if _SHA256.fullmatch(text):
        yield Identifier(namespace, text)


def _hashed(namespace: Namespace, value: Any) -> Iterator[Identifier]:
    text = value.strip() if isinstance(value, str) and len(value) <= _MAX_TEXT else ""
    normal = _NORMALISE[namespace](text) if text else None
    if normal is not None:
        yield Identifier(namespace, hashlib.sha256(normal.encode()).hexdigest())


def email_identifier(address: str) -> Identifier | None:
    """Return the identifier that an e-mail address is; None of what is none."""
    return next(_hashed("email", address), None)


def normal_email(text: str) -> str | None:
    """Return an address as it is hashed; None where it is none.

    >>> normal_email(" Ana@Example.com")
    'ana@example.com'
    """
    address = text.strip().lower()
    name, at, domain = address.rpartition("@")
    return address if name and at and "." in domain and address.isprintable() else None


def normal_phone(text: str) -> str | None:
    """Return a number in E.164 as it is hashed; None of one without a country's prefix.

    >>> normal_phone("+49 (0)30 901820")
    '+4930901820'
    """
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


_NORMALISE: Final[Mapping[Namespace, Callable[[str], str | None]]] = {
    "email": normal_email,
    "phone": normal_phone,
}
