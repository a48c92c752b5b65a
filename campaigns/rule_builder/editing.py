"""The only place that makes one edit of a rule: adding, moving, copying, removing, undoing, templates."""

import re
from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.rule_builder import form_tree
from campaigns.rule_builder.form_tree import Node, TreeError
from campaigns.rule_builder.history import Frozen, extend, start, step_back
from campaigns.rule_builder.meaning import complete
from campaigns.rule_builder.starters import starter_tree
from campaigns.rule_builder.widgets import Posted
from decisioning.rules.catalogue import Catalogue

_EDIT: Final = re.compile(
    r"(set|undo|add|group|where|then_where|copy|remove|up|down|out|into)(?::(\d{1,6}))?"
    r"|starter:(?P<starter>[a-z-]{1,40})"
)
SAID: Final[dict[str, str | Promise]] = {
    "set": "",
    "undo": gettext_lazy("The last change was undone."),
    "add": gettext_lazy("Condition added."),
    "group": gettext_lazy("Group added."),
    "where": gettext_lazy("Filter added."),
    "then_where": gettext_lazy("Filter added."),
    "copy": gettext_lazy("Copied."),
    "remove": gettext_lazy("Removed. Undo is available."),
    "up": gettext_lazy("Moved up."),
    "down": gettext_lazy("Moved down."),
    "out": gettext_lazy("Moved out of its group."),
    "into": gettext_lazy("Moved into the group above."),
    "starter": gettext_lazy("Template added. Change its numbers as you like."),
}
_KINDS: Final[dict[str, form_tree.Kind]] = {
    "add": "leaf",
    "group": "group",
    "where": "where",
    "then_where": "then_where",
}


@dataclass(frozen=True, slots=True)
class Edited:
    """A rule after an edit."""

    root: Node
    states: list[Frozen]  # that Undo goes back through
    focus: int  # the node that gets the focus, 0 for none
    said: str  # what a screen reader is told


def edit(posted: Posted, do: str, *, was: str, name: str, catalogue: Catalogue) -> Edited:
    """Return the rule after an edit such as ``add:3``, ``undo`` or ``starter:lapsed``.

    `was` is what a choice said before it was made: ``rule-3-is=eq``.

    Raises:
        TreeError: no such edit, or it would pass a limit.
    """
    match = _EDIT.fullmatch(do)
    if match is None:
        raise TreeError(_("Reload the page and try again."))
    kind = match[1] or "starter"
    if kind == "undo":
        root, states = step_back(posted.states, now=posted.tree)
        return Edited(root, states, 0, str(SAID[kind]))
    root, focus = posted.tree, 0
    before = form_tree.thaw(form_tree.freeze(root))
    if kind == "set":
        put_back(before, was, name)
    elif kind == "starter":
        focus = form_tree.graft(root, root.id, starter_tree(match["starter"], catalogue)).id
    else:
        focus = _apply(root, kind, int(match[2] or 0)).id
    complete(root, catalogue)
    states = extend(posted.states or start(before), before=before, after=root)
    return Edited(root, states, focus, str(SAID[kind]))


def put_back(before: Node, was: str, name: str) -> None:
    """Give a choice its earlier value (``rule-3-is=eq``), so that Undo goes back to before it was made."""
    key, _equals, value = was.partition("=")
    match = re.fullmatch(rf"{re.escape(name)}-(\d{{1,6}})-([a-z_]+)", key)
    if match is None:
        return
    for node in before.walk():
        if node.id == int(match[1]) and match[2] in form_tree.FIELDS:
            node.fields[match[2]] = [value]
        elif node.id == int(match[1]) and match[2] == "match" and value in ("all", "any", "none"):
            node.match = value


def _apply(root: Node, kind: str, number: int) -> Node:
    if kind in _KINDS:
        return form_tree.add(root, number, _KINDS[kind])
    match kind:
        case "copy":
            return form_tree.copy(root, number)
        case "remove":
            return form_tree.remove(root, number)
        case "out":
            return form_tree.move_out(root, number)
        case "into":
            return form_tree.move_into(root, number)
        case _:
            return form_tree.move(root, number, -1 if kind == "up" else 1)
