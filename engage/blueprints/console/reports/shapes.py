"""Attendance as pages and files show it: names, rates, bars."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from babel.dates import format_date
from flask_babel import format_decimal, get_locale, gettext, ngettext

from engage.blueprints.console.reports.asked import Asked
from engage.blueprints.faces import day
from engage.booking.queries import Counted, Key
from engage.booking.rules import CHANNELS
from engage.booking.rules.attendance import ENOUGH, LEADS, PERSONS, Attendance
from engage.clinic import queries as clinic
from engage.kernel.db import Session
from engage.tenancy.rules import StoreScope

NOBODY: Mapping[Key, Attendance] = {}


@dataclass(frozen=True, slots=True)
class Names:
    """What stores, doctors and items are called; the stores are those that somebody may see."""

    stores: Mapping[int, str]
    doctors: Mapping[int, str]
    items: Mapping[int, str]

    @classmethod
    def read(cls, session: Session, scope: StoreScope) -> Names:
        """Read them, in the clinic's order."""
        return cls(
            {store.id: store.short_name for store in clinic.stores(session) if scope.holds(store.id)},
            {doctor.id: doctor.name for doctor in clinic.doctors(session)},
            {item.id: item.name for item in clinic.items(session)},
        )

    def asked(self, *, today: dt.date) -> Asked:
        """Read the address of this request."""
        return Asked.read(today=today, stores=self.stores, doctors=self.doctors, items=self.items)

    def of(self, dimension: str, key: Key) -> str:
        """Say what a row of a dimension is called."""
        if dimension == "store":
            return self.stores[key]  # type: ignore[index]
        if dimension == "doctor":
            return self.doctors.get(key, "") or gettext("No doctor named")  # type: ignore[arg-type]
        if dimension == "item":
            return self.items.get(key, "") or gettext("No item named")  # type: ignore[arg-type]
        tables: dict[str, Mapping[Any, str]] = {
            "channel": CHANNELS,
            "lead": {key: label for key, (_most, label) in LEADS.items()},
            "person": PERSONS,
        }
        return str(gettext(tables[dimension][key]))


def titles() -> dict[str, str]:
    """Give the headings of the dimensions, in the order of the page."""
    return {
        "doctor": gettext("By doctor"),
        "store": gettext("By store"),
        "lead": gettext("By days between booking and visit"),
        "item": gettext("By item"),
        "channel": gettext("By channel"),
        "person": gettext("New and known patients"),
    }


def percent(value: float | None) -> str:
    """Write a share of a hundred; a dash where there is none."""
    return "–" if value is None else f"{format_decimal(round(value, 1))} %"


def days_words(asked: Asked) -> str:
    """Write the days that are counted, with their years where one of them may be another than this."""
    first, last = asked.days.first, asked.days.last
    write = day if asked.span and first.year == last.year else _dated
    return str(gettext("%(first)s to %(last)s", first=write(first), last=write(last)))


def _dated(value: dt.date) -> str:
    locale = get_locale()
    pattern = "yyyy年M月d日 EEE" if locale and locale.language == "zh" else "EEE d MMM yyyy"
    return format_date(value, pattern, locale=locale)


def wait_words(wait: dt.timedelta | None) -> str:
    """Write how long somebody waited, in whole minutes."""
    if wait is None:
        return "–"
    minutes = round(wait / dt.timedelta(minutes=1))
    return str(ngettext("%(num)s minute", "%(num)s minutes", minutes))


def groups(asked: Asked, counted: Counted, names: Names) -> list[dict[str, Any]]:
    """Give each dimension with its rows; those without a rate of their own come last."""
    return [
        {
            "key": dimension,
            "title": title,
            "rows": [_row(asked, dimension, key, found, names) for key, found in ordered(dimension, counted)],
        }
        for dimension, title in titles().items()
        if getattr(asked, dimension) in {None, ""}
    ]


def ordered(dimension: str, counted: Counted) -> list[tuple[Key, Attendance]]:
    """Give the rows of a dimension: what has an order of its own in it, the others lowest rate first."""
    rows = [(key, found) for key, found in counted[dimension].items()]
    fixed: dict[str, list[Any]] = {"lead": list(LEADS), "person": list(PERSONS)}
    if dimension in fixed:
        return sorted(rows, key=lambda row: fixed[dimension].index(row[0]))
    return sorted(rows, key=lambda row: (row[1].percent is None, row[1].percent or 0, str(row[0])))


def weeks(asked: Asked, counted: Mapping[Key, Attendance]) -> list[dict[str, Any]]:
    """Give the weeks of the days asked for, those with nothing in them too."""
    rows = []
    for monday in asked.days.mondays:
        found, within = counted.get(monday, Attendance()), asked.days.week(monday)
        rows.append(
            {
                **_point(found),
                "label": f"{day(within.first)} – {day(within.last)}",
                "short": f"{within.first.month}/{within.first.day}",
                "url": asked.url("visits", days=within, span=""),
            }
        )
    return rows


def _row(asked: Asked, dimension: str, key: Key, found: Attendance, names: Names) -> dict[str, Any]:
    chosen = {dimension: key if key is not None else 0}
    return {
        **_point(found),
        "label": names.of(dimension, key),
        "url": asked.url("visits", **chosen),
        "rate": percent(found.percent),
        "due": {"value": found.due, "url": asked.url("visits", **chosen)},
        "kept": {"value": found.kept, "url": asked.url("visits", **chosen, outcome="kept")},
        "no_show": {"value": found.no_show, "url": asked.url("visits", **chosen, outcome="no_show")},
        "late": {"value": found.late, "url": asked.url("visits", **chosen, outcome="late")},
        "is_alarming": found.is_alarming,
    }


def _point(found: Attendance) -> dict[str, Any]:
    """Give what a chart draws; too few visits to say much are drawn quietly."""
    return {
        "value": None if found.percent is None else round(found.percent, 1),
        "of": ngettext("%(num)s due", "%(num)s due", found.due),
        "low": found.is_alarming,
        "few": found.due < ENOUGH,
    }
