"""The only place that writes a list of the admin as a file, as it is filtered and sorted."""

import re
from collections.abc import Iterator
from html import unescape
from typing import Any, Final

from django.contrib.admin.options import ModelAdmin
from django.contrib.admin.utils import label_for_field, lookup_field
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import ObjectDoesNotExist
from django.utils.html import strip_tags
from django.utils.timezone import is_aware

from campaigns import csv_files, wording
from campaigns.candidates import Candidate

BLANKS: Final = re.compile(r"\s+")


def export_things(items: Any, kind: str, candidate: Candidate) -> bytes:
    """Return things of one kind; what an import reads, then columns in parentheses to be read by people.

    `items` is annotated as the lists are: body, pending_state, edited_at, edited_by.
    """
    names = wording.names_of(candidate)
    details = {row.item_id: row.details for row in candidate.revisions if row.item.kind == kind}
    shown = ("(state)", "(in words)", "(edited at)", "(edited by)")
    columns = [*csv_files.columns_of(kind), csv_files.VERSION, *shown]
    rows = (_row(item, kind, names, details.get(item.pk, {})) for item in items)
    return csv_files.write_table(columns, rows)


def _row(item: Any, kind: str, names: wording.Names, details: dict[str, Any]) -> dict[str, str]:
    body = item.body or {}
    known = {"key": item.key, "name": item.name}
    said = csv_files.cells_of(kind, body, details, item.tags) if body else known
    return said | {
        csv_files.VERSION: str(item.live_revision_id or ""),
        "(state)": state_words(item),
        "(in words)": wording.summary(kind, body, names) if body else "",
        "(edited at)": item.edited_at.isoformat(timespec="seconds") if item.edited_at else "",
        "(edited by)": item.edited_by or "",
    }


def state_words(item: Any) -> str:
    """Return e.g. "live, draft"."""
    state = "live" if item.live_revision_id else "archived" if item.archived_at else ""
    return ", ".join(filter(None, (state, item.pending_state)))


def export_list(model_admin: "ModelAdmin[Any]", cl: ChangeList) -> bytes:
    """Return any list of the admin: the columns that it shows, of all pages."""
    names = [name for name in cl.list_display if name != "action_checkbox"]
    labels = [str(label_for_field(name, cl.model, model_admin)) for name in names]
    rows = (dict(zip(labels, _cells(row, names, model_admin), strict=True)) for row in cl.queryset)
    return csv_files.write_table(labels, rows)


def _cells(row: Any, names: list[Any], model_admin: "ModelAdmin[Any]") -> Iterator[str]:
    for name in names:
        try:
            _field, _attribute, value = lookup_field(name, row, model_admin)
        except ObjectDoesNotExist:
            value = ""
        yield plain(value)


def plain(value: Any) -> str:
    """Return a cell of a list as text: no markup, instants in ISO 8601."""
    if value is None:
        return ""
    if hasattr(value, "isoformat"):
        return (
            str(value.isoformat())
            if not hasattr(value, "tzinfo") or is_aware(value)
            else str(value)
        )
    return BLANKS.sub(" ", unescape(strip_tags(str(value)))).strip()
