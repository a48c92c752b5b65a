"""``/v1/me/<token>``: a person's own page, without an account; every form of it works without scripts."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from urllib.parse import urlsplit

import redis
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import Error
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone, translation
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods

from consent import policy_store
from consent.changes import TooMuchSaidError
from consent.channels import known_channels
from consent.ledger import StoreUnavailableError, current_person
from consent.notices import find_text
from consent.policy import EVERY_CHANNEL, ConsentView, PolicySpec
from consent.rights.closing import StaysClosedError
from consent.signals.headers import gpc_header
from consent.signals.honouring import concerned_by_gpc, gpc_status
from consent.standing import load_view_of_record
from decisioning.arbitration.unwanted import KINDS, Kind
from decisioning.inspecting import DecisionUnavailable
from decisioning.own_page import choices, interests
from decisioning.own_page.interests import Saved
from decisioning.own_page.links import (
    LONGEST,
    LinkRefusedError,
    OwnLink,
    close_links,
    read_token,
    still_shows,
)
from decisioning.own_page.offers import ShownBeforeError, open_offer
from decisioning.own_page.showing import Shown, shown_to
from decisioning.releases import ReleaseRefused, load_live
from decisioning.specs import ReleaseSpec
from rtts_site.foundation.limits import CONSENTS_OF_ONE, Limiter
from rtts_site.foundation.redis_clients import Down, redis_client

REDIS_TIMEOUT_MS: Final = 1_000
LONGEST_KEY: Final = 200  # characters
SUPPORTED_SINCE: Final = date(2026, 11, 22)
_limiter = Limiter()
NOTHING_SAID: Final = ConsentView(version=0, fenced=False, trusted=True)
POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors "
)


@dataclass(frozen=True, slots=True)
class Visit:
    """One request for somebody's own page."""

    link: OwnLink
    token: str
    person: str  # who they are now
    policy: PolicySpec
    release: ReleaseSpec | None  # None while none can be read
    client: redis.Redis
    speaker: choices.Speaker
    now: datetime
    shows: bool  # the link still tells and allows what is of the person it was made for

    @property
    def knows(self) -> bool:
        """Return whether the page may tell what is known: a browser's link may not, once its visitor signed in."""
        return self.shows and (self.link.by_channel or self.person == self.link.person)


@require_GET
def gpc_support(_request: HttpRequest) -> JsonResponse:
    """Say that Global Privacy Control is honoured.

    Source: W3C Global Privacy Control, section 5, "GPC support resource".
    """
    since = policy_store.live_since()  # policies say what the signal denies
    changed = since.date() if since else SUPPORTED_SINCE
    return JsonResponse({"gpc": True, "lastUpdate": changed.isoformat()})


@never_cache
@csrf_exempt  # no cookie authorises here: the sealed token does
@require_http_methods(["GET", "POST"])
async def own_page(request: HttpRequest, token: str) -> HttpResponse:
    """Show the page, or record what a form of it says and show it again."""
    response, saved = await sync_to_async(_respond)(request, token)
    if saved is not None:
        await interests.wait_for(saved)
    return response


def _respond(request: HttpRequest, token: str) -> tuple[HttpResponse, Saved | None]:
    """Return the answer, and what it had better wait for."""
    language = translation.get_language_from_request(request)
    here, saved = reverse("rtts-own-page", args=[token]), None
    with translation.override(language):
        try:
            response, saved = _answer(request, token, language)
        except (LinkRefusedError, StaysClosedError):
            response = render(request, "person/refused.html", status=404)
        except ShownBeforeError:
            response = render(request, "person/changed.html", {"here": here}, status=409)
        except TooMuchSaidError:
            response = render(request, "person/full.html", {"here": here}, status=422)
        except (StoreUnavailableError, DecisionUnavailable, Error, *Down):
            response = render(request, "person/later.html", status=503)
    return _embeddable(response, language), saved


def _answer(request: HttpRequest, token: str, language: str) -> tuple[HttpResponse, Saved | None]:
    visit = _visit(request, token, language)
    if request.method == "GET":
        notice = request.GET.get("notice", "")
        return (_notice(notice, request.GET) if notice else _show(request, visit)), None
    if not _limiter.take_sync(visit.client, CONSENTS_OF_ONE, f"own:{visit.person}").allowed:
        return render(request, "person/later.html", status=429), None
    act = ACTS.get(request.POST.get("act", ""))
    done = act(visit, request.POST) if act is not None else False
    if not done:
        return render(request, "person/refused.html", status=422), None
    decision = request.POST.get("decision", "")[:100]
    query = QueryDict(mutable=True)
    query.update({"done": "1"} | ({"decision": decision} if decision else {}))
    here = reverse("rtts-own-page", args=[token])
    there = HttpResponseRedirect(f"{here}?{query.urlencode()}", status=303)
    return there, done if isinstance(done, Saved) else None


def _visit(request: HttpRequest, token: str, language: str) -> Visit:
    now, client = timezone.now(), redis_client(timeout_ms=REDIS_TIMEOUT_MS)
    link = read_token(token, now=now)
    policy = policy_store.live_policy()
    if policy is None:
        raise StoreUnavailableError("There is no consent policy yet.")
    person = current_person(link.person)
    gpc = gpc_header(request.headers.get("Sec-GPC", "").split(","))
    host = urlsplit(settings.RTTS_PUBLIC_URL).hostname or ""
    speaker = choices.Speaker(person=person, host=host, language=language, gpc=gpc)
    return Visit(
        link,
        token,
        person,
        policy,
        _release(client),
        client,
        speaker,
        now,
        still_shows(link, person, now=now),
    )


def _notice(reference: str, asked: QueryDict) -> HttpResponse:
    """Answer with a notice as the very bytes that were published."""
    kept = find_text(reference, asked.get("language", ""))
    if kept is None:
        raise LinkRefusedError("No such notice was published in this language.")
    return HttpResponse(
        bytes(kept.content),
        content_type=f"{kept.media_type}; charset=utf-8",
        headers={"Content-Language": kept.language},
    )


def _release(client: redis.Redis) -> ReleaseSpec | None:
    try:
        live = load_live(client)
    except (ReleaseRefused, *Down):
        return None
    return live.release if live else None


def _show(request: HttpRequest, visit: Visit) -> HttpResponse:
    # A browser may be shared: of an account it is not told what was chosen, only what can be refused.
    view = load_view_of_record(visit.person) if visit.knows else NOTHING_SAID
    decision = request.GET.get("decision", "")[:100]
    context = _choices(visit, view) | {
        "decision": decision,
        "tells": visit.knows,
        "is_done": request.GET.get("done") == "1",
        "shown": _why(visit, decision) if decision and visit.knows else None,
        "unwanted": choices.unwanted(view),
        "interests": interests.fields_of(visit.person, visit.release, visit.client)
        if visit.knows
        else [],
        "here": reverse("rtts-own-page", args=[visit.token]),
    }
    return render(request, "person/page.html", context)


def _choices(visit: Visit, view: ConsentView) -> dict[str, Any]:
    lines = choices.lines_of(
        visit.speaker,
        visit.policy,
        view,
        channels={one.channel for one in visit.release.placements} if visit.release else (),
        now=visit.now,
    )
    return {
        "lines": lines,
        "may_withdraw": any(line.by_consent and not line.is_fixed for line in lines),
        "gpc": gpc_status(
            concerned_by_gpc(visit.policy),
            ((purpose, said) for (purpose, _), said in view.states.items()),
            gpc=visit.speaker.gpc,
        ),
        "is_restricted": view.restricted,
    }


def _why(visit: Visit, decision: str) -> tuple[datetime, list[Shown]] | None:
    return shown_to(visit.person, decision, policy=visit.policy, client=visit.client)


# Each returns whether the form made sense, or what it saved.


def _give(visit: Visit, said: QueryDict) -> bool:
    purpose = visit.policy.purpose(said.get("purpose", ""))
    if purpose is None or purpose.retired or not visit.knows:
        return False
    channel = _channel(visit, said)
    if channel is None:
        return False
    persons = (visit.person, visit.link.person)
    token = said.get("shown", "")[:LONGEST]
    shown = open_offer(token, persons, visit.policy, purpose.key, now=visit.now)
    choices.give(visit.speaker, visit.policy, purpose, channel, shown=shown, now=visit.now)
    return True


def _withdraw(visit: Visit, said: QueryDict) -> bool:
    purpose = visit.policy.purpose(said.get("purpose", ""))
    if purpose is None:
        return False
    channel = _channel(visit, said) or EVERY_CHANNEL
    choices.withdraw(visit.speaker, visit.policy, [purpose.key], channel, now=visit.now)
    return True


def _channel(visit: Visit, said: QueryDict) -> str | None:
    """Return the channel that a form means: one that there is, or of which they said something; else None."""
    named = said.get("channel", EVERY_CHANNEL)[:100] or EVERY_CHANNEL
    found = known_channels().find(named)
    if found is None and any(named == one for _, one in load_view_of_record(visit.person).states):
        return named
    return found


def _withdraw_all(visit: Visit, _said: QueryDict) -> bool:
    choices.withdraw_consents(visit.speaker, visit.policy, now=visit.now)
    return True


def _switch_off(visit: Visit, _said: QueryDict) -> bool:
    choices.switch_off(visit.speaker, visit.policy, now=visit.now)
    return True


def _less(visit: Visit, said: QueryDict) -> bool:
    thing = _thing(said)
    if thing is None:
        return False
    view = load_view_of_record(visit.person)
    if not choices.has_named(view, *thing):
        if not choices.may_name_more(view):
            raise TooMuchSaidError("They named as many things as are kept of one person.")
        if thing not in _things(visit, said.get("decision", "")[:100]):
            return False
    choices.less_like(visit.speaker, *thing, now=visit.now)
    return True


def _more(visit: Visit, said: QueryDict) -> bool:
    thing = _thing(said)
    if thing is None or not visit.knows:
        return False
    if not choices.has_named(load_view_of_record(visit.person), *thing):
        return False
    choices.less_like(visit.speaker, *thing, again=True, now=visit.now)
    return True


def _thing(said: QueryDict) -> tuple[Kind, str] | None:
    kind = next((one for one in KINDS if one == said.get("kind")), None)
    key = said.get("key", "")
    return (kind, key) if kind is not None and 0 < len(key) <= LONGEST_KEY else None


def _things(visit: Visit, decision: str) -> set[tuple[Kind, str]]:
    """Return what a person may see less of: what is live, and what this decision showed them."""
    release = visit.release
    if release is None:
        raise StoreUnavailableError("What is live cannot be read now.")
    shown = _why(visit, decision) if decision and visit.knows else None
    found: set[tuple[Kind, str]] = {("offer", one.key) for one in release.offers}
    found |= {("campaign", one.key) for one in release.campaigns}
    found |= {("category", one.category) for one in release.offers if one.category}
    return found | {(kind, key) for one in (shown or (None, []))[1] for kind, key, _ in one.less}


def _close_links(visit: Visit, _said: QueryDict) -> bool:
    if visit.knows:
        close_links(visit.person, now=visit.now)
    return visit.knows


def _interests(visit: Visit, said: QueryDict) -> Saved | None:
    if not visit.knows or visit.release is None:
        return None
    return interests.save(visit.person, said, visit.release, visit.client, now=visit.now)


ACTS: Final[dict[str, Callable[[Visit, QueryDict], bool | Saved | None]]] = {
    "give": _give,
    "withdraw": _withdraw,
    "withdraw_all": _withdraw_all,
    "off": _switch_off,
    "less": _less,
    "more": _more,
    "interests": _interests,
    "close": _close_links,
}


def _embeddable(response: HttpResponse, language: str) -> HttpResponse:
    """Let the origins of the settings show the page inside theirs."""
    origins = " ".join(settings.RTTS_EMBED_ORIGINS) or "'none'"
    response.headers["Content-Security-Policy"] = POLICY + origins
    response.headers.setdefault("Content-Language", language)
    response.headers["Referrer-Policy"] = "no-referrer"
    if settings.RTTS_EMBED_ORIGINS:
        # Browsers that know frame-ancestors, all of today's, pass this over.
        response.headers["X-Frame-Options"] = "SAMEORIGIN"
    return response
