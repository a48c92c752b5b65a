"""The only place that uses where an event happened: named geofences, what providers know, and then no precise point."""

import math
from typing import TYPE_CHECKING, Any, Final

from decisioning.enrichment.fences import Point, is_place
from decisioning.enrichment.surroundings import Surroundings
from decisioning.enrichment.walking import change_in_place
from decisioning.ingestion.records import Record

if TYPE_CHECKING:
    from decisioning.enrichment.steps import Known

FENCES_ATTRIBUTE: Final = "geofences"  # list: the fences that the person was last seen in
CELLS_PER_DEGREE: Final = 2  # a cell is half a degree, some 50 km
LOCATION: Final = frozenset({"location"})  # where a context has its point
_POINT_NAMES: Final = (("latitude", "longitude"), ("lat", "lon"), ("lat", "lng"))
POINT: Final = frozenset(
    {
        *("latitude", "longitude", "lat", "lon", "lng"),
        *("$geoip_latitude", "$geoip_longitude", "latitudeLongitudeAccuracy"),
    }
)
_BESIDE_A_POINT: Final = frozenset({"accuracy", "altitude"})


def point_of(record: Record) -> Point | None:
    """Return where the event happened, as its context says."""
    said = record.context.get("location")
    if not isinstance(said, dict):
        return None
    for latitude, longitude in _POINT_NAMES:
        lat, lon = said.get(latitude), said.get(longitude)
        if isinstance(lat, int | float) and isinstance(lon, int | float):
            point = (float(lat), float(lon))
            return point if is_place(point) else None
    return None


def cell_of(point: Point) -> str:
    """Return the coarse cell of a point.

    >>> cell_of((52.52, 13.405))
    '105,26'
    """
    return f"{math.floor(point[0] * CELLS_PER_DEGREE)},{math.floor(point[1] * CELLS_PER_DEGREE)}"


def read_provided(record: Record, around: Surroundings, known: "Known") -> None:
    """Note what providers said of the cell, such as `weather_condition`; what is stale is unknown."""
    if not known.provided:
        return
    point = point_of(record)
    if point is None:
        return
    cell = cell_of(point)
    for provider, cells in known.provided.items():
        values, until_ms = cells.get(cell, ({}, 0))
        if values and until_ms > record.received_at_ms:
            for name, value in values.items():
                record.context[f"{provider}_{name}"] = value


def read_fences(record: Record, around: Surroundings, known: "Known") -> None:
    """Note which fences the event is in, where the catalogue gives their attribute a purpose."""
    spec = known.attributes.get(FENCES_ATTRIBUTE)
    if not known.terms.fences or spec is None or not spec.purposes:
        return
    point = point_of(record)
    if point is not None:
        inside = [fence.key for fence in known.terms.fences if fence.holds(point)]
        record.attributes[FENCES_ATTRIBUTE] = inside
        record.context[FENCES_ATTRIBUTE] = inside


def drop_point(record: Record, around: Surroundings, known: "Known") -> None:
    """Leave of a place what is no point: country, region, city; of properties, places that the catalogue declares."""
    said = record.context.get("location")
    if isinstance(said, dict):
        record.context["location"] = {
            name: value for name, value in said.items() if name not in _BESIDE_A_POINT
        }
    elif said is not None:
        del record.context["location"]
    declared = {key: record.properties[key] for key in known.places & record.properties.keys()}
    for part in (record.context, record.properties, record.traits):
        change_in_place(part, POINT, _nothing)
    record.properties.update(declared)


def _nothing(value: Any) -> None:
    return None
