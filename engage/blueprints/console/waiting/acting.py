"""What the desk does with a wish: call and offer a time, note the answer, take it off the list."""

from __future__ import annotations

import datetime as dt

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.blueprints.console.waiting.blueprint import PERMISSION, bp, visible
from engage.blueprints.console.waiting.listing import sheet
from engage.blueprints.guard import Staff
from engage.blueprints.waiting_words import moving_of
from engage.booking import services
from engage.booking.errors import NotOpen, NotPossible, OfferOver, OfferStands, PatientBusy, SlotFull, Stale
from engage.booking.queries import waiting as queries
from engage.booking.services import Time
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work

REFUSED = (SlotFull, NotOpen, OfferStands, OfferOver, PatientBusy, Stale, NotPossible)


@bp.view("/<int:wish_id>/offer", permission=PERMISSION, methods=("POST",))
def offer(staff: Staff, wish_id: int) -> ResponseReturnValue:
    """Keep a time for somebody whom the desk is about to call."""
    try:
        with unit_of_work() as session:
            _demand(session, staff, wish_id)
            time = _time(request.form.get("time", ""))
            services.offer_by_hand(session, wish_id, time, by=staff.actor, now=clock.now())
    except REFUSED as refusal:
        return sheet(staff, wish_id, notice=gettext(refusal.title)), 422
    flash(gettext("Kept for 30 minutes. Please call now."), "good")
    return redirect(url_for("console_waiting.show", wish_id=wish_id), 303)


@bp.view("/<int:wish_id>/answer", permission=PERMISSION, methods=("POST",))
def answer(staff: Staff, wish_id: int) -> ResponseReturnValue:
    """Note what somebody said on the telephone: they come, move a later visit there, or do not."""
    offer_id, takes = request.form.get("offer", 0, type=int), request.form.get("answer") == "yes"
    try:
        with unit_of_work() as session:
            _demand(session, staff, wish_id)
            last = queries.last_offer(session, wish_id)
            if last is None or last.id != offer_id:
                raise OfferOver
            if takes:
                services.accept_offer(
                    session, offer_id, instead=moving_of(request.form), by=staff.actor, now=clock.now()
                )
            else:
                services.decline_offer(session, offer_id, by=staff.actor, now=clock.now())
    except REFUSED as refusal:
        return sheet(staff, wish_id, notice=gettext(refusal.title)), 422
    flash(gettext("Booked.") if takes else gettext("Declined; stays on the list."), "good")
    return redirect(url_for("console_waiting.show", wish_id=wish_id), 303)


@bp.view("/<int:wish_id>/remove", permission=PERMISSION, methods=("POST",))
def remove(staff: Staff, wish_id: int) -> ResponseReturnValue:
    """Take somebody off the list."""
    with unit_of_work() as session:
        _demand(session, staff, wish_id)
        services.leave_list(session, wish_id, by=staff.actor, now=clock.now())
    flash(gettext("Off the waiting list."), "good")
    return redirect(url_for("console_waiting.show", wish_id=wish_id), 303)


def _demand(session: Session, staff: Staff, wish_id: int) -> None:
    staff.demand(PERMISSION, visible(session, staff, wish_id).store_id)


def _time(text: str) -> Time:
    """Read a time that the drawer showed: the doctor, 0 for none, and when.

    Raises:
        NotOpen: it is none that was shown.
    """
    doctor, _, at = text.partition(" ")
    try:
        starts_at = dt.datetime.fromisoformat(at)
        doctor_id = int(doctor) or None
    except ValueError:
        raise NotOpen from None
    if starts_at.tzinfo is None or not 1970 < starts_at.year < 9999:
        raise NotOpen
    return Time(doctor_id, starts_at.astimezone(dt.UTC))
