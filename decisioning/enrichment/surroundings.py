"""The only place that says what a request tells about whoever sent it, beside its events."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

# Where networks in front of servers write the country and region that an address is in.
_COUNTRY: Final = (
    "cf-ipcountry",
    "x-vercel-ip-country",
    "cloudfront-viewer-country",
    "x-appengine-country",
    "fastly-geo-country",
    "x-country-code",
)
_REGION: Final = (
    "cf-region-code",
    "x-vercel-ip-country-region",
    "cloudfront-viewer-country-region",
    "x-appengine-region",
    "x-region-code",
)
_NOWHERE: Final = ("", "XX", "T1", "ZZ")  # unknown, Tor


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What came with a request; of a server's request nothing says anything about the person."""

    user_agent: str = ""
    platform: str = ""  # client hint: "Android"
    brands: str = ""  # client hint: '"Chromium";v="131"'
    is_mobile: bool | None = None  # client hint
    country: str = ""  # "DE"
    region: str = ""  # "BY"
    language: str = ""  # "de-DE"
    saves_data: bool = False
    network: str = ""  # client hint: "4g"


NOTHING: Final = Surroundings()


def of_browser(headers: Mapping[str, str]) -> Surroundings:
    """Return what the headers of a browser's request say; names in lower case."""
    mobile = headers.get("sec-ch-ua-mobile")
    return Surroundings(
        user_agent=headers.get("user-agent", "")[:512],
        platform=headers.get("sec-ch-ua-platform", "").strip('"')[:40],
        brands=headers.get("sec-ch-ua", "")[:200],
        is_mobile=None if mobile is None else mobile == "?1",
        country=_first(headers, _COUNTRY).upper()[:2],
        region=_first(headers, _REGION).upper()[:6],
        language=headers.get("accept-language", "").partition(",")[0].partition(";")[0][:20],
        saves_data=headers.get("save-data") == "on",
        network=headers.get("ect", "")[:10],
    )


def _first(headers: Mapping[str, str], names: tuple[str, ...]) -> str:
    found = (headers.get(name, "") for name in names)
    return next((value for value in found if value.upper() not in _NOWHERE), "")
