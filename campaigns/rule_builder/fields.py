"""The only place that checks a whole rule when its form is saved."""

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from campaigns.rule_builder.meaning import complete
from campaigns.rule_builder.stored import read_condition
from campaigns.rule_builder.translation import check, write_condition
from campaigns.rule_builder.widgets import Posted, RuleBuilder, without
from decisioning.rules.catalogue import Catalogue
from decisioning.specs import Condition


class ConditionField(forms.Field):
    """A condition: cleans to its JSON, ``{}`` for everyone where an empty rule is allowed."""

    widget: RuleBuilder
    default_error_messages = {
        "required": gettext_lazy("Add at least one condition: an empty rule would be everyone.")
    }

    def __init__(
        self,
        catalogue: Catalogue | None = None,
        *,
        exclude_segment: str = "",
        offer: str = "",
        empty_is_nobody: bool = False,
        filters: str = "",
        **kwargs: Any,
    ) -> None:
        widget = RuleBuilder(
            catalogue,
            exclude_segment=exclude_segment,
            offer=offer,
            empty_is_nobody=empty_is_nobody,
            filters=filters,
        )
        kwargs.setdefault("widget", widget)
        super().__init__(**kwargs)

    @property
    def catalogue(self) -> Catalogue:
        """The names that the rule may use; set it in the form's ``__init__``."""
        return self.widget.catalogue

    @catalogue.setter
    def catalogue(self, catalogue: Catalogue) -> None:
        self.widget.catalogue = catalogue

    def clean(self, value: Any) -> Condition:
        condition, faults = self._read(value)
        if faults:
            look = ngettext(
                "The rule needs a look in {count} place, marked red.",
                "The rule needs a look in {count} places, marked red.",
                len(faults),
            )
            raise ValidationError(f"{faults[0]} {look.format(count=len(faults))}")
        if self.required and not condition:
            raise ValidationError(self.error_messages["required"], code="required")
        return condition

    def has_changed(self, initial: Any, data: Any) -> bool:
        return self._read(initial)[0] != self._read(data)[0]

    def _read(self, value: Any) -> tuple[Condition, list[str]]:
        if isinstance(value, Posted) and value.error:
            return {}, [value.error]
        catalogue = without(self.catalogue, self.widget.exclude_segment)
        tree = value.tree if isinstance(value, Posted) else read_condition(value, catalogue)
        complete(tree, catalogue)
        written = write_condition(tree, catalogue)
        if "\\u0000" in json.dumps(written.condition):
            # PostgreSQL cannot store NUL inside JSON.
            return {}, [_("Remove the characters that cannot be seen.")]
        return written.condition, [one.text for one in check(written, catalogue)]
