"""The only place that says nested parts of things in plain columns: one variant, a fallback, properties."""

from collections.abc import Mapping
from typing import Final, cast, get_args

from django.utils.translation import gettext as _

from campaigns.mapping import Body, body_of
from campaigns.models.items import Kind
from decisioning.specs import PropertySpec, ValueType, VariantSpec

CONTENT: Final = ("headline", "text", "image_url", "link_url")
VARIANT: Final = "a"  # the key of the only variant
TYPES: Final = get_args(ValueType)
_COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    Kind.OFFER: ("placements", *CONTENT),
    Kind.PLACEMENT: tuple(f"fallback_{name}" for name in CONTENT),
    Kind.EVENT_TYPE: ("property_types",),
}


class BadShorthand(Exception):
    """A plain column that cannot be read; the message says what to write."""

    def __init__(self, column: str, message: str) -> None:
        super().__init__(message)
        self.column = column


def columns_of(kind: str) -> tuple[str, ...]:
    """Return the plain columns of a kind."""
    return _COLUMNS.get(kind, ())


def write(kind: str, body: Body) -> tuple[dict[str, str], Body]:
    """Return the plain columns of a body, and what is left for the others."""
    empty = dict.fromkeys(columns_of(kind), "")
    if kind == Kind.OFFER:
        return _write_variant(body, empty)
    if kind == Kind.PLACEMENT:
        return _write_fallback(body, empty)
    if kind == Kind.EVENT_TYPE:
        return _write_properties(body, empty)
    return {}, body


def read(kind: str, body: Body, cells: Mapping[str, str]) -> Body:
    """Return a body with what the plain columns say; a part given as JSON goes before them.

    Raises:
        BadShorthand: a column cannot be read.
    """
    said = {name: cells[name] for name in columns_of(kind) if cells.get(name, "").strip()}
    if not said:
        return body
    if kind == Kind.OFFER:
        return body if _given(cells, "variants") else {**body, "variants": [_variant(said)]}
    if kind == Kind.PLACEMENT:
        plain = {name.removeprefix("fallback_"): text for name, text in said.items()}
        return body if _given(cells, "fallback") else {**body, "fallback": plain}
    if _given(cells, "properties"):
        return body
    return {**body, "properties": _properties(said["property_types"])}


def _given(cells: Mapping[str, str], column: str) -> bool:
    return bool(cells.get(column, "").strip())


def _is_plain(content: Body) -> bool:
    return bool(content) and all(
        name in CONTENT and isinstance(text, str) and text.strip() for name, text in content.items()
    )


def _write_variant(body: Body, empty: dict[str, str]) -> tuple[dict[str, str], Body]:
    rows = body["variants"]
    if len(rows) != 1 or not _is_only(rows[0]):
        return empty, body
    places, content = " | ".join(rows[0]["placements"]), rows[0]["content"]
    left = {name: value for name, value in body.items() if name != "variants"}
    return {**empty, "placements": places, **content}, {**left, "variants": []}


def _is_only(row: Body) -> bool:
    # Whatever a variant may say beside these is at its default, or JSON says it.
    bare = VariantSpec(key=VARIANT, placements=tuple(row["placements"]), content=row["content"])
    return _is_plain(row["content"]) and body_of(bare) == row


def _variant(said: Mapping[str, str]) -> Body:
    places = [part.strip() for part in said.get("placements", "").split("|") if part.strip()]
    content = {name: said[name] for name in CONTENT if name in said}
    return {"key": VARIANT, "placements": places, "content": content}


def _write_fallback(body: Body, empty: dict[str, str]) -> tuple[dict[str, str], Body]:
    fallback = body["fallback"]
    if not _is_plain(fallback):
        return empty, body
    left = {name: value for name, value in body.items() if name != "fallback"}
    plain = {f"fallback_{name}": text for name, text in fallback.items()}
    return {**empty, **plain}, {**left, "fallback": {}}


def _write_properties(body: Body, empty: dict[str, str]) -> tuple[dict[str, str], Body]:
    rows = body["properties"]
    if not rows or any(_says_more(row) or _is_odd(row["key"]) for row in rows):
        return empty, body
    words = " | ".join(f"{row['key']}: {row['type']}" for row in rows)
    return {"property_types": words}, {**body, "properties": []}


def _says_more(row: Body) -> bool:
    bare = body_of(PropertySpec(key=row["key"], type=row["type"]))
    return {**bare, **row} != bare


def _is_odd(key: str) -> bool:
    return "|" in key or ":" in key or key != key.strip()


def _properties(text: str) -> list[Body]:
    found = []
    for part in filter(None, (part.strip() for part in text.split("|"))):
        key, _colon, value_type = (piece.strip() for piece in part.partition(":"))
        if value_type not in TYPES:
            words = _("Write each as “name: type”; the types are %(types)s.")
            raise BadShorthand("property_types", words % {"types": ", ".join(TYPES)})
        found.append(body_of(PropertySpec(key=key, type=cast("ValueType", value_type))))
    return found
