"""The only place that finds a property of an event, nested ones and products of two included."""

from collections.abc import Mapping
from typing import Any, Final

LARGEST: Final = ".*"  # after a property that holds numbers by name: the largest of them


def read_property(properties: Mapping[str, Any], key: str) -> Any:
    """Return a property; None where it is missing.

    >>> read_property({"hover_ms": {"price": 900, "photo": 40}}, "hover_ms.price")
    900
    >>> read_property({"hover_ms": {"price": 900, "photo": 40}}, "hover_ms.*")
    900
    >>> read_property({"price": 2.5, "quantity": 2}, "price*quantity")
    5.0
    >>> read_property({"total": 9}, "value|total")
    9
    """
    found = properties.get(key)
    if found is not None or not any(sign in key for sign in ".*|"):
        return found
    if "|" in key:
        each = (read_property(properties, one) for one in key.split("|"))
        return next((one for one in each if one is not None), None)
    if key.endswith(LARGEST):
        return _largest(properties.get(key.removesuffix(LARGEST)))
    if "*" in key:
        price, _, quantity = key.partition("*")
        return _product(properties.get(price), properties.get(quantity, 1))
    outer, _, inner = key.partition(".")
    within = properties.get(outer)
    return read_property(within, inner) if isinstance(within, Mapping) else None


def _largest(found: Any) -> float | None:
    numbers = found.values() if isinstance(found, Mapping) else ()
    return max((one for one in numbers if _is_number(one)), default=None)


def _product(one: Any, other: Any) -> float | None:
    return one * other if _is_number(one) and _is_number(other) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
