"""What compliance staff see of consent; nothing here can be edited, and each reading of a person is noted."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy

from consent import ledger, policy_store
from consent.entries import entries_of
from consent.forms import IN_WORDS, parse_person
from consent.models import ConsentEvent, Person, PolicyVersion, RecordRead
from consent.policy import decode_policy
from consent.standing import load_view_of_record, standings


class ReadOnlyAdmin(admin.ModelAdmin[Any]):
    list_per_page = 50
    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Person)
class PersonAdmin(ReadOnlyAdmin):
    list_display = ("id", "version", "merged_into", "restricted", "changed_at")
    ordering = ("-changed_at",)
    search_fields = ("id",)
    search_help_text = IN_WORDS
    change_form_template = "consent/person.html"

    @admin.display(boolean=True, description=gettext_lazy("restricted"))
    def restricted(self, row: Person) -> bool:
        return row.restricted

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Person], search_term: str
    ) -> tuple[QuerySet[Person], bool]:
        """Find exactly one person: what staff look up is somebody who asked, not whoever is there."""
        if not search_term.strip():
            return queryset, False
        try:
            person = parse_person(search_term.strip()).id
        except ValueError:
            return queryset.none(), False
        return queryset.filter(id=ledger.current_person(person)), False

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        now, context = timezone.now(), dict(extra_context or {})
        if Person.objects.filter(id=object_id).exists() and self.has_view_permission(request):
            RecordRead.objects.create(
                person=object_id,
                reader=request.user.get_username(),
                what="consent timeline",
                read_at=now,
            )
            policy = policy_store.live_policy()
            view = load_view_of_record(object_id)
            context |= {
                "standings": standings(policy, view, now=now) if policy else [],
                "entries": reversed(list(entries_of(ledger.everyone_in(object_id)))),
            }
        return super().change_view(request, object_id, form_url, context)


@admin.register(ConsentEvent)
class ConsentEventAdmin(ReadOnlyAdmin):
    list_display = ("event_id", "recorded_at", "leaf")
    ordering = ("-recorded_at", "-event_id")
    fields = ("event_id", "key_id", "schema_version", "recorded_at", "leaf", "size")
    readonly_fields = fields
    show_full_result_count = False

    @admin.display(description=gettext_lazy("Leaf hash"))
    def leaf(self, row: ConsentEvent) -> str:
        return f"sha256:{bytes(row.leaf_hash).hex()}"

    @admin.display(description=gettext_lazy("Encrypted body, bytes"))
    def size(self, row: ConsentEvent) -> int:
        return len(bytes(row.body))


@admin.register(PolicyVersion)
class PolicyVersionAdmin(ReadOnlyAdmin):
    list_display = ("version", "published_at", "approved_by", "digest")
    ordering = ("-version",)
    fields = ("version", "digest", "written_by", "approved_by", "published_at")
    readonly_fields = fields
    change_form_template = "consent/policy_version.html"

    @admin.display(description=gettext_lazy("Authors"))
    def written_by(self, row: PolicyVersion) -> str:
        return ", ".join(row.authors)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        context = dict(extra_context or {})
        if row is not None:
            context["purposes"] = decode_policy(bytes(row.body)).purposes
        return super().change_view(request, object_id, form_url, context)


@admin.register(RecordRead)
class RecordReadAdmin(ReadOnlyAdmin):
    list_display = ("read_at", "reader", "what", "person")
    ordering = ("-read_at",)
    list_filter = ("reader",)
    search_fields = ("person", "reader")
