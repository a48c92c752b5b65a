"""The only place that has the form of a limit on showing, and of a span of time in its largest unit."""

from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy

from campaigns import limits
from campaigns.forms.fields import LabelledForm
from campaigns.mapping import Body
from campaigns.wording_labels import ACCOUNT_SCOPES, OTHER_SCOPE

UNITS = {"minutes": 60, "hours": 3_600, "days": 86_400}
OF_ACCOUNT: Final = "account:"  # before the type of the account whose members a limit counts


def span_parts(seconds: int) -> tuple[int, str]:
    """Return seconds as a number of the largest unit that divides them, (2, "hours")."""
    unit = next(one for one in reversed(UNITS) if seconds % UNITS[one] == 0 or one == "minutes")
    return seconds // UNITS[unit], unit


class CapForm(LabelledForm):
    scope = forms.ChoiceField(
        choices=[
            ("person", gettext_lazy("per person")),
            ("channel", gettext_lazy("per person and channel")),
            ("total", gettext_lazy("for everybody together")),
            *((f"{OF_ACCOUNT}{kind}", words) for kind, words in ACCOUNT_SCOPES.items()),
        ],
        initial="person",
    )
    limit = forms.IntegerField(
        min_value=1, max_value=limits.CAP_LIMIT, label=gettext_lazy("At most")
    )
    counts = forms.ChoiceField(
        choices=[
            ("impression", "impressions"),
            ("decision", "decisions"),
            ("click", "clicks"),
            ("conversion", "conversions"),
        ],
        initial="impression",
    )
    window = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=100_000,
        label=gettext_lazy("Within"),
        help_text=gettext_lazy("Empty: for ever."),
    )
    unit = forms.ChoiceField(choices=[(unit, unit) for unit in UNITS], initial="days")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.initial.get("scope") == "account":
            self._show_account(self.initial.get("of") or "account")
        seconds = self.initial.get("window_s")
        if seconds:
            window, unit = span_parts(seconds)
            self.initial.update(window=window, unit=unit)

    def _show_account(self, kind: str) -> None:
        """Choose the type of an account; one that the list does not have, as the API may write it, stays."""
        chosen = f"{OF_ACCOUNT}{kind}"
        self.initial["scope"] = chosen
        if kind not in ACCOUNT_SCOPES:
            field: Any = self.fields["scope"]
            field.choices = [*field.choices, (chosen, OTHER_SCOPE.format(type=kind))]


def cap_of(row: Body) -> Body:
    """Return a limit as it is stored, of a cleaned row."""
    window = row["window"] * UNITS[row["unit"]] if row["window"] else None
    cap = {**{name: row[name] for name in ("scope", "counts", "limit")}, "window_s": window}
    kind = str(row["scope"]).removeprefix(OF_ACCOUNT)
    return cap | ({"scope": "account", "of": kind} if kind != row["scope"] else {})
