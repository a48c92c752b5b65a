"""The page about events on their way in: the steps and their order, a box to try one, the owner's terms."""

import csv
import io
from typing import Any

import msgspec
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from campaigns.forms.intake import IntakeForm, initial_of
from campaigns.publishing import NotPossible
from campaigns.views.pages import attempt, needs, page, text_of, user_of
from decisioning.enrichment import agents, stored
from decisioning.enrichment.holding import region_reader
from decisioning.enrichment.steps import BY_KEY, STEPS, Known, Preparing, in_order, places_of
from decisioning.enrichment.surroundings import of_browser
from decisioning.enrichment.terms import Terms, TermsRefused, packed, read_terms
from decisioning.enrichment.trying import TrialRefused, try_event
from decisioning.ingestion.identities import RULES, rules_of
from decisioning.ingestion.wire import Intake
from decisioning.models import IntakeDocument
from decisioning.releases import load_live
from rtts_site.foundation.language import told
from rtts_site.foundation.redis_clients import Down, redis_client

TIMEOUT_MS = 2_000
MOST_TERMS = 200_000
MOST_EVENT = 32 * 1024
MOST_HEADERS = 4_000
VERSIONS = 10
STEP_FIELDS = ("order", "off")
EXAMPLE = """{
  "type": "track",
  "event": "Product Viewed",
  "anonymousId": "d-9",
  "properties": {"product_id": "p1"},
  "context": {
    "ip": "203.0.113.77",
    "timezone": "Europe/Berlin",
    "page": {"url": "https://shop.example/p/1?utm_source=news"},
    "location": {"latitude": 52.52, "longitude": 13.405}
  }
}"""
HEADERS = "user-agent: Mozilla/5.0 (X11; Linux x86_64) Chrome/131.0\ncf-ipcountry: DE"


@never_cache
@require_http_methods(["GET", "POST"])
@needs("decisioning.view_intakedocument")
def enrichment(request: HttpRequest) -> HttpResponse:
    """Show the steps; a posted event is shown as each of them leaves it."""
    terms = stored.live_terms()
    context: dict[str, Any] = {
        "steps": _rows(terms),
        "fixed": [step for step in STEPS if step.is_fixed],
        "terms": _editable(terms),
        "versions": IntakeDocument.objects.defer("body")[:VERSIONS],
        "may_change": user_of(request).has_perm("decisioning.change_intake"),
        "event": EXAMPLE,
        "headers": HEADERS,
    }
    context["form"] = IntakeForm(initial=initial_of(terms))
    if request.method == "POST":
        context |= _answered(request, terms)
    return page(request, "campaigns/incoming/enrichment.html", context, title=_("Enrichment"))


def _answered(request: HttpRequest, terms: Terms) -> dict[str, Any]:
    """Return what is shown for what was posted to the page: an event to try, or terms that need a look."""
    if "undeclared" not in request.POST:
        return _try(request, terms)
    form = IntakeForm(request.POST)
    if form.is_valid():
        try:
            form.terms(terms)
        except TermsRefused as refused:
            form.add_refusal(refused)
    return {"form": form}


def _rows(terms: Terms) -> list[dict[str, Any]]:
    order = in_order(msgspec.structs.replace(terms, off=()))
    movable = [step for step in order if not step.is_fixed]
    return [
        {"step": step, "place": place, "is_on": step.key not in terms.off}
        for place, step in enumerate(movable, start=1)
    ]


def _editable(terms: Terms) -> str:
    body = {
        name: value for name, value in msgspec.to_builtins(terms).items() if name not in STEP_FIELDS
    }
    return msgspec.json.format(msgspec.json.encode(body), indent=2).decode()


def _try(request: HttpRequest, terms: Terms) -> dict[str, Any]:
    """Return what the steps do to the posted event, or what is wrong with it."""
    sent: dict[str, Any] = {}
    try:
        sent["event"] = text_of(request, "event", most=MOST_EVENT)
        sent["headers"] = text_of(request, "headers", most=MOST_HEADERS)
        lines = [line.partition(":") for line in sent["headers"].splitlines()]
        headers = {name.strip().lower(): value.strip() for name, _, value in lines}
        return sent | {"trial": _trial(terms, sent["event"], headers)}
    except (NotPossible, TrialRefused) as refused:
        return sent | {"problem": told(refused)}
    except Down:
        return sent | {"problem": _("Redis does not answer; try again in a moment.")}


def _trial(terms: Terms, text: str, headers: dict[str, str]) -> Any:
    client, now = redis_client(timeout_ms=TIMEOUT_MS), timezone.now()
    live = load_live(client)
    attributes = {one.key: one for one in live.release.attributes} if live is not None else {}
    known = Known(
        terms=terms,
        attributes=attributes,
        products=stored.load_products(client),
        provided={one.key: stored.load_provided(client, one.key) for one in terms.providers},
        region=region_reader(settings.RTTS_GEO_DATABASE),
        salt=settings.RTTS_PEPPER,
        places=places_of(live.release.event_types if live is not None else ()),
    )
    intake = Intake(
        attributes=attributes,
        received_at_ms=round(now.timestamp() * 1000),
        pepper=settings.RTTS_PEPPER,
        rules=rules_of(live.release.identity) if live is not None else RULES,
    )
    agents.load()
    around = of_browser(headers)
    return try_event(text, around=around, preparing=Preparing.by(known), intake=intake)


@require_POST
@needs("decisioning.change_intake")
def steps(request: HttpRequest) -> HttpResponse:
    """Put the steps in the posted order, on or off."""

    def step() -> object:
        movable = [one.key for one in STEPS if not one.is_fixed]
        place = {key: _place(request, key) for key in movable}
        terms = msgspec.structs.replace(
            stored.live_terms(),
            order=tuple(sorted(movable, key=lambda key: place[key])),
            off=tuple(key for key in movable if key not in request.POST.getlist("on")),
        )
        return _save(request, terms)

    return attempt(request, step, done=_saved(), to=reverse("admin:rtts-enrichment"))


def _place(request: HttpRequest, key: str) -> int:
    text = request.POST.get(f"place-{key}", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 4 else len(BY_KEY)


@require_POST
@needs("decisioning.change_intake")
def fields(request: HttpRequest) -> HttpResponse:
    """Put the terms of the form in force, or show it again with what is wrong at each field."""
    live, form = stored.live_terms(), IntakeForm(request.POST)
    if not form.is_valid():
        return enrichment(request)
    try:
        found = form.terms(live)
    except TermsRefused:
        return enrichment(request)

    def step() -> object:
        return _save(request, found)

    return attempt(request, step, done=_saved(), to=reverse("admin:rtts-enrichment"))


@require_POST
@needs("decisioning.change_intake")
def terms(request: HttpRequest) -> HttpResponse:
    """Put the posted geofences, privacy, retention and providers in force."""

    def step() -> object:
        try:
            sent = read_terms(text_of(request, "terms", most=MOST_TERMS))
        except TermsRefused as refused:
            raise NotPossible(told(refused)) from refused
        live = stored.live_terms()
        kept = {name: getattr(live, name) for name in STEP_FIELDS}
        return _save(request, msgspec.structs.replace(sent, **kept))

    return attempt(request, step, done=_saved(), to=reverse("admin:rtts-enrichment"))


@require_POST
@needs("decisioning.change_intake")
def products(request: HttpRequest) -> HttpResponse:
    """Replace the product table by a CSV file whose first column is the product id."""

    def step() -> object:
        file = request.FILES.get("file")
        if file is None or (file.size or 0) > 5_000_000:
            raise NotPossible(_("Choose a CSV file of at most 5 MB."))
        try:
            found = _table(file.read().decode("utf-8-sig"))
            client = redis_client(timeout_ms=TIMEOUT_MS)
            stored.save_products(client, found, by=user_of(request).username, now=timezone.now())
        except (UnicodeDecodeError, csv.Error, stored.ProductsRefused) as error:
            raise NotPossible(told(error)) from error
        return found

    return attempt(request, step, done=_saved(), to=reverse("admin:rtts-enrichment"))


def _table(text: str) -> dict[str, dict[str, Any]]:
    if "\0" in text:
        raise NotPossible(_("The file holds NULs: save it as UTF-8."))
    lines = csv.reader(io.StringIO(text))
    names = next(lines, [])
    if len(names) < 2:
        raise NotPossible(
            _("Begin the file with a line of names: the product id, then its fields.")
        )
    return {
        row[0]: {name: _value(cell) for name, cell in zip(names[1:], row[1:], strict=False) if cell}
        for row in lines
        if row and row[0]
    }


def _value(text: str) -> str | float:
    try:
        number = float(text)
    except ValueError:
        return text[:200]
    return number if abs(number) < 1e15 else text[:200]


def _save(request: HttpRequest, changed: Terms) -> Terms:
    read_terms(packed(changed))
    client = redis_client(timeout_ms=TIMEOUT_MS)
    stored.save_terms(client, changed, by=user_of(request).username, now=timezone.now())
    return changed


def _saved() -> str:
    return _("Saved. Every process works by it within two seconds.")
