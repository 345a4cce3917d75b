"""What a store needs before patients see it, and how far it is from them (ST-5), as pure functions."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, TypeVar

from engage.kernel.errors import N_

Place = TypeVar("Place")

PICTURES_AT_MOST: Final = 10
# Of the sphere that is as large as the earth (IUGG's mean radius).
EARTH_METRES: Final = 6_371_008.8

# What is asked for, and what it is called, in the order of the form.
REQUIRED: Final = {
    "logo": N_("Logo"),
    "short_name": N_("Short name"),
    "address": N_("Address"),
    "hours": N_("Opening hours"),
    "pictures": N_("At least one picture"),
}


@dataclass(frozen=True, slots=True)
class Point:
    """A place on the map, GCJ-02, in degrees."""

    latitude: float
    longitude: float


def missing(has: dict[str, bool]) -> list[str]:
    """Give what is required and not there, in the order of the form."""
    return [name for name in REQUIRED if not has[name]]


def point(latitude: Decimal | None, longitude: Decimal | None) -> Point | None:
    """Give the place of a store, if it is known."""
    return None if latitude is None or longitude is None else Point(float(latitude), float(longitude))


def metres(one: Point, other: Point) -> float:
    """Give the distance over ground, as the crow flies: the haversine of both."""
    here, there = math.radians(one.latitude), math.radians(other.latitude)
    turned = math.radians(other.longitude - one.longitude)
    half = math.sin((there - here) / 2) ** 2
    half += math.cos(here) * math.cos(there) * math.sin(turned / 2) ** 2
    return 2 * EARTH_METRES * math.asin(math.sqrt(min(1.0, half)))


def nearest_first(
    places: Iterable[Place], here: Point, where: Callable[[Place], Point | None]
) -> Sequence[tuple[Place, float | None]]:
    """Give places with their distance, the nearest first; those without one last, in their order."""
    found = [(place, None if (at := where(place)) is None else metres(here, at)) for place in places]
    return sorted(found, key=lambda pair: math.inf if pair[1] is None else pair[1])
