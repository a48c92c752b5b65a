"""The only place that tells people what is wrong with what comes in, and which conditions rest on it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.candidates import Candidate, candidate_of
from campaigns.incoming.sources import source_names
from campaigns.models.items import Kind
from campaigns.notifying.telling import raise_alert
from campaigns.uses import Name
from campaigns.wording import percent
from decisioning.models import QualityFault
from decisioning.observing import quality
from rtts_site.foundation.language import ACTIVE

WORDS: Final = {
    "silent": gettext_lazy("nothing came in the last hour, usual are {usual}"),
    "fewer": gettext_lazy("{seen} in the last hour, usual are {usual}"),
    "more": gettext_lazy("{seen} in the last hour, usual are {usual}"),
    "missing": gettext_lazy("{seen} lack it, usual are {usual}"),
    "types": gettext_lazy("{seen} are not of the catalogue's type"),
    "range": gettext_lazy("up to {seen}, usual is up to {usual}"),
    "late": gettext_lazy("{seen} s late on average, usual are {usual} s"),
    "duplicates": gettext_lazy("{seen} are repeats"),
    "refused": gettext_lazy("{seen} are refused"),
}
SHARES: Final = frozenset({"missing", "types", "duplicates", "refused"})
RESTING: Final = (Kind.SEGMENT, Kind.OFFER, Kind.CAMPAIGN, Kind.EXPERIMENT, Kind.TRIGGER)
NAMED: Final = 5  # users of what is broken, in a sentence


def words_of(fault: QualityFault) -> str:
    """Return what is wrong, e.g. "nothing came in the last hour, usual are 120"."""
    say = percent if fault.fault in SHARES else ACTIVE.number
    seen, usual = (say(round(one, 4)) for one in (fault.seen, fault.usual))
    return str(WORDS[fault.fault]).format(seen=seen, usual=usual)


def place_of(fault: QualityFault, names: dict[str, str]) -> str:
    """Return where it is wrong, e.g. "Shop: Order Completed, total"."""
    what = ", ".join(part for part in (fault.event or _("traits"), fault.key) if part)
    return f"{names.get(fault.source, fault.source)}: {what}"


def sentence(fault: QualityFault, names: dict[str, str], candidate: Candidate) -> str:
    """Return what is wrong, where, and what rests on it."""
    words = f"{place_of(fault, names)}: {words_of(fault)}"
    used = [name for _kind, name in users_of(fault, candidate)]
    if not used:
        return words
    more = [_("{count} more").format(count=len(used) - NAMED)] if len(used) > NAMED else []
    users = ", ".join([*used[:NAMED], *more])
    return _("{words}. Rests on it: {users}").format(words=words, users=users)


def users_of(fault: QualityFault, candidate: Candidate) -> list[tuple[str, str]]:
    """Return what has conditions, (kind, name), that rest on what is wrong: segments, offers, triggers and the like."""
    broken: Name = (Kind.EVENT_TYPE, fault.event) if fault.event else (Kind.ATTRIBUTE, fault.key)
    found: dict[Name, str] = {}
    waiting = [broken]
    while waiting:
        name = waiting.pop(0)
        for use in candidate.users.get(name, ()):
            user = (use.kind, use.key)
            body = candidate.bodies.get(user, {})
            if user in found or use.kind not in RESTING:
                continue
            if name == broken and fault.event and not _reads(body, fault):
                continue
            found[user] = str(body.get("name", use.key))
            if use.kind == Kind.SEGMENT:
                waiting.append(user)
    return [(kind, name) for (kind, _key), name in found.items()]


def _reads(body: dict[str, Any], fault: QualityFault) -> bool:
    """Return whether a body's conditions read the broken property; any of them where the event is broken."""
    if not fault.key:
        return True
    return any(
        name in ("attribute", "property") and value == fault.key
        for leaf in _leaves(body)
        if leaf.get("event") == fault.event
        for name, value in _pairs(leaf)
    )


def _leaves(value: Any) -> Iterator[dict[str, Any]]:
    """Yield what reads events: conditions, and triggers; one that names a later event also as that event's."""
    if isinstance(value, dict):
        if isinstance(value.get("event"), str):
            yield value
        if isinstance(value.get("then"), str):
            yield {"event": value["then"], "where": value.get("then_where")}
        for inner in value.values():
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)


def _pairs(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name, inner
            yield from _pairs(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _pairs(inner)


def watch(*, now: datetime) -> None:
    """Look at the last hour, and alert people to what has just gone wrong."""
    candidate = candidate_of(None)
    changed = quality.look(candidate.spec, now=now)
    if changed.began:
        names = source_names()
        for fault in changed.began:
            raise_alert(sentence(fault, names, candidate)[:500], now=now)
