"""What every list of the admin has beside its rows: saved filters, columns, files, and words where it is empty."""

from collections.abc import Iterable
from html import escape
from typing import Any, Final

from django import template
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.forms.utils import flatatt
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns import saved_lists
from campaigns.csv_files import IMPORTED

register = template.Library()

# What a list is for, while it is empty.
EMPTY: Final[dict[str, Any]] = {
    "campaigns.attribute": gettext_lazy(
        "Attributes are the facts that rules compare, e.g. the country or the loyalty tier."
    ),
    "campaigns.eventtype": gettext_lazy(
        "Event types are what people do, e.g. an order; rules count them."
    ),
    "campaigns.channel": gettext_lazy("Channels are where people are met: web, app, e-mail, till."),
    "campaigns.placement": gettext_lazy(
        "Placements are the slots on a channel that ask for offers."
    ),
    "campaigns.segment": gettext_lazy(
        "Segments are people by a rule, e.g. gold members who lapsed."
    ),
    "campaigns.offer": gettext_lazy("Offers are what people can be shown, to whom and how often."),
    "campaigns.campaign": gettext_lazy(
        "Campaigns bring offers together with a goal; without one no offer is shown."
    ),
    "campaigns.experiment": gettext_lazy("Experiments tell which of two ways does better."),
    "campaigns.purpose": gettext_lazy("Purposes are why data is used; people consent to them."),
    "campaigns.privacynotice": gettext_lazy(
        "Notices are what people read when they are asked; each version is kept as it was shown."
    ),
    "campaigns.jurisdiction": gettext_lazy(
        "Jurisdictions are what the law of a place asks, with where it is written."
    ),
    "campaigns.releasesettings": gettext_lazy("Settings of the release hold for everything in it."),
    "campaigns.change": gettext_lazy("Changes are edits on their way through review."),
    "campaigns.release": gettext_lazy("Releases are what was live, each with who approved it."),
}
# Where to read on, or where what is missing comes from.
SEE: Final[dict[str, tuple[Any, str]]] = {
    "campaigns.change": (gettext_lazy("Open the review inbox"), "admin:rtts-review"),
    "campaigns.release": (gettext_lazy("Open the review inbox"), "admin:rtts-review"),
    "campaigns.segment": (gettext_lazy("See the attributes to choose from"), "attribute"),
    "campaigns.campaign": (gettext_lazy("See the offers to choose from"), "offer"),
    "campaigns.experiment": (gettext_lazy("See the campaigns to compare in"), "campaign"),
    "campaigns.channel": (gettext_lazy("See the placements"), "placement"),
    "foundation.apikey": (gettext_lazy("Connect a channel"), "admin:rtts-connect"),
}


@register.inclusion_tag("campaigns/list_tools.html", takes_context=True)
def list_tools(context: Any, cl: ChangeList) -> dict[str, Any]:
    """Draw the row of tools above a list."""
    request, label = context["request"], cl.opts.label_lower
    chosen = saved_lists.columns_of(request.user, label)
    columns = getattr(cl.model_admin, "choosable", ())
    shown: list[str] = chosen or list(getattr(cl.model_admin, "chosen_at_first", ()))
    return {
        "label": label,
        "csrf_token": context["csrf_token"],
        "query": request.GET.urlencode(),
        "filters": saved_lists.filters_of(request.user, label),
        "columns": [(name, title, name in shown) for name, title in columns],
        "import_url": _import_url(request, cl),
        "may_keep": request.user.has_perm("campaigns.view_change"),
    }


def _import_url(request: Any, cl: ChangeList) -> str:
    kind = getattr(cl.model, "KIND", "")
    if kind in IMPORTED and cl.model_admin.has_add_permission(request):
        return reverse("admin:rtts-import", args=[kind])
    return ""


@register.inclusion_tag("campaigns/empty_list.html", takes_context=True)
def empty_list(context: Any, cl: ChangeList) -> dict[str, Any]:
    """Draw what a list says while nothing is in it: one sentence, one button, one link."""
    request, label = context["request"], cl.opts.label_lower
    words, target = SEE.get(label, ("", ""))
    url = _import_url(request, cl)
    see = (_("Import a file"), url) if url else (words, _address(target)) if target else None
    add = f"admin:{cl.opts.app_label}_{cl.opts.model_name}_add"
    return {
        "cl": cl,
        "sentence": EMPTY.get(label) or _("Nothing here yet."),
        "add_url": reverse(add) if cl.model_admin.has_add_permission(request) else "",
        "is_filtered": bool(cl.query or cl.has_active_filters),
        "see": see,
    }


def _address(target: str) -> str:
    return reverse(target if ":" in target else f"admin:campaigns_{target}_changelist")


@register.filter
def option_tags(options: Iterable[dict[str, Any]]) -> SafeString:
    """Draw the options of a select; Django's own template for each takes seconds for thousands of offers."""
    # Every part is escaped here: format_html for each would take twice as long as all the rest of a page.
    return mark_safe("".join(_option(one) for one in options))  # noqa: S308


def _option(one: dict[str, Any]) -> str:
    attrs = flatatt(one["attrs"]) if one["attrs"] else ""
    label = one["label"]
    words = label if isinstance(label, SafeString) else escape(str(label))
    return f'<option value="{escape(str(one["value"]))}"{attrs}>{words}</option>'


@register.inclusion_tag("campaigns/pinned.html", takes_context=True)
def pinned_filters(context: Any) -> dict[str, Any]:
    """Draw the filters that a user keeps on Home, those of lists that they may still open."""
    request = context["request"]
    lists: dict[str, Any] = {
        model._meta.label_lower: (model._meta, model_admin)
        for model, model_admin in admin.site._registry.items()
    }
    found = []
    for one in saved_lists.filters_on_home(request.user):
        opts, model_admin = lists.get(one.model, (None, None))
        if opts is not None and model_admin.has_view_permission(request):
            url = reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist")
            found.append((one, f"{url}?{one.query}", capfirst(opts.verbose_name_plural)))
    return {"filters": found}
