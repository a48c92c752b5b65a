"""The only place that converts amounts: units, and currencies by a dated table or by a rate that is given."""

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path
from typing import Any, Final

from decisioning.connections.casting import Unusable
from decisioning.rules.phrases import Filled
from decisioning.rules.phrases import gettext_noop as _

PLACES: Final = Decimal("0.000001")  # what a converted amount is rounded to
BOUND: Final = Decimal(10) ** 18

# key -> (factor, offset added before the factor)
UNITS: Final[dict[str, tuple[Decimal, Decimal]]] = {
    "cents_to_units": (Decimal("0.01"), Decimal(0)),
    "units_to_cents": (Decimal(100), Decimal(0)),
    "fahrenheit_to_celsius": (Decimal(5) / Decimal(9), Decimal(-32)),
    "celsius_to_fahrenheit": (Decimal("1.8"), Decimal("17.7777777777777777777777778")),
    "miles_to_km": (Decimal("1.609344"), Decimal(0)),
    "km_to_miles": (Decimal(1) / Decimal("1.609344"), Decimal(0)),
    "pounds_to_kg": (Decimal("0.45359237"), Decimal(0)),
    "kg_to_pounds": (Decimal(1) / Decimal("0.45359237"), Decimal(0)),
    "inches_to_cm": (Decimal("2.54"), Decimal(0)),
    "cm_to_inches": (Decimal(1) / Decimal("2.54"), Decimal(0)),
    "percent_to_share": (Decimal("0.01"), Decimal(0)),
    "share_to_percent": (Decimal(100), Decimal(0)),
    "ms_to_seconds": (Decimal("0.001"), Decimal(0)),
    "seconds_to_ms": (Decimal(1000), Decimal(0)),
}


@cache
def reference_rates() -> dict[str, Any]:
    """Return the table of rates: {"date": "2024-12-31", "source": "…", "per_euro": {"USD": 1.0389, …}}."""
    told: dict[str, Any] = json.loads((Path(__file__).parent / "rates.json").read_text())
    return told


def known_currencies(own: Mapping[str, float]) -> set[str]:
    """Return the currencies that a table of rates, and a mapping's own, can convert."""
    return {*reference_rates()["per_euro"], *own}


def convert_unit(value: float, unit: str) -> float:
    """Return an amount in another unit, rounded to a millionth.

    >>> convert_unit(1999, "cents_to_units")
    19.99

    Raises:
        Unusable: too large.
    """
    factor, offset = UNITS[unit]
    return _rounded((_decimal(value) + offset) * factor)


def convert_currency(value: float, *, given: str, to: str, own: Mapping[str, float]) -> float:
    """Return an amount in another currency by units per euro; `own` rates win over the table's.

    Raises:
        Unusable: a currency without a rate.
    """
    if given == to:
        return value
    rates = {**reference_rates()["per_euro"], **own}
    for currency in (given, to):
        if currency not in rates:
            raise Unusable(
                Filled(_("There is no rate for the currency “{currency}”."), currency=currency[:10])
            )
    return _rounded(_decimal(value) / _decimal(rates[given]) * _decimal(rates[to]))


def apply_rate(value: float, rate: float) -> float:
    """Return an amount times the rate that its row gives.

    Raises:
        Unusable: the rate is not above zero.
    """
    if rate <= 0:
        raise Unusable(_("A rate must be above 0."))
    return _rounded(_decimal(value) * _decimal(rate))


def _decimal(value: float) -> Decimal:
    return Decimal(str(value))


def _rounded(value: Decimal) -> float:
    if abs(value) > BOUND:
        raise Unusable(_("The converted amount is too large."))
    try:
        return float(value.quantize(PLACES))
    except InvalidOperation as error:
        raise Unusable(_("The converted amount is too large.")) from error
