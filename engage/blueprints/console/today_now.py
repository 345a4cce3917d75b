"""What runs on Today: who waits for an answer, and which campaigns are under way or come next."""

from __future__ import annotations

import datetime as dt
from typing import Any

from babel.dates import format_timedelta
from flask import url_for
from flask_babel import get_locale

from engage.blueprints.console.campaigns import shapes as campaign_shapes
from engage.blueprints.console.chats.access import in_reach
from engage.blueprints.console.chats.shapes import row_view
from engage.blueprints.guard import Staff
from engage.booking import queries as booking
from engage.booking.rules.keeping import SOON
from engage.campaigns import queries as campaigns
from engage.chat import queries as chats
from engage.coupons import queries as coupons
from engage.kernel import clock
from engage.kernel.db import Session
from engage.tasks import queries as tasks
from engage.tasks.rules import CALLS

SHOWN = 5
# Who has waited longer than this is late.
LATE = dt.timedelta(minutes=30)
# How far ahead visits outside open time are looked for here; their own page shows a year.
LOOKED_AHEAD = dt.timedelta(days=31)


def waiting(session: Session, staff: Staff, *, now: dt.datetime) -> dict[str, Any] | None:
    """Give the conversations that wait, the longest first; None to who may not see any."""
    if not staff.may("chats.view"):
        return None
    within = in_reach(session, staff)
    page = chats.rows(session, within, which="waiting", staff_id=staff.id, cursor=None, now=now, size=SHOWN)
    return {
        "count": sum(chats.waiting(session, within).values()),
        "rows": [_waiter(row, staff.house.zone, now) for row in page.items],
        "url": url_for("console_chats.index", which="waiting"),
        "all_url": url_for("console_chats.index"),
    }


def calls(session: Session, staff: Staff, *, now: dt.datetime) -> dict[str, Any] | None:
    """Give how many calls are due; None if there is none, or to who makes none."""
    if not staff.may("tasks.work"):
        return None
    scope = staff.scope("tasks.work")
    stores = None if scope.everywhere else scope.store_ids
    due = tasks.count_due(session, now=now, store_ids=stores, kinds=CALLS)
    return {"count": due, "url": url_for("console_calls.index")} if due else None


def outside(session: Session, staff: Staff, *, now: dt.datetime) -> dict[str, Any] | None:
    """Give how many visits to come stand outside open time; None if there is none."""
    if not staff.may("appointments.view"):
        return None
    scope = staff.scope("appointments.view")
    stores = None if scope.everywhere else scope.store_ids
    found = booking.outside_ids(session, begin=now, end=now + LOOKED_AHEAD, store_ids=stores)
    return {"count": len(found), "url": url_for("console_calendar.outside")} if found else None


def requests(session: Session, staff: Staff, *, now: dt.datetime) -> dict[str, Any] | None:
    """Give how many visits to come wait for approval, on any day, and how many of them soon begin."""
    if not staff.may("appointments.manage"):
        return None
    scope = staff.scope("appointments.manage")
    stores = None if scope.everywhere else scope.store_ids
    count, near, first = booking.requests(session, since=now, soon=now + SOON, store_ids=stores)
    if first is None:
        return None
    day = clock.local(first, staff.house.zone).date()
    url = url_for("console_appointments.index", day=day.isoformat(), state="requested")
    return {"count": count, "near": near, "url": url}


def under_way(session: Session, staff: Staff) -> dict[str, Any] | None:
    """Give the campaigns that run, rest, wait for somebody or come next; None to who may not see any."""
    if not staff.reach("campaigns.manage").everywhere:
        return None
    found = campaigns.current(session, limit=SHOWN)
    begun = [one.id for one in found if one.state in ("running", "paused")]
    turns = campaigns.turns(session, begun) if begun else {}
    offers = coupons.by_ids(session, {one.coupon_id for one in found}) if found else {}
    zone = staff.house.zone
    return {
        "rows": [
            campaign_shapes.row(one, offers[one.coupon_id].name, "", turns.get(one.id), zone) for one in found
        ],
        "is_moving": any(one.state == "running" for one in found),
        "url": url_for("console_campaigns.index"),
        "new_url": url_for("console_campaigns.new"),
    }


def _waiter(row: chats.Row, zone: str, now: dt.datetime) -> dict[str, Any]:
    since = row.waiting_since or now
    return {
        **row_view(row, zone),
        "waits": format_timedelta(now - since, locale=get_locale()),
        "since": clock.local(since, zone),
        "tone": "bad" if now - since >= LATE else "waiting",
    }
