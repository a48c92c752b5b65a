"""The only place that reads user agents: into device class, system and browser, never more than family and major."""

import re
import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

_ready = threading.Event()
_MOBILE_SYSTEMS: Final = ("iOS", "Android", "Windows Phone", "KaiOS", "HarmonyOS")
_BRAND: Final = re.compile(r'"([^"]+)";\s*v="(\d+)')
_NOT_BRANDS: Final = re.compile(r"not.?a.?brand|chromium", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Agent:
    """What is kept of a user agent; "" is unknown."""

    device_class: str = ""  # desktop, mobile, tablet, tv, bot
    os: str = ""  # "iOS 17"
    browser: str = ""  # "Mobile Safari 17"

    @property
    def reduced(self) -> str:
        """What may be stored in place of the user agent, e.g. ``Mobile Safari 17; iOS 17``."""
        return "; ".join(filter(None, (self.browser, self.os)))


UNKNOWN: Final = Agent()


def start_loading() -> None:
    """Load the patterns beside the requests: it takes seconds, and until then agents are unknown."""
    if not _ready.is_set():
        threading.Thread(target=load, name="user-agents", daemon=True).start()


def load() -> None:
    """Load the patterns now."""
    _parse("Mozilla/5.0")
    _ready.set()


def read_agent(text: str) -> Agent:
    """Return what a user agent says; the same text again costs nothing."""
    return _read(text[:512]) if text and _ready.is_set() else UNKNOWN


@lru_cache(maxsize=4096)
def by_hints(agent: Agent, *, platform: str, brands: str, is_mobile: bool | None) -> Agent:
    """Return an agent with what the browser says by itself in place of what was read from its text."""
    device = agent.device_class
    if is_mobile is not None and device not in ("tablet", "tv", "bot"):
        device = "mobile" if is_mobile else "desktop"
    if not (platform or brands):
        return Agent(device, agent.os, agent.browser)
    named = [one for one in _BRAND.findall(brands) if not _NOT_BRANDS.search(one[0])]
    family = agent.os.rpartition(" ")[0] or agent.os
    os = agent.os if family == platform or not platform else platform
    return Agent(device, os, " ".join(named[0]) if named else agent.browser)


@lru_cache(maxsize=4096)
def _read(text: str) -> Agent:
    found = _parse(text)
    system, browser, device = found.os, found.user_agent, found.device
    family = system.family if system else ""
    return Agent(
        _device_class(family, device.family if device else "", text),
        _named(family, system.major if system else None),
        _named(browser.family if browser else "", browser.major if browser else None),
    )


def _parse(text: str) -> Any:
    from ua_parser import parse  # its patterns take seconds to load

    return parse(text)


def _named(family: str, major: str | None) -> str:
    known = "" if family == "Other" else family
    return f"{known} {major}" if known and major else known


def _device_class(system: str, device: str, text: str) -> str:
    if device == "Spider":
        return "bot"
    if "TV" in system or "TV" in device:
        return "tv"
    if "iPad" in device or "Tablet" in text or (system == "Android" and "Mobile" not in text):
        return "tablet"
    if system in _MOBILE_SYSTEMS:
        return "mobile"
    return "desktop" if system else ""
