"""The only place that puts authored things into words: lists, reviews, history and diffs read it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from campaigns import mapping
from campaigns.candidates import Candidate
from campaigns.mapping import Bodies, Body, is_everyone
from campaigns.models.items import Kind
from decisioning.rules.catalogue import Catalogue
from decisioning.rules.conditions import ConditionError
from decisioning.rules.words import sentence
from decisioning.specs import Condition

EVERYONE = "everyone"
NOTHING = "–"
LABELS = {
    "type": "Type",
    "is": "Is",
    "max_count": "Offers at once",
    "cache_seconds": "May be kept for (seconds)",
    "condition": "Who",
    "eligibility": "Who",
    "starts_at": "Starts",
    "ends_at": "Ends",
    "holdout_share": "Holdout",
    "goal_event": "Goal",
    "fallback_offer": "Fallback offer",
    "gpc": "Global Privacy Control denies it",
    "dpv": "Data Privacy Vocabulary term",
    "tcf": "TCF purposes",
    "gpp": "GPP fields",
    "validity_days": "Consent holds for (days)",
    "values": "Known values",
    "sayable": "May be said to the person",
}
SPANS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


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
    return lines | ({"Description": description} if description else {})


def diff(before: dict[str, str], after: dict[str, str]) -> list[Line]:
    """Return both descriptions side by side, in the order of the newer one."""
    labels = [*after, *(label for label in before if label not in after)]
    return [Line(label, before.get(label, ""), after.get(label, "")) for label in labels]


def summary(kind: str, body: Body, names: Names) -> str:
    """Return a body as one line for a list."""
    maker = _SUMMARIES.get(kind)
    return maker(body, names) if maker and body else ""


def words_of(condition: Condition, names: Names) -> str:
    """Return a condition as a sentence."""
    if is_everyone(condition):
        return EVERYONE
    try:
        return sentence(condition, names.catalogue)
    except ConditionError as error:
        return f"cannot be read: {error.message}"


def moment(value: str | None, zone: str) -> str:
    """Return an instant as people in a zone read it, e.g. "1 Dec 2026 09:00 Europe/Berlin"."""
    if not value:
        return NOTHING
    local = datetime.fromisoformat(value).astimezone(ZoneInfo(zone))
    return f"{local.day} {local:%b %Y %H:%M} {zone}"


def _field(
    kind: str, field: str, value: Any, *, names: Names, zone: str
) -> Iterator[tuple[str, str]]:
    rows = _ROWS.get(field)
    if rows and isinstance(value, list):
        noun, words = rows
        for row in value:
            yield f"{noun} {row.get('key', '')}".strip() + _tail(noun, row), words(row, names)
        return
    label = LABELS.get(field) or field.replace("_", " ").capitalize()
    yield label, _value(field, value, names=names, zone=zone)


def _tail(noun: str, row: Body) -> str:
    # Caps have no key: what they count tells them apart.
    return f" {_SCOPES[row['scope']]}, {row['counts']}s" if noun == "Limit" else ""


def _value(field: str, value: Any, *, names: Names, zone: str) -> str:
    if field in ("condition", "eligibility"):
        return words_of(value, names)
    if field in ("starts_at", "ends_at"):
        return moment(value, zone)
    if field in _REFERENCES:
        keys = value if isinstance(value, list) else [value] if value else []
        return names.all(_REFERENCES[field], keys)
    if field == "sayable" and value is None:
        return "unless inferred or sensitive"
    return plain(value)


def plain(value: Any) -> str:
    """Return any JSON value as words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {plain(inner)}" for key, inner in value.items()) or NOTHING
    if isinstance(value, list):
        return ", ".join(plain(inner) for inner in value) or NOTHING
    if isinstance(value, float):
        return f"{value:g}"
    return NOTHING if value in (None, "") else str(value)


def span(seconds: int | None) -> str:
    """Return a window, e.g. "in 7 days"; None is for ever."""
    if seconds is None:
        return "ever"
    size, unit = next((size, unit) for size, unit in SPANS if seconds % size == 0)
    count = seconds // size
    return f"in {count} {unit}{'' if count == 1 else 's'}"


_REFERENCES: dict[str, str] = {
    "purposes": Kind.PURPOSE,
    "channel": Kind.CHANNEL,
    "offers": Kind.OFFER,
    "fallback_offer": Kind.OFFER,
    "goal_event": Kind.EVENT_TYPE,
    "campaign": Kind.CAMPAIGN,
}
_SCOPES = {
    "person": "per person",
    "channel": "per person and channel",
    "total": "for everybody together",
}


def _variant(row: Body, names: Names) -> str:
    where = names.all(Kind.PLACEMENT, row["placements"])
    return f"on {where} ({row['content_type']}): {plain(row['content'])}"


def _cap(row: Body, _names: Names) -> str:
    counts = row["counts"] if row["limit"] == 1 else f"{row['counts']}s"
    return f"at most {row['limit']:,} {counts} {_SCOPES[row['scope']]} {span(row['window_s'])}"


def _arm(row: Body, names: Names) -> str:
    parts = [f"{row['share']:.1%} of people"]
    if row["variants"]:
        shown = (f"{names.of(Kind.OFFER, key)} as {v}" for key, v in row["variants"].items())
        parts.append(f"shows {', '.join(shown)}")
    if row["excluded_offers"]:
        parts.append(f"without {names.all(Kind.OFFER, row['excluded_offers'])}")
    for key, condition in row.get("eligibility", {}).items():
        parts.append(f"shows {names.of(Kind.OFFER, key)} to: {words_of(condition, names)}")
    if row["weights"]:
        parts.append(f"weights {plain(row['weights'])}")
    return "; ".join(parts)


def _property(row: Body, _names: Names) -> str:
    values = f": {plain(row['values'])}" if row["values"] else ""
    return f"{row['type']}{values}"


_ROWS: dict[str, tuple[str, Callable[[Body, Names], str]]] = {
    "variants": ("Variant", _variant),
    "caps": ("Limit", _cap),
    "arms": ("Arm", _arm),
    "properties": ("Property", _property),
}


def _attribute_line(body: Body, _names: Names) -> str:
    unit = f" in {body['unit']}" if body["unit"] else ""
    return (
        f"{body['type']}{unit}, from the {'request' if body['source'] == 'context' else 'profile'}"
    )


def _placement_line(body: Body, names: Names) -> str:
    return f"{names.of(Kind.CHANNEL, body['channel'])}, {body['content_type']}, up to {body['max_count']}"


def _who(body: Body, names: Names) -> str:
    words = words_of(body["eligibility"], names)
    return words[0].upper() + words[1:]


def _offer_line(body: Body, names: Names) -> str:
    caps = "".join(f"; {_cap(cap, names)}" for cap in body["caps"])
    return f"{_who(body, names)}{caps}"


def _campaign_line(body: Body, names: Names) -> str:
    count = len(body["offers"])
    offers = "1 offer" if count == 1 else f"{count} offers"
    until = f" until {moment(body['ends_at'], 'UTC')}" if body["ends_at"] else ""
    goal = names.of(Kind.EVENT_TYPE, body["goal_event"])
    return f"{offers}{until}. {_who(body, names)}. Goal: {goal}"


def _experiment_line(body: Body, names: Names) -> str:
    arms = ", ".join(f"{arm['key']} {arm['share']:.0%}" for arm in body["arms"])
    return f"{names.of(Kind.CAMPAIGN, body['campaign'])}: {arms}"


_SUMMARIES: dict[str, Callable[[Body, Names], str]] = {
    Kind.ATTRIBUTE: _attribute_line,
    Kind.EVENT_TYPE: lambda body, _names: plain([row["key"] for row in body["properties"]]),
    Kind.PLACEMENT: _placement_line,
    Kind.SEGMENT: lambda body, names: words_of(body["condition"], names),
    Kind.OFFER: _offer_line,
    Kind.CAMPAIGN: _campaign_line,
    Kind.EXPERIMENT: _experiment_line,
    Kind.PURPOSE: lambda body, _names: body["basis"].replace("_", " "),
    Kind.SETTINGS: lambda body, _names: f"{body['holdout_share']:.1%} of people kept out",
}
