"""``/v1/me/<token>``: a person's own page, without an account; every form of it works without scripts."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

import redis
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
from consent.ledger import StoreUnavailableError, current_person
from consent.notices import find_text
from consent.policy import EVERY_CHANNEL, ConsentView, PolicySpec
from consent.rights.closing import StaysClosedError, were_erased
from consent.signals.headers import gpc_header
from consent.signals.honouring import concerned_by_gpc, gpc_status
from consent.standing import load_view_of_record
from decisioning.arbitration.unwanted import KINDS
from decisioning.inspecting import DecisionUnavailable
from decisioning.own_page import choices, interests
from decisioning.own_page.links import LONGEST, LinkRefusedError, OwnLink, read_token
from decisioning.own_page.offers import ShownBeforeError, open_offer
from decisioning.own_page.showing import Shown, shown_to
from decisioning.releases import ReleaseRefused, load_live
from decisioning.specs import ReleaseSpec
from rtts_site.foundation.limits import CONSENTS_OF_ONE, Limiter
from rtts_site.foundation.redis_clients import Down, redis_client

REDIS_TIMEOUT_MS: Final = 1_000
LAST_CHANGED: Final = "2026-11-22"
_limiter = Limiter()
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
    is_theirs: bool  # whoever the link was made for is still the same person

    @property
    def knows(self) -> bool:
        """Return whether the page may tell what is known: a browser's link may not, once its visitor signed in."""
        return self.is_theirs and (self.link.full or self.person == self.link.person)


@require_GET
def gpc_support(_request: HttpRequest) -> JsonResponse:
    """Say that Global Privacy Control is honoured.

    Source: W3C Global Privacy Control, section 5, "GPC support resource".
    """
    return JsonResponse({"gpc": True, "lastUpdate": LAST_CHANGED})


@never_cache
@csrf_exempt  # no cookie authorises here: the sealed token does
@require_http_methods(["GET", "POST"])
def own_page(request: HttpRequest, token: str) -> HttpResponse:
    """Show the page, or record what a form of it says and show it again."""
    language = translation.get_language_from_request(request)
    with translation.override(language):
        try:
            response = _answer(request, token, language)
        except (LinkRefusedError, StaysClosedError):
            response = render(request, "person/refused.html", status=404)
        except ShownBeforeError:
            here = reverse("rtts-own-page", args=[token])
            response = render(request, "person/changed.html", {"here": here}, status=409)
        except (StoreUnavailableError, DecisionUnavailable, Error, *Down):
            response = render(request, "person/later.html", status=503)
    return _embeddable(response, language)


def _answer(request: HttpRequest, token: str, language: str) -> HttpResponse:
    visit = _visit(request, token, language)
    if request.method == "GET":
        notice = request.GET.get("notice", "")
        return _notice(notice, request.GET) if notice else _show(request, visit)
    if not _limiter.take_sync(visit.client, CONSENTS_OF_ONE, f"own:{visit.person}").allowed:
        return render(request, "person/later.html", status=429)
    act = ACTS.get(request.POST.get("act", ""))
    if act is None or not act(visit, request.POST):
        return render(request, "person/refused.html", status=422)
    decision = request.POST.get("decision", "")[:100]
    query = QueryDict(mutable=True)
    query.update({"done": "1"} | ({"decision": decision} if decision else {}))
    here = reverse("rtts-own-page", args=[token])
    return HttpResponseRedirect(f"{here}?{query.urlencode()}", status=303)


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
        _is_theirs(link, person),
    )


def _is_theirs(link: OwnLink, person: str) -> bool:
    """Return whether a link shows the one it was made for: not who an erased or merged person became since."""
    made_at = datetime.fromtimestamp(link.made_at, UTC)
    return person == (link.owner or link.person) and not were_erased(
        {link.person, person}, since=made_at
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
    view = load_view_of_record(visit.person)
    decision = request.GET.get("decision", "")[:100]
    context = _choices(visit, view) | {
        "decision": decision,
        "is_done": request.GET.get("done") == "1",
        "shown": _why(visit, decision) if decision and visit.knows else None,
        "unwanted": choices.unwanted(view) if visit.knows else [],
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


# Each returns whether the form made sense.


def _give(visit: Visit, said: QueryDict) -> bool:
    purpose = visit.policy.purpose(said.get("purpose", ""))
    if purpose is None or purpose.retired or not visit.knows:
        return False
    channel = said.get("channel", EVERY_CHANNEL)[:100] or EVERY_CHANNEL
    persons = (visit.person, visit.link.person)
    token = said.get("shown", "")[:LONGEST]
    shown = open_offer(token, persons, visit.policy, purpose.key, now=visit.now)
    choices.give(visit.speaker, visit.policy, purpose, channel, shown=shown, now=visit.now)
    return True


def _withdraw(visit: Visit, said: QueryDict) -> bool:
    purpose = visit.policy.purpose(said.get("purpose", ""))
    if purpose is None:
        return False
    channel = said.get("channel", EVERY_CHANNEL)[:100] or EVERY_CHANNEL
    choices.withdraw(visit.speaker, visit.policy, [purpose.key], channel, now=visit.now)
    return True


def _withdraw_all(visit: Visit, _said: QueryDict) -> bool:
    choices.withdraw_consents(visit.speaker, visit.policy, now=visit.now)
    return True


def _switch_off(visit: Visit, _said: QueryDict) -> bool:
    choices.switch_off(visit.speaker, visit.policy, now=visit.now)
    return True


def _less(visit: Visit, said: QueryDict) -> bool:
    return _about_a_thing(visit, said, again=False)


def _more(visit: Visit, said: QueryDict) -> bool:
    return visit.knows and _about_a_thing(visit, said, again=True)


def _about_a_thing(visit: Visit, said: QueryDict, *, again: bool) -> bool:
    kind = next((one for one in KINDS if one == said.get("kind")), None)
    key = said.get("key", "")
    if kind is None or not 0 < len(key) <= 200:
        return False
    choices.less_like(visit.speaker, kind, key, again=again, now=visit.now)
    return True


def _interests(visit: Visit, said: QueryDict) -> bool:
    if not visit.knows or visit.release is None:
        return False
    return interests.save(visit.person, said, visit.release, visit.client, now=visit.now)


ACTS: Final[dict[str, Callable[[Visit, QueryDict], bool]]] = {
    "give": _give,
    "withdraw": _withdraw,
    "withdraw_all": _withdraw_all,
    "off": _switch_off,
    "less": _less,
    "more": _more,
    "interests": _interests,
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
