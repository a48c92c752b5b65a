"""Beside the form of an offer: what it would look like to three people, and the tokens it may name."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST
from msgspec import convert

from campaigns import tokens
from campaigns.candidates import candidate_of
from campaigns.drafts import current_change
from campaigns.forms import FORMS, author_of
from campaigns.forms.content import TEXTS, content_of
from campaigns.forms.variants import fit_of
from campaigns.images.library import prepared
from campaigns.looks import Placed, looks_of
from campaigns.mapping import Refused
from campaigns.models.items import Kind
from campaigns.views.pages import needs, user_of
from consent.models import RecordRead
from consent.policy_store import live_policy
from decisioning.content import markup
from decisioning.content.contents import escape_of, places
from decisioning.content.fitting import CONTEXT, context_fact
from decisioning.rules.compiler import CompileError
from decisioning.rules.conditions import ConditionError
from decisioning.specs import FitSpec, OfferSpec, ReleaseSpec, VariantSpec
from rtts_site.foundation.redis_clients import Down, redis_client

SEE_PEOPLE: Final = "decisioning.view_decisionrecord"
WHAT_IS_READ: Final = "preview of an offer's content"
NOTED_FOR: Final = timedelta(minutes=5)
SAYS_CONTEXT = "preview-"  # before the names of the fields that say the context


@never_cache
@require_POST
@needs("view_offer")
def content_preview(request: HttpRequest) -> HttpResponse:
    change = current_change(user_of(request))
    candidate = candidate_of(change)
    form = author_of(FORMS[Kind.OFFER], change, candidate)(request.POST)
    form.full_clean()
    try:
        context = _told(form, candidate.spec)
    except Refused as error:
        context = {"problem": str(error)}
    else:
        context |= _seen(request, _offer_of(form), candidate.spec)
    return render(request, "campaigns/content_preview.html", context)


def _told(form: Any, release: ReleaseSpec) -> dict[str, Any]:
    offer = _offer_of(form)
    attributes = {one.key: one for one in release.attributes}
    return {
        "tokens": tokens.offered(release.attributes, offer.purposes),
        "troubles": list(_troubles(form, offer, attributes)),
    }


def _seen(request: HttpRequest, offer: OfferSpec, release: ReleaseSpec) -> dict[str, Any]:
    """Return what people see, where the reader may see people; each of them is noted as read."""
    if not user_of(request).has_perm(SEE_PEOPLE):
        return {"problem": _("Your role may not see people, so no preview of theirs is shown.")}
    context = _looks(request, offer, release)
    shown = {look.person for placed in context.get("placements", ()) for look in placed.looks}
    _note_reading(user_of(request).get_username(), shown, now=timezone.now())
    return context


def _note_reading(reader: str, persons: set[str], *, now: datetime) -> None:
    """Note whom somebody saw; once in a while for each, as the preview follows every key that is pressed."""
    lately = RecordRead.objects.filter(
        reader=reader, what=WHAT_IS_READ, person__in=persons, read_at__gt=now - NOTED_FOR
    )
    noted = set(lately.values_list("person", flat=True)) if persons else set()
    RecordRead.objects.bulk_create(
        RecordRead(person=person, reader=reader, what=WHAT_IS_READ, read_at=now)
        for person in sorted(persons - noted)
    )


def _looks(request: HttpRequest, offer: OfferSpec, release: ReleaseSpec) -> dict[str, Any]:
    placements = {one.key for one in release.placements}
    shown = tuple(one for one in offer.variants if set(one.placements) & placements)
    if not shown:
        return {}
    try:
        looks = looks_of(
            redis_client(),
            replace(offer, variants=shown),
            release,
            policy=live_policy(),
            given=_context(request),
            now=timezone.now(),
        )
    except (CompileError, ConditionError) as error:
        return {"problem": str(error)}
    except Down:
        return {"problem": _("The people cannot be read now; try again in a moment.")}
    return {"placements": looks, "prepared": prepared(_pictures(looks))}


def _pictures(placements: list[Placed]) -> set[str]:
    looks = (look for placed in placements for look in placed.looks)
    return {part.value["sha256"] for look in looks for part in look.parts if part.kind == "picture"}


def _offer_of(form: Any) -> OfferSpec:
    """Return the offer as far as it is filled in; what is wrong in other fields is left out."""
    cleaned = form.cleaned_data
    key = cleaned.get("key") or form["key"].value() or "new"
    return OfferSpec(
        key=str(key)[:100],
        name=cleaned.get("name") or str(key)[:100],
        purposes=tuple(cleaned.get("purposes") or ()),
        variants=tuple(_variants(form)),
        eligibility=cleaned.get("eligibility") or {},
        starts_at=_moment(cleaned.get("starts_at")),
        ends_at=_moment(cleaned.get("ends_at")),
    )


def _moment(value: Any) -> Any:
    return value if getattr(value, "tzinfo", None) else None


def _rows(form: Any) -> list[forms.Form]:
    formset = form["variants"].data
    return [row for row in formset.forms if row.has_changed()] if formset else []


def _variants(form: Any) -> list[VariantSpec]:
    found = []
    for number, row in enumerate(_rows(form), start=1):
        row.full_clean()
        typed = {name: row[name].value() or "" for name in _text_names()}
        said = {"languages": [], "devices": [], "networks": [], "save_data": ""}
        cleaned = {**said, **typed, **row.cleaned_data}
        found.append(
            VariantSpec(
                key=cleaned.get("key") or str(number),
                placements=tuple(cleaned.get("placements") or ()),
                content_type=cleaned.get("content_type") or "application/json",
                content=content_of("content", cleaned),
                fit=convert(fit_of(cleaned), FitSpec),
            )
        )
    return found


def _text_names() -> list[str]:
    return [f"content_{key}" for key in (*TEXTS, "alt")]


def _context(request: HttpRequest) -> dict[str, Any]:
    said = {key: request.POST.get(SAYS_CONTEXT + key, "")[:200] for key in CONTEXT}
    values = {key: value == "yes" if key == "save_data" else value for key, value in said.items()}
    known = {key: context_fact(key, value) for key, value in values.items() if value}
    return {key: value for key, value in known.items() if value is not None}


def _troubles(form: Any, offer: OfferSpec, attributes: Any) -> Any:
    for variant in offer.variants:
        for place in places(variant.content, variant.content_type):
            for message in tokens.text_troubles(place, attributes, offer.purposes):
                yield variant.key, place.path, message
    for row in _rows(form):
        for key in TEXTS:
            said = row[f"content_{key}"].value() or ""
            if escape_of(key, row["content_type"].value() or "") == "html":
                for gone in markup.removed(said, markup.clean(said)):
                    yield (
                        row["key"].value(),
                        key,
                        _("is taken out: %(gone)s") % {"gone": gone[:200]},
                    )
