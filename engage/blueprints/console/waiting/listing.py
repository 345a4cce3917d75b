"""Who waits, in their turn; one wish in the drawer, with the free times that fit it."""

from __future__ import annotations

from typing import Any, Final

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.blueprints.console.people_words import described
from engage.blueprints.console.subnav import appointments_pages
from engage.blueprints.console.waiting.blueprint import PERMISSION, bp, visible
from engage.blueprints.faces import moment
from engage.blueprints.guard import Staff
from engage.blueprints.waiting_words import later_of, when_of
from engage.booking.queries import waiting as queries
from engage.booking.queries.waiting import WishRow
from engage.booking.rules import STAFF, Slot
from engage.booking.rules.waiting import ENDINGS, WISH_STATES, WISH_TONES
from engage.clinic import queries as clinic
from engage.kernel import clock
from engage.kernel.db import unit_of_work
from engage.patients import queries as patients

# So many wishes that ended lately are shown, and so many times that fit one.
ENDED: Final = 20
FITTING: Final = 6


@bp.view("", permission=PERMISSION)
def index(staff: Staff) -> ResponseReturnValue:
    """Show who waits, or whose waiting ended lately."""
    ended = request.args.get("state") == "ended"
    trail = [cursor for cursor in request.args.get("page", "").split(".") if cursor]
    scope = staff.scope(PERMISSION)
    stores = None if scope.everywhere else scope.store_ids
    with unit_of_work() as session:
        if ended:
            rows, after = queries.lately_over(session, stores, limit=ENDED), None
        else:
            page = queries.the_list(session, stores, cursor=trail[-1] if trail else None)
            rows, after = page.items, page.next
        waiting = queries.count_waiting(session, stores)
    view = {
        "rows": [_line(row) for row in rows],
        "ended": ended,
        "states": [
            {"label": gettext("On the list"), "url": url_for("console_waiting.index"), "current": not ended},
            {
                "label": gettext("Ended lately"),
                "url": url_for("console_waiting.index", state="ended"),
                "current": ended,
            },
        ],
        "waiting": waiting,
        "new_url": url_for("console_waiting.new"),
        "newer_url": _page(trail[:-1]) if trail else "",
        "older_url": _page([*trail, after]) if after else "",
        "subnav": appointments_pages(staff),
    }
    return render_template("console/waiting/list.html", view=view)


@bp.view("/<int:wish_id>", permission=PERMISSION)
def show(staff: Staff, wish_id: int) -> ResponseReturnValue:
    """Show one wish, and what is free for it."""
    return sheet(staff, wish_id)


def sheet(staff: Staff, wish_id: int, *, notice: str = "") -> str:
    """Draw one wish as it is now; `notice` says what could not be done with it."""
    now = clock.now()
    with unit_of_work() as session:
        wish = visible(session, staff, wish_id)
        (row,) = queries.wish_rows(session, [wish])
        patient = patients.patient(session, wish.patient_id)
        waits = wish.state == "waiting"
        free = queries.matches(session, wish.store_id, [wish], now=now)[wish.id] if waits else ()
        doctors = {doctor.id: doctor.name for doctor in clinic.doctors(session)}
        last = queries.last_offer(session, wish_id)
        later = queries.later_visit(session, row, who=STAFF, now=now)
    visit_id = last.appointment_id if last and wish.state == "booked" else None
    view = {
        **_line(row),
        "sub": described(patient),
        "notice": notice,
        "is_reachable": row.is_reachable,
        "patient_url": url_for("console_people.show", patient_id=patient.id),
        "visit_url": visit_id and url_for("console_appointments.show", appointment_id=visit_id),
        "is_waiting": waits,
        "times": [_time(slot, row, doctors) for slot in free[:FITTING]],
        "offer_url": url_for("console_waiting.offer", wish_id=wish_id),
        "answer_url": url_for("console_waiting.answer", wish_id=wish_id),
        "remove_url": url_for("console_waiting.remove", wish_id=wish_id) if wish.ended_at is None else "",
        "open": _open(row),
        "instead": later_of(later, row.zone),
    }
    return render_template("console/waiting/drawer.html", view=view)


def _line(row: WishRow) -> dict[str, Any]:
    wish, offer = row.wish, row.offer
    told = gettext(WISH_STATES[wish.state])
    if offer:
        until = clock.local(offer.expires_at, row.zone)
        told = gettext("Offered until %(time)s", time=f"{until:%H:%M}")
    return {
        "url": url_for("console_waiting.show", wish_id=wish.id),
        "patient": row.patient,
        "doctor": row.doctor or gettext("Whoever is free"),
        "store": row.store,
        "item": row.item,
        "when": when_of(row),
        "since": moment(clock.local(wish.created_at, row.zone)),
        "state": told,
        "tone": WISH_TONES[wish.state],
        "by": gettext("WeChat") if row.is_reachable else gettext("Telephone"),
        "why": gettext(ENDINGS[wish.reason]) if wish.reason in ENDINGS else "",
        "offered": moment(clock.local(offer.starts_at, row.zone)) if offer else "",
    }


def _open(row: WishRow) -> dict[str, Any] | None:
    """Give the offer that waits for an answer."""
    if row.offer is None:
        return None
    return {
        "id": row.offer.id,
        "moment": moment(clock.local(row.offer.starts_at, row.zone)),
        "doctor": row.offered_doctor or gettext("Whoever is free"),
        "until": f"{clock.local(row.offer.expires_at, row.zone):%H:%M}",
    }


def _time(slot: Slot, row: WishRow, doctors: dict[int, str]) -> dict[str, Any]:
    return {
        "value": f"{slot.doctor_id or 0} {slot.starts_at.isoformat()}",
        "label": moment(clock.local(slot.starts_at, row.zone)),
        "doctor": doctors.get(slot.doctor_id or 0) or gettext("Whoever is free"),
    }


def _page(trail: list[str]) -> str:
    return url_for("console_waiting.index", page=".".join(trail) or None)
