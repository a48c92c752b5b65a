"""A form field that is a list of small forms: variants, caps, arms, properties."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms import BaseFormSet, formset_factory
from django.forms.formsets import TOTAL_FORM_COUNT
from django.urls import reverse
from django.utils.translation import gettext as _

Row = dict[str, Any]


class RowsWidget(forms.Widget):
    """Renders the rows, an empty one where one is required; a button asks the server for more."""

    template_name = "campaigns/forms/rows.html"

    def __init__(self, formset: type[BaseFormSet[forms.Form]], *, noun: str) -> None:
        super().__init__()
        self.formset = formset
        self.noun = noun
        self.form_kwargs: Row = {}
        self.kind = ""  # of the form that it is in; lets the page ask for more rows

    def value_from_datadict(
        self, data: Mapping[str, Any], files: Mapping[str, Any], name: str
    ) -> BaseFormSet[forms.Form]:
        return self.formset(data, prefix=name, form_kwargs=self.form_kwargs)

    def value_omitted_from_data(
        self, data: Mapping[str, Any], files: Mapping[str, Any], name: str
    ) -> bool:
        return f"{name}-{TOTAL_FORM_COUNT}" not in data

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        if not isinstance(value, BaseFormSet):
            value = self.formset(initial=value or [], prefix=name, form_kwargs=self.form_kwargs)
            value.extra = 1 if self.is_required and not value.initial else 0
        context = super().get_context(name, None, attrs)
        add_url = reverse("admin:rtts-row", args=[self.kind, name]) if self.kind else ""
        return context | {"formset": value, "noun": self.noun, "add_url": add_url}

    def id_for_label(self, id_: str) -> str:
        return ""

    def use_required_attribute(self, initial: Any) -> bool:
        return False


class RowsField(forms.Field):
    """Cleans to the list of filled rows, each the cleaned data of `row_form`."""

    widget: RowsWidget

    def __init__(self, row_form: type[forms.Form], *, noun: str, most: int, **kwargs: Any) -> None:
        formset = formset_factory(
            row_form, extra=1, can_delete=True, max_num=most, absolute_max=most + 1
        )
        kwargs.setdefault("required", False)
        super().__init__(widget=RowsWidget(formset, noun=noun), **kwargs)

    def clean(self, value: BaseFormSet[forms.Form]) -> list[Row]:
        if not value.is_valid():
            raise ValidationError(list(_messages(value)))
        rows = [
            {name: cell for name, cell in form.cleaned_data.items() if name != "DELETE"}
            for form in value.forms
            if form.has_changed() and form not in value.deleted_forms
        ]
        if self.required and not rows:
            raise ValidationError(
                _("Add at least one {noun}.").format(noun=self.widget.noun), code="required"
            )
        return rows

    def has_changed(self, initial: Any, data: Any) -> bool:
        return True


def _messages(formset: BaseFormSet[forms.Form]) -> list[str]:
    found = [str(message) for message in formset.non_form_errors()]
    for number, form in enumerate(formset.forms, start=1):
        for name, errors in form.errors.items():
            label = form.fields[name].label or name if name in form.fields else ""
            place = _("Row {number}, {label}") if label else _("Row {number}")
            place = place.format(number=number, label=label)
            found += [f"{place}: {text}" for text in errors]
    return found
