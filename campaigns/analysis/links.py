"""The only place that follows links of content, and only out of a job: short, few, and never into a private network."""

import ipaddress
import socket
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import urlsplit

import httpx

from campaigns.analysis.contents import links_of, trouble_of
from campaigns.analysis.findings import Oddity
from decisioning.specs import OfferSpec

TIMEOUT_S: Final = 3.0
MAX_LINKS: Final = 100  # of one analysis
AGENT: Final = "rtts-link-check"


def follow(offers: Iterable[OfferSpec]) -> Iterator[Oddity]:
    """Yield the links of offers that lead nowhere; each address is asked once, at most `MAX_LINKS`."""
    asked: dict[str, str] = {}
    with httpx.Client(timeout=TIMEOUT_S, follow_redirects=False, trust_env=False) as client:
        for offer in offers:
            for number, variant in enumerate(offer.variants):
                for field, address in links_of(variant):
                    if not address.startswith(("http://", "https://")) or trouble_of(address):
                        continue
                    if address not in asked and len(asked) < MAX_LINKS:
                        asked[address] = trouble_at(client, address)
                    if asked.get(address):
                        args = {"link": address[:200], "trouble": asked[address]}
                        yield Oddity("link_dead", "offer", offer.key, f"variants[{number}].{field}", args)  # fmt: skip


def trouble_at(client: httpx.Client, address: str) -> str:
    """Return why a link does not work, as a code of `telling` or an HTTP status; "" where it does.

    The host is asked at the address that was found to be public, so a name cannot lead elsewhere meanwhile.
    """
    parts = urlsplit(address)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = {
            str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        }
    except (OSError, UnicodeError):
        return "unreachable"
    if not all(ipaddress.ip_address(one).is_global for one in found):
        return "private"
    ip = sorted(found)[0]
    there = httpx.URL(address).copy_with(host=ip)
    headers = {"Host": parts.netloc.rpartition("@")[2], "User-Agent": AGENT}
    try:
        with client.stream(
            "GET", there, headers=headers, extensions={"sni_hostname": host}
        ) as answer:
            return "" if answer.status_code < 400 or answer.status_code in (401, 403, 405, 429) else f"HTTP {answer.status_code}"  # fmt: skip
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        return "unreachable"
