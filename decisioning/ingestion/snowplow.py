"""The only place that reads Snowplow's tracker protocol 2: payloads in, records or reasons out.

Source: docs.snowplow.io, Snowplow tracker protocol; the e-commerce schemas of iglu central.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from decisioning.ingestion.records import Record
from decisioning.ingestion.refusals import Refusal, Refused, collect
from decisioning.ingestion.shopping import SHOP_EVENTS, shop_properties
from decisioning.ingestion.wire import Intake, Message, check_size, record_of

ECOMMERCE_ACTION: Final = "snowplow_ecommerce_action"
_KEY_FIELDS: Final = ("aid", "tna")  # of a payload; either may carry the API key

Payload = Mapping[str, Any]


class SnowplowBatch(msgspec.Struct, kw_only=True):
    """The body of ``POST /com.snowplowanalytics.snowplow/tp2``."""

    data: list[dict[str, Any]]


def read_payloads(
    items: Sequence[Payload], *, intake: Intake, secret: str, user_agent: str = ""
) -> tuple[list[Record], list[Refusal]]:
    """Return the records of payloads, in order, and a refusal for each that has none.

    `secret` is the key that was presented: where a payload carries it, it is not kept.
    """

    def read(payload: Payload, place: int) -> Record:
        content = msgspec.json.encode(payload)
        check_size(len(content))
        message = _as_message(_Told(payload, secret=secret, user_agent=user_agent))
        return record_of(
            message, intake=intake, content=content + b"%d" % place, may_name_nobody=True
        )

    return collect(items, read, own=_own)


def key_of(payload: Payload) -> str | None:
    """Return the API key that a payload carries as app id or tracker namespace."""
    for name in _KEY_FIELDS:
        value = payload.get(name)
        if isinstance(value, str) and value.startswith("rtts_"):
            return value
    return None


class _Told:
    """One payload with its entities unpacked."""

    def __init__(self, payload: Payload, *, secret: str, user_agent: str) -> None:
        self._payload = payload
        self._secret = secret
        self.agent = self.text("ua") or user_agent
        self.entities = _entities(_unpacked(payload, "co", "cx"))

    def text(self, name: str) -> str:
        """Return a field as text, "" where it is missing or is the key."""
        value = self._payload.get(name)
        if value is None or isinstance(value, dict | list):
            return ""
        text = str(value)
        return "" if text == self._secret or text.startswith("rtts_") else text

    def number(self, name: str) -> float | None:
        """Return a field as a number.

        Raises:
            Refused: it is there and no number.
        """
        text = self.text(name)
        if not text:
            return None
        try:
            number = float(text)
        except ValueError as error:
            raise Refused(f"/{name}", "Send a number.") from error
        if abs(number) >= 2**53:
            raise Refused(f"/{name}", "Send a number that fits 53 bits.")
        return number

    def self_described(self) -> tuple[str, dict[str, Any]]:
        """Return the name of a self-describing event and its data."""
        outer = _unpacked(self._payload, "ue_pr", "ue_px")
        inner = outer.get("data") if isinstance(outer, dict) else None
        if not isinstance(inner, dict):
            raise Refused("/ue_pr", "A self-describing event needs ue_pr or ue_px.")
        data = inner.get("data")
        return _schema_name(inner.get("schema")), data if isinstance(data, dict) else {}

    def first(self, entity: str) -> dict[str, Any]:
        """Return the first entity of a name, {} where there is none."""
        return self.entities.get(entity, [{}])[0]


def _as_message(told: _Told) -> Message:
    session = told.first("client_session")
    message = Message(
        message_id=told.text("eid") or None,
        user_id=told.text("uid") or None,
        anonymous_id=told.text("duid") or _text(session.get("userId")) or told.text("tnuid"),
        context=_context(told, session),
    )
    kind = told.text("e")
    meaning = _MEANINGS.get(kind)
    if meaning is None:
        raise Refused("/e", f"Send e as one of {', '.join(_MEANINGS)}.")
    meaning(message, told)
    _set_times(message, told)
    return message


# What each kind of payload says


def _as_page(message: Message, told: _Told) -> None:
    message.type, message.properties = "page", _page(told)


def _as_ping(message: Message, told: _Told) -> None:
    offsets = {"pp_mix": "min_x", "pp_max": "max_x", "pp_miy": "min_y", "pp_may": "max_y"}
    found = {ours: told.number(theirs) for theirs, ours in offsets.items()}
    message.type, message.event = "track", "Page Pinged"
    message.properties = _page(told) | {key: at for key, at in found.items() if at is not None}


def _as_structured(message: Message, told: _Told) -> None:
    names = {"se_ca": "category", "se_la": "label", "se_pr": "property"}
    said: dict[str, Any] = {ours: told.text(theirs) for theirs, ours in names.items()}
    said["value"] = told.number("se_va")
    message.type, message.event = "track", told.text("se_ac") or None
    message.properties = {key: value for key, value in said.items() if value not in ("", None)}


def _as_self_described(message: Message, told: _Told) -> None:
    name, data = told.self_described()
    message.type, message.event = "track", SHOP_EVENTS.get(name, name)
    message.properties = {**data, **told.entities}
    if name == "screen_view":
        message.type = "screen"
    if name == ECOMMERCE_ACTION:
        action = _text(data.get("type")) or ""
        message.event = SHOP_EVENTS.get(action, action or name)
        message.properties = shop_properties(data, told.entities)


def _as_order(message: Message, told: _Told) -> None:
    texts = {"tr_id": "order_id", "tr_af": "affiliation", "tr_cu": "currency"}
    numbers = {"tr_tt": "revenue", "tr_tx": "tax", "tr_sh": "shipping"}
    _as_sale(message, told, "Order Completed", texts, numbers)


def _as_order_line(message: Message, told: _Told) -> None:
    texts = {
        "ti_id": "order_id",
        "ti_sk": "product_id",
        "ti_nm": "name",
        "ti_ca": "category",
        "ti_cu": "currency",
    }
    _as_sale(message, told, "Order Line Completed", texts, {"ti_pr": "price", "ti_qu": "quantity"})


def _as_sale(
    message: Message, told: _Told, event: str, texts: Mapping[str, str], numbers: Mapping[str, str]
) -> None:
    said: dict[str, Any] = {ours: told.text(theirs) for theirs, ours in texts.items()}
    said |= {ours: told.number(theirs) for theirs, ours in numbers.items()}
    message.type, message.event = "track", event
    message.properties = {key: value for key, value in said.items() if value not in ("", None)}


_MEANINGS: Final = {
    "pv": _as_page,
    "pp": _as_ping,
    "se": _as_structured,
    "ue": _as_self_described,
    "tr": _as_order,
    "ti": _as_order_line,
}


def _page(told: _Told) -> dict[str, Any]:
    names = {"url": "url", "page": "title", "refr": "referrer"}
    return {ours: told.text(theirs) for theirs, ours in names.items() if told.text(theirs)}


def _context(told: _Told, session: Mapping[str, Any]) -> dict[str, Any]:
    names = {"lang": "locale", "tz": "timezone", "ip": "ip", "aid": "app", "p": "platform"}
    context: dict[str, Any] = {ours: told.text(theirs) for theirs, ours in names.items()}
    context["userAgent"] = told.agent
    context["page"] = _page(told)
    context["library"] = {"name": "snowplow", "version": told.text("tv")}
    context["session_id"] = told.text("sid") or _text(session.get("sessionId"))
    view = told.first("web_page") or told.first("screen")
    context["page_view_id"] = _text(view.get("id")) or told.text("pv_id")
    return {key: value for key, value in context.items() if value}


def _set_times(message: Message, told: _Told) -> None:
    """The true time stands as it is; a device's is corrected by when the device sent."""
    true_ms, made_ms, sent_ms = (told.number(name) for name in ("ttm", "dtm", "stm"))
    if true_ms is not None:
        message.timestamp = _iso(true_ms, "/ttm")
    elif made_ms is not None:
        message.timestamp = _iso(made_ms, "/dtm")
        message.sent_at = _iso(sent_ms, "/stm") if sent_ms is not None else None


def _iso(epoch_ms: float, pointer: str) -> str:
    try:
        return datetime.fromtimestamp(epoch_ms / 1000, UTC).isoformat()
    except (OverflowError, ValueError, OSError) as error:
        raise Refused(pointer, "Send a time as milliseconds since 1970.") from error


# Self-describing JSON


def _unpacked(payload: Payload, plain: str, packed: str) -> Any:
    """Return a JSON field that came as it is or as base64; None where it did not come."""
    text, pointer = payload.get(plain), f"/{plain}"
    try:
        if text is None and isinstance(payload.get(packed), str):
            pointer = f"/{packed}"
            sent = str(payload[packed]).rstrip("=")
            text = base64.urlsafe_b64decode(
                (sent + "=" * (-len(sent) % 4)).replace("+", "-").replace("/", "_")
            )
        if text is None or text == "":
            return None
        return text if isinstance(text, dict) else msgspec.json.decode(text)
    except (binascii.Error, msgspec.DecodeError, UnicodeError, RecursionError, TypeError) as error:
        raise Refused(pointer, "Send self-describing JSON, plain or as base64.") from error
    except ValueError as error:
        raise Refused(pointer, "Send self-describing JSON, plain or as base64.") from error


def _entities(outer: Any) -> dict[str, list[dict[str, Any]]]:
    """Return the entities of a payload by the name of their schema."""
    found: dict[str, list[dict[str, Any]]] = {}
    entries = outer.get("data") if isinstance(outer, dict) else None
    for one in entries if isinstance(entries, list) else []:
        if isinstance(one, dict) and isinstance(one.get("data"), dict):
            found.setdefault(_schema_name(one.get("schema")), []).append(one["data"])
    return found


def _schema_name(schema: Any) -> str:
    """Return the name in a schema's address.

    >>> _schema_name("iglu:com.acme/basket_saved/jsonschema/1-0-0")
    'basket_saved'
    """
    parts = str(schema or "").removeprefix("iglu:").split("/")
    return parts[1] if len(parts) > 1 else parts[0]


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _own(pointer: str) -> str:
    names = {
        "/userId": "/uid",
        "/anonymousId": "/duid",
        "/messageId": "/eid",
        "/timestamp": "/dtm",
        "/sentAt": "/stm",
        "/event": "/se_ac",
    }
    return names.get(pointer, pointer)
