"""Being at the store (BK-19): checking in by the code at the door, and whose turn it is."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final

from flask import redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.audit.services import Actor
from engage.blueprints.faces import clock_time, moment
from engage.blueprints.guard import PatientBlueprint, Visitor
from engage.blueprints.patient import wayfinding
from engage.booking import queries, services
from engage.booking.errors import NotPossible, OtherStore, TooEarly, VisitOver
from engage.booking.queries import Row, arrivals
from engage.booking.queries.arrivals import Turn
from engage.booking.rules import ARRIVE_FROM, CAME, PATIENT, actions
from engage.booking.rules.arrivals import about
from engage.clinic import queries as clinic
from engage.kernel import clock
from engage.kernel.db import unit_of_work
from engage.kernel.errors import N_, NotFound

if TYPE_CHECKING:
    from engage.clinic.models import Store

bp = PatientBlueprint("patient_arrivals", __name__, url_prefix="/p/<account>")

ASK_AT_THE_DESK: Final = N_("Please speak to the front desk.")


@bp.view("/arrive/<door>")
def show(visitor: Visitor, door: str) -> ResponseReturnValue:
    """Show today's visits at the store of a code, each with one button."""
    return _page(visitor, door)


@bp.view("/arrive/<door>/<int:appointment_id>", methods=("POST",))
def arrive(visitor: Visitor, door: str, appointment_id: int) -> ResponseReturnValue:
    """Check in; nothing is to be filled in."""
    by = Actor("fan", visitor.fan_id)
    try:
        with unit_of_work() as session:
            services.arrive(session, appointment_id, door, by=by, now=clock.now())
    except (OtherStore, TooEarly, VisitOver, NotPossible) as refusal:
        return _page(visitor, door, notice=gettext(refusal.title))
    return redirect(wait_url(visitor, appointment_id), 303)


@bp.view("/waiting-room/<int:appointment_id>")
def wait(visitor: Visitor, appointment_id: int) -> ResponseReturnValue:
    """Show whose turn it is, and about how long it takes."""
    view = _waiting(visitor, appointment_id)
    if view is None:
        return redirect(_visit_url(visitor, appointment_id))
    return render_template("patient/arrivals/wait.html", view=view)


@bp.view("/waiting-room/<int:appointment_id>/now")
def now(visitor: Visitor, appointment_id: int) -> ResponseReturnValue:
    """Give the same as it is now, for the page that asks again while it is looked at."""
    view = _waiting(visitor, appointment_id)
    return render_template("patient/arrivals/turn.html", view=view) if view else ("", 204)


def wait_url(visitor: Visitor, appointment_id: int) -> str:
    """Give the address of a visit's place in the line."""
    return url_for("patient_arrivals.wait", account=visitor.account_slug, appointment_id=appointment_id)


def _page(visitor: Visitor, door: str, *, notice: str = "") -> ResponseReturnValue:
    at = clock.now()
    with unit_of_work() as session:
        try:
            here = arrivals.store_of(session, door)
        except NotFound:
            return _over(visitor)
        stores = {store.id: store for store in clinic.stores(session)}
        today = arrivals.of_fan_today(session, visitor.fan_id, now=at)
    mine = [row for row in today if row.store_id == here]
    if not notice and len(mine) == 1 and mine[0].state in {"checked_in", "in_treatment"}:
        return redirect(wait_url(visitor, mine[0].id))
    elsewhere = [row for row in today if row.store_id != here and row.state in {"confirmed", "requested"}]
    view = {
        "store": stores[here].short_name,
        "notice": notice,
        "visits": [_visit(visitor, door, row, stores[here], at) for row in mine],
        "elsewhere": [_elsewhere(visitor, row, stores[row.store_id]) for row in elsewhere],
        "book_url": url_for("patient_booking.choose", account=visitor.account_slug),
        "visits_url": url_for("patient_visits.index", account=visitor.account_slug),
    }
    return render_template("patient/arrivals/arrive.html", view=view), 409 if notice else 200


def _over(visitor: Visitor) -> ResponseReturnValue:
    """Say that a code leads nowhere any more, and what to do."""
    view = {
        "tone": "waiting",
        "icon": "qrcode",
        "title": gettext("This code is no longer used"),
        "lead": gettext("Please scan the code that hangs at the store now, or speak to the front desk."),
        "ways": [
            {
                "label": gettext("My visits"),
                "url": url_for("patient_visits.index", account=visitor.account_slug),
                "primary": True,
            }
        ],
        "alternatives": [],
    }
    return render_template("patient/booking/refused.html", view=view), 404


def _visit(visitor: Visitor, door: str, row: Row, store: Store, at: dt.datetime) -> dict[str, Any]:
    """Give a visit of this store: a button, or a sentence why there is none."""
    may = actions(row, PATIENT, now=at)
    account = visitor.account_slug
    return {
        **_facts(row, store),
        "arrive_url": url_for("patient_arrivals.arrive", account=account, door=door, appointment_id=row.id)
        if "arrive" in may
        else "",
        "wait_url": wait_url(visitor, row.id) if row.state in {"checked_in", "in_treatment"} else "",
        "why": "" if "arrive" in may else _why(row, store, at),
    }


def _why(row: Row, store: Store, at: dt.datetime) -> str:
    """Say why somebody cannot check in, and what to do."""
    if row.state in CAME:
        return str(
            gettext("You are checked in.") if row.state != "completed" else gettext("This visit is done.")
        )
    opens_at = row.starts_at - ARRIVE_FROM
    if row.state == "confirmed" and at < opens_at:
        return str(
            gettext(
                "You can check in from %(time)s. If you are here already, please have a seat.",
                time=clock_time(clock.local(opens_at, store.zone)),
            )
        )
    if row.state == "requested":
        return str(gettext("The clinic has not confirmed this visit yet. Please speak to the front desk."))
    if row.state == "confirmed":
        return str(gettext(VisitOver.title))
    return str(gettext(ASK_AT_THE_DESK))


def _elsewhere(visitor: Visitor, row: Row, store: Store) -> dict[str, Any]:
    return {
        **_facts(row, store),
        "address": store.address,
        "route_url": wayfinding.route_url(store),
        "call_url": wayfinding.call_url(store),
        "url": _visit_url(visitor, row.id),
    }


def _facts(row: Row, store: Store) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.patient_name,
        "time": clock.local(row.starts_at, store.zone),
        "moment": moment(clock.local(row.starts_at, store.zone)),
        "doctor": row.doctor,
        "item": row.item,
        "store": store.short_name,
    }


def _waiting(visitor: Visitor, appointment_id: int) -> dict[str, Any] | None:
    """Give whose turn it is; None once there is nothing to wait for."""
    at = clock.now()
    with unit_of_work() as session:
        row = queries.row(session, appointment_id, fan_id=visitor.fan_id)
        store = clinic.store(session, row.store_id)
        turn = arrivals.turn_of(session, row, now=at) if row.state == "checked_in" else None
    if row.state not in CAME:
        return None
    return {
        **_facts(row, store),
        **_said(row, turn, at),
        "now_url": url_for("patient_arrivals.now", account=visitor.account_slug, appointment_id=row.id)
        if row.state == "checked_in"
        else "",
        "visit_url": _visit_url(visitor, row.id),
    }


def _said(row: Row, turn: Turn | None, at: dt.datetime) -> dict[str, Any]:
    """Say how things stand: called, next, or after how many and about how long."""
    if row.state != "checked_in":
        title = (
            gettext("You are being seen") if row.state == "in_treatment" else gettext("This visit is done")
        )
        return {"tone": "good", "icon": "circle-check", "title": title, "lead": "", "place": None}
    if row.called_at is not None:
        lead = (
            gettext("Please come in, %(doctor)s expects you.", doctor=row.doctor)
            if row.doctor
            else gettext("Please come in.")
        )
        return {
            "tone": "good",
            "icon": "bell",
            "title": gettext("It is your turn"),
            "lead": lead,
            "place": None,
        }
    place = turn.place if turn else 1
    minutes = about(turn.begins_at - at) if turn else 0
    lead = gettext("Please have a seat; we call you in a moment.")
    if minutes:
        lead = gettext("It takes about %(n)s minutes. Please have a seat; we call you.", n=minutes)
    return {
        "tone": "good",
        "icon": "map-pin",
        "title": gettext("You are checked in"),
        "lead": lead,
        "place": place,
        "minutes": minutes,
    }


def _visit_url(visitor: Visitor, appointment_id: int) -> str:
    return url_for("patient_visits.show", account=visitor.account_slug, appointment_id=appointment_id)
