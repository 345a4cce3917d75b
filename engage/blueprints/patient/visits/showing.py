"""Visits to look at: the list, one visit as a ticket, and as an entry for calendars."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from flask import Response, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.audit.services import Actor
from engage.blueprints import qr
from engage.blueprints.faces import moment
from engage.blueprints.guard import PatientBlueprint, Visitor
from engage.blueprints.patient import arrivals, waiting, wayfinding
from engage.blueprints.patient.booking.times import times_url, who_of
from engage.blueprints.patient.visits.first import before
from engage.blueprints.patient.visits.heads import head_of
from engage.booking import queries, services
from engage.booking.calendar import Entry, ics
from engage.booking.errors import NotPossible, Stale
from engage.booking.queries import Row
from engage.booking.queries import waiting as wishes
from engage.booking.rules import LIVE, OPEN, PATIENT, STATES, TONES, Action, actions
from engage.clinic import queries as clinic
from engage.kernel import clock
from engage.kernel.db import unit_of_work

if TYPE_CHECKING:
    from engage.clinic.models import Store

bp = PatientBlueprint("patient_visits", __name__, url_prefix="/p/<account>/appointments")

SHOWN = 30
A_DAY = dt.timedelta(days=1)


@bp.view("")
def index(visitor: Visitor) -> ResponseReturnValue:
    """Show the visits of everybody the fan speaks for."""
    with unit_of_work() as session:
        found = queries.of_fan(session, visitor.fan_id, now=clock.now(), limit=SHOWN)
        zones = {store.id: store.zone for store in clinic.stores(session)}
        waits = wishes.wishes_of_fan(session, visitor.fan_id)
    coming = [row for row in found[0] if row.state in LIVE]
    earlier = [*(row for row in found[0] if row.state not in LIVE), *found[1]]
    book_url = url_for("patient_booking.choose", account=visitor.account_slug)
    view = {
        "waiting": waiting.lines(visitor, waits),
        "coming": [_line(visitor, row, zones[row.store_id]) for row in coming],
        "earlier": [_line(visitor, row, zones[row.store_id]) for row in earlier],
        "book_url": book_url,
    }
    return render_template("patient/visits/list.html", view=view)


@bp.view("/<int:appointment_id>")
def show(visitor: Visitor, appointment_id: int) -> ResponseReturnValue:
    """Show one visit as a ticket."""
    return visit_page(visitor, appointment_id)


@bp.view("/<int:appointment_id>/attend", methods=("POST",))
def attend(visitor: Visitor, appointment_id: int) -> ResponseReturnValue:
    """Note that the patient promises to come at the time that the page showed."""
    by, version = Actor("fan", visitor.fan_id), request.form.get("version", 0, type=int)
    try:
        with unit_of_work() as session:
            services.act(session, appointment_id, "attend", version=version, by=by, now=clock.now())
    except (Stale, NotPossible) as refusal:
        return visit_page(visitor, appointment_id, notice=gettext(refusal.title)), 409
    return redirect(visit_url(visitor, appointment_id), 303)


@bp.view("/<int:appointment_id>.ics")
def calendar(visitor: Visitor, appointment_id: int) -> ResponseReturnValue:
    """Give a visit as an entry for the phone's calendar."""
    with unit_of_work() as session:
        visit = queries.appointment(session, appointment_id, fan_id=visitor.fan_id)
        store = clinic.store(session, visit.store_id)
    entry = Entry(
        tenant_id=visitor.house.id,
        appointment_id=visit.id,
        version=visit.version,
        state=visit.state,
        starts_at=visit.starts_at,
        ends_at=visit.ends_at,
        summary=gettext("Visit at %(store)s", store=store.name),
        place=", ".join(filter(None, (store.name, store.address))),
    )
    headers = {"Content-Disposition": f'attachment; filename="visit-{appointment_id}.ics"'}
    content = ics(entry, now=clock.now())
    return Response(content, content_type="text/calendar; charset=utf-8", headers=headers)


def visit_page(visitor: Visitor, appointment_id: int, *, notice: str = "") -> str:
    """Show one visit; `notice` says what could not be done with it just now."""
    now = clock.now()
    with unit_of_work() as session:
        row = queries.row(session, appointment_id, fan_id=visitor.fan_id)
        ended = queries.appointment(session, appointment_id)
        store = clinic.store(session, row.store_id)
        until = queries.terms(session, store.id).change_until
        told_before = before(session, row, store)
    head, may = head_of(row, ended, now=now), actions(row, PATIENT, now=now, change_until=until)
    view = {
        "head": {
            "tone": head.tone,
            "icon": head.icon,
            "title": gettext(head.title),
            "lead": gettext(head.lead),
        },
        "is_over": head.is_over,
        "notice": notice,
        "visit": ticket(row, store),
        "store_url": url_for("patient_stores.show", account=visitor.account_slug, store_id=store.id),
        "tools": _tools(visitor, row, store, now),
        "before": told_before,
        "line_url": arrivals.wait_url(visitor, row.id) if row.state == "checked_in" else "",
        "desk_code": _desk_code(row, store, now),
        "next": _next(row, store, now, but=[line["words"] for line in told_before]),
        "acts": _acts(visitor, row, store, may),
        "main": _main(visitor, row, may) or _again(visitor, row, store, ended.cancelled_by, now),
    }
    return render_template("patient/visits/show.html", view=view)


def ticket(row: Row, store: Store) -> dict[str, Any]:
    """Give a visit's facts as patients see them."""
    return {
        "moment": moment(clock.local(row.starts_at, store.zone)),
        "state": state_of(row),
        "name": row.patient_name,
        "doctor": row.doctor,
        "item": row.item,
        "complaint": row.complaint,
        "store": store.short_name,
        "address": store.address,
    }


def state_of(row: Row) -> dict[str, str]:
    """Give a visit's state as a colour and a word."""
    return {"tone": TONES[row.state], "label": gettext(STATES[row.state])}


def visit_url(visitor: Visitor, appointment_id: int) -> str:
    """Give a visit's page."""
    return url_for("patient_visits.show", account=visitor.account_slug, appointment_id=appointment_id)


def _desk_code(row: Row, store: Store, now: dt.datetime) -> str:
    """Give the code that the front desk scans, on the day of the visit."""
    is_today = clock.local(row.starts_at, store.zone).date() == clock.local(now, store.zone).date()
    if row.state != "confirmed" or not is_today:
        return ""
    page = url_for("console_appointments.show", appointment_id=row.id)
    return qr.picture(f"{current_app.config['PUBLIC_URL']}{page}")


def _line(visitor: Visitor, row: Row, zone: str) -> dict[str, Any]:
    return {
        "url": visit_url(visitor, row.id),
        "moment": moment(clock.local(row.starts_at, zone)),
        "name": row.patient_name,
        "doctor": row.doctor,
        "store": row.store,
        "state": state_of(row),
    }


def _tools(visitor: Visitor, row: Row, store: Store, now: dt.datetime) -> list[dict[str, Any]]:
    """Give what helps to get there; nothing once it is over."""
    if row.state not in LIVE or row.ends_at <= now:
        return []
    calendar_url = url_for("patient_visits.calendar", account=visitor.account_slug, appointment_id=row.id)
    tools = (
        (gettext("Route"), "map-pin", wayfinding.route_url(store), True),
        (gettext("Call"), "phone", wayfinding.call_url(store), False),
        (gettext("Add to calendar"), "calendar-plus", calendar_url, False),
    )
    return [
        {"label": label, "icon": icon, "url": url, "outside": outside}
        for label, icon, url, outside in tools
        if url
    ]


def _next(row: Row, store: Store, now: dt.datetime, *, but: Collection[str]) -> list[dict[str, str]]:
    """Say what happens until the visit, `but` what the page says elsewhere."""
    if row.state not in OPEN or row.ends_at <= now:
        return []
    steps = [_first_step(row)]
    if row.starts_at - now > A_DAY:
        steps.append(("bell", gettext("The day before we ask you in the chat whether you will come.")))
    steps += [
        ("map-pin", gettext("On the day, give your name at the front desk.")),
    ]
    if store.transport and store.transport not in but:
        steps.append(("route", store.transport))
    return [{"icon": icon, "text": text} for icon, text in steps]


def _first_step(row: Row) -> tuple[str, str]:
    """Say what the chat tells next: that the visit is booked, or what the clinic has decided."""
    if row.state == "requested":
        return "message-circle", gettext("The clinic looks at it, and answers in your chat with us.")
    return "message-circle", gettext("The confirmation comes to your chat with us.")


def _acts(visitor: Visitor, row: Row, store: Store, may: Mapping[str, Action]) -> list[dict[str, str]]:
    """Give what else can be done with a visit. Where it is too late to move it here, the store can."""
    account, acts = visitor.account_slug, []
    if "change" in may:
        url = url_for("patient_changes.change", account=account, appointment_id=row.id)
        acts.append((gettext("Move the visit"), "clock", url))
    elif "cancel" in may and wayfinding.call_url(store):
        label = gettext("Move it by telephone: %(phone)s", phone=store.phone)
        acts.append((label, "phone", wayfinding.call_url(store)))
    if "cancel" in may:
        url = url_for("patient_changes.ask", account=account, appointment_id=row.id)
        acts.append((gettext("Cancel the visit"), "calendar-x", url))
    if row.state in LIVE:
        acts.append(
            (gettext("Book for somebody else"), "plus", url_for("patient_booking.choose", account=account))
        )
    return [{"label": label, "icon": icon, "url": url} for label, icon, url in acts]


def _main(visitor: Visitor, row: Row, may: Mapping[str, Action]) -> dict[str, Any] | None:
    """Give the one thing to do before a visit: promise to come."""
    if "attend" not in may:
        return None
    url = url_for("patient_visits.attend", account=visitor.account_slug, appointment_id=row.id)
    why = gettext("Tell us that you will come, so that we can prepare for you.")
    return {"label": gettext("I will come"), "post": url, "hidden": {"version": row.version}, "why": why}


def _again(
    visitor: Visitor, row: Row, store: Store, cancelled_by: str | None, now: dt.datetime
) -> dict[str, Any] | None:
    """Give the one thing to do after a cancelled or past visit: book again.

    The same time, if the patient gave it back; another, if the clinic could not keep it.
    """
    account, times = visitor.account_slug, times_url(visitor, store.id, who_of(row.doctor_id))
    if row.state == "cancelled" and cancelled_by != PATIENT:
        return {"label": gettext("Book another time"), "url": times}
    if row.state == "cancelled" and row.starts_at > now:
        url = url_for("patient_hold.hold", account=account, store_id=store.id, who=who_of(row.doctor_id))
        starts_at = clock.local(row.starts_at, store.zone).isoformat()
        return {"label": gettext("Take this time again"), "post": url, "hidden": {"starts_at": starts_at}}
    if row.state in LIVE and row.ends_at > now:
        return None
    return {"label": gettext("Book again"), "url": times}
