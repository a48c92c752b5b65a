"""The only place that says what the admin contains: its navigation, its own pages, its search and its Home."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast

from django.contrib.admin import AdminSite, ModelAdmin
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, URLPattern, URLResolver, path, resolve, reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

import campaigns.urls
from campaigns.inbox import waiting_count
from campaigns.notifying.inbox import unread_count
from campaigns.stopping import stops_in_force
from campaigns.views import searching
from campaigns.views.pages import user_of
from rtts_site import home

View = TypeVar("View", bound=Callable[..., HttpResponseBase])
SEARCH_LIMIT: Final = 8  # per kind of thing
# Lists beside what is authored; people are never found by a part of anything.
SEARCHED: Final = frozenset({"auth.user", "auth.group"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the navigation: a model's list (``campaigns.offer``) or a page (``admin:rtts-reports``)."""

    target: str
    icon: str  # a symbol of static/rtts/icons.svg
    label: Any = ""  # "" is the model's own plural name
    needs: str = ""  # the permission of a page whose view does not carry it


@dataclass(frozen=True, slots=True)
class Link:
    """An entry that this user may open."""

    label: str
    url: str
    icon: str
    current: bool
    count: int = 0  # what waits there for this user


NAVIGATION: Final[tuple[tuple[Any, tuple[Entry, ...]], ...]] = (
    (
        gettext_lazy("Plan"),
        (
            Entry("campaigns.campaign", "campaign"),
            Entry("campaigns.offer", "offer"),
            Entry("campaigns.segment", "people"),
            Entry("campaigns.experiment", "experiment"),
            Entry("campaigns.trigger", "event"),
            Entry("admin:rtts-calendar", "calendar", gettext_lazy("Calendar")),
        ),
    ),
    (
        gettext_lazy("Review"),
        (
            Entry("admin:rtts-review", "review", gettext_lazy("Review inbox")),
            Entry("admin:rtts-stops", "review", gettext_lazy("Emergency stops")),
            Entry("campaigns.change", "change"),
            Entry("campaigns.release", "release"),
            Entry("campaigns.approvalrule", "review"),
        ),
    ),
    (
        gettext_lazy("Understand"),
        (
            Entry("admin:rtts-simulator", "try", gettext_lazy("Who sees what")),
            Entry(
                "admin:rtts-decisions",
                "decision",
                gettext_lazy("Decisions"),
                "decisioning.view_decisionrecord",
            ),
            Entry("admin:rtts-people", "people", gettext_lazy("One person")),
            Entry("admin:rtts-reports", "report", gettext_lazy("Reports")),
            Entry("admin:rtts-quality", "report", gettext_lazy("Data quality")),
            Entry("admin:rtts-debugger", "event", gettext_lazy("Event debugger")),
            Entry("admin:rtts-enrichment", "plus", gettext_lazy("Enrichment")),
        ),
    ),
    (
        gettext_lazy("Consent"),
        (
            Entry("campaigns.purpose", "purpose"),
            Entry("campaigns.privacynotice", "policy"),
            Entry("campaigns.jurisdiction", "attribute"),
            Entry("consent.policyversion", "policy"),
            Entry("consent.consentevent", "ledger"),
            Entry("admin:rtts-rights", "people", gettext_lazy("People's requests")),
            Entry("admin:rtts-register", "policy", gettext_lazy("Register of processing")),
            Entry("admin:rtts-compliance", "search", gettext_lazy("Find a person's record")),
            Entry("admin:rtts-lag", "report", gettext_lazy("From a no to its effect")),
            Entry("admin:rtts-drills", "review", gettext_lazy("Daily opt-out")),
            Entry("admin:rtts-what-if", "try", gettext_lazy("If everybody withdrew")),
            Entry("admin:rtts-crowd", "people", gettext_lazy("Everybody together")),
            Entry("admin:rtts-lineage", "attribute", gettext_lazy("Where data goes")),
        ),
    ),
    (
        gettext_lazy("Catalogue"),
        (
            Entry("campaigns.attribute", "attribute"),
            Entry("campaigns.eventtype", "event"),
            Entry("admin:rtts-seen", "search", gettext_lazy("Seen in traffic")),
            Entry("admin:rtts-quarantine", "remove", gettext_lazy("Quarantine")),
            Entry("campaigns.placement", "placement"),
            Entry("campaigns.channel", "channel"),
            Entry("admin:rtts-pictures", "picture", gettext_lazy("Pictures")),
        ),
    ),
    (
        gettext_lazy("Connect"),
        (
            Entry("admin:rtts-start", "try", gettext_lazy("Getting started")),
            Entry("admin:rtts-connections", "into", gettext_lazy("Connections")),
            Entry("admin:rtts-connect", "key", gettext_lazy("Connect a channel")),
            Entry("foundation.apikey", "key"),
            Entry("admin:rtts-webhooks", "out", gettext_lazy("Webhooks")),
            Entry("admin:rtts-destinations", "out", gettext_lazy("Destinations")),
            Entry("admin:rtts-member-exports", "people", gettext_lazy("Members of a segment")),
        ),
    ),
)
COUNTS: Final[dict[str, Callable[[Any], int]]] = {"admin:rtts-review": waiting_count}
REST: Final = gettext_lazy("System")


class TargetingAdminSite(AdminSite):
    """The stock admin with sections in the order of a marketer's work, own pages and strict answers to htmx."""

    site_header = gettext_lazy("Real-Time Targeting")
    site_title = gettext_lazy("Real-Time Targeting")
    index_title = gettext_lazy("Home")
    site_url = None
    enable_nav_sidebar = False  # templates/admin/base_site.html draws our own

    def get_urls(self) -> list[URLPattern | URLResolver]:
        own = [
            path("search/", self.admin_view(self.search), name="rtts-search"),
            *self._guarded(campaigns.urls.urlpatterns),
        ]
        return own + super().get_urls()

    def _guarded(self, patterns: Iterable[URLPattern]) -> Iterator[URLPattern]:
        for pattern in patterns:
            yield URLPattern(
                pattern.pattern,
                self.admin_view(pattern.callback),
                pattern.default_args,
                pattern.name,
            )

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        checked = super().admin_view(view, cacheable)

        def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            # A redirect to the sign-in page would be swapped into the middle of a form.
            if "HX-Request" in request.headers and not self.has_permission(request):
                return HttpResponse(_("Sign in again to go on."), status=401)
            return checked(request, *args, **kwargs)

        # Django's own guard marks the view; the mark is what LoginRequired and csrf_exempt read.
        answer.__dict__.update(checked.__dict__)
        return cast(View, answer)

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        context = super().each_context(request)
        context["navigation"] = list(self.navigation(request, context["available_apps"]))
        context["unread"] = unread_count(request.user)
        context["stops"] = stops_in_force() if self.has_permission(request) else []
        return context

    def navigation(
        self, request: HttpRequest, apps: Iterable[dict[str, Any]]
    ) -> Iterator[tuple[Any, list[Link]]]:
        """Yield the sections with what this user may open; what no section names comes last."""
        models = {
            f"{app['app_label']}.{model['object_name'].lower()}": model
            for app in apps
            for model in app["models"]
            if model["admin_url"]
        }
        linked = set()
        for title, entries in NAVIGATION:
            links = [link for entry in entries if (link := _link(request, entry, models))]
            linked |= {link.url for link in links}
            if links:
                yield title, links
        rest = [_link(request, Entry(target, "system"), models) for target in list(models)]
        unlinked = [link for link in rest if link and link.url not in linked]
        if unlinked:
            yield REST, unlinked

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:

        board = home.board(request.user, now=timezone.localtime())
        return super().index(request, {"board": board, "is_home": True} | (extra_context or {}))

    def search(self, request: HttpRequest) -> TemplateResponse:
        """Answer the ``/`` box with everything that this user may see; people only where posted, exactly named."""
        said = request.POST if request.method == "POST" else request.GET
        query = said.get("q", "").replace("\0", "").strip()[:100]
        found = list(self._found(request, query)) if query else []
        if query and request.method == "POST":
            found += searching.person(user_of(request), query, now=timezone.localtime())
        context = {"title": _("Search"), "query": query, "found": found}
        if "HX-Request" in request.headers:
            return TemplateResponse(request, "rtts/hits.html", context | {"is_popup_list": True})
        return TemplateResponse(request, "admin/search.html", self.each_context(request) | context)

    def _found(self, request: HttpRequest, query: str) -> Iterator[searching.FoundGroup]:
        pages = [
            searching.FoundLink(str(link.label), link.url)
            for _title, links in self.navigation(request, self.get_app_list(request))
            for link in links
            if query.lower() in str(link.label).lower()
        ]
        if pages:
            yield searching.FoundGroup(_("Pages"), pages[:SEARCH_LIMIT])
        yield from searching.authored(user_of(request), query)
        for model, admin in self._registry.items():
            if model._meta.label_lower in SEARCHED and admin.has_view_permission(request):
                hits = _hits(admin, request, query)
                if hits:
                    yield searching.FoundGroup(str(capfirst(model._meta.verbose_name_plural)), hits)


def _link(request: HttpRequest, entry: Entry, models: dict[str, dict[str, Any]]) -> Link | None:
    if ":" in entry.target:
        try:
            url, label = reverse(entry.target), entry.label
        except NoReverseMatch:
            return None
        if not _is_open_to(request, url, entry.needs):
            return None
    else:
        model = models.pop(entry.target, None)
        if model is None:
            return None
        url, label = model["admin_url"], entry.label or str(model["name"])
    count = COUNTS[entry.target](request.user) if entry.target in COUNTS else 0
    return Link(label, url, entry.icon, request.path.startswith(url), count)


def _is_open_to(request: HttpRequest, url: str, needed: str) -> bool:
    # What a view needs is written on it: see `campaigns.views.pages.needs`.
    names = [needed] if needed else resolve(url).func.__dict__.get("permissions", [])
    return not names or any(map(user_of(request).has_perm, names))


def _hits(admin: ModelAdmin[Model], request: HttpRequest, query: str) -> list[searching.FoundLink]:
    rows, _distinct = admin.get_search_results(request, admin.get_queryset(request), query)
    name = f"admin:{admin.opts.app_label}_{admin.opts.model_name}_change"
    return [
        searching.FoundLink(str(row), reverse(name, args=[row.pk])) for row in rows[:SEARCH_LIMIT]
    ]
