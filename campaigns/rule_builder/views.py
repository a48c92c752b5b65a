"""The two things a builder asks the server: the tree after an edit, and the words and count of a draft."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from campaigns.rule_builder.display import GroupRow, Page
from campaigns.rule_builder.editing import edit
from campaigns.rule_builder.form_tree import Node, TreeError
from campaigns.rule_builder.history import sign_history
from campaigns.rule_builder.starters import offered
from campaigns.rule_builder.translation import Written, check, write_condition
from campaigns.rule_builder.widgets import Posted, about_event, by_node, in_words, without
from campaigns.views.pages import needs
from decisioning.rules.catalogue import Catalogue
from decisioning.rules.compiler import CompileError
from decisioning.specs import Condition
from rtts_site.foundation.redis_clients import Down

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}", re.ASCII)


class Audience(Protocol):
    """Whom a draft finds, told by ``rule_builder/panel.html``."""

    @property
    def population(self) -> int: ...
    @property
    def parts(self) -> tuple[Any, ...]: ...


class CountAudience(Protocol):
    """What counts the people of a draft condition and of each of its parts on its own."""

    def __call__(
        self,
        condition: Condition,
        catalogue: Catalogue,
        *,
        now: datetime,
        parts: tuple[Condition, ...],
    ) -> Audience: ...


@dataclass(frozen=True, slots=True)
class Views:
    """The builder's views over the catalogue and the counter that the site gives them."""

    catalogue: Callable[[Any], Catalogue]  # for a user
    audience: CountAudience | None  # None: people are not counted

    def edit(self, request: HttpRequest) -> HttpResponse:
        """Answer with the tree after one edit, or with 422 and why it was not made."""
        name, posted = _posted(request)
        if posted is None or posted.error:
            return _refusal(posted.error if posted else _("Reload the page and try again."))
        catalogue = self._catalogue(request, name)
        do, was = request.POST.get("do", ""), request.POST.get("was", "")
        try:
            made = edit(posted, do, was=was, name=name, catalogue=catalogue)
        except TreeError as error:
            return _refusal(str(error))
        messages = by_node(check(write_condition(made.root, catalogue), catalogue))
        page = Page(name, catalogue, messages, focus=made.focus)
        context = {
            "name": name,
            "root": GroupRow(made.root, page, catalogue),
            "history": sign_history(made.states),
            "can_undo": len(made.states) > 1,
            "said": made.said,
            "starters": offered(catalogue),
            "empty_is_nobody": _empty_is_nobody(request, name),
        }
        return TemplateResponse(request, "rule_builder/tree.html", context)

    def preview(self, request: HttpRequest) -> HttpResponse:
        """Answer with words, people and each part's people, and the messages of rows that were left."""
        name, posted = _posted(request)
        if posted is None or posted.error:
            return _refusal(posted.error if posted else _("Reload the page and try again."))
        catalogue = self._catalogue(request, name)
        written = write_condition(posted.tree, catalogue)
        messages = check(written, catalogue)
        page = Page(name, catalogue, by_node(messages))
        is_nobody = not written.condition and _empty_is_nobody(request, name)
        is_filter = bool(_event_input(request, name))
        uncounted = messages or is_nobody or is_filter
        found, trouble = (None, "") if uncounted else self._try_to_count(written, catalogue)
        context = {
            "name": name,
            "words": in_words(written.condition, catalogue),
            "faults": len(messages),
            "is_everyone": not written.condition,
            "empty_is_nobody": is_nobody,
            "filters": is_filter,
            "audience": found,
            "trouble": trouble,
            "slots": list(_slots(posted.tree, page)),
        }
        return TemplateResponse(request, "rule_builder/preview.html", context)

    def _catalogue(self, request: HttpRequest, name: str) -> Catalogue:
        known = without(self.catalogue(request.user), request.POST.get(f"{name}-exclude", ""))
        event = _event_input(request, name)
        return about_event(known, request.POST.get(event, "")) if event else known

    def _try_to_count(
        self, written: Written, catalogue: Catalogue
    ) -> tuple[dict[str, Any] | None, str]:
        """Return the people, or why they cannot be counted."""
        try:
            return self._count(written, catalogue), ""
        except CompileError as error:
            return None, str(error)
        except Down:
            return None, _("The profile store does not answer now; try again shortly.")

    def _count(self, written: Written, catalogue: Catalogue) -> dict[str, Any] | None:
        if self.audience is None:
            return None
        parts = _parts(written.condition)
        found = self.audience(written.condition, catalogue, now=timezone.now(), parts=tuple(parts))
        each = zip(parts, found.parts, strict=False) if len(parts) > 1 else ()
        return {
            "found": found,
            "parts": [(in_words(part, catalogue), one) for part, one in each],
        }


def make_views(
    catalogue: Callable[[Any], Catalogue], audience: CountAudience | None
) -> tuple[Callable[[HttpRequest], HttpResponse], Callable[[HttpRequest], HttpResponse]]:
    """Return the views (edit, preview), for users who may see changes: counts tell of people."""
    views, guarded = Views(catalogue, audience), needs("view_change")
    return require_POST(guarded(views.edit)), require_POST(guarded(views.preview))


def _posted(request: HttpRequest) -> tuple[str, Posted | None]:
    name = request.POST.get("rb", "")
    return name, Posted.of(request.POST, name) if _NAME.fullmatch(name) else None


def _event_input(request: HttpRequest, name: str) -> str:
    """Return the input that holds the event whose filter a builder is, "" where it is none."""
    found = request.POST.get(f"{name}-filters", "")
    return found if _NAME.fullmatch(found) else ""


def _empty_is_nobody(request: HttpRequest, name: str) -> bool:
    return request.POST.get(f"{name}-empty") == "nobody"


def _refusal(words: str) -> HttpResponse:
    return HttpResponse(words, status=422, content_type="text/plain; charset=utf-8")


def _parts(condition: Condition) -> list[Condition]:
    kind = next(iter(condition), "")
    parts = condition.get(kind, [])
    return [{"none": [part]} for part in parts] if kind == "none" else list(parts)


def _slots(root: Node, page: Page) -> Any:
    for node in root.walk():
        shown = node.text("seen") if node.kind == "leaf" else node.children
        yield node.id, page.messages.get(node.id, ()) if shown else ()
