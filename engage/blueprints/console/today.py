"""Today: the day's appointments, who waits for an answer, what runs, and the last and coming weeks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from babel.dates import format_date
from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale, gettext

from engage.blueprints.addresses import read_day
from engage.blueprints.console.reports.alarms import alarms
from engage.blueprints.console.today_now import calls, outside, requests, under_way, waiting
from engage.blueprints.console.today_trend import trend
from engage.blueprints.faces import day
from engage.blueprints.guard import ConsoleBlueprint, Staff
from engage.booking import queries
from engage.booking.queries import Row
from engage.booking.rules import CAME, CHANNELS, STATES, TONES
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work

bp = ConsoleBlueprint("console_today", __name__, url_prefix="/console")

COMING_DAYS = 14


@bp.view("/", permission="self")
def index(staff: Staff) -> ResponseReturnValue:
    """Show what the day asks of somebody; what a role may not see is left out."""
    now = clock.now()
    today = clock.local(now, staff.house.zone).date()
    shown = read_day(request.args.get("day", "")) or today
    with unit_of_work() as session:
        view = {
            "day": shown,
            "place": _place(staff),
            "alarms": alarms(session, staff, now=now),
            "visits": _visits(session, staff, shown, today) if staff.may("appointments.view") else None,
            "waiting": waiting(session, staff, now=now),
            "calls": calls(session, staff, now=now),
            "requests": requests(session, staff, now=now),
            "outside": outside(session, staff, now=now),
            "campaigns": under_way(session, staff),
            "trend": trend(session, staff, now=now),
        }
    return render_template("console/today/page.html", view=view)


@bp.view("/today/waiting", permission="chats.view")
def waiters(staff: Staff) -> ResponseReturnValue:
    """Give who waits for an answer, to a page that heard of a change."""
    with unit_of_work() as session:
        view = {"waiting": waiting(session, staff, now=clock.now())}
    return render_template("console/today/waiting.html", view=view)


@bp.view("/today/campaigns", permission="campaigns.manage", everywhere=True)
def progress(staff: Staff) -> ResponseReturnValue:
    """Give the campaigns again, while one runs."""
    with unit_of_work() as session:
        view = {"campaigns": under_way(session, staff)}
    return render_template("console/today/campaigns.html", view=view)


def _place(staff: Staff) -> str:
    if len(staff.stores) == 1:
        return staff.stores[0].name
    return next((store.name for store in staff.stores if store.id == staff.store_id), gettext("All stores"))


def _visits(session: Session, staff: Staff, shown: dt.date, today: dt.date) -> dict[str, Any]:
    """Give the appointments of a day, the day in figures, and the coming two weeks."""
    zone, scope = staff.house.zone, staff.scope("appointments.view")
    stores = None if scope.everywhere else scope.store_ids
    begin, end = clock.day_bounds(shown, zone)
    ahead, _ = clock.day_bounds(today, zone)
    _, until = clock.day_bounds(today + dt.timedelta(days=COMING_DAYS - 1), zone)
    rows = queries.between(session, begin=begin, end=end, store_ids=stores)
    counts = queries.counts_by_day(session, begin=ahead, end=until, zone=zone, store_ids=stores)
    return {
        "rows": [_appointment(row, zone) for row in rows],
        "figures": _figures(rows, shown, today),
        "coming": _coming(counts, today),
    }


def _appointment(row: Row, zone: str) -> dict[str, Any]:
    return {
        "id": row.id,
        "time": clock.local(row.starts_at, zone),
        "patient": row.patient_name,
        "doctor": row.doctor or gettext("No doctor named"),
        "store": row.store,
        "item": row.item,
        "state": TONES[row.state],
        "state_label": gettext(STATES[row.state]),
        "channel": row.channel,
        "channel_label": gettext(CHANNELS[row.channel]),
        "url": url_for("console_appointments.show", appointment_id=row.id),
    }


def _figures(rows: Sequence[Row], shown: dt.date, today: dt.date) -> list[dict[str, Any]]:
    """Give the day in figures; those that one filter shows lead to their rows."""
    asked = gettext("To confirm today") if shown == today else gettext("To confirm")
    figures = (
        (gettext("Appointments"), len(rows), "confirmed", _rows_url(shown)),
        (asked, _count(rows, "requested"), "waiting", _rows_url(shown, "requested")),
        (gettext("Arrived"), sum(row.state in CAME for row in rows), "good", ""),
        (gettext("No-show"), _count(rows, "no_show"), "bad", _rows_url(shown, "no_show")),
    )
    return [{"label": label, "value": value, "tone": tone, "url": url} for label, value, tone, url in figures]


def _count(rows: Sequence[Row], state: str) -> int:
    return sum(row.state == state for row in rows)


def _rows_url(shown: dt.date, state: str | None = None) -> str:
    return url_for("console_appointments.index", day=shown.isoformat(), state=state)


def _coming(counts: Mapping[dt.date, int], today: dt.date) -> list[dict[str, Any]]:
    days = [today + dt.timedelta(days=number) for number in range(COMING_DAYS)]
    return [
        {
            "label": day(date),
            "short": str(date.day),
            "sub": format_date(date, "EEEEEE", locale=get_locale()),
            "value": counts.get(date, 0),
            "url": url_for("console_today.index", day=date.isoformat()),
            "now": date == today,
            "quiet": date.weekday() >= 5,
        }
        for date in days
    ]
