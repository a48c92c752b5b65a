"""The only importer of Liquid: parses a text with tokens, says what it needs, fills it in."""

import html
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal, TextIO
from urllib.parse import quote

from liquid import Environment, Mode, RenderContext
from liquid.ast import Node
from liquid.builtin.content import Literal as LiteralTag
from liquid.builtin.expressions import Path
from liquid.builtin.expressions.filtered import Filter, FilteredExpression
from liquid.builtin.expressions.primitive import Literal as Constant
from liquid.builtin.illegal import Illegal
from liquid.builtin.output import Output, OutputNode
from liquid.builtin.tags.case_tag import CaseTag
from liquid.builtin.tags.comment_tag import CommentTag
from liquid.builtin.tags.if_tag import IfTag
from liquid.builtin.tags.unless_tag import UnlessTag
from liquid.exceptions import LiquidError
from liquid.template import BoundTemplate
from liquid.undefined import Undefined

from decisioning.content.filters import FILTERS, OF_LISTS, SAMPLES, is_blank
from decisioning.content.markup import token_places_in_addresses

Escape = Literal["text", "html", "url"]  # what a token's value is made safe for

MAX_TOKENS = 50  # in one text
MAX_NESTING = 5  # conditions within conditions
MAX_OUTPUT_BYTES = 262_144  # of one text, filled in
TAGS: Final = ("if", "elsif", "else", "unless", "case", "when", "comment")


class TemplateError(ValueError):
    """A text that cannot be used as it is; the message says what to do."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line  # 1..
        self.message = message


class Unusable(Exception):
    """A text that would have a hole, for the lack of `token`."""

    def __init__(self, token: str) -> None:
        super().__init__(f"missing token {token}")
        self.token = token


ESCAPES: Final[dict[Escape, Callable[[str], str]]] = {
    "text": str,
    "html": html.escape,
    "url": lambda text: quote(text, safe=""),
}


class _TokenNode(OutputNode):
    __slots__ = ("escape",)

    def __init__(self, token: Any, expression: Any) -> None:
        super().__init__(token, expression)
        self.escape: Callable[[str], str] = str

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        value = self.expression.evaluate(context)
        if isinstance(value, Undefined) or is_blank(value):
            raise Unusable(name_of(self))
        if isinstance(value, bool):
            value = "true" if value else "false"
        return buffer.write(self.escape(str(value)))


class _Token(Output):
    node_class = _TokenNode


class _Strict(Environment):
    block_nesting_limit = MAX_NESTING
    context_depth_limit = MAX_NESTING + 2
    loop_iteration_limit = 1
    local_namespace_limit = 1_000
    output_stream_limit = MAX_OUTPUT_BYTES

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        for tag in (LiteralTag, _Token, Illegal, IfTag, UnlessTag, CaseTag, CommentTag):
            self.add_tag(tag)
        for name, function in FILTERS.items():
            self.add_filter(name, function)


_environment: Final = _Strict(tolerance=Mode.STRICT)


@dataclass(frozen=True, slots=True)
class Token:
    """One ``{{ … }}``: where it stands, what it names and what happens to it."""

    name: str  # "first_name", "offer.ends_at"
    line: int
    filters: tuple[str, ...]

    @property
    def is_optional(self) -> bool:
        """Return whether the text says what to write where the value is missing."""
        return "default" in self.filters


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed text."""

    source: str
    tokens: tuple[Token, ...]
    names: frozenset[str]  # all that it may read, conditions included
    required: tuple[str, ...]  # what it cannot do without; more may turn out while filling in
    bound: BoundTemplate

    def fill(self, values: Mapping[str, Any]) -> str:
        """Return the text with `values` put in, nested by the dots in their names. About 20 microseconds.

        Raises:
            Unusable: a token has no value here.
        """
        try:
            return self.bound.render(values)
        except (LiquidError, ArithmeticError, TypeError, ValueError) as error:
            # Such as a condition that compares a text with a number.
            raise Unusable(", ".join(sorted(self.names))) from error


def has_tokens(text: str) -> bool:
    """Return whether a text is more than plain."""
    return "{{" in text or "{%" in text


@lru_cache(maxsize=8_192)
def parse_template(source: str, escape: Escape) -> Template:
    """Return a parsed text whose tokens are made safe for `escape`.

    Raises:
        TemplateError: it is not what Liquid, or this product, allows.
    """
    try:
        bound = _environment.from_string(source)
        nodes = list(_walk(bound.nodes))
        found = tuple(_token(node) for node in nodes if isinstance(node, _TokenNode))
        names = frozenset(_dotted(path.segments, 1) for path in _paths(bound))
    except LiquidError as error:
        raise TemplateError(_line_of(source, error), _in_words(error)) from error
    except RecursionError as error:
        raise TemplateError(1, "Put fewer conditions into each other.") from error
    if len(found) > MAX_TOKENS:
        raise TemplateError(1, f"Keep it to {MAX_TOKENS} tokens; there are {len(found)}.")
    in_addresses = token_places_in_addresses(source) if escape == "html" else frozenset[int]()
    for node in nodes:
        if isinstance(node, _TokenNode):
            node.escape = ESCAPES["url" if node.token.start_index in in_addresses else escape]
    top = {id(node) for node in bound.nodes}
    certain = [node for node in nodes if isinstance(node, _TokenNode) and id(node) in top]
    required = [one for one in map(_token, certain) if not one.is_optional]
    return Template(source, found, names, tuple(dict.fromkeys(one.name for one in required)), bound)


def name_of(node: OutputNode) -> str:
    """Return what a token names."""
    expression = node.expression
    left = expression.left if isinstance(expression, FilteredExpression) else expression
    return str(left)


def _walk(nodes: list[Node]) -> Iterator[Node]:
    context = RenderContext(BoundTemplate(_environment, []))
    for node in nodes:
        yield node
        yield from _walk(list(node.children(context)))


def _paths(bound: BoundTemplate) -> Iterator[Any]:
    for found in bound.analyze().variables.values():
        yield from found


def _token(node: OutputNode) -> Token:
    expression = node.expression
    line = node.token.source.count("\n", 0, node.token.start_index) + 1
    if not isinstance(expression, FilteredExpression) or not isinstance(expression.left, Path):
        raise TemplateError(line, "Begin a token with its name, e.g. {{ first_name }}.")
    filters = expression.filters or []
    for one in filters:
        _check_filter(one, line)
    name = _dotted(expression.left.location(), line)
    return Token(name, line, tuple(one.name for one in filters))


def _dotted(segments: Any, line: int) -> str:
    if not all(isinstance(one, str) for one in segments):
        raise TemplateError(line, "Write a token as its name, without brackets.")
    return ".".join(segments)


def _check_filter(one: Filter, line: int) -> None:
    if one.name not in FILTERS:
        known = ", ".join(sorted(FILTERS))
        raise TemplateError(line, f"There is no filter “{one.name}”; the filters are {known}.")
    if not all(isinstance(arg.value, Constant) and not hasattr(arg, "name") for arg in one.args):
        raise TemplateError(line, f"Give “{one.name}” a text in quotes or a number.")
    given = [arg.value.value for arg in one.args if isinstance(arg.value, Constant)]
    if one.name == "default" and (len(given) != 1 or is_blank(given[0])):
        raise TemplateError(
            line, 'Say what to write instead, e.g. {{ first_name | default: "friend" }}.'
        )
    for sample in SAMPLES.values():
        try:
            FILTERS[one.name](sample, *given)
        except Exception as error:  # whatever breaks, the argument does it
            message = f"“{one.name}” cannot be used like this: {error}."
            raise TemplateError(line, message) from error


def writes_lists(token: Token) -> bool:
    """Return whether a token says how a list is to be written."""
    return bool(OF_LISTS & set(token.filters))


def _line_of(source: str, error: LiquidError) -> int:
    start = error.token.start_index if error.token is not None else -1
    return source.count("\n", 0, start) + 1 if start > 0 else 1


def _in_words(error: LiquidError) -> str:
    text = str(error.message or error)
    if text.startswith("unexpected tag"):
        return f"{text[0].upper()}{text[1:]}: content may use {', '.join(TAGS)}."
    return f"This is not a token that can be read: {text.rstrip('.')}. Write e.g. {{{{ first_name }}}}."
