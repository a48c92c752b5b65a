"""What an offer that nobody saved yet would look like to people whom it finds, placement by placement."""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import nh3
import redis
from django.conf import settings
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from campaigns import tokens
from campaigns.sampling import load_sample
from consent.policy import PolicySpec
from decisioning.arbitration import reasons
from decisioning.arbitration.weighing import Weighing
from decisioning.content import markup
from decisioning.content.choosing import Choice, NoVariant
from decisioning.content.contents import Place, Unusable, cleaned, escape_of, places
from decisioning.content.fitting import by_closeness, fit_words
from decisioning.content.pictures import name_of, picture_of
from decisioning.content.templates import TemplateError, has_tokens, parse_template
from decisioning.decisions import decide
from decisioning.held import Candidate, Held, hold
from decisioning.holder import Current
from decisioning.messages import Ask, Considered, PersonState, PlacementAsk
from decisioning.person_state import look_up, state_of
from decisioning.profiles.somebody import with_accounts
from decisioning.profiles.windows import facts
from decisioning.releases import Verified
from decisioning.rules.canonical import digest
from decisioning.rules.compiler import compile_release
from decisioning.specs import CampaignSpec, OfferSpec, PlacementSpec, ReleaseSpec
from rtts_site.foundation.language import ACTIVE

PEOPLE: Final = 3
SEARCHED: Final = 2_000  # sampled people looked through for three whom the offer finds
MOST_PLACEMENTS: Final = 8
PREVIEW: Final = "preview"
MARKS: Final = (
    *(reasons.CONSENT, reasons.CAP_REACHED, reasons.SOLD_OUT, reasons.CAPS_UNAVAILABLE),
    *(reasons.NOT_RUNNING,),
)

_TOKEN: Final = re.compile(r"(\{\{.*?\}\}|\{%.*?%\})", re.DOTALL)
_NAME: Final = re.compile(r"\{\{-?\s*([^\s|}]+)")


@dataclass(frozen=True, slots=True)
class Part:
    """One field of a content as the preview shows it."""

    key: str  # "headline"
    kind: str  # "text", "html", "picture", "link"
    value: Any  # text, SafeString, {"src", "sha256", "alt", "width", "height"}
    pieces: tuple[tuple[str, bool], ...] = ()  # text and whether it is a token without a value


@dataclass(frozen=True, slots=True)
class Look:
    """What one person sees in one placement, or why they would not."""

    person: str
    variant: str
    fit: str  # the contexts that the variant is made for, in words
    marks: tuple[str, ...]  # why it would not be shown now: consent, caps, dates
    missing: str  # the token that has no value
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Placed:
    """The looks of one placement."""

    placement: PlacementSpec
    looks: tuple[Look, ...]


def looks_of(
    client: redis.Redis,
    offer: OfferSpec,
    release: ReleaseSpec,
    *,
    policy: PolicySpec | None,
    given: Mapping[str, Any],
    now: datetime,
) -> list[Placed]:
    """Return what three people whom an offer finds see of it in each of its placements.

    The same engine, gate and filling in as a decision; `given` is the context of the request.

    Raises:
        CompileError, ConditionError: its conditions cannot be used.
    """
    held = _hold_alone(offer, release)
    try:
        showing = _Showing(client, held, policy, given, now)
        keys = dict.fromkeys(key for one in offer.variants for key in one.placements)
        known = [key for key in keys if held.candidates.get(key)][:MOST_PLACEMENTS]
        return [showing.placement(key) for key in known]
    finally:
        held.engine.close()


def _hold_alone(offer: OfferSpec, release: ReleaseSpec) -> Held:
    goal = release.event_types[0].key if release.event_types else PREVIEW
    campaign = CampaignSpec(key=PREVIEW, name=PREVIEW, offers=(offer.key,), goal_event=goal)
    alone = replace(
        release, offers=(offer,), campaigns=(campaign,), experiments=(), holdout_share=0.0
    )
    return hold(Verified(0, digest(alone), 0, alone, compile_release(alone)))


@dataclass(slots=True)
class _Showing:
    client: redis.Redis
    held: Held
    policy: PolicySpec | None
    given: Mapping[str, Any]
    now: datetime

    def placement(self, key: str) -> Placed:
        (candidate,) = self.held.candidates[key]
        looks = (self.look(person, candidate, key) for person in self.found(candidate, key))
        return Placed(self.held.placements[key], tuple(looks))

    def found(self, candidate: Candidate, key: str) -> list[str]:
        """Return people whom the offer finds, the same ones as long as the sample is."""
        needs, wanted = self.held.needs.get(candidate.group), self.held.wanted[key]
        keys = needs.keys if needs else frozenset[str]()
        at = self.now.timestamp()
        found: list[str] = []
        sampled = load_sample(self.client, most=SEARCHED).profiles
        for one in with_accounts(self.client, sampled, self.held.accounts):
            own = facts(one.profile, wanted.attributes, wanted.aggregates, at, one.accounts)
            known = own | dict(self.given)
            seen = {name: value for name, value in known.items() if name in keys}
            if candidate.rule in self.held.engine.match(candidate.group, seen, at):
                found.append(one.person)
            if len(found) == PEOPLE:
                break
        return found

    def look(self, person: str, candidate: Candidate, key: str) -> Look:
        state = self.state(person, key)
        ask = Ask(person, (PlacementAsk(key),))
        decision = decide(ask, state, self.held, policy=self.policy, now=self.now)
        marks = tuple(_mark(one) for one in decision.considered if one.code in MARKS)
        facts = state.facts if self.permits(candidate, ask, state) else self.given
        variant, missing, content = self.content(candidate, facts)
        spec = candidate.variants[variant] if variant else next(iter(candidate.variants.values()))
        parts = tuple(_parts(content, spec.content_type, missing=missing))
        return Look(person, variant, fit_words(spec.fit, ACTIVE), marks, missing, parts)

    def permits(self, candidate: Candidate, ask: Ask, state: PersonState) -> bool:
        """Return whether the person's consent lets the offer say what is known of them."""
        weighing = Weighing(ask=ask, state=state, held=self.held, policy=self.policy, now=self.now)
        channel = self.held.placements[candidate.group.placement].channel
        return weighing.gate(candidate.offer.purposes, channel)[0].allowed

    def state(self, person: str, key: str) -> PersonState:
        now_ms = int(self.now.timestamp() * 1000)
        return state_of(
            look_up(self.client, person, now_ms=now_ms, reads=self.held.accounts),
            Current(),
            self.held,
            placements=(PlacementAsk(key),),
            given=self.given,
            now=self.now,
        )

    def content(
        self, candidate: Candidate, facts: Mapping[str, Any]
    ) -> tuple[str, str, Mapping[str, Any]]:
        """Return variant, missing token and content; where something is missing, the texts as authored.

        What may not be said is missing, whatever is known.
        """
        if candidate.choice is None:
            key = next(iter(candidate.variants))
            return key, "", self.held.contents[candidate.offer.key, key]
        wanted = candidate.choice.keys - self.unsayable(candidate)
        known = {key: facts[key] for key in wanted & facts.keys()}
        return _filled(candidate.choice, known, candidate)

    def unsayable(self, candidate: Candidate) -> frozenset[str]:
        """Return the attributes that a text of the offer says although it may not."""
        said = {
            token
            for one in candidate.variants.values()
            for place in places(cleaned(one.content, one.content_type), one.content_type)
            for token in _said_in(place)
        }
        purposes = candidate.offer.purposes
        named = (self.held.attributes[key] for key in said & self.held.attributes.keys())
        return frozenset(one.key for one in named if tokens.refusal(one, purposes))


def _said_in(place: Place) -> Iterator[str]:
    """Yield the names that a text says; what stands in its conditions only is not said."""
    if not has_tokens(place.text):
        return
    # One that cannot be read is not filled in either.
    with suppress(TemplateError):
        yield from (token.name for token in parse_template(place.text, place.escape).tokens)


def _filled(
    choice: Choice, known: Mapping[str, Any], candidate: Candidate
) -> tuple[str, str, Mapping[str, Any]]:
    unusable: set[str] = set()
    while True:
        picked = choice.pick(known, unusable=unusable)
        if isinstance(picked, NoVariant):
            closest = by_closeness(choice.contents.values(), known)
            key = closest[0].key if closest else ""
            return key, picked.token, candidate.variants[key].content if key else {}
        try:
            return picked, "", choice.contents[picked].fill(known)
        except Unusable:
            unusable.add(picked)


def _mark(one: Considered) -> str:
    return {
        reasons.CONSENT: _("no consent"),
        reasons.CAP_REACHED: _("limit reached"),
        reasons.SOLD_OUT: _("used up"),
        reasons.CAPS_UNAVAILABLE: _("limits cannot be read"),
        reasons.NOT_RUNNING: _("not running now"),
    }[one.code]


def _parts(content: Mapping[str, Any], content_type: str, *, missing: str) -> Iterator[Part]:
    for key, value in content.items():
        if isinstance(value, Mapping) and ("src" in value or picture_of(value)):
            yield Part(key, "picture", _local(value))
        elif not isinstance(value, str):
            yield Part(key, "text", str(value))
        elif missing and "{" in value:
            yield Part(key, "text", value, _pieces(value, missing))
        else:
            escape = escape_of(key, content_type)
            kind = {"url": "link"}.get(escape, escape)
            yield Part(key, kind, shown_html(value) if escape == "html" else value)


def _pieces(text: str, missing: str) -> tuple[tuple[str, bool], ...]:
    """Return a text in pieces, the tokens that `missing` names marked."""
    found = ((piece, _NAME.match(piece)) for piece in _TOKEN.split(text) if piece)
    return tuple((piece, bool(named and named[1] in missing)) for piece, named in found)


def _local(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a picture at its address on this site, whatever stands in front of it for others."""
    picture = picture_of(value)
    if picture is None:
        name = str(value["src"]).removeprefix(settings.MEDIA_URL)
        return {**value, "src": f"/media/{name}", "sha256": name.partition("/")[0]}
    width, height = picture.size(picture.widths[0])
    name = name_of(picture.sha256, width, "webp")
    said = {"alt": picture.alt, "width": width, "height": height}
    return {"src": f"/media/{name}", "sha256": picture.sha256, **said}


def _allowed(tag: str, name: str, value: str) -> str | None:
    """Drop what would ask another site for a picture, or look like a part of this page."""
    if name == "class" or (tag == "img" and name == "src" and not value.startswith("/media/")):
        return None
    return value


def shown_html(text: str) -> SafeString:
    """Return HTML of a content as a page of ours may hold it."""
    allowed = nh3.clean(
        text,
        tags=set(markup.TAGS),
        attributes=markup.ATTRIBUTES,
        attribute_filter=_allowed,
        url_schemes=set(markup.SCHEMES),
        link_rel="noopener noreferrer",
    )
    return SafeString(allowed)
