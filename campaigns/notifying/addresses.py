"""The only judge of where messages may be sent: public addresses, unless a setting says otherwise."""

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class AddressRefused(Exception):
    """The address may not be called; the message says why."""


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
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise AddressRefused(_("This is not an address.")) from None
    schemes = ("https", "http") if settings.RTTS_WEBHOOKS_PRIVATE else ("https",)
    if parts.scheme not in schemes or not named:
        raise AddressRefused(_("Use an address that begins with https://."))
    if parts.username or parts.password or parts.fragment:
        raise AddressRefused(_("Leave user names, passwords and # out of the address."))
    if _is_number(parts.hostname or ""):
        _check_number(ipaddress.ip_address(parts.hostname or ""))
    return parts


def look_up(url: str) -> Destination:
    """Return where a message really goes; asks the name service.

    Raises:
        AddressRefused: the form is wrong, the name is unknown, or any of its numbers is not public.
    """
    parts = check_address(url)
    name = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise AddressRefused(_("The name “%s” is not known.") % name) from None
    numbers = [ipaddress.ip_address(row[4][0]) for row in found]
    for number in numbers:
        _check_number(number)
    first = f"[{numbers[0]}]" if numbers[0].version == 6 else str(numbers[0])
    called = parts._replace(netloc=f"{first}:{port}")
    return Destination(called.geturl(), parts.netloc, name)


def _is_number(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _check_number(number: Address) -> None:
    if settings.RTTS_WEBHOOKS_PRIVATE:
        return
    inner = getattr(number, "ipv4_mapped", None) or getattr(number, "sixtofour", None) or number
    if not (inner.is_global and number.is_global) or inner.is_multicast:
        raise AddressRefused(_("“%s” is a private address; only public ones are called.") % number)
