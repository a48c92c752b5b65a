"""The data set's departments and product categories in words."""

from functools import cache

DEPARTMENTS = {
    "COSMETICS": "Cosmetics",
    "DELI": "Deli",
    "DRUG GM": "Drugstore",
    "FLORAL": "Flowers",
    "FUEL": "Fuel",
    "GROCERY": "Grocery",
    "MEAT": "Meat",
    "MEAT-PCKGD": "Packaged meat",
    "NUTRITION": "Nutrition",
    "PASTRY": "Bakery",
    "PRODUCE": "Produce",
    "SALAD BAR": "Salad bar",
    "SEAFOOD": "Seafood",
    "SEAFOOD-PCKGD": "Packaged seafood",
    "SPIRITS": "Spirits",
}
OTHER = "Other"
ABBREVIATIONS = {
    "BKD": "baked",
    "BN": "beans",
    "DRNKS": "drinks",
    "DRSNG": "dressing",
    "DSH": "dishes",
    "FD": "food",
    "FRZN": "frozen",
    "MISC.": "other",
    "MXS:DRY": "mixes",
    "PKLD": "pickled",
    "REFRGRATD": "chilled",
    "SALD": "salad",
    "SHERBTS": "sherbet",
    "SNDWCH": "sandwich",
    "SPRD": "spread",
    "VEG": "vegetables",
    "WTR": "water",
}


@cache
def category_words(raw: str | None) -> str:
    """Return a product category as words, e.g. ``FRZN VEGETABLE/VEG DSH`` -> ``Frozen vegetable / vegetables dishes``."""
    if not raw:
        return ""
    words = raw.replace("/", " / ").split()
    text = " ".join(ABBREVIATIONS.get(word, word.lower()) for word in words)
    return text[:1].upper() + text[1:]
