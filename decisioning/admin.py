"""The pages about decisions: the latest, one person's, and one decision as a person would want it explained."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import Error
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from consent.forms import parse_person
from decisioning.decision_log import DecisionErased
from decisioning.inspecting import DecisionUnavailable, inspect
from decisioning.models import DecisionRecord
from decisioning.picturing import facts, picture
from decisioning.tokens import DECISION_ID, parse_decision_id
from rtts_site.foundation.language import ACTIVE
from rtts_site.foundation.redis_clients import redis_client

LATEST = 50
TIMEOUT_MS = 1_000


@admin.register(DecisionRecord)
class DecisionAdmin(admin.ModelAdmin[DecisionRecord]):
    """Read only: decisions are made by the API and kept as they were made."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("", view(self.decisions), name="decisioning_decisionrecord_changelist"),
            path("", view(self.decisions), name="rtts-decisions"),
            path("<str:decision>/", view(self.decision), name="rtts-decision"),
        ]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def decisions(self, request: HttpRequest) -> HttpResponse:
        self.require_view(request)
        query = request.GET.get("q", "").strip()
        if DECISION_ID.fullmatch(query):
            return HttpResponseRedirect(reverse("admin:rtts-decision", args=[query]))
        rows, problem = search(query)
        context = {"rows": rows, "query": query, "problem": problem}
        return self.page(request, "decisioning/decisions.html", context, title=_("Decisions"))

    def decision(self, request: HttpRequest, decision: str) -> HttpResponse:
        self.require_view(request)
        try:
            client = redis_client(timeout_ms=TIMEOUT_MS)
            found = inspect(parse_decision_id(decision), client, ACTIVE)
        except ValueError as error:
            raise Http404(str(error)) from error
        except (DecisionErased, DecisionUnavailable) as error:
            problem = {"problem": str(error)}
            return self.page(request, "decisioning/decision.html", problem, title=_("Decision"))
        if found is None:
            raise Http404(_("There is no decision of this id."))
        context = {
            "found": found,
            "row": found.row,
            "pictures": picture(found),
            "facts": facts(found),
            "consents": found.consents(),
        }
        return self.page(
            request, "decisioning/decision.html", context, title=_("Why this was shown")
        )

    def require_view(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied(_("Your role does not open this page."))

    def page(
        self, request: HttpRequest, template: str, context: dict[str, Any], *, title: str
    ) -> HttpResponse:
        frame = {**self.admin_site.each_context(request), "title": title, **context}
        return TemplateResponse(request, template, frame)


def search(query: str) -> tuple[QuerySet[DecisionRecord] | list[DecisionRecord], str]:
    """Return the latest decisions, of one person where `query` names them, and what is wrong with it."""
    records = DecisionRecord.objects.order_by("-decided_at").defer("body")
    if query:
        try:
            records = records.filter(person_id=parse_person(query).id)
        except ValueError as error:
            return [], str(error)
    try:
        return list(records[:LATEST]), ""
    except Error:
        return [], _("PostgreSQL does not answer. Decisions go on; this page comes back with it.")
