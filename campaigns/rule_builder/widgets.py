"""The only place that draws a rule builder inside a form."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms

from campaigns.rule_builder.display import GroupRow, Page
from campaigns.rule_builder.form_tree import Node, TreeError, new_tree, read_tree
from campaigns.rule_builder.history import Frozen, load_history, sign_history, start
from campaigns.rule_builder.meaning import complete
from campaigns.rule_builder.starters import offered
from campaigns.rule_builder.stored import read_condition
from campaigns.rule_builder.translation import Message, check, write_condition
from decisioning.rules.catalogue import Catalogue
from decisioning.rules.conditions import ConditionError
from decisioning.rules.words import sentence
from decisioning.specs import Condition
from rtts_site.foundation.language import ACTIVE


@dataclass(frozen=True, slots=True)
class Posted:
    """What a page sent for one builder."""

    tree: Node
    states: list[Frozen]
    error: str = ""  # the tree could not be read

    @classmethod
    def of(cls, data: Any, name: str) -> "Posted":
        """Return what `data` holds for the builder called `name`."""
        states = load_history(str(data.get(f"{name}-history") or ""))
        try:
            return cls(read_tree(data, name), states)
        except TreeError as error:
            return cls(new_tree(), states, str(error))


def by_node(messages: list[Message]) -> dict[int, list[Message]]:
    """Return messages by the node that they are about."""
    found: dict[int, list[Message]] = {}
    for message in messages:
        found.setdefault(message.node, []).append(message)
    return found


def without(catalogue: Catalogue, segment: str) -> Catalogue:
    """Return the catalogue without one segment: a segment cannot refer to itself."""
    kept = {key: one for key, one in catalogue.segments.items() if key != segment}
    return Catalogue(catalogue.attributes, catalogue.events, kept)


def about_event(catalogue: Catalogue, event: str) -> Catalogue:
    """Return what a filter of one event may name: nothing until an event is chosen."""
    found = catalogue.events.get(event)
    return catalogue.within(found) if found else Catalogue()


def in_words(condition: Condition, catalogue: Catalogue) -> str:
    """Return a condition as a sentence, "" while it cannot be read."""
    try:
        return sentence(condition, catalogue, ACTIVE)
    except ConditionError:
        return ""


class RuleBuilder(forms.Widget):
    """A nested condition, edited without JSON; its value is a condition or what a page posted."""

    template_name = "rule_builder/builder.html"
    use_fieldset = True

    class Media:
        css = {"all": ["rtts/rule_builder.css"]}
        js = ["rtts/rule_builder.js"]

    def __init__(
        self,
        catalogue: Catalogue | None = None,
        *,
        exclude_segment: str = "",
        offer: str = "",
        empty_is_nobody: bool = False,
        filters: str = "",
        attrs: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(attrs)
        self.filters = (
            filters  # the input that holds the event whose filter this is; "" where it is none
        )
        self.empty_is_nobody = empty_is_nobody  # else an empty rule is everyone
        self.offer = offer  # whose conditions these are
        self.catalogue = catalogue or Catalogue()
        self.exclude_segment = exclude_segment

    def id_for_label(self, id_: str) -> str:
        return ""

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, None, attrs)
        catalogue = without(self.catalogue, self.exclude_segment)
        posted = value if isinstance(value, Posted) else None
        tree = posted.tree if posted else read_condition(value, catalogue)
        complete(tree, catalogue)
        states = posted.states if posted and posted.states else start(tree)
        written = write_condition(tree, catalogue)
        messages = check(written, catalogue)
        page = Page(name, catalogue, by_node(messages), show_all=posted is not None)
        context |= {
            "name": name,
            "root": GroupRow(tree, page, catalogue),
            "history": sign_history(states),
            "can_undo": len(states) > 1,
            "exclude": self.exclude_segment,
            "offer": self.offer,
            "filters": self.filters,
            "words": in_words(written.condition, catalogue),
            "faults": len(messages),
            "is_everyone": not written.condition,
            "empty_is_nobody": self.empty_is_nobody,
            "starters": offered(catalogue),
        }
        return context

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Posted | None:
        return Posted.of(data, name) if f"{name}-node" in data else None

    def value_omitted_from_data(self, data: Mapping[str, Any], files: Any, name: str) -> bool:
        return f"{name}-node" not in data
