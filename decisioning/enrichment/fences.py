"""The only place that says whether a point lies within a named geofence. Pure."""

import math
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from decisioning.rules.phrases import Filled
from decisioning.rules.phrases import gettext_noop as _

Point = tuple[float, float]  # latitude, longitude, degrees

EARTH_M: Final = 6_371_008.8
MAX_FENCES: Final = 500
MAX_CORNERS: Final = 100


class Fence(Struct, frozen=True, kw_only=True):
    """A place with a name: a circle, or a polygon that does not cross the date line."""

    key: Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9.-]{0,59}$")]
    name: Annotated[str, Meta(min_length=1, max_length=100)]
    shape: Literal["circle", "polygon"] = "circle"
    centre: Point | None = None  # of a circle
    radius_m: Annotated[float, Meta(gt=0, le=500_000)] = 100.0
    corners: Annotated[tuple[Point, ...], Meta(max_length=MAX_CORNERS)] = ()
    dwell_s: Annotated[int, Meta(ge=0, le=86_400)] = 600  # inside so long is a stay
    # Who is not located again for so long has left.
    silent_s: Annotated[int, Meta(ge=60, le=604_800)] = 3_600

    def faults(self) -> list[str]:
        """Return what is wrong with its shape, in words."""
        points = self.corners if self.shape == "polygon" else (self.centre,)
        if self.shape == "polygon" and len(self.corners) < 3:
            return [Filled(_("{key}: a polygon needs three corners or more."), key=self.key)]
        if any(one is None or not is_place(one) for one in points):
            words = _("{key}: give latitude -90 to 90 and longitude -180 to 180.")
            return [Filled(words, key=self.key)]
        return []

    def holds(self, point: Point) -> bool:
        """Return whether a point lies inside."""
        if self.shape == "circle":
            return self.centre is not None and distance_m(self.centre, point) <= self.radius_m
        return _in_polygon(point, self.corners)


def is_place(point: Point) -> bool:
    """Return whether two numbers are a latitude and a longitude."""
    return -90 <= point[0] <= 90 and -180 <= point[1] <= 180


def distance_m(one: Point, other: Point) -> float:
    """Return the way over ground in metres.

    >>> round(distance_m((52.52, 13.405), (48.137, 11.575)) / 1000)
    504
    """
    lat, lon = math.radians(one[0]), math.radians(one[1])
    to_lat, to_lon = math.radians(other[0]), math.radians(other[1])
    half = (
        math.sin((to_lat - lat) / 2) ** 2
        + math.cos(lat) * math.cos(to_lat) * math.sin((to_lon - lon) / 2) ** 2
    )
    return 2 * EARTH_M * math.asin(math.sqrt(min(1.0, half)))


def _in_polygon(point: Point, corners: tuple[Point, ...]) -> bool:
    """Count the sides that a ray to the east crosses."""
    lat, lon = point
    inside = False
    for place, (corner_lat, corner_lon) in enumerate(corners):
        last_lat, last_lon = corners[place - 1]
        if (corner_lat > lat) != (last_lat > lat):
            share = (lat - corner_lat) / (last_lat - corner_lat)
            if lon < corner_lon + share * (last_lon - corner_lon):
                inside = not inside
    return inside
