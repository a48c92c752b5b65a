"""The lists of changes and releases; their pages are views of their own."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.models import Change, Release


class ReadOnlyAdmin(admin.ModelAdmin[Any]):
    list_per_page = 50
    actions = None
    change_list_template = "campaigns/change_list.html"

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        title = capfirst(self.opts.verbose_name_plural)
        return super().changelist_view(request, {"title": title} | (extra_context or {}))

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return self.change_view(request, object_id)  # its page tells what became of it

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def page_of(
    model_admin: ReadOnlyAdmin, request: HttpRequest, object_id: str, name: str
) -> HttpResponse:
    """Lead to the page of a row; 404 where there is none."""
    if not model_admin.has_view_permission(request):
        raise PermissionDenied(_("Your role does not open this page."))
    row = model_admin.get_object(request, object_id)
    if row is None:
        raise Http404(_("There is no such thing."))
    return HttpResponseRedirect(reverse(name, args=[row.pk]))


class ChangeAdmin(ReadOnlyAdmin):
    list_display = ("title", "badge", "written_by", "edits", "created_at", "approved_by")
    list_filter = ("state",)
    list_select_related = ("approved_by",)
    search_fields = ("title", "authors__username")
    ordering = ("-pk",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Change]:
        rows: QuerySet[Change] = super().get_queryset(request).prefetch_related("authors")
        return rows.annotate(edit_count=Count("revisions__item", distinct=True))

    @admin.display(description=gettext_lazy("State"), ordering="state")
    def badge(self, change: Change) -> str:
        return format_html(
            '<span class="badge is-{}">{}</span>', change.state, change.get_state_display()
        )

    @admin.display(description=gettext_lazy("Authors"))
    def written_by(self, change: Change) -> str:
        return ", ".join(author.get_username() for author in change.authors.all())

    @admin.display(description=gettext_lazy("Things edited"), ordering="edit_count")
    def edits(self, change: Any) -> int:
        return int(change.edit_count)

    def change_view(
        self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        return page_of(self, request, object_id, "admin:rtts-change")


class ReleaseAdmin(ReadOnlyAdmin):
    list_display = (
        "name",
        "badge",
        "change",
        "approved_by",
        "published_by",
        "published_at",
        "short",
    )
    list_filter = ("state",)
    list_select_related = ("change", "approved_by", "published_by", "restores")
    search_fields = ("digest", "change__title")
    ordering = ("-pk",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Release]:
        return super().get_queryset(request).defer("spec", "artifact", "policy")

    @admin.display(description=gettext_lazy("Release"), ordering="version")
    def name(self, release: Release) -> str:
        restores = (
            _(", restores {version}").format(version=release.restores.version)
            if release.restores
            else ""
        )
        return f"{release}{restores}"

    @admin.display(description=gettext_lazy("State"), ordering="state")
    def badge(self, release: Release) -> str:
        return format_html(
            '<span class="badge is-{}">{}</span>', release.state, release.get_state_display()
        )

    @admin.display(description=gettext_lazy("Digest"))
    def short(self, release: Release) -> str:
        return format_html("<code>{}</code>", release.digest[:19])

    def change_view(
        self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        return page_of(self, request, object_id, "admin:rtts-release")
