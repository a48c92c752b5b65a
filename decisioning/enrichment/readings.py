"""The only place that reads from a record's own words what it is about: device, region, campaign, product, local time."""

from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

from decisioning.enrichment.agents import UNKNOWN, by_hints, read_agent
from decisioning.enrichment.surroundings import Surroundings
from decisioning.ingestion.records import Record
from decisioning.rules.moment import DAYPARTS, WEEKDAYS

if TYPE_CHECKING:
    from decisioning.enrichment.steps import Known

# The names under which a record says what each reading is about.
DEVICE_NAMES: Final = frozenset({"userAgent", "user_agent"})
REGION_NAMES: Final = frozenset({"ip"})
WISH_NAMES: Final = frozenset({"locale"})
CAMPAIGN_NAMES: Final = frozenset({"url", "referrer"})
PRODUCT_NAMES: Final = frozenset({"product_id", "sku"})
LOCAL_TIME_NAMES: Final = frozenset({"timezone"})
_UTM: Final = {
    "utm_source": "source",
    "utm_medium": "medium",
    "utm_campaign": "name",
    "utm_term": "term",
    "utm_content": "content",
}
_PRODUCT_IDS: Final = ("product_id", "sku")
_MAX_TEXT: Final = 200


def read_device(record: Record, around: Surroundings, known: "Known") -> None:
    """Say what the event's device is; a browser's hints count before its user agent."""
    context = record.context
    text = text_of(context.get("userAgent")) or text_of(context.get("user_agent"))
    agent = read_agent(text or around.user_agent)
    if around.platform or around.is_mobile is not None:
        agent = by_hints(
            agent, platform=around.platform, brands=around.brands, is_mobile=around.is_mobile
        )
    if agent is UNKNOWN:
        return
    for key, value in (
        ("device_class", agent.device_class),
        ("os_name", agent.os),
        ("browser", agent.browser),
    ):
        if value:
            context.setdefault(key, value)


def read_region(record: Record, around: Surroundings, known: "Known") -> None:
    """Say where the event comes from, as coarse as a region."""
    country, region = around.country, around.region
    address = text_of(record.context.get("ip"))
    if not country and address and known.region is not None:
        country, region = known.region(address)
    if country:
        record.context.setdefault("country", country)
    if region:
        record.context.setdefault("region", region)


def read_wishes(record: Record, around: Surroundings, known: "Known") -> None:
    """Say in which language somebody reads, and over what network; of a language the first part, "de"."""
    context = record.context
    spoken = text_of(context.get("locale")) or around.language
    language = spoken.replace("_", "-").partition("-")[0].lower()
    if language.isalpha() and len(language) <= 3:
        context.setdefault("language", language)
    if (around.saves_data or around.network) and "network" not in context:
        network = {"effectiveType": around.network} if around.network else {}
        context["network"] = {**network, "saveData": around.saves_data}


def read_campaign(record: Record, around: Surroundings, known: "Known") -> None:
    """Say which campaign and which site led here; what the sender says of its campaign stands."""
    page = record.context.get("page")
    said = page if isinstance(page, dict) else record.properties
    address, referrer = text_of(said.get("url")), text_of(said.get("referrer"))
    if "utm_" in address and not isinstance(record.context.get("campaign"), dict):
        found = _campaign(address)
        if found:
            record.context["campaign"] = dict(found)
    if referrer:
        host = _host(referrer)
        if host and host != _host(address):
            record.context.setdefault("referring_site", host)


@lru_cache(maxsize=4096)
def _campaign(address: str) -> tuple[tuple[str, str], ...]:
    try:
        pairs = parse_qsl(urlsplit(address).query, max_num_fields=50)
    except ValueError:
        return ()
    return tuple((_UTM[key], value[:_MAX_TEXT]) for key, value in pairs if key in _UTM)


@lru_cache(maxsize=4096)
def _host(address: str) -> str:
    try:
        return (urlsplit(address).hostname or "")[:_MAX_TEXT]
    except ValueError:
        return ""


def read_product(record: Record, around: Surroundings, known: "Known") -> None:
    """Add what is known of the product, where the event does not say it itself."""
    if not known.products:
        return
    for key in _PRODUCT_IDS:
        product = known.products.get(str(record.properties.get(key)))
        if product is not None:
            for name, value in product.items():
                record.properties.setdefault(name, value)
            return


def read_local_time(record: Record, around: Surroundings, known: "Known") -> None:
    """Say what time it was on the person's clock."""
    name = text_of(record.context.get("timezone"))
    zone = _zone(name) if name else None
    if zone is None:
        return
    at = datetime.fromtimestamp(record.event_time_ms / 1000, zone)
    record.context["local_hour"] = at.hour
    record.context["weekday"] = WEEKDAYS[at.weekday()]
    record.context["daypart"] = daypart(at.hour)


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return None


def daypart(hour: int) -> str:
    """Return the part of the day, 0..23.

    >>> [daypart(hour) for hour in (2, 8, 13, 20)]
    ['night', 'morning', 'afternoon', 'evening']
    """
    return DAYPARTS[hour // 6]


def text_of(value: Any) -> str:
    """Return a text; "" of anything else."""
    return value if isinstance(value, str) else ""
