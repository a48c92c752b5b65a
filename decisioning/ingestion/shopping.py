"""The only place that says what Snowplow's e-commerce actions are called here, and what they carry."""

from collections.abc import Mapping
from typing import Any, Final

Entities = Mapping[str, list[dict[str, Any]]]

# Action -> event of the e-commerce catalogue that all clients share.
SHOP_EVENTS: Final = {
    "product_view": "Product Viewed",
    "list_view": "Product List Viewed",
    "list_click": "Product Clicked",
    "add_to_cart": "Product Added",
    "remove_from_cart": "Product Removed",
    "checkout_step": "Checkout Step Viewed",
    "transaction": "Order Completed",
    "refund": "Order Refunded",
    "promo_view": "Promotion Viewed",
    "promo_click": "Promotion Clicked",
    "transaction_error": "Payment Failed",
}
_ONE_PRODUCT: Final = ("category", "currency", "name", "brand", "variant")
_ORDER: Final = (
    "currency",
    "shipping",
    "tax",
    "discount_amount",
    "discount_code",
    "payment_method",
)


def shop_properties(action: Mapping[str, Any], entities: Entities) -> dict[str, Any]:
    """Return the properties of an e-commerce action: what our events carry, and its entities under their names.

    >>> shop_properties({"type": "transaction"}, {"transaction": [{"transaction_id": "T1", "revenue": 9}]})["revenue"]
    9.0
    """
    found: dict[str, Any] = {"action": {k: v for k, v in action.items() if v is not None}}
    products = [_known(one) for one in entities.get("product", [])]
    if products:
        found["products"] = products
    if len(products) == 1:
        found |= _product(products[0])
    for name, entity, read in (
        ("cart", "cart", _cart),
        ("transaction", "transaction", _order),
        ("checkout", "checkout_step", _step),
        ("ecommerce_user", "user", None),
        ("ecommerce_page", "page", None),
    ):
        one = _known(entities[entity][0]) if entities.get(entity) else None
        if one is not None:
            found[name] = one
            found |= read(one) if read is not None else {}
    return found


def as_number(value: Any) -> float | None:
    """Return a number that trackers send as one or as text; None where it is neither.

    >>> as_number("12.5"), as_number(None), as_number("dear")
    (12.5, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def _known(entity: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entity.items() if value is not None}


def _product(product: Mapping[str, Any]) -> dict[str, Any]:
    found = {key: product[key] for key in _ONE_PRODUCT if key in product}
    if "id" in product:
        found["product_id"] = product["id"]
    for key in ("price", "quantity"):
        number = as_number(product.get(key))
        if number is not None:
            found[key] = number
    return found


def _cart(cart: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if "cart_id" in cart:
        found["cart_id"] = cart["cart_id"]
    value = as_number(cart.get("total_value"))
    return found if value is None else {**found, "cart_value": value}


def _order(order: Mapping[str, Any]) -> dict[str, Any]:
    found = {key: order[key] for key in _ORDER if key in order}
    if "transaction_id" in order:
        found["order_id"] = order["transaction_id"]
    revenue = as_number(order.get("revenue"))
    return found if revenue is None else {**found, "revenue": revenue, "value": revenue}


def _step(checkout: Mapping[str, Any]) -> dict[str, Any]:
    return {"step": checkout["step"]} if "step" in checkout else {}
