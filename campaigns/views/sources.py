"""The pages of sources: how each is asked or calls, what becomes of its rows, and what its last runs came to."""

import base64
import json
import secrets
from typing import Any

import redis
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from campaigns import samples
from campaigns.forms.connections import MappingForms
from campaigns.forms.sources import SOURCE_FORMS, SampleForm, secrets_said
from campaigns.views.connections import mapping_of_preset, preview
from campaigns.views.pages import needs, page, user_of
from decisioning.connections import hooks, pulling, sources
from decisioning.connections.acceptance import by_content
from decisioning.connections.authenticating import NotAuthorised
from decisioning.connections.hooks import HookSpec
from decisioning.connections.mapping import Mapping
from decisioning.connections.polls import Confusing, Progress
from decisioning.connections.presets import PRESETS
from decisioning.connections.sampling import ROWS, columns_of
from decisioning.connections.sources import Described, SourceRefused
from decisioning.models import Source
from decisioning.rules.phrases import anew
from rtts_site.foundation.addresses import AddressRefused
from rtts_site.foundation.calling import NoAnswer
from rtts_site.foundation.language import ACTIVE, told
from rtts_site.foundation.redis_clients import redis_client
from rtts_site.foundation.sealing import SealError

RUNS = 20
TIMEOUT_MS = 1_000
NOT_HAD = (pulling.Failed, NotAuthorised, AddressRefused, NoAnswer, SealError, Confusing)


@never_cache
@require_http_methods(["GET", "POST"])
@needs("decisioning.add_source")
def new_source(request: HttpRequest, kind: str) -> HttpResponse:
    if kind not in SOURCE_FORMS:
        raise Http404(_("There are no sources of this kind."))
    preset = request.GET.get("preset", "")
    form = SOURCE_FORMS[kind](request.POST or None, initial=initial_of(preset, kind))
    if request.method == "POST" and form.is_valid():
        said = secrets_said(form)
        shown = ""
        if kind == Source.Kind.HOOK and not said:
            shown = new_secret()
            said = {"signing": shown}
        mapping = mapping_of_preset(preset) or Mapping()
        described = Described(form.cleaned_data["name"], form.spec(), mapping, said, False)
        by, now = user_of(request).pk, timezone.now()
        try:
            source = sources.make_source(form.cleaned_data["key"], kind, described, by=by, now=now)
        except SourceRefused as refused:
            add_refusal(form, refused)
        else:
            if shown:
                return source_page_of(request, source, {"secret": shown})
            return HttpResponseRedirect(reverse("admin:rtts-source", args=[source.pk]))
    context = {"form": form, "kind": kind, "preset": preset, "presets": PRESETS.items()}
    title = _("New source that is polled") if kind == "poll" else _("New webhook that is called")
    status = 422 if form.errors else 200
    return page(request, "connections/new_source.html", context, title=title, status=status)


def new_secret() -> str:
    """Return a secret of Standard Webhooks."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"


def initial_of(preset: str, kind: str) -> dict[str, Any]:
    """Return what a form begins with for a known shape."""
    found = PRESETS.get(preset)
    if found is None:
        return {}
    said = {"name": found.name, "key": preset}
    if kind == Source.Kind.HOOK:
        return said
    names = ("url", "rows", "paging", "parameter", "path", "since")
    return {**said, "begin": "2020-01-01T00:00:00Z", **{one: getattr(found, one) for one in names}}


def add_refusal(form: Any, refused: SourceRefused) -> None:
    """Put what is wrong beside its field, where the form has it."""
    name = refused.pointer.rpartition("/")[2]
    form.add_error(name if name in form.fields else None, anew(refused.reason, ACTIVE))


@never_cache
@require_http_methods(["GET", "POST"])
@needs("decisioning.view_source")
def source_page(request: HttpRequest, pk: int) -> HttpResponse:
    source = get_object_or_404(Source, pk=pk)
    if request.method == "GET":
        return source_page_of(request, source, {})
    require_change(request)
    data = request.POST
    form = SOURCE_FORMS[source.kind](data, initial=None)
    form.fields["key"].disabled, form.initial["key"] = True, source.key
    forms = MappingForms(data)
    context: dict[str, Any] = {"form": form, "forms": forms}
    if form.is_valid() and forms.is_valid():
        described = Described(
            form.cleaned_data["name"],
            form.spec(),
            forms.mapping(),
            secrets_said(form),
            source.is_active,
        )
        try:
            sources.change_source(source, described, now=timezone.now())
        except SourceRefused as refused:
            add_refusal(form, refused)
        else:
            messages.success(request, _("Saved."))
            return HttpResponseRedirect(reverse("admin:rtts-source", args=[pk]))
    return source_page_of(request, source, context, status=422)


def source_page_of(
    request: HttpRequest, source: Source, more: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    """Answer with the page of a source."""
    lines = samples.load(redis_client(timeout_ms=TIMEOUT_MS), source.pk)
    form = SOURCE_FORMS[source.kind](initial={**source.settings, **named(source)})
    form.fields["key"].disabled = True
    mapping = sources.mapping_of(source)
    context = {
        "source": source,
        "form": form,
        "forms": MappingForms(mapping=mapping, columns=columns_of(lines)),
        "sampled": len(lines),
        "sample_form": SampleForm(),
        "runs": source.runs.order_by("-pk")[:RUNS],
        "address": request.build_absolute_uri(reverse("rtts-hook", args=[source.key])),
        "preview_url": reverse("admin:rtts-source-preview", args=[source.pk]),
        "may_change": user_of(request).has_perm("decisioning.change_source"),
        "may_delete": user_of(request).has_perm("decisioning.delete_source"),
    }
    title = source.name
    return page(request, "connections/source.html", context | more, title=title, status=status)


def named(source: Source) -> dict[str, str]:
    """Return the fields of a source's form that are not in its settings."""
    said = {"name": source.name, "key": source.key}
    return said | {"before": source.settings.get("prefix", "")} if source.kind == "hook" else said


def require_change(request: HttpRequest) -> None:
    """Refuse who may not change sources."""
    if not user_of(request).has_perm("decisioning.change_source"):
        raise PermissionDenied(_("Your role does not open this page."))


@require_POST
@needs("decisioning.change_source")
def source_preview(request: HttpRequest, pk: int) -> HttpResponse:
    """Answer with the sampled rows as understood by the mapping that is being written."""
    source = get_object_or_404(Source, pk=pk)
    lines = samples.load(redis_client(timeout_ms=TIMEOUT_MS), source.pk)
    unique = by_content(f"source:{source.key}")
    return preview(request, MappingForms(request.POST), lines, unique=unique)


@require_POST
@needs("decisioning.change_source")
def source_step(request: HttpRequest, pk: int, step: str) -> HttpResponse:
    source = get_object_or_404(Source, pk=pk)
    if step not in STEPS:
        raise Http404(_("There is no such step."))
    if step == "remove":
        return _remove(request, source)
    try:
        messages.success(request, STEPS[step](request, source))
    except SourceRefused as refused:
        messages.error(
            request, f"{refused.pointer}: {anew(refused.reason, ACTIVE)}".removeprefix(": ")
        )
    except (*NOT_HAD, ValueError) as error:
        messages.error(request, _("No sample: %s") % told(error))
    except redis.RedisError:
        messages.error(request, _("Redis does not answer; try again."))
    return HttpResponseRedirect(reverse("admin:rtts-source", args=[pk]))


def _resume(request: HttpRequest, source: Source) -> str:
    sources.resume(source, now=timezone.now())
    return _("It is active.")


def _pause(request: HttpRequest, source: Source) -> str:
    sources.pause(source, now=timezone.now())
    return _("It rests.")


def _run(request: HttpRequest, source: Source) -> str:
    sources.run_now(source, now=timezone.now())
    return _("It is asked in a moment; its run is shown below.")


def _sample(request: HttpRequest, source: Source) -> str:
    client = redis_client(timeout_ms=TIMEOUT_MS)
    if source.kind == Source.Kind.HOOK:
        form = SampleForm(request.POST)
        if not form.is_valid():
            raise ValueError(_("Paste a body of at most 200,000 characters."))
        spec = sources.spec_of(source)
        if not isinstance(spec, HookSpec):
            raise ValueError(_("This source is not called."))
        lines = hooks.rows_of(spec, form.cleaned_data["body"].encode())
        kept = samples.keep(client, source.pk, [line.cells for line in lines])
    else:
        found = pulling.fetch_page(source, sources.poll_of(source), Progress(), now=timezone.now)
        kept = samples.keep(client, source.pk, json_rows(found.rows))
    return _("%s rows are kept for an hour to try the mapping on.") % kept


def json_rows(rows: list[Any]) -> list[Any]:
    """Return rows as they stand after JSON, so that all are of its types."""
    told: list[Any] = json.loads(json.dumps(rows[:ROWS]))
    return told


def _remove(request: HttpRequest, source: Source) -> HttpResponse:
    if not user_of(request).has_perm("decisioning.delete_source"):
        raise PermissionDenied(_("Your role does not open this page."))
    source.delete()
    messages.success(request, _("Removed. What it sent stays."))
    return HttpResponseRedirect(reverse("admin:rtts-connections"))


STEPS = {"resume": _resume, "pause": _pause, "run": _run, "sample": _sample, "remove": _pause}
