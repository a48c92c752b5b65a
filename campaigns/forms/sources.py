"""The forms of sources: how each is asked or calls, its secrets, and a sample of its rows."""

from collections.abc import Mapping

from django import forms
from django.utils.translation import gettext_lazy

from campaigns.forms.connections import SECRET, TEXT, SafeText
from decisioning.connections.hooks import HookSpec
from decisioning.connections.polls import PollSpec


class SourceForm(forms.Form):
    """What all sources have."""

    name = SafeText(label=gettext_lazy("Name"), max_length=100, required=True)
    key = forms.SlugField(
        label=gettext_lazy("Key"),
        max_length=60,
        help_text=gettext_lazy("In lower case, e.g. shop-orders. It stays."),
    )


class PollForm(SourceForm):
    """How a source is asked."""

    url = SafeText(
        label=gettext_lazy("Address"),
        max_length=2_000,
        required=True,
        widget=forms.TextInput(attrs=TEXT),
        help_text=gettext_lazy("{since} stands for where the last run came to."),
    )
    every_s = forms.IntegerField(
        label=gettext_lazy("Seconds between runs"), min_value=60, max_value=604_800, initial=3_600
    )
    per_minute = forms.IntegerField(
        label=gettext_lazy("Requests a minute at most"), min_value=1, max_value=600, initial=60
    )
    rows = SafeText(
        label=gettext_lazy("Where the rows are"),
        help_text=gettext_lazy("In the body, e.g. data.items; empty where the body is the list."),
    )
    paging = forms.ChoiceField(
        label=gettext_lazy("Pages"),
        choices=[
            ("none", gettext_lazy("one page")),
            ("page", gettext_lazy("by page number")),
            ("cursor", gettext_lazy("by a cursor in the body")),
            ("next", gettext_lazy("by the next address in the body")),
            ("link", gettext_lazy("by the next address in the Link header")),
        ],
    )
    parameter = SafeText(label=gettext_lazy("Parameter of the address"))
    first_page = forms.IntegerField(
        label=gettext_lazy("First page number"),
        initial=1,
        min_value=0,
        max_value=1_000,
        required=False,
    )
    path = SafeText(label=gettext_lazy("Where the body says what comes next"))
    since = SafeText(
        label=gettext_lazy("Column that only grows"),
        help_text=gettext_lazy("A moment or number, e.g. updated_at. Events need one."),
    )
    begin = SafeText(label=gettext_lazy("{since} at first"), max_length=100)
    auth = forms.ChoiceField(
        label=gettext_lazy("Proof"),
        choices=[
            ("none", gettext_lazy("none")),
            ("header", gettext_lazy("a key in a header")),
            ("client_credentials", gettext_lazy("OAuth 2 client credentials")),
            ("refresh_token", gettext_lazy("OAuth 2 refresh token")),
        ],
    )
    header = SafeText(label=gettext_lazy("Header"), initial="Authorization", max_length=60)
    token_url = SafeText(label=gettext_lazy("Address for tokens"), max_length=2_000)
    client_id = SafeText(label=gettext_lazy("Client id"), max_length=300)
    scope = SafeText(label=gettext_lazy("Scope"), max_length=300)
    in_body = forms.BooleanField(
        label=gettext_lazy("The client secret goes into the body"), required=False
    )
    header_value = SafeText(
        label=gettext_lazy("Value of the header"),
        max_length=8_000,
        widget=forms.PasswordInput(attrs=SECRET),
    )
    client_secret = SafeText(
        label=gettext_lazy("Client secret"),
        max_length=8_000,
        widget=forms.PasswordInput(attrs=SECRET),
    )
    refresh_token = SafeText(
        label=gettext_lazy("Refresh token"),
        max_length=8_000,
        widget=forms.PasswordInput(attrs=SECRET),
        help_text=gettext_lazy("Secrets are kept encrypted and never shown; empty keeps them."),
    )
    SECRETS = ("header_value", "client_secret", "refresh_token")

    def spec(self) -> PollSpec:
        """Return what a sound form says."""
        said = {name: self.cleaned_data[name] for name in PollSpec.__struct_fields__}
        said["first_page"] = 1 if said["first_page"] is None else said["first_page"]
        return PollSpec(**said)


class HookForm(SourceForm):
    """How a source calls."""

    proof = forms.ChoiceField(
        label=gettext_lazy("Proof"),
        choices=[
            ("standard", gettext_lazy("Standard Webhooks")),
            ("hmac", gettext_lazy("HMAC-SHA256 of the body in a header")),
            ("secret", gettext_lazy("the secret itself in a header")),
        ],
    )
    header = SafeText(
        label=gettext_lazy("Header"),
        max_length=60,
        help_text=gettext_lazy("Of HMAC and secret, e.g. X-Shopify-Hmac-Sha256."),
    )
    encoding = forms.ChoiceField(
        label=gettext_lazy("The HMAC is written"), choices=[("hex", "hex"), ("base64", "base64")]
    )
    before = SafeText(
        label=gettext_lazy("Before it stands"),
        max_length=20,
        help_text=gettext_lazy("e.g. sha256="),
    )
    rows = SafeText(
        label=gettext_lazy("Where the rows are"),
        help_text=gettext_lazy(
            "In the body, e.g. data.items; empty where it is one row or a list."
        ),
    )
    id_header = SafeText(
        label=gettext_lazy("Header with the id of a call"),
        max_length=60,
        help_text=gettext_lazy(
            "Of HMAC and secret, e.g. X-Shopify-Webhook-Id. Without it the content names a call."
        ),
    )
    signing = SafeText(
        label=gettext_lazy("Secret"),
        max_length=8_000,
        widget=forms.PasswordInput(attrs=SECRET),
        help_text=gettext_lazy("Empty keeps it; a new source then gets one that is shown once."),
    )
    SECRETS = ("signing",)

    def spec(self) -> HookSpec:
        """Return what a sound form says."""
        said = self.cleaned_data
        names = ("proof", "header", "encoding", "rows", "id_header")
        return HookSpec(prefix=said["before"], **{name: said[name] for name in names})


SOURCE_FORMS: Mapping[str, type[PollForm] | type[HookForm]] = {
    "poll": PollForm,
    "hook": HookForm,
}


def secrets_said(form: PollForm | HookForm) -> dict[str, str]:
    """Return the secrets that were typed."""
    return {name: value for name in form.SECRETS if (value := form.cleaned_data[name])}


class SampleForm(forms.Form):
    """A body that a system sends, pasted to try the mapping."""

    body = SafeText(
        label=gettext_lazy("A body that the system sends"),
        max_length=200_000,
        required=True,
        widget=forms.Textarea(attrs={"rows": 8, **TEXT}),
    )
