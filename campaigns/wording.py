"""The only place that puts authored things into words: lists, reviews, history and diffs read it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.dates import WEEKDAYS_ABBR
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from msgspec import convert

from campaigns import mapping
from campaigns.body_rules import is_everyone
from campaigns.candidates import Candidate
from campaigns.mapping import Bodies, Body
from campaigns.models.items import Kind
from campaigns.wording_labels import (
    ACCOUNT_SCOPES,
    CHOICES,
    COUNTS,
    LABELS,
    NAMESPACES,
    OTHER_SCOPE,
    REFERENCES,
    SCOPES,
    TYPES,
)
from consent.policy import EVERY_PURPOSE, ON_DEVICES
from decisioning.arbitration.reasons import limit_words
from decisioning.content.fitting import fit_words
from decisioning.rules.catalogue import Catalogue
from decisioning.rules.conditions import ConditionError
from decisioning.rules.durations import parse_duration
from decisioning.rules.phrases import anew
from decisioning.rules.value_words import seconds_words
from decisioning.rules.words import sentence
from decisioning.specs import Condition, FitSpec
from rtts_site.foundation.language import ACTIVE

NOTHING = "–"


@dataclass(frozen=True)
class Names:
    """What keys are called: the names that a candidate gives them."""

    bodies: Bodies
    candidate: Candidate | None = None  # whose bodies they are, where it is one

    @cached_property
    def catalogue(self) -> Catalogue:
        """Return what conditions may name; empty where the candidate cannot be read."""
        try:
            if self.candidate is not None:
                return self.candidate.catalogue
            return Catalogue.of(mapping.release_spec(self.bodies))
        except mapping.Refused:
            return Catalogue()

    def of(self, kind: str, key: str) -> str:
        """Return the name of a thing, its key where it has none."""
        return str(self.bodies.get((kind, key), {}).get("name") or key)

    def all(self, kind: str, keys: list[str]) -> str:
        """Return the names of things, separated by commas."""
        return ", ".join(self.of(kind, key) for key in keys) or NOTHING


def names_of(candidate: Candidate) -> Names:
    """Return the names in a candidate."""
    return Names(candidate.bodies, candidate)


@dataclass(frozen=True, slots=True)
class Line:
    """One field before and after; "" where it was or is not there."""

    label: str
    before: str
    after: str

    @property
    def change(self) -> str:
        """Return "added", "removed", "changed" or "same"."""
        if self.before == self.after:
            return "same"
        if not self.before:
            return "added"
        return "changed" if self.after else "removed"


def describe(kind: str, body: Body, names: Names, details: Body | None = None) -> dict[str, str]:
    """Return what a body says, label -> words, in reading order; name and key are left out."""
    zone = (details or {}).get("time_zone") or "UTC"
    lines: dict[str, str] = {}
    for field, value in body.items():
        if field not in ("key", "name"):
            lines.update(_field(kind, field, value, names=names, zone=zone))
    description = (details or {}).get("description")
    return lines | ({_("Description"): description} if description else {})


def diff(before: dict[str, str], after: dict[str, str]) -> list[Line]:
    """Return both descriptions side by side, in the order of the newer one."""
    labels = [*after, *(label for label in before if label not in after)]
    return [Line(label, before.get(label, ""), after.get(label, "")) for label in labels]


def summary(kind: str, body: Body, names: Names) -> str:
    """Return a body as one line for a list."""
    maker = _SUMMARIES.get(kind)
    return maker(body, names) if maker and body else ""


def words_of(condition: Condition, names: Names) -> str:
    """Return a condition as a sentence, in the language of the page."""
    if is_everyone(condition):
        return _("Everyone")
    try:
        return sentence(condition, names.catalogue, ACTIVE)
    except ConditionError as error:
        if told := _of_filter(condition, names):
            return told
        return _("Cannot be read: {fault}").format(fault=anew(error.message, ACTIVE))


def moment(value: str | None, zone: str) -> str:
    """Return an instant as people in a zone read it, e.g. "1 Dec 2026 09:00 Europe/Berlin"."""
    if not value:
        return NOTHING
    return f"{clock(datetime.fromisoformat(value), zone)} {zone}"


def clock(at: datetime, zone: str) -> str:
    """Return what a clock in a zone shows, e.g. "1 Dec 2026 09:00"."""
    return date_format(at.astimezone(ZoneInfo(zone)), "MOMENT_FORMAT")


def percent(share: float, *, places: int = 2) -> str:
    """Return a share in [0, 1], e.g. "2.5%"."""
    return _("{number}%").format(number=ACTIVE.number(round(share * 100, places)))


def plain(value: Any) -> str:
    """Return any JSON value as words."""
    match value:
        case bool():
            return _("yes") if value else _("no")
        case {"sha256": str(), "alt": str(alt)}:
            return _("picture “{alt}”").format(alt=alt)
        case Mapping():
            pairs = (f"{key}: {plain(inner)}" for key, inner in value.items())
            return ", ".join(pairs) or NOTHING
        case list():
            return ", ".join(plain(inner) for inner in value) or NOTHING
        case int() | float():
            return ACTIVE.number(value)
        case None | "":
            return NOTHING
    return str(value)


def _field(
    kind: str, field: str, value: Any, *, names: Names, zone: str
) -> Iterator[tuple[str, str]]:
    rows = _ROWS.get(field)
    if rows and isinstance(value, list):
        for row in value:
            yield rows.label(row), rows.words(row, names)
        return
    label = LABELS.get(field) or field.replace("_", " ").capitalize()
    yield str(label), _value(field, value, names=names, zone=zone)


def _value(field: str, value: Any, *, names: Names, zone: str) -> str:
    if field in _NAMING:
        return _NAMING[field](value, names)
    if field in ("starts_at", "ends_at", "effective_from"):
        return moment(value, zone)
    if field in REFERENCES:
        keys = value if isinstance(value, list) else [value] if value else []
        return names.all(REFERENCES[field], keys)
    if field == "sayable" and value is None:
        return _("unless inferred or sensitive")
    if field in _TOLD:
        return _TOLD[field](value)
    if value in CHOICES.get(field, ()):
        return str(CHOICES[field][value])
    return plain(value)


def _leaving(condition: Condition, names: Names) -> str:
    return words_of(condition, names) if condition else _("who is no longer certain to be in it")


def _filter(condition: Condition, names: Names) -> str:
    """Return the filter of an event as a sentence, in the language of the page."""
    if is_everyone(condition):
        return _("every such event")
    return _of_filter(condition, names) or plain(condition)


def _of_filter(condition: Condition, names: Names) -> str:
    """Return a filter in the words of the first event that has what it reads, "" where none has."""
    for event in names.catalogue.events.values():
        with suppress(ConditionError):
            return sentence(condition, names.catalogue.within(event), ACTIVE)
    return ""


def _by_purpose(said: Mapping[str, str], names: Names) -> str:
    wide = {EVERY_PURPOSE: _("every purpose"), ON_DEVICES: _("what reads or writes the device")}
    lines = (
        f"{wide.get(key) or names.of(Kind.PURPOSE, key)}: {words}" for key, words in said.items()
    )
    return "; ".join(lines) or NOTHING


def _mechanisms(said: dict[str, str], names: Names) -> str:
    return _by_purpose({key: str(CHOICES["mechanism"][one]) for key, one in said.items()}, names)


def _validity(days: Any, names: Names) -> str:
    if not isinstance(days, dict):  # of a purpose, one number for all
        return plain(days)
    return _by_purpose({key: ACTIVE.number(one) for key, one in days.items()}, names)


# Fields that name other things of the candidate.
_NAMING: dict[str, Callable[[Any, Names], str]] = {
    "condition": words_of,
    "eligibility": words_of,
    "leaving": _leaving,
    "where": _filter,
    "then_where": _filter,
    "mechanisms": _mechanisms,
    "validity_days": _validity,
}


def hours_line(hours: Body) -> str:
    """Return hours of the week as words, e.g. "Mon, Tue from 09:00 to 17:00"."""
    days = [str(WEEKDAYS_ABBR[day]) for day in hours.get("days", range(7))]
    return _("{days} from {starts} to {ends}").format(
        days=_("daily") if len(days) == 7 else ", ".join(days),
        starts=hours.get("starts", "00:00"),
        ends=hours.get("ends", "00:00"),
    )


def _hours(value: list[Body]) -> str:
    return "; ".join(map(hours_line, value)) or NOTHING


def span(seconds: int) -> str:
    """Return a span of time as words, "2 hours"."""
    return seconds_words(seconds, ACTIVE) if seconds else NOTHING


_TOLD: dict[str, Callable[[Any], str]] = {
    "holdout_share": percent,
    "traffic": percent,
    "hours": _hours,
    "quiet_hours": _hours,
    "stay_s": span,
    "every_s": span,
}


def _variant(row: Body, names: Names) -> str:
    words = {
        "placements": names.all(Kind.PLACEMENT, row["placements"]),
        "content_type": row["content_type"],
        "content": plain(row["content"]),
        "fit": fit_words(convert(row.get("fit") or {}, FitSpec), ACTIVE),
    }
    if words["fit"]:
        return _("on {placements} ({content_type}), for {fit}: {content}").format(**words)
    return _("on {placements} ({content_type}): {content}").format(**words)


def _cap(row: Body, _names: Names) -> str:
    return _("at most {limit}, {scope}").format(
        limit=limit_words(row["limit"], row["counts"], row["window_s"], ACTIVE),
        scope=scope_words(row),
    )


def scope_words(row: Body) -> str:
    """Return for whom a limit counts, "per household, all members together"."""
    if row["scope"] != "account":
        return str(SCOPES[row["scope"]])
    of = row.get("of") or "account"
    known = ACCOUNT_SCOPES.get(of)
    return str(known) if known else OTHER_SCOPE.format(type=of)


def _arm(row: Body, names: Names) -> str:
    parts = [_("{share} of people").format(share=percent(row["share"]))]
    if row["variants"]:
        shown = (
            _("{offer} as {variant}").format(offer=names.of(Kind.OFFER, key), variant=variant)
            for key, variant in row["variants"].items()
        )
        parts.append(_("shows {offers}").format(offers=", ".join(shown)))
    if row["excluded_offers"]:
        without = names.all(Kind.OFFER, row["excluded_offers"])
        parts.append(_("without {offers}").format(offers=without))
    for key, condition in row.get("eligibility", {}).items():
        who = words_of(condition, names)
        parts.append(_("shows {offer} to: {who}").format(offer=names.of(Kind.OFFER, key), who=who))
    if row["weights"]:
        parts.append(_("weights {weights}").format(weights=plain(row["weights"])))
    return "; ".join(parts)


def _property(row: Body, _names: Names) -> str:
    values = f": {plain(row['values'])}" if row["values"] else ""
    rules = "".join(f"; {words}" for words in _property_rules(row))
    return f"{TYPES.get(row['type'], row['type'])}{values}{rules}"


def _property_rules(row: Body) -> Iterator[str]:
    if row.get("only_values"):
        yield _("no other values")
    if row.get("required"):
        yield _("always there")
    if row.get("minimum") is not None:
        yield _("at least {number}").format(number=ACTIVE.number(row["minimum"]))
    if row.get("maximum") is not None:
        yield _("at most {number}").format(number=ACTIVE.number(row["maximum"]))


def _identity(row: Body, _names: Names) -> str:
    return "; ".join(_identity_rules(row))


def _identity_rules(row: Body) -> Iterator[str]:
    yield _("enough by itself") if row["identifies"] else _("not enough by itself")
    yield _("joins people") if row["joins"] else _("joins nobody")
    if row["people"]:
        yield _("at most {count} by one value").format(count=ACTIVE.number(row["people"]))
    if row["users"]:
        users = ngettext("shared above {count} user", "shared above {count} users", row["users"])
        yield users.format(count=ACTIVE.number(row["users"]))
    if row["unique"]:
        yield _("one for each person")
    if row["ignored"]:
        yield _("never {values}").format(values=plain(row["ignored"]))


@dataclass(frozen=True, slots=True)
class _Rows:
    """A field that holds rows, each a line of its own."""

    label: Callable[[Body], str]  # what tells the rows of one thing apart
    words: Callable[[Body, Names], str]


# Caps have no key: what they count tells them apart.
_ROWS: dict[str, _Rows] = {
    "variants": _Rows(lambda row: _("Variant {key}").format(key=row["key"]), _variant),
    "caps": _Rows(
        lambda row: _("Limit {scope}, {counts}").format(
            scope=scope_words(row), counts=COUNTS[row["counts"]]
        ),
        _cap,
    ),
    "arms": _Rows(lambda row: _("Arm {key}").format(key=row["key"]), _arm),
    "properties": _Rows(lambda row: _("Property {key}").format(key=row["key"]), _property),
    "identity": _Rows(
        lambda row: str(NAMESPACES.get(row["namespace"], row["namespace"])), _identity
    ),
}


def _attribute_line(body: Body, _names: Names) -> str:
    of = str(TYPES.get(body["type"], body["type"]))
    if body["unit"]:
        of = _("{type} in {unit}").format(type=of, unit=body["unit"])
    return _("{type}, from {source}").format(type=of, source=CHOICES["source"][body["source"]])


def _placement_line(body: Body, names: Names) -> str:
    return _("{channel}, {content_type}, up to {count}").format(
        channel=names.of(Kind.CHANNEL, body["channel"]),
        content_type=body["content_type"],
        count=ACTIVE.number(body["max_count"]),
    )


def _segment_line(body: Body, names: Names) -> str:
    words = words_of(body["condition"], names)
    if body.get("leaving"):
        leaving = words_of(body["leaving"], names)
        words = _("{who}; leaves: {leaving}").format(who=words, leaving=leaving)
    if body.get("stay_s"):
        words = _("{who}; for at least {span}").format(who=words, span=span(body["stay_s"]))
    return words


def _offer_line(body: Body, names: Names) -> str:
    return "; ".join(
        [words_of(body["eligibility"], names), *(_cap(cap, names) for cap in body["caps"])]
    )


def _campaign_line(body: Body, names: Names) -> str:
    count = len(body["offers"])
    offers = ngettext("{count} offer", "{count} offers", count).format(count=count)
    if body["ends_at"]:
        until = moment(body["ends_at"], body.get("time_zone") or "UTC")
        offers = _("{offers} until {moment}").format(offers=offers, moment=until)
    return _("{offers}. {who}. Goal: {goal}").format(
        offers=offers,
        who=words_of(body["eligibility"], names),
        goal=names.of(Kind.EVENT_TYPE, body["goal_event"]),
    )


def _experiment_line(body: Body, names: Names) -> str:
    arms = ", ".join(f"{arm['key']} {percent(arm['share'])}" for arm in body["arms"])
    return f"{names.of(Kind.CAMPAIGN, body['campaign'])}: {arms}"


def _trigger_line(body: Body, names: Names) -> str:
    told = {
        "segment": names.of(Kind.SEGMENT, body["segment"]) if body.get("segment") else "",
        "event": names.of(Kind.EVENT_TYPE, body["event"]) if body.get("event") else "",
        "then": names.of(Kind.EVENT_TYPE, body["then"]) if body.get("then") else "",
        "within": span(parse_duration(body["within"])) if body.get("within") else "",
    }
    started = _STARTS[body["on"]]().format(**told)
    act = str(CHOICES["act"].get(body.get("act", "webhook"), ""))
    return _("{started}: {act}").format(started=started, act=act)


_STARTS: dict[str, Callable[[], str]] = {
    "entered": lambda: _("Somebody enters {segment}"),
    "left": lambda: _("Somebody leaves {segment}"),
    "event": lambda: _("{event} comes"),
    "absence": lambda: _("{event}, and no {then} for {within}"),
}

_SUMMARIES: dict[str, Callable[[Body, Names], str]] = {
    Kind.ATTRIBUTE: _attribute_line,
    Kind.EVENT_TYPE: lambda body, _names: plain([row["key"] for row in body["properties"]]),
    Kind.PLACEMENT: _placement_line,
    Kind.SEGMENT: _segment_line,
    Kind.OFFER: _offer_line,
    Kind.CAMPAIGN: _campaign_line,
    Kind.EXPERIMENT: _experiment_line,
    Kind.TRIGGER: _trigger_line,
    Kind.PURPOSE: lambda body, _names: str(CHOICES["basis"].get(body["basis"], body["basis"])),
    Kind.JURISDICTION: lambda body, _names: _("{places}: {how}").format(
        places=plain(body["codes"]), how=CHOICES["mechanism"][body.get("mechanism", "opt_in")]
    ),
    Kind.NOTICE: lambda body, _names: _("version {version}: {what}").format(
        version=body["version"], what=CHOICES["change_class"][body["change_class"]]
    ),
    Kind.SETTINGS: lambda body, _names: _("{share} of people kept out").format(
        share=percent(body["holdout_share"])
    ),
}
