"""What may not stand in a record of consent: an e-mail address, a whole IP address, a browser's user agent. Pure.

Source: ISO/IEC TS 27560 as the W3C DPV guide reads it, section 10.1: records hold no more than they need.
"""

import re
from ipaddress import ip_address
from typing import Final

_EMAIL: Final = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]{2,}")
_AGENT: Final = re.compile(r"\b(?:Mozilla|AppleWebKit|Gecko|Dalvik|okhttp|curl)/\d", re.IGNORECASE)
_WORDS: Final = re.compile(r"[0-9A-Fa-f.:]+")


def telltale(text: str) -> str:
    """Return what a text holds that names or follows somebody, "" where it is nothing of that.

    >>> telltale("banner on 203.0.113.7")
    'a whole IP address'
    """
    if _EMAIL.search(text):
        return "an e-mail address"
    if _AGENT.search(text):
        return "a user agent"
    if any(_is_address(word.strip(".:")) for word in _WORDS.findall(text)):
        return "a whole IP address"
    return ""


def _is_address(word: str) -> bool:
    if word.count(".") != 3 and word.count(":") < 2:  # times and versions have fewer
        return False
    try:
        address = ip_address(word)
    except ValueError:
        return False
    # The last part set to 0 tells a network, not a device; this very machine is nobody's.
    is_device = not word.endswith((".0", "::"))
    return is_device and not address.is_unspecified and not address.is_loopback
