"""What every authoring form does: body in, body out, errors at their field, no overwriting of others."""

import re
from collections.abc import Callable
from typing import Any, ClassVar, cast

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns import drafts, wording
from campaigns.body_rules import FieldError
from campaigns.candidates import Candidate, with_body
from campaigns.checking import check_one
from campaigns.forms.fields import label_by_name
from campaigns.forms.rows import RowsField
from campaigns.mapping import Body, Refused, body_of, parse
from campaigns.models import Change, Item, Revision

NOT_IN_BODY = frozenset({"description", "time_zone", "why", "seen"})


class ItemForm(forms.ModelForm[Item]):
    """A form of one kind; `author_of` binds it to a change and to what that change may refer to."""

    kind: ClassVar[str] = ""
    change: ClassVar[Change | None] = None
    candidate: ClassVar[Candidate]

    name = forms.CharField(
        max_length=200, help_text=gettext_lazy("What colleagues read in lists and reviews.")
    )
    key = forms.CharField(
        max_length=100,
        help_text=gettext_lazy("Never changes once saved, e.g. “winter-sale”. Used by the API."),
    )
    description = forms.CharField(
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("Why does this exist? Shown to reviewers."),
    )
    why = forms.CharField(
        required=False,
        max_length=500,
        label=gettext_lazy("Reason for this edit"),
        help_text=gettext_lazy("Kept in the history, e.g. “Legal asked for a lower age”."),
    )
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = Item
        fields: ClassVar[list[str]] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        label_by_name(self.fields)
        self.newer: Revision | None = None
        self.comparison: list[wording.Line] = []  # theirs beside mine, where both were edited
        self.offer_choices()
        for field in self.fields.values():
            if isinstance(field, RowsField):
                field.widget.kind = self.kind
        if not self.is_new:
            self._fill_in()

    @property
    def is_new(self) -> bool:
        return self.instance._state.adding

    def _fill_in(self) -> None:
        revision = current_revision(self.instance, self.change)
        if revision is not None:
            self.initial.update(self.initial_of(revision.body), **revision.details)
            if revision.details.get("time_zone"):
                self.initial.update(self.times_of(revision.body, revision.details["time_zone"]))
        self.fields["key"].disabled = True
        self.initial["key"] = self.instance.key
        self.initial["seen"] = drafts.seen(self.instance, self.change)

    def offer_choices(self) -> None:
        """Put what the candidate contains into the choices."""

    def initial_of(self, body: Body) -> Body:
        """Return the initial values of the fields for a body."""
        return dict(body)

    def times_of(self, body: Body, zone: str) -> Body:
        """Return the initial values of the local times for a body."""
        return {}

    def body_of(self, cleaned: Body) -> Body:
        """Return the body that the cleaned fields say."""
        return {name: value for name, value in cleaned.items() if name not in NOT_IN_BODY}

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        self.instance.name, self.instance.key = cleaned["name"], cleaned["key"]
        self._refuse_taken_key()
        body = self.body_of(cleaned)
        self._refuse_stale(body)
        if not self.errors:
            self._check(body)
        cleaned["body"] = body
        return cleaned

    def details(self) -> Body:
        """Return what is kept beside the body for authors only."""
        names = ("description", "time_zone")
        return {name: self.cleaned_data[name] for name in names if self.cleaned_data.get(name)}

    def _refuse_taken_key(self) -> None:
        taken = Item.objects.filter(kind=self.kind, key=self.cleaned_data["key"])
        if self.is_new and taken.exists():
            self.add_error(
                "key", _("This key is taken, maybe in a draft of a colleague. Use another.")
            )

    def _refuse_stale(self, body: Body) -> None:
        if self.is_new:
            return
        now_seen = drafts.seen(self.instance, self.change)
        if self.cleaned_data.get("seen") == now_seen:
            return
        self.newer = current_revision(self.instance, self.change)
        self.comparison = self._beside(self.newer, body)
        who = (
            _("{author} at {moment}").format(
                author=self.newer.author,
                moment=date_format(localtime(self.newer.created_at), "DATETIME_FORMAT"),
            )
            if self.newer
            else ""
        )
        self.add_error(
            None,
            _(
                "Saved by {who} since you opened it. Your values are kept below: compare them with what is saved now, then save again to replace it."
            ).format(who=who),
        )
        # The next save is made in sight of the newer revision.
        data = cast("QueryDict", self.data).copy()
        data[self.add_prefix("seen")] = now_seen
        self.data = data

    def _beside(self, newer: Revision | None, body: Body) -> list[wording.Line]:
        """Return theirs and mine in words, where they differ; none while mine cannot be read."""
        try:
            body = body_of(parse(self.kind, body))
        except Refused:
            return []
        names = wording.names_of(with_body(self.candidate, self.kind, self.instance.key, body))
        saved = newer.body if newer else {}
        theirs = wording.describe(self.kind, saved, names, newer.details if newer else None)
        mine = wording.describe(self.kind, body, names, self.details())
        named = [wording.Line(_("Name"), str(saved.get("name", "")), str(body.get("name", "")))]
        lines = [*named, *wording.diff(theirs, mine)]
        return [line for line in lines if line.change != "same"]

    def _check(self, body: Body) -> None:
        try:
            parse(self.kind, body)
            trial = with_body(self.candidate, self.kind, body["key"], body)
            for finding in check_one(trial.spec, trial.purposes, self.kind, body["key"]):
                self._place(FieldError(finding.field, finding.message))
        except Refused as refused:
            for error in refused.errors:
                self._place(error)

    def _place(self, error: FieldError) -> None:
        head, _bracket, rest = error.field.partition("[")
        head = head.partition(".")[0]
        row = re.match(r"(\d+)\]\.?(.*)", rest)
        message = (
            _("Row {row}, {field}: {message}").format(
                row=int(row[1]) + 1, field=row[2], message=error.message
            )
            if row
            else error.message
        )
        field = self.field_for(head)
        self.add_error(field if field in self.fields else None, ValidationError(message))

    def field_for(self, body_field: str) -> str:
        """Return the form field that writes a field of the body."""
        return body_field

    def _post_clean(self) -> None:
        """Leave the row alone: a save appends a revision."""

    def save(self, commit: bool = True) -> Item:
        return self.instance

    def _save_m2m(self) -> None:
        """Have nothing to save beside the revision."""


def current_revision(item: Item, change: Change | None) -> Revision | None:
    """Return what an author of this change reads: its draft, else what is live, else the newest."""
    return (
        drafts.draft_of(item, change)
        or item.live_revision
        or Revision.objects.filter(item=item.pk).order_by("-number").first()
    )


def author_of(form: type[ItemForm], change: Change | None, candidate: Candidate) -> type[ItemForm]:
    """Return the form bound to an author's change."""
    return type(form.__name__, (form,), {"change": change, "candidate": candidate})


def with_fields(fields: dict[str, forms.Field]) -> Callable[[type[ItemForm]], type[ItemForm]]:
    """Return a decorator that declares these fields on a form."""

    def declare(form: type[ItemForm]) -> type[ItemForm]:
        form.declared_fields.update(fields)
        form.base_fields.update(fields)
        return form

    return declare
