"""The admin of every authored kind: a save appends a draft revision to the user's change, nothing else."""

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns import drafts, wording
from campaigns.admin.both_versions import ChoosesVersion
from campaigns.admin.lists import PENDING, ItemLists
from campaigns.analysis import runs
from campaigns.candidates import Candidate, candidate_of
from campaigns.forms import FORMS, author_of, current_revision
from campaigns.linking import Linked, linked
from campaigns.models import Item, Revision
from campaigns.models.items import Kind
from campaigns.review import told_of
from campaigns.views.attention import placed
from campaigns.wording_labels import LABELS

ENDS = ("name", "key", "description", "why", "seen")


class ItemAdmin(ChoosesVersion, ItemLists):
    change_form_template = "campaigns/change_form.html"
    save_on_top = False

    def has_delete_permission(self, request: HttpRequest, obj: Item | None = None) -> bool:
        return False

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
                _("For reviewers"),
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
            format_html(
                _('Saved as a draft in your change <a href="{url}">{change}</a>.'),
                url=url,
                change=target.title,
            ),
        )
        self._tell_odd(request, obj, candidate_of(target))

    def _tell_odd(self, request: HttpRequest, item: Item, candidate: Candidate) -> None:
        told = runs.told_of_thing(candidate, item.kind, item.key, now=timezone.now())
        urgent = [one for one in told if one.severity != "note"]
        # Who saves and stays reads them on the page itself.
        if urgent and "_continue" not in request.POST:
            first, url = placed(urgent[:1])[0]
            more = len(urgent) - 1
            rest = ngettext("and {count} more", "and {count} more", more).format(count=more)
            html = format_html('<a href="{}">“{}”</a>: {}', url, first.name, first.what)
            text = format_html("{} {}", html, rest) if more else html
            self.message_user(request, text, messages.WARNING)

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
        told = []
        if revision is not None and not revision.removed:
            now = timezone.now()
            told = runs.told_of_thing(candidate_of(current), item.kind, item.key, now=now)
        return about | {
            "revision": revision,
            "others": others,
            "lines": lines,
            "attention": placed(told),
            "users": _users(candidate_of(current), item),
            "is_archived": item.live_revision_id is None and item.archived_at is not None,
            "tag_text": ", ".join(item.tags),
            "may_copy": self.has_add_permission(request) and item.kind != Kind.SETTINGS,
        }

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        item = self.get_object(request, object_id)
        if item is None:
            raise Http404(_("There is no such thing."))
        return HttpResponseRedirect(reverse("admin:rtts-history", args=["item", item.pk]))

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

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:  # type: ignore[override]
        """Leave the log to revisions."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:  # type: ignore[override]
        """Leave the log to revisions."""


def _users(candidate: Candidate, item: Item) -> list[tuple[Linked, list[str]]]:
    """Return who names a thing, each with the fields that do."""
    fields: dict[tuple[str, str], list[str]] = {}
    for use in candidate.users.get((item.kind, item.key), ()):
        label = LABELS.get(use.field) or use.field.replace("_", " ").capitalize()
        fields.setdefault((use.kind, use.key), []).append(str(label))
    return sorted((link, fields[name]) for name, link in linked(fields).items())
