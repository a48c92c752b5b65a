"""The only place that follows links of content, and only out of a job: short, few, and never into a private network."""

import time
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import urlsplit

from campaigns.analysis.contents import links_of, trouble_of
from campaigns.analysis.findings import Oddity
from decisioning.specs import OfferSpec
from rtts_site.foundation.addresses import AddressPrivate, AddressRefused, destination
from rtts_site.foundation.calling import NoAnswer, call

TIMEOUT_S: Final = 3.0
RUN_S: Final = 60.0  # a job that reports nothing for longer is taken for dead
MAX_LINKS: Final = 100  # of one analysis
AGENT: Final = "rtts-link-check"
REACHED: Final = frozenset(
    {401, 403, 405, 429}
)  # somebody is there who does not speak with programs


def follow(offers: Iterable[OfferSpec]) -> Iterator[Oddity]:
    """Yield the links of offers that lead nowhere; each address is asked once, at most `MAX_LINKS` in `RUN_S`."""
    asked: dict[str, str] = {}
    end = time.monotonic() + RUN_S
    for offer in offers:
        for field, address in _addresses(offer):
            if address not in asked and len(asked) < MAX_LINKS and time.monotonic() < end:
                asked[address] = trouble_at(address)
            if asked.get(address):
                args = {"link": address[:200], "trouble": asked[address]}
                yield Oddity("link_dead", "offer", offer.key, field, args)


def _addresses(offer: OfferSpec) -> Iterator[tuple[str, str]]:
    """Yield the whole addresses of an offer's content, each after its field."""
    for number, variant in enumerate(offer.variants):
        for field, address in links_of(variant):
            if address.startswith(("http://", "https://")) and not trouble_of(address):
                yield f"variants[{number}].{field}", address


def trouble_at(address: str) -> str:
    """Return why a link does not work, as a code of `telling` or an HTTP status; "" where it does."""
    headers = {"User-Agent": AGENT}
    try:
        to = destination(urlsplit(address), private=False)
        status = call("GET", to, headers=headers, seconds=TIMEOUT_S)
    except AddressPrivate:
        return "private"
    except (AddressRefused, NoAnswer):
        return "unreachable"
    return "" if status < 400 or status in REACHED else f"HTTP {status}"
