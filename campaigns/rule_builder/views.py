"""The two things a builder asks the server: the tree after an edit, and the words and count of a draft."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.http import require_POST

from campaigns.rule_builder import form_tree
from campaigns.rule_builder.display import GroupRow, Page
from campaigns.rule_builder.form_tree import Node, TreeError
from campaigns.rule_builder.history import Frozen, extend, sign_history, start, step_back
from campaigns.rule_builder.meaning import complete
from campaigns.rule_builder.translation import Written, check, write_condition
from campaigns.rule_builder.widgets import Posted, by_node, in_words, without
from campaigns.views.pages import needs
from decisioning.rules.catalogue import Catalogue
from decisioning.rules.compiler import CompileError
from decisioning.specs import Condition
from rtts_site.foundation.redis_clients import Down

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}", re.ASCII)
_EDIT: Final = re.compile(
    r"(set|undo|add|group|where|then_where|copy|remove|up|down)(?::(\d{1,6}))?"
)
_SAID: Final = {
    "set": "",
    "undo": "The last change was undone.",
    "add": "Condition added.",
    "group": "Group added.",
    "where": "Filter added.",
    "then_where": "Filter added.",
    "copy": "Copied.",
    "remove": "Removed. Undo is available.",
    "up": "Moved up.",
    "down": "Moved down.",
}
_KINDS: Final[dict[str, form_tree.Kind]] = {
    "add": "leaf",
    "group": "group",
    "where": "where",
    "then_where": "then_where",
}


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
            return _refusal(posted.error if posted else "Reload the page and try again.")
        catalogue = self._catalogue(request, name)
        try:
            root, states, focus, said = _edited(request, name, posted, catalogue)
        except TreeError as error:
            return _refusal(str(error))
        messages = by_node(check(write_condition(root, catalogue), catalogue))
        context = {
            "name": name,
            "root": GroupRow(root, Page(name, catalogue, messages, focus=focus), catalogue),
            "history": sign_history(states),
            "can_undo": len(states) > 1,
            "said": said,
        }
        return TemplateResponse(request, "rule_builder/tree.html", context)

    def preview(self, request: HttpRequest) -> HttpResponse:
        """Answer with words, people and each part's people, and the messages of rows that were left."""
        name, posted = _posted(request)
        if posted is None or posted.error:
            return _refusal(posted.error if posted else "Reload the page and try again.")
        catalogue = self._catalogue(request, name)
        written = write_condition(posted.tree, catalogue)
        messages = check(written, catalogue)
        page = Page(name, catalogue, by_node(messages))
        found, trouble = (None, "") if messages else self._try_to_count(written, catalogue)
        context = {
            "name": name,
            "words": in_words(written.condition, catalogue),
            "faults": len(messages),
            "is_everyone": not written.condition,
            "audience": found,
            "trouble": trouble,
            "slots": list(_slots(posted.tree, page)),
        }
        return TemplateResponse(request, "rule_builder/preview.html", context)

    def _catalogue(self, request: HttpRequest, name: str) -> Catalogue:
        return without(self.catalogue(request.user), request.POST.get(f"{name}-exclude", ""))

    def _try_to_count(
        self, written: Written, catalogue: Catalogue
    ) -> tuple[dict[str, Any] | None, str]:
        """Return the people, or why they cannot be counted."""
        try:
            return self._count(written, catalogue), ""
        except CompileError as error:
            return None, str(error)
        except Down:
            return None, "The profile store does not answer now; try again shortly."

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


def _refusal(words: str) -> HttpResponse:
    return HttpResponse(words, status=422, content_type="text/plain; charset=utf-8")


def _edited(
    request: HttpRequest, name: str, posted: Posted, catalogue: Catalogue
) -> tuple[Node, list[Frozen], int, str]:
    match = _EDIT.fullmatch(request.POST.get("do", ""))
    if match is None:
        raise TreeError("Reload the page and try again.")
    edit, number = match[1], int(match[2] or 0)
    if edit == "undo":
        root, states = step_back(posted.states, now=posted.tree)
        return root, states, 0, _SAID[edit]
    before = form_tree.thaw(form_tree.freeze(posted.tree))
    root = posted.tree
    if edit == "set":
        _put_back(before, request.POST.get("was", ""), name)
        focus = 0
    else:
        focus = _apply(root, edit, number).id
    complete(root, catalogue)
    states = extend(posted.states or start(before), before=before, after=root)
    return root, states, focus, _SAID[edit]


def _put_back(before: Node, was: str, name: str) -> None:
    """Give a choice its earlier value (``rule-3-is=eq``), so that Undo goes back to before it was made."""
    key, _, value = was.partition("=")
    match = re.fullmatch(rf"{re.escape(name)}-(\d{{1,6}})-([a-z_]+)", key)
    if match is None:
        return
    for node in before.walk():
        if node.id == int(match[1]) and match[2] in form_tree.FIELDS:
            node.fields[match[2]] = [value]
        elif node.id == int(match[1]) and match[2] == "match" and value in ("all", "any", "none"):
            node.match = value


def _apply(root: Node, edit: str, number: int) -> Node:
    if edit in _KINDS:
        return form_tree.add(root, number, _KINDS[edit])
    if edit == "copy":
        return form_tree.copy(root, number)
    if edit == "remove":
        return form_tree.remove(root, number)
    return form_tree.move(root, number, -1 if edit == "up" else 1)


def _parts(condition: Condition) -> list[Condition]:
    kind = next(iter(condition), "")
    parts = condition.get(kind, [])
    return [{"none": [part]} for part in parts] if kind == "none" else list(parts)


def _slots(root: Node, page: Page) -> Any:
    for node in root.walk():
        shown = node.text("seen") if node.kind == "leaf" else node.children
        yield node.id, page.messages.get(node.id, ()) if shown else ()
