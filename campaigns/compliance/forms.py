"""The fields of the compliance workspace's forms."""

from typing import Any, cast

from django import forms
from django.utils.translation import gettext_lazy as _

from campaigns.compliance.crowd import questions
from campaigns.forms.people import PersonField
from consent.policy_store import live_policy


class SearchForm(forms.Form):
    person = PersonField()


class PurposeForm(forms.Form):
    purpose = forms.ChoiceField(label=_("If everybody withdrew from"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        policy = live_policy()
        known = policy.purposes if policy else ()
        offer(self, "purpose", [(one.key, one.name) for one in known if not one.retired])


class QuestionForm(forms.Form):
    question = forms.ChoiceField(label=_("Question"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer(self, "question", [(one.key, one.label) for one in questions().values()])


def offer(form: forms.Form, field: str, choices: list[tuple[str, str]]) -> None:
    """Let a field choose among these."""
    cast("forms.ChoiceField", form.fields[field]).choices = choices
