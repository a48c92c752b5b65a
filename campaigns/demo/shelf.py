"""What the demo shop sells: a handful of the data set's products, written down so that a page need not read it.

Ids, departments and categories are the data set's; names are its product types in plain words, prices its medians.
"""

import json
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Product:
    """One product of the shop."""

    id: str
    name: str
    department: str  # as `departments.DEPARTMENTS` has it
    category: str
    price: float  # USD
    words: str

    @property
    def properties(self) -> str:
        """What an event about it says, as JSON."""
        return json.dumps(
            {
                "product_id": self.id,
                "department": self.department,
                "category": self.category,
                "price": self.price,
            }
        )


@dataclass(frozen=True, slots=True)
class Shelf:
    """One department of the shop."""

    slug: str
    name: str
    products: tuple[Product, ...]


def _shelf(slug: str, name: str, *rows: tuple[str, str, str, float, str]) -> Shelf:
    products = (
        Product(id=number, name=what, department=name, category=category, price=price, words=words)
        for number, what, category, price, words in rows
    )
    return Shelf(slug, name, tuple(products))


SHELVES: Final = (
    _shelf(
        "produce",
        "Produce",
        ("1082185", "Bananas", "Tropical fruit", 1.03, "Ripe today, sold by the bunch."),
        ("1127831", "Strawberries", "Berries", 2.50, "A 16 ounce tray, picked yesterday."),
        ("904360", "Head lettuce", "Vegetables salad", 0.99, "Crisp, washed, one head."),
        ("854852", "Tomatoes on the vine", "Tomatoes", 2.90, "Hothouse tomatoes, about a pound."),
    ),
    _shelf(
        "bakery",
        "Bakery",
        ("866227", "Donuts", "Breakfast sweets", 0.50, "Glazed, baked this morning."),
        ("1095275", "Bagels", "Rolls", 0.50, "Boiled, then baked: plain or sesame."),
        ("5568228", "French bread", "Bread", 1.00, "A long loaf with a good crust."),
        ("15831255", "Pumpkin pie", "Pies", 4.99, "Nine inches, serves eight."),
    ),
    _shelf(
        "deli",
        "Deli",
        ("986912", "Hot side dish", "Prepared food", 2.44, "Mashed potatoes or green beans."),
        ("883003", "Ham", "Deli meats", 3.70, "Sliced for you, a quarter pound."),
        ("1132771", "Cheddar", "Cheeses", 2.69, "Aged nine months, sliced or in one piece."),
        ("993638", "Fried chicken", "Chicken/poultry", 4.99, "Eight pieces, hot."),
    ),
    _shelf(
        "seafood",
        "Seafood",
        ("14106445", "Salmon", "Seafood-fresh", 5.74, "A fillet of six ounces."),
        ("8203599", "Catfish", "Seafood-fresh", 5.49, "Farmed in the South, cleaned."),
        ("12517450", "Raw shrimp", "Seafood - frozen", 4.94, "Frozen at sea, half a pound."),
        ("8203782", "Mussels", "Seafood-fresh", 4.43, "A net of two pounds."),
    ),
)
BY_SLUG: Final = {shelf.slug: shelf for shelf in SHELVES}
BY_ID: Final = {product.id: product for shelf in SHELVES for product in shelf.products}
