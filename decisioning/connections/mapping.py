"""The only place that says how a row of a file, a poll or a webhook becomes a message of the tracking API."""

import hashlib
from collections.abc import Iterator
from collections.abc import Mapping as AnyMapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec

from decisioning.connections.amounts import (
    UNITS,
    apply_rate,
    convert_currency,
    convert_unit,
    known_currencies,
)
from decisioning.connections.casting import (
    CASTS,
    Options,
    Unusable,
    is_empty,
    is_zone,
    plain,
    to_number,
    to_text,
    to_time,
)
from decisioning.connections.picking import MISSING, pick
from decisioning.rules.phrases import Filled
from decisioning.rules.phrases import gettext_noop as _
from rtts_site.foundation.texts import words_of

RULES: Final = 200  # fields of a mapping
NAME: Final = 200  # characters of a column, a target, a default
Call = Literal["track", "identify", "page", "screen", "group", "alias", "message"]
CALLS: Final = Call.__args__  # type: ignore[attr-defined]  # of typing
# Targets that are one field of the message, and where it stands.
FIELDS: Final = {
    "user_id": "userId",
    "anonymous_id": "anonymousId",
    "previous_id": "previousId",
    "group_id": "groupId",
    "event": "event",
    "name": "name",
    "time": "timestamp",
    "message_id": "messageId",
}
# Targets with a name of their own behind the colon.
NAMED: Final = {"property": "properties", "trait": "traits", "context": "context"}
SPACES: Final = ("email", "phone", "device", "crm")  # of `id:`; the value is hashed at acceptance
Json = dict[str, Any]
NO_RATE: Final = _("The column “{column}” gives no rate.")
NO_CURRENCY: Final = _("The column “{column}” gives no currency.")


class Rule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What becomes of one column: where its value goes, and what is done to it on the way."""

    column: str  # "email", "customer.id", "lines[0].price"
    target: str  # "user_id", "id:email", "property:total", "trait:tier", "context:ip", "time", …
    cast: str = ""  # of CASTS; "" keeps the value as it is
    form: str = ""  # of times: epoch_s, epoch_ms, "%d.%m.%Y %H:%M"; "" is ISO 8601
    separator: str = ","  # of lists
    unit: str = ""  # of UNITS
    currency: str = ""  # of the amount: "USD", or "=column" that says it
    to_currency: str = ""  # "EUR"
    rate: str = ""  # column whose number the amount is multiplied by
    default: str = ""  # where the column is empty
    required: bool = False


class Mapping(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How every row of one source becomes one message."""

    call: Call = "track"  # "message": the row is a message already
    event: str = ""  # the event's name where no column gives it
    rules: tuple[Rule, ...] = ()
    zone: str = "UTC"  # of times that name none
    comma: bool = False  # decimals are written 12,5
    id_prefix: str = ""  # put before the ids of messages that a column gives
    rates: dict[str, float] = {}  # units per euro; they win over the table's


class Fault(msgspec.Struct, frozen=True):
    """What is wrong in a mapping, and where."""

    pointer: str  # "/rules/3/unit"
    reason: str


@dataclass(frozen=True, slots=True)
class RowRefusal:
    """Why a row becomes no message."""

    column: str  # "" for the whole row
    reason: str


def encode_mapping(mapping: Mapping) -> Json:
    """Return a mapping as the JSON that is stored; `decode_mapping` reads it back."""
    told: Json = msgspec.to_builtins(mapping)
    return told


def decode_mapping(body: Any) -> Mapping:
    """Return the mapping of stored JSON.

    Raises:
        msgspec.ValidationError: not the shape of one.
    """
    return msgspec.convert(body, Mapping)


def mapping_digest(mapping: Mapping) -> str:
    """Return what differs between two mappings that read rows differently; 16 hex digits."""
    return hashlib.sha256(msgspec.json.encode(mapping, order="sorted")).hexdigest()[:16]


def content_digest(cells: Json) -> str:
    """Return what differs between two rows with other content; 32 hex digits."""
    try:
        said = msgspec.json.encode(cells, order="sorted")
    except (ValueError, TypeError, RecursionError, UnicodeError):  # such a row is refused anyhow
        said = repr(sorted(cells)).encode("utf-8", "replace")
    return hashlib.sha256(said).hexdigest()[:32]


# Judging a mapping


def faults_of(mapping: Mapping) -> list[Fault]:
    """Return what is wrong in a mapping, in the order of its fields; empty for one that can be used."""
    return list(_faults(mapping))


def _faults(mapping: Mapping) -> Iterator[Fault]:
    if not is_zone(mapping.zone):
        yield Fault("/zone", _("Name a time zone such as Europe/Berlin."))
    if len(mapping.rules) > RULES:
        yield Fault("/rules", Filled(_("Map at most {most} columns."), most=RULES))
    if any(not 0 < rate < 1e9 for rate in mapping.rates.values()):
        yield Fault("/rates", _("A rate is a number above 0."))
    if len(mapping.event) > NAME or len(mapping.id_prefix) > 60:
        yield Fault("/event", Filled(_("Use at most {most} characters; 60 before ids."), most=NAME))
    if mapping.call == "message":
        return
    for place, rule in enumerate(mapping.rules[:RULES]):
        for name, reason in _rule_faults(rule, mapping):
            yield Fault(f"/rules/{place}/{name}", reason)
    yield from _whole_faults(mapping)


def _rule_faults(rule: Rule, mapping: Mapping) -> Iterator[tuple[str, str]]:
    if not rule.column or len(rule.column) > NAME:
        yield "column", _("Name the column.")
    if not _is_target(rule.target):
        yield (
            "target",
            Filled(_("“{target}” is nothing that a message has."), target=rule.target[:40]),
        )
    if rule.cast and rule.cast not in CASTS:
        yield "cast", Filled(_("Choose one of {names}."), names=", ".join(CASTS))
    if rule.unit and rule.unit not in UNITS:
        yield "unit", Filled(_("Choose one of {names}."), names=", ".join(UNITS))
    known = known_currencies(mapping.rates)
    if rule.currency and not rule.currency.startswith("=") and rule.currency not in known:
        yield (
            "currency",
            Filled(_("There is no rate for “{currency}”."), currency=rule.currency[:10]),
        )
    if bool(rule.currency) != bool(rule.to_currency):
        yield "to_currency", _("Name both currencies, or none.")
    elif rule.to_currency and rule.to_currency not in known:
        yield (
            "to_currency",
            Filled(_("There is no rate for “{currency}”."), currency=rule.to_currency[:10]),
        )


def _is_target(target: str) -> bool:
    kind, _, name = target.partition(":")
    if kind in NAMED:
        return 0 < len(name) <= NAME
    return (kind == "id" and name in SPACES) or target in FIELDS


def _whole_faults(mapping: Mapping) -> Iterator[Fault]:
    targets = [rule.target for rule in mapping.rules]
    twice = sorted({one for one in targets if targets.count(one) > 1})
    if twice:
        yield Fault(
            "/rules", Filled(_("Two columns go to {targets}."), targets=", ".join(twice[:5]))
        )
    if not any(one in ("user_id", "anonymous_id") or one.startswith("id:") for one in targets):
        yield Fault("/rules", _("Say which column names the person."))
    if mapping.call == "track" and not mapping.event and "event" not in targets:
        yield Fault("/event", _("Name the event, or the column that does."))
    if mapping.call == "alias" and "previous_id" not in targets:
        yield Fault("/rules", _("An alias needs a column with the previous id."))


# Applying a mapping


def apply(mapping: Mapping, row: Any, *, unique: str) -> Json | RowRefusal:
    """Return the message that a row says, or why it says none; never raises.

    `unique` is the message's id where no column gives one: the same whenever the same row is read again.
    """
    if not isinstance(row, AnyMapping):
        return RowRefusal("", _("A row must be an object with named values."))
    if mapping.call == "message":
        return _as_it_is(row, unique)
    message: Json = {"type": mapping.call, "messageId": unique}
    if mapping.event and mapping.call == "track":
        message["event"] = mapping.event
    for rule in mapping.rules:
        try:
            value = _value(rule, row, mapping)
            if value is not MISSING:
                _put(message, rule.target, value, mapping)
        except Unusable as error:
            return RowRefusal(rule.column, words_of(error))
    return message


def _as_it_is(row: AnyMapping[str, Any], unique: str) -> Json | RowRefusal:
    try:
        message: Json = plain(dict(row))
    except Unusable as error:
        return RowRefusal("", words_of(error))
    return message if message.get("messageId") else {**message, "messageId": unique}


def _value(rule: Rule, row: AnyMapping[str, Any], mapping: Mapping) -> Any:
    found = pick(row, rule.column)
    if found is MISSING or is_empty(found):
        if rule.required and not rule.default:
            raise Unusable(_("This column may not be empty."))
        if not rule.default:
            return MISSING
        found = rule.default
    options = Options(
        comma=mapping.comma, form=rule.form, separator=rule.separator, zone=mapping.zone
    )
    value = plain(found)
    if rule.cast:
        value = CASTS[rule.cast](value, options) if rule.cast in CASTS else value
    return _converted(rule, value, row, mapping, options)


def _converted(
    rule: Rule, value: Any, row: AnyMapping[str, Any], mapping: Mapping, options: Options
) -> Any:
    if not (rule.unit or rule.currency or rule.rate):
        return value
    amount: float = to_number(value, options)
    if rule.unit in UNITS:
        amount = convert_unit(amount, rule.unit)
    if rule.rate:
        amount = apply_rate(amount, to_number(_said(rule.rate, row, "rate"), options))
    if rule.currency:
        given = rule.currency
        if given.startswith("="):
            given = to_text(_said(given[1:], row, "currency"), options).upper()
        amount = convert_currency(amount, given=given, to=rule.to_currency, own=mapping.rates)
    return amount


def _said(column: str, row: AnyMapping[str, Any], what: str) -> Any:
    found = pick(row, column)
    if found is MISSING or is_empty(found):
        raise Unusable(Filled(NO_RATE if what == "rate" else NO_CURRENCY, column=column[:60]))
    return plain(found)


def _put(message: Json, target: str, value: Any, mapping: Mapping) -> None:
    kind, _, name = target.partition(":")
    if kind in NAMED:
        message.setdefault(NAMED[kind], {})[name] = value
    elif kind == "id":
        _put_id(message, name, to_text(value, Options()))
    elif target == "time":
        message["timestamp"] = (
            value if _is_utc(value) else to_time(value, Options(zone=mapping.zone))
        )
    elif target == "message_id":
        message["messageId"] = mapping.id_prefix + to_text(value, Options())
    elif target in FIELDS:
        message[FIELDS[target]] = to_text(value, Options())


def _is_utc(value: Any) -> bool:
    return isinstance(value, str) and value.endswith("Z")


def _put_id(message: Json, space: str, value: str) -> None:
    named = {"id": value, "type": space, "collection": "users", "encoding": "none"}
    message.setdefault("context", {}).setdefault("externalIds", []).append(named)
