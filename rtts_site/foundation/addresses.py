"""The only judge of which addresses that people wrote may be called: public ones, unless a setting says otherwise."""

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # leads to the IPv4 address in its last 32 bits


class AddressRefused(Exception):
    """The address may not be called; the message says why."""


class AddressPrivate(AddressRefused):
    """The address, or a number of its name, is not public."""


@dataclass(frozen=True, slots=True)
class Destination:
    """An address whose name was looked up once: what was checked is what is called."""

    url: str  # with the number in place of the name
    host: str  # the Host header
    name: str  # for the certificate


def check_address(url: str) -> SplitResult:
    """Return the parts of an address that has the right form; no look-up.

    Raises:
        AddressRefused: no https, a user name in it, or a number that is not public.
    """
    try:
        parts = urlsplit(url)
        named = bool(_ascii(parts.hostname or "")) and parts.port != 0
    except ValueError:
        raise AddressRefused(_("This is not an address.")) from None
    schemes = ("https", "http") if settings.RTTS_WEBHOOKS_PRIVATE else ("https",)
    if parts.scheme not in schemes or not named:
        raise AddressRefused(_("Use an address that begins with https://."))
    if parts.username or parts.password or parts.fragment:
        raise AddressRefused(_("Leave user names, passwords and # out of the address."))
    if _is_number(parts.hostname or ""):
        _check_numbers(
            [ipaddress.ip_address(parts.hostname or "")], private=settings.RTTS_WEBHOOKS_PRIVATE
        )
    return parts


def look_up(url: str) -> Destination:
    """Return where a message really goes; asks the name service.

    Raises:
        AddressRefused: the form is wrong, the name is unknown, or any of its numbers is not public.
    """
    return destination(check_address(url), private=settings.RTTS_WEBHOOKS_PRIVATE)


def destination(parts: SplitResult, *, private: bool) -> Destination:
    """Return where an address really leads; asks the name service.

    Raises:
        AddressRefused: the name is unknown.
        AddressPrivate: any of its numbers is not public, and `private` ones are not allowed.
    """
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        name = _ascii(parts.hostname or "")
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise AddressRefused(_("The name “%s” is not known.") % parts.hostname) from None
    numbers = [ipaddress.ip_address(row[4][0]) for row in found]
    _check_numbers(numbers, private=private)
    called = parts._replace(netloc=f"{_bracketed(str(numbers[0]))}:{port}")
    host = f"{_bracketed(name)}:{parts.port}" if parts.port else _bracketed(name)
    return Destination(called.geturl(), host, name)


def _ascii(name: str) -> str:
    return name if name.isascii() else name.encode("idna").decode("ascii")


def _bracketed(name: str) -> str:
    return f"[{name}]" if ":" in name else name


def _is_number(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _check_numbers(numbers: list[Address], *, private: bool) -> None:
    for number in numbers:
        if not private and not all(one.is_global and not one.is_multicast for one in _ways(number)):
            raise AddressPrivate(
                _("“%s” is a private address; only public ones are called.") % number
            )


def _ways(number: Address) -> list[Address]:
    """Return an address and the one that it may lead to."""
    if isinstance(number, ipaddress.IPv4Address):
        return [number]
    if number.ipv4_mapped:
        return [number.ipv4_mapped]
    if number in NAT64:
        return [number, ipaddress.IPv4Address(int(number) & 0xFFFF_FFFF)]
    return [number, number.sixtofour] if number.sixtofour else [number]
