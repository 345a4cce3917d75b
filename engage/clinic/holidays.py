"""Public holidays and make-up working days of countries, from the library `holidays`: used here alone."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

import holidays

from engage.kernel.errors import N_

# Whose holidays a store may keep; '' is nobody's.
COUNTRIES: Final = {
    "": N_("None"),
    "CN": N_("China"),
    "HK": N_("Hong Kong"),
    "MO": N_("Macau"),
    "TW": N_("Taiwan"),
    "KR": N_("South Korea"),
    "JP": N_("Japan"),
    "SG": N_("Singapore"),
    "MY": N_("Malaysia"),
    "TH": N_("Thailand"),
    "RU": N_("Russia"),
    "DE": N_("Germany"),
    "GB": N_("United Kingdom"),
    "US": N_("United States"),
}
# What the library calls our languages.
_LANGUAGES: Final = {"zh_Hans": "zh_CN", "zh": "zh_CN", "en": "en_US", "ko": "ko", "ru": "ru", "ja": "ja"}


def public_days(country: str, year: int, language: str = "") -> Mapping[dt.date, str]:
    """Give a country's days off in a year with their names; a year that the library does not know has none.

    Days off that were moved are called as the holiday next to them. Names are in the country's
    language where the library has none in `language`.
    """
    return _year(country, year, language)[0]


def make_up_days(country: str, year: int) -> frozenset[dt.date]:
    """Give the weekend days of a year on which a country works, to make up for days off."""
    return _year(country, year, "")[1]


@functools.lru_cache(maxsize=256)
def _year(country: str, year: int, language: str) -> tuple[Mapping[dt.date, str], frozenset[dt.date]]:
    if not country:
        return {}, frozenset()
    known = holidays.country_holidays(country)
    if not known.start_year <= year <= known.end_year:
        return {}, frozenset()
    wanted = _LANGUAGES.get(language, "")
    spoken = wanted if wanted in known.supported_languages else known.default_language
    found = holidays.country_holidays(country, years=year, language=spoken)
    # The library keeps those of all years in one set.
    worked = frozenset(day for day in getattr(found, "weekend_workdays", ()) if day.year == year)
    days = {day: name for day, name in found.items() if day.year == year}
    return _named(days, found), worked


def _named(days: Mapping[dt.date, str], found: holidays.HolidayBase) -> Mapping[dt.date, str]:
    """Call days off that were moved as the nearest holiday, which they make longer."""
    label = getattr(found, "substituted_label", None)
    if not label:
        return days
    moved = found.tr(label).partition("%s")[0]
    own = {day: name for day, name in days.items() if not name.startswith(moved)}
    whole = sorted({*days, *_between(sorted(days), found)})
    return {day: own.get(day) or own[_nearest(day, own)] for day in whole}


def _between(days: Sequence[dt.date], found: holidays.HolidayBase) -> Iterator[dt.date]:
    """Give weekends inside a holiday, which the library leaves out since they are free anyway."""
    for before, after in pairwise(days):
        inside = [before + dt.timedelta(days=number) for number in range(1, (after - before).days)]
        if len(inside) <= len(found.weekend):
            yield from (day for day in inside if day.weekday() in found.weekend)


def _nearest(day: dt.date, own: Iterable[dt.date]) -> dt.date:
    return min(own, key=lambda other: (abs(other - day), other))
