"""The admin of every authored kind: a save appends a draft revision to the user's change, nothing else."""

from collections.abc import Callable
from functools import partial
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import F, JSONField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from campaigns import drafts, wording
from campaigns.admin.both_versions import ChoosesVersion
from campaigns.candidates import candidate_of
from campaigns.forms import FORMS, author_of, current_revision
from campaigns.models import Change, Item, Revision
from campaigns.review import told_of

PENDING = (
    Change.State.DRAFT,
    Change.State.IN_REVIEW,
    Change.State.APPROVED,
    Change.State.PREPARING,
)
ENDS = ("name", "key", "description", "why", "seen")


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("live", "live"), ("draft", "being edited"), ("mine", "in my change")] + [
            ("archived", "archived")
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Item]) -> QuerySet[Item]:
        archived = queryset.filter(archived_at__isnull=False, live_revision=None)
        answers: dict[str | None, QuerySet[Item]] = {
            "live": queryset.filter(live_revision__isnull=False),
            "draft": queryset.filter(Q(("pending_state__isnull", False))),
            "mine": queryset.filter(Q(("mine_body__isnull", False))),
            "archived": archived,
        }
        chosen = answers.get(self.value())
        return chosen if chosen is not None else queryset.exclude(pk__in=archived.values("pk"))


class ItemAdmin(ChoosesVersion, admin.ModelAdmin[Item]):
    search_fields = ("name", "key")
    list_filter = (StateFilter,)
    ordering = ("name", "pk")
    list_per_page = 50
    show_full_result_count = False
    actions = ("archive",)
    change_form_template = "campaigns/change_form.html"
    change_list_template = "campaigns/change_list.html"
    object_history_template = "campaigns/history.html"
    save_on_top = False

    def has_delete_permission(self, request: HttpRequest, obj: Item | None = None) -> bool:
        return False

    def has_archive_permission(self, request: HttpRequest) -> bool:
        return self.has_change_permission(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Item]:
        rows = Revision.objects.filter(item=OuterRef("pk")).order_by("-number")
        mine = rows.filter(change=drafts.current_change(request.user))
        pending = rows.filter(change__state__in=PENDING)
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
                    F("mine_body"),
                    F("live_revision__body"),
                    Subquery(rows.values("body")[:1], output_field=JSONField()),
                    output_field=JSONField(),
                ),
            )
        )

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        title = capfirst(self.opts.verbose_name_plural)
        return super().changelist_view(request, {"title": title} | (extra_context or {}))

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        names = wording.names_of(candidate_of(drafts.current_change(request.user)))
        words = partial(_in_words, names=names)
        return ["name", _column("State", _state), _column("In words", words), "key", edited]

    def get_form(
        self, request: HttpRequest, obj: Item | None = None, change: bool = False, **kwargs: Any
    ) -> type[ModelForm[Item]]:
        current = drafts.current_change(request.user)
        kind = self.model.KIND
        self_form = author_of(FORMS[kind], current, candidate_of(current))
        kwargs |= {"form": self_form, "fields": []}
        return super().get_form(request, obj, change=change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Item | None = None) -> Any:
        names = list(FORMS[self.model.KIND].base_fields)
        between = [name for name in names if name not in ENDS]
        return [
            (None, {"fields": ["name", "key", *between]}),
            (
                "For reviewers",
                {
                    "fields": ["description", "why", "seen"]
                    if "description" not in between
                    else ["why", "seen"]
                },
            ),
        ]

    def save_model(self, request: HttpRequest, obj: Item, form: Any, change: bool) -> None:
        user, now = cast("User", request.user), timezone.now()
        cleaned = form.cleaned_data
        draft = drafts.Draft(
            kind=form.kind,
            key=cleaned["key"],
            body=cleaned["body"],
            details=form.details(),
            why=cleaned["why"],
        )
        expect = cleaned["seen"] if change else None
        target = drafts.ensure_change(user, now=now)
        revision = drafts.save_draft(target, draft, author=user, now=now, expect=expect)
        obj.pk = revision.item_id
        obj.kind = form.kind
        url = reverse("admin:rtts-change", args=[target.pk])
        self.message_user(
            request,
            format_html('Saved as a draft in your change <a href="{}">{}</a>.', url, target.title),
        )

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Have nothing beside the revision."""

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        try:
            return super().changeform_view(
                request,
                object_id,
                form_url,
                {**self._about(request, object_id), **(extra_context or {})},
            )
        except (drafts.StaleDraft, drafts.ChangeClosed) as error:
            self.message_user(request, str(error), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def _about(self, request: HttpRequest, object_id: str | None) -> dict[str, Any]:
        current = drafts.current_change(request.user)
        about: dict[str, Any] = {"current_change": current}
        item = self.get_object(request, object_id) if object_id else None
        if item is None:
            return about
        revision = current_revision(item, current)
        others = (
            Revision.objects.filter(item=item.pk, change__state__in=PENDING)
            .exclude(change=current)
            .select_related("change", "author")
            .order_by("change_id", "-number")
            .distinct("change_id")
        )
        names = wording.names_of(candidate_of(current))
        lines = []
        if revision and item.live_revision and revision.pk != item.live_revision_id:
            lines = told_of(item.live_revision, revision, names).lines
        return about | {"revision": revision, "others": others, "lines": lines}

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        item = self.get_object(request, object_id)
        if item is None:
            raise Http404("There is no such thing.")
        context = {
            **self.admin_site.each_context(request),
            "title": f"History of {item}",
            "item": item,
            "opts": self.opts,
            "entries": list(_history(item, wording.names_of(candidate_of(None)))),
        }
        return TemplateResponse(request, "campaigns/history.html", context)

    def message_user(
        self,
        request: HttpRequest,
        message: Any,
        level: int | str = messages.INFO,
        extra_tags: str = "",
        fail_silently: bool = False,
    ) -> None:
        # The admin's own "was changed successfully" would be read as live.
        if level != messages.SUCCESS:
            super().message_user(request, message, level, extra_tags, fail_silently)

    @admin.action(description="Archive", permissions=["archive"])
    def archive(self, request: HttpRequest, queryset: QuerySet[Item]) -> None:
        user, now = cast("User", request.user), timezone.now()
        target = drafts.ensure_change(user, now=now)
        for item in queryset:
            draft = drafts.Draft(kind=item.kind, key=item.key, removed=True, why="Archived")
            drafts.save_draft(target, draft, author=user, now=now)
        self.message_user(
            request,
            f"{queryset.count()} will be archived once “{target}” is published. "
            "What is still in use is named when you submit.",
        )

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:  # type: ignore[override]
        """Leave the log to revisions."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:  # type: ignore[override]
        """Leave the log to revisions."""


def _column(title: str, show: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def column(item: Any) -> Any:
        return show(item)

    column.short_description = title  # type: ignore[attr-defined]  # read by the admin
    return column


def _state(item: Any) -> SafeString:
    badges = []
    if item.live_revision_id:
        badges.append(("live", "live"))
    elif item.archived_at:
        badges.append(("archived", "archived"))
    if item.pending_state:
        label = Change.State(item.pending_state).label
        badges.append((item.pending_state, f"{label}: {item.pending_author}"))
    return SafeString(
        " ".join(format_html('<span class="badge is-{}">{}</span>', *badge) for badge in badges)
    )


def _in_words(item: Any, *, names: wording.Names) -> str:
    text = wording.summary(item.kind, item.body or {}, names)
    return text if len(text) <= 240 else f"{text[:239]}…"


@admin.display(description="Edited", ordering="-edited_at")
def edited(item: Any) -> str:
    """Return who edited an item last, and when."""
    if not item.edited_at:
        return ""
    return f"{timezone.localtime(item.edited_at):%d %b %Y %H:%M}, {item.edited_by}"


def _history(item: Item, names: wording.Names) -> list[dict[str, Any]]:
    revisions = list(
        item.revisions.select_related("author", "change", "base", "item").order_by("-number")[:100]
    )
    earlier = {revision.number: revision for revision in revisions}
    return [
        {
            "revision": revision,
            "is_live": revision.pk == item.live_revision_id,
            "lines": told_of(earlier.get(revision.number - 1), revision, names).lines,
        }
        for revision in revisions
    ]
