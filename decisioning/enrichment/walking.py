"""The only place that finds and changes what stands under some names, however deep within what a record says. Pure."""

from collections.abc import Callable, Iterable
from typing import Any

from decisioning.ingestion.records import Record

Change = Callable[[Any], Any]  # what stands there instead; None drops it


def names_in(record: Record) -> set[str]:
    """Return the names under which a record says anything; a microsecond or two."""
    found = {*record.context, *record.properties, *record.traits}
    for part in (record.context, record.properties, record.traits):
        if part:
            _add_names(part.values(), found)
    return found


def _add_names(values: Iterable[Any], found: set[str]) -> None:
    for value in values:
        if value.__class__ is dict:
            found.update(value)
            _add_names(value.values(), found)
        elif value.__class__ is list:
            _add_names(value, found)


def changed(said: dict[str, Any], names: frozenset[str], change: Change) -> dict[str, Any]:
    """Return what is said with everything under `names` changed; the same object where nothing was.

    Nothing within `said` is touched: messages of a batch may share it.
    """
    found: dict[str, Any] | None = None
    for name, value in said.items():
        if name in names:
            new = change(value)
        elif value.__class__ is dict:
            new = changed(value, names, change)
        elif value.__class__ is list:
            new = _of_list(value, names, change)
        else:
            continue
        if new is not value:
            found = {**said} if found is None else found
            found[name] = new
            if new is None:
                del found[name]
    return said if found is None else found


def _of_list(said: list[Any], names: frozenset[str], change: Change) -> list[Any]:
    inner = [_of_any(one, names, change) for one in said]
    same = all(new is old for new, old in zip(inner, said, strict=True))
    return said if same else inner


def _of_any(said: Any, names: frozenset[str], change: Change) -> Any:
    if said.__class__ is dict:
        return changed(said, names, change)
    return _of_list(said, names, change) if said.__class__ is list else said


def change_in_place(said: dict[str, Any], names: frozenset[str], change: Change) -> None:
    """Do as `changed` with a record's own dictionary."""
    new = changed(said, names, change)
    if new is not said:
        said.clear()
        said.update(new)
