"""What a chain of the demo is described with."""

from __future__ import annotations

from dataclasses import dataclass

EVERY_DAY = (0, 1, 2, 3, 4, 5, 6)


@dataclass(frozen=True, slots=True)
class Place:
    """A store; `hours` are (weekdays, opens, closes) in whole hours, Monday is 0."""

    slug: str
    name: str
    short_name: str
    address: str
    phone: str
    transport: str
    latitude: str
    longitude: str
    hours: tuple[tuple[tuple[int, ...], int, int], ...]
    any_per_hour: int


@dataclass(frozen=True, slots=True)
class Duty:
    """Weekdays on which a doctor is at a store, and the hours: (from, to) in whole hours."""

    store: str
    weekdays: tuple[int, ...]
    hours: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Practitioner:
    """A doctor: `kept` of a hundred visits take place, the rest is cancelled late or missed."""

    name: str
    title: str
    introduction: str
    duties: tuple[Duty, ...]
    items: tuple[str, ...]
    kept: int
    per_slot: int = 1


@dataclass(frozen=True, slots=True)
class Treatment:
    """An item patients book; no stores means all. `ages` and `complaint` are of those who come for it."""

    name: str
    minutes: int
    complaint: str
    ages: tuple[int, int] = (14, 99)
    stores: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a chart."""

    name: str
    sex: str
    birth_date: str


@dataclass(frozen=True, slots=True)
class Family:
    """People who share a phone; `fan` is who of the sandbox is bound to them."""

    phone: str
    fan: str
    people: tuple[Person, ...]


@dataclass(frozen=True, slots=True)
class Chain:
    """A tenant with all that the demo knows of it; `thin` divides the visits of its days.

    `sought` is a doctor who has a visit more on the days of the last month.
    """

    slug: str
    name: str
    zone: str
    currency: str
    colour: str
    stores: tuple[Place, ...]
    doctors: tuple[Practitioner, ...]
    items: tuple[tuple[str, tuple[Treatment, ...]], ...]
    complaints: tuple[str, ...]
    staff: tuple[tuple[str, str, str, str | None], ...]
    families: tuple[Family, ...]
    reasons: tuple[str, ...]
    phone_region: str = "CN"
    thin: int = 1
    sought: str = ""
