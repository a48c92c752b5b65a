"""The operators of places."""

from typing import Final

from decisioning.rules.operators.operator import Operator, Said
from decisioning.rules.phrases import gettext_noop as _
from decisioning.rules.values import distance_km


def _near(fact: tuple[float, float], value: dict[str, float], now: float) -> bool:
    return distance_km(fact, (value["lat"], value["lon"])) <= value["km"]


_NEAR: Final = Said(
    _("{name} is within {km} km of {at}"),
    _("{name} is not within {km} km of {at}"),
)
PLACE: Final = (Operator("within_km", _("is within"), "place", _near, _NEAR),)
