"""The list of every authored kind: its columns, filters, search and acts on many things."""

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import F, JSONField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns import drafts, finding, saved_lists, tags, wording
from campaigns.bulk import acts
from campaigns.candidates import candidate_of
from campaigns.models import Change, Item, Revision
from campaigns.views.bulk import start

PENDING = (
    Change.State.DRAFT,
    Change.State.IN_REVIEW,
    Change.State.APPROVED,
    Change.State.PREPARING,
)
WORDS = 240  # characters of the sentence in a list


class StateFilter(admin.SimpleListFilter):
    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("live", _("live")),
            ("draft", _("being edited")),
            ("mine", _("in my change")),
            ("archived", _("archived")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Item]) -> QuerySet[Item]:
        archived = queryset.filter(archived_at__isnull=False, live_revision=None)
        if self.value() == "live":
            return queryset.filter(live_revision__isnull=False)
        if self.value() == "draft":
            return queryset.filter(pk__in=_drafted(Change.objects.filter(state__in=PENDING)))
        if self.value() == "mine":
            current = drafts.current_change(request.user)
            mine = Change.objects.filter(pk=current.pk if current else 0)
            return queryset.filter(pk__in=_drafted(mine))
        if self.value() == "archived":
            return archived
        return queryset.exclude(pk__in=archived.values("pk"))


def _drafted(changes: QuerySet[Change]) -> QuerySet[Any, Any]:
    return Revision.objects.filter(change__in=changes).values("item")


class TagFilter(admin.SimpleListFilter):
    title = gettext_lazy("tag")
    parameter_name = "tag"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(tag, tag) for tag in tags.tags_of_kind(model_admin.model.KIND)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Item]) -> QuerySet[Item]:
        chosen = self.value()
        return queryset.filter(tags__contains=[chosen]) if chosen else queryset


class ItemLists(admin.ModelAdmin[Item]):
    list_filter = (StateFilter, TagFilter)
    search_fields = ("name", "key")
    search_help_text = ""
    ordering = ("name", "pk")
    list_per_page = 50
    show_full_result_count = False
    change_list_template = "campaigns/change_list.html"
    # Column -> heading; the name always stands first.
    choosable: ClassVar[tuple[tuple[str, Any], ...]] = (
        ("state", gettext_lazy("State")),
        ("words", gettext_lazy("In words")),
        ("tags", gettext_lazy("Tags")),
        ("key", gettext_lazy("Key")),
        ("edited", gettext_lazy("Edited")),
        ("by", gettext_lazy("Edited by")),
        ("used", gettext_lazy("Used by")),
    )
    chosen_at_first: ClassVar[tuple[str, ...]] = ("state", "words", "tags", "key", "edited", "by")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Item]:
        rows = Revision.objects.filter(item=OuterRef("pk")).order_by("-number")
        mine = rows.filter(change=drafts.current_change(request.user))
        pending = rows.filter(change__state__in=PENDING)
        newest = Subquery(rows.values("body")[:1], output_field=JSONField())
        return (
            super()
            .get_queryset(request)
            .annotate(
                mine_body=Subquery(mine.values("body")[:1], output_field=JSONField()),
                pending_state=Subquery(pending.values("change__state")[:1]),
                pending_author=Subquery(pending.values("author__username")[:1]),
                edited_at=Subquery(rows.values("created_at")[:1]),
                edited_by=Subquery(rows.values("author__username")[:1]),
                body=Coalesce(
                    F("mine_body"), F("live_revision__body"), newest, output_field=JSONField()
                ),
            )
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Item], search_term: str
    ) -> tuple[QuerySet[Item], bool]:
        """Find what the search over everything finds: words of conditions and content, too."""
        if not search_term.strip():
            return queryset, False
        return queryset.filter(pk__in=finding.matching(search_term, self.model.KIND)), False

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """Return the same columns each time a request asks: what is sortable is compared with them."""
        kept = vars(request)
        if "list_columns" not in kept:
            kept["list_columns"] = self._list_columns(request)
        return list(kept["list_columns"])

    def _list_columns(self, request: HttpRequest) -> list[Any]:
        chosen = saved_lists.columns_of(request.user, self.opts.label_lower)
        candidate = candidate_of(drafts.current_change(request.user))
        columns = _columns(candidate)
        names = [
            name for name, _title in self.choosable if name in (chosen or self.chosen_at_first)
        ]
        return ["name", *(columns[name] for name in names)]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        ticked = request.POST.getlist(ACTION_CHECKBOX_NAME)
        if not all(pk.isascii() and pk.isdigit() and len(pk) < 19 for pk in ticked):
            self.message_user(request, _("Reload the page and try again."), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())
        title = capfirst(self.opts.verbose_name_plural)
        return super().changelist_view(request, {"title": title} | (extra_context or {}))

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        if not self.has_change_permission(request):
            return {}
        kind = self.model.KIND
        return {
            name: (partial(_start, act=name), name, act.label)
            for name, act in acts.ACTS.items()
            if kind in act.kinds
        }


def _start(
    model_admin: ItemLists, request: HttpRequest, queryset: QuerySet[Item], *, act: str
) -> HttpResponse:
    chosen = queryset.order_by("name", "pk").values_list("pk", flat=True)[: acts.MOST]
    return start(request, model_admin.model.KIND, act, list(chosen))


def _columns(candidate: Any) -> dict[str, Any]:
    words = partial(_in_words, names=wording.names_of(candidate))
    return {
        "state": _column(_("State"), _state),
        "words": _column(_("In words"), words),
        "tags": _column(_("Tags"), _tags),
        "key": "key",
        "edited": _column(_("Edited"), _edited, ordering="-edited_at"),
        "by": _column(_("Edited by"), lambda item: item.edited_by or "", ordering="edited_by"),
        "used": _column(_("Used by"), partial(_used, candidate=candidate)),
    }


def _column(title: str, show: Callable[[Any], Any], *, ordering: str = "") -> Callable[[Any], Any]:
    def column(item: Any) -> Any:
        return show(item)

    column.short_description = title  # type: ignore[attr-defined]  # read by the admin
    if ordering:
        column.admin_order_field = ordering  # type: ignore[attr-defined]  # read by the admin
    return column


def _state(item: Any) -> SafeString:
    badges: list[tuple[str, Any]] = []
    if item.live_revision_id:
        badges.append(("live", _("live")))
    elif item.archived_at:
        badges.append(("archived", _("archived")))
    if item.pending_state:
        label = Change.State(item.pending_state).label
        badges.append((item.pending_state, f"{label}: {item.pending_author}"))
    return format_html_join(" ", '<span class="badge is-{}">{}</span>', badges)


def _in_words(item: Any, *, names: wording.Names) -> str:
    text = wording.summary(item.kind, item.body or {}, names)
    return text if len(text) <= WORDS else f"{text[: WORDS - 1]}…"


def _tags(item: Any) -> SafeString:
    return format_html_join(" ", '<span class="tag">{}</span>', ((tag,) for tag in item.tags))


def _edited(item: Any) -> str:
    if not item.edited_at:
        return ""
    local = timezone.localtime(item.edited_at)
    return format_html(
        '<time datetime="{}">{}</time>', local.isoformat(), f"{local:%d %b %Y %H:%M}"
    )


def _used(item: Any, *, candidate: Any) -> str:
    users = candidate.users.get((item.kind, item.key), ())
    return f"{len({(use.kind, use.key) for use in users}):,}"
