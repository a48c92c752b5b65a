"""The pages of what comes in beside the catalogue: seen in traffic, and the quarantine."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from campaigns.candidates import candidate_of
from campaigns.drafts import current_change
from campaigns.incoming import masking, quarantined, seen
from campaigns.incoming.sources import source_names
from campaigns.models.items import Kind
from campaigns.views.pages import attempt, needs, page, text_of, user_of
from decisioning.models import QuarantineAct
from decisioning.observing import quarantine
from decisioning.observing.quarantine import Group, Kept
from rtts_site.foundation.jobs import Job
from rtts_site.foundation.redis_clients import Down, redis_client

SHOWN = 5  # events of a group
ACTS = 30
TIMEOUT_MS = 2_000
MOST_NAME = 200
WHAT = "quarantined event"


@require_GET
@needs("view_eventtype")
def seen_page(request: HttpRequest) -> HttpResponse:
    user = user_of(request)
    change = current_change(user)
    candidate = candidate_of(change)
    context = {
        "found": seen.seen(candidate),
        "purposes": [
            candidate.bodies[Kind.PURPOSE, key].get("name", key)
            for key in seen.usual_purposes(candidate)
        ],
        "change": change,
        "may_add": user.has_perm("campaigns.change_eventtype"),
        "may_add_attribute": user.has_perm("campaigns.change_attribute"),
    }
    return page(request, "campaigns/incoming/seen.html", context, title=_("Seen in traffic"))


@require_POST
@needs("change_eventtype")
def add_event(request: HttpRequest) -> HttpResponse:
    def step() -> object:
        event = text_of(request, "event", most=MOST_NAME)
        return seen.add_event(event, author=user_of(request), now=timezone.now())

    return attempt(request, step, done=drafted(), to=reverse("admin:rtts-seen"))


@require_POST
@needs("change_attribute")
def add_attribute(request: HttpRequest) -> HttpResponse:
    def step() -> object:
        key = text_of(request, "key", most=MOST_NAME)
        return seen.add_attribute(key, author=user_of(request), now=timezone.now())

    return attempt(request, step, done=drafted(), to=reverse("admin:rtts-seen"))


def drafted() -> str:
    return _("Drafted in your change, with the types that were seen. Look at it, then submit it.")


@never_cache
@require_GET
@needs("decisioning.view_quarantineact")
def quarantine_page(request: HttpRequest) -> HttpResponse:
    user, now = user_of(request), timezone.now()
    context: dict[str, Any] = {
        "acts": _acts(),
        "may_handle": user.has_perm(quarantined.PERMISSION),
        "plain": masking.may_read(user),
        "kept": quarantine.KEPT,
        "days": quarantine.KEPT_SECONDS // 86_400,
    }
    try:
        client = redis_client(timeout_ms=TIMEOUT_MS)
        groups = quarantine.groups(client)
        context |= {
            "size": quarantine.size(client),
            "groups": _told(groups, plain=context["plain"]),
        }
        if context["plain"]:
            shown = [one for group in groups for one in group.entries[:SHOWN]]
            persons = [one.record.person for one in shown if one.record is not None]
            masking.note_reading(client, persons, reader=user, what=WHAT, now=now)
    except Down:
        context["problem"] = _("Redis does not answer; what it keeps is shown when it does.")
    return page(request, "campaigns/incoming/quarantine.html", context, title=_("Quarantine"))


def _told(groups: list[Group], *, plain: bool) -> list[dict[str, Any]]:
    names = source_names()
    return [
        {"group": group, "entries": [_entry(one, names, plain) for one in group.entries[:SHOWN]]}
        for group in groups
    ]


def _entry(one: Kept, names: dict[str, str], plain: bool) -> dict[str, Any]:
    record = one.record
    if record is None:
        return {"at": one.at}
    said = record.properties or {**record.traits, **record.attributes}
    return {
        "at": one.at,
        "message_id": record.message_id,
        "who": record.identifiers[0] if plain and record.identifiers else "",
        "source": names.get(record.source, record.source),
        "said": list(masking.told(said, plain=plain).items()),
    }


def _acts() -> list[tuple[QuarantineAct, Job | None]]:
    acts = list(QuarantineAct.objects.order_by("-pk")[:ACTS])
    jobs = {
        str(job.pk): job
        for job in Job.objects.filter(pk__in=[int(one.job) for one in acts if one.job])
    }
    return [(one, jobs.get(one.job)) for one in acts]


@require_POST
@needs(quarantined.PERMISSION)
def quarantine_act(request: HttpRequest) -> HttpResponse:
    def step() -> object:
        group = (
            text_of(request, "event", most=MOST_NAME),
            text_of(request, "pointer", most=2 * MOST_NAME),
        )
        why = text_of(request, "why", most=500)
        verb = request.POST.get("verb", "")
        return quarantined.ask(verb, group, by=user_of(request), why=why, now=timezone.now())

    done = _("A worker does it now; this page says what came of it.")
    return attempt(request, step, done=done, to=reverse("admin:rtts-quarantine"))
