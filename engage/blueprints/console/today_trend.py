"""The last eight weeks on Today: visits and how many of them took place, and people who are new."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from flask import url_for
from flask_babel import gettext

from engage.blueprints.faces import day
from engage.blueprints.guard import Staff
from engage.booking import queries as booking
from engage.booking.queries import Week
from engage.fans import queries as fans
from engage.kernel import clock
from engage.kernel.db import Session

WEEKS = 8


def trend(session: Session, staff: Staff, *, now: dt.datetime) -> dict[str, Any]:
    """Give the charts that a person may see; those of others are left out."""
    zone = staff.house.zone
    mondays = _mondays(clock.local(now, zone).date())
    begin, _ = clock.day_bounds(mondays[0], zone)
    charts: dict[str, Any] = {}
    if staff.may("appointments.view"):
        scope = staff.scope("appointments.view")
        stores = None if scope.everywhere else scope.store_ids
        weeks = booking.weeks(session, begin=begin, end=now, zone=zone, store_ids=stores)
        charts["visits"] = [_visits(monday, weeks) for monday in mondays]
    if staff.reach("campaigns.manage").everywhere:
        people = fans.new_by_week(session, begin=begin, end=now, zone=zone)
        charts["fans"] = [{**_week(monday), "value": people.get(monday, 0)} for monday in mondays]
    return charts


def _mondays(today: dt.date) -> list[dt.date]:
    this_week = today - dt.timedelta(days=today.weekday())
    return [this_week - dt.timedelta(weeks=back) for back in range(WEEKS - 1, -1, -1)]


def _visits(monday: dt.date, weeks: Mapping[dt.date, Week]) -> dict[str, Any]:
    found = weeks.get(monday, Week(booked=0, came=0))
    return {
        **_week(monday),
        "value": found.booked,
        "part": found.came,
        "url": url_for("console_appointments.index", day=monday.isoformat()),
    }


def _week(monday: dt.date) -> dict[str, Any]:
    return {
        "label": gettext("Week of %(day)s", day=day(monday)),
        "short": f"{monday.month}/{monday.day}",
        "sub": "",
    }
