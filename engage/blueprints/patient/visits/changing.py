"""Moving a visit to another time, doctor or store, and cancelling it (BK-7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from babel.dates import format_timedelta
from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale, gettext
from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

from engage.audit.services import Actor
from engage.blueprints.guard import PatientBlueprint, Visitor
from engage.blueprints.patient import wayfinding
from engage.blueprints.patient.booking import refusals
from engage.blueprints.patient.booking.choosing import doctors_url, kept_time, strip_view
from engage.blueprints.patient.booking.forms import HeldTimeIn, sentences
from engage.blueprints.patient.booking.refusals import Choice, Road
from engage.blueprints.patient.booking.times import Place, days_of, doctor_id_of, place_of, times_url, who_of
from engage.blueprints.patient.visits.showing import ticket, visit_page, visit_url
from engage.booking import queries, services
from engage.booking.errors import NotOffered, NotPossible, Stale, TooLate
from engage.booking.queries import Row
from engage.booking.rules import PATIENT, Action, actions
from engage.booking.services import Change
from engage.clinic import queries as clinic
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work
from engage.kernel.errors import N_

if TYPE_CHECKING:
    from engage.clinic.models import Store

bp = PatientBlueprint(
    "patient_changes", __name__, url_prefix="/p/<account>/appointments/<int:appointment_id>"
)

REASONS: Final = {
    "time": N_("The time does not suit any more"),
    "better": N_("It is better, I need no visit now"),
    "ill": N_("I am ill or away"),
    "elsewhere": N_("I am going elsewhere"),
}


# What it means to cancel when others can hardly be told: nothing is held against anybody (BK-16).
LATE: Final = N_(
    "So short before the visit the time can hardly be given to somebody else. Thank you for telling us."
)


class MoveIn(HeldTimeIn):
    """Where a visit moves to, and the version that was seen."""

    version = fields.Integer(required=True)


class CancelIn(Schema):
    """Why a visit is cancelled, if somebody wants to say."""

    class Meta:
        """Fields that are not ours, such as the form token, are left out."""

        unknown = EXCLUDE

    version = fields.Integer(required=True)
    reason = fields.String(load_default="", validate=validate.OneOf(["", *REASONS]))
    words = fields.String(
        load_default="", validate=validate.Length(max=200, error=N_("At most 200 characters."))
    )


@bp.view("/change")
def change(visitor: Visitor, appointment_id: int) -> ResponseReturnValue:
    """Ask for another time; the store and the doctor stay unless others are asked for."""
    return _times_page(visitor, appointment_id, errors={})


@bp.view("/change", methods=("POST",))
def move(visitor: Visitor, appointment_id: int) -> ResponseReturnValue:
    """Move the visit."""
    try:
        wished = MoveIn().load(request.form)
    except ValidationError as error:
        return _times_page(visitor, appointment_id, errors=sentences(error))
    choice = Choice(wished["store_id"], doctor_id_of(wished["who"]), wished["starts_at"])
    wish = Change(appointment_id, wished["version"], choice.store_id, choice.doctor_id, choice.starts_at)
    try:
        with unit_of_work() as session:
            services.change(session, wish, by=Actor("fan", visitor.fan_id), now=clock.now())
    except TooLate:
        return _too_late(visitor, appointment_id)
    except (Stale, NotPossible) as refusal:
        return visit_page(visitor, appointment_id, notice=gettext(refusal.title)), 409
    except (*refusals.REFUSED, NotOffered) as refusal:
        return refusals.page(Road(visitor, appointment_id, wish.version), choice, refusal)
    return redirect(visit_url(visitor, appointment_id), 303)


@bp.view("/cancel")
def ask(visitor: Visitor, appointment_id: int) -> ResponseReturnValue:
    """Ask why, and whether moving would do."""
    return _cancel_page(visitor, appointment_id, form={}, errors={})


@bp.view("/cancel", methods=("POST",))
def cancel(visitor: Visitor, appointment_id: int) -> ResponseReturnValue:
    """Cancel the visit."""
    try:
        wished = CancelIn().load(request.form)
    except ValidationError as error:
        form = request.form.to_dict()
        return _cancel_page(visitor, appointment_id, form=form, errors=sentences(error))
    reason = " · ".join(filter(None, (gettext(REASONS.get(wished["reason"], "")), wished["words"].strip())))
    by = Actor("fan", visitor.fan_id)
    try:
        with unit_of_work() as session:
            services.cancel(session, appointment_id, wished["version"], reason, by=by, now=clock.now())
    except (Stale, NotPossible) as refusal:
        return visit_page(visitor, appointment_id, notice=gettext(refusal.title)), 409
    return redirect(visit_url(visitor, appointment_id), 303)


def _times_page(
    visitor: Visitor, appointment_id: int, *, errors: dict[str, list[str]]
) -> ResponseReturnValue:
    now = clock.now()
    with unit_of_work() as session:
        row, _store, may = _visit(session, visitor, appointment_id)
        if "change" not in may:
            return _not_any_more(visitor, appointment_id, may)
        place = _asked_place(session, row)
        own_day = clock.local(row.starts_at, place.store.zone).date().isoformat()
        days = days_of(session, place, asked=request.args.get("day", "") or own_day, now=now)
        kept = kept_time(session, visitor, place, now)
    is_same = (row.store_id, row.doctor_id) == (place.store.id, place.doctor_id)
    view = {
        **strip_view(visitor, days, times_url(visitor, place.store.id, place.who, appointment_id)),
        "parts": days.parts(booked=row.starts_at if is_same else None, kept=kept),
        "moving": {"moment": place.at(row.starts_at), "asks": days.approval},
        "hidden": {"version": row.version, "store_id": place.store.id, "who": place.who},
        "submit_url": url_for("patient_changes.move", account=visitor.account_slug, appointment_id=row.id),
        "other_url": doctors_url(visitor, place.store.id, appointment_id),
        "others": [],
        "waiting_url": "",
    }
    page = render_template("patient/booking/times.html", view=view, form={}, errors=errors)
    return page, 422 if errors else 200


def _cancel_page(
    visitor: Visitor, appointment_id: int, *, form: dict[str, str], errors: dict[str, list[str]]
) -> ResponseReturnValue:
    with unit_of_work() as session:
        row, store, may = _visit(session, visitor, appointment_id)
    if "cancel" not in may:
        return _not_any_more(visitor, appointment_id, may)
    change_url = url_for("patient_changes.change", account=visitor.account_slug, appointment_id=row.id)
    view = {
        "visit": ticket(row, store),
        "version": row.version,
        "reasons": [{"value": value, "label": gettext(label)} for value, label in REASONS.items()],
        "change_url": change_url if "change" in may else "",
        "late": "" if "change" in may else gettext(LATE),
        "keep_url": visit_url(visitor, row.id),
        "submit_url": url_for("patient_changes.cancel", account=visitor.account_slug, appointment_id=row.id),
    }
    page = render_template("patient/visits/cancel.html", view=view, form=form, errors=errors)
    return page, 422 if errors else 200


def _visit(
    session: Session, visitor: Visitor, appointment_id: int
) -> tuple[Row, Store, Mapping[str, Action]]:
    """Give a visit, its store, and what the patient may do with it now."""
    row = queries.row(session, appointment_id, fan_id=visitor.fan_id)
    until = queries.terms(session, row.store_id).change_until
    may = actions(row, PATIENT, now=clock.now(), change_until=until)
    return row, clinic.store(session, row.store_id), may


def _asked_place(session: Session, row: Row) -> Place:
    """Give the store and doctor asked for in the address or by the form, else those of the visit."""
    asked = request.values
    store_id = asked.get("store", type=int) or asked.get("store_id", type=int)
    who = asked.get("doctor") or asked.get("who") or who_of(row.doctor_id)
    stays = store_id in (None, row.store_id)
    return place_of(session, store_id or row.store_id, doctor_id_of(who), hidden_too=stays)


def _not_any_more(visitor: Visitor, appointment_id: int, may: Mapping[str, Action]) -> ResponseReturnValue:
    """Say that it is too late to move a visit, or that it is over."""
    if "cancel" in may:
        return _too_late(visitor, appointment_id)
    return visit_page(visitor, appointment_id, notice=gettext(NotPossible.title)), 409


def _too_late(visitor: Visitor, appointment_id: int) -> tuple[str, int]:
    """Say that moving is for the store now, and how to reach it."""
    with unit_of_work() as session:
        row, store, _may = _visit(session, visitor, appointment_id)
        until = queries.terms(session, row.store_id).change_until
    call_url = wayfinding.call_url(store)
    ways = [
        {"label": gettext("Back to the visit"), "url": visit_url(visitor, row.id), "primary": not call_url}
    ]
    if call_url:
        ways.insert(
            0, {"label": gettext("Call %(phone)s", phone=store.phone), "url": call_url, "primary": True}
        )
    view = {
        "tone": "waiting",
        "icon": "phone",
        "title": gettext("Please call us to move this visit"),
        "lead": gettext(
            "%(moment)s is less than %(length)s away. The store sees at once what is free.",
            moment=ticket(row, store)["moment"],
            length=format_timedelta(until, locale=get_locale()),
        ),
        "ways": ways,
        "alternatives": [],
    }
    return render_template("patient/booking/refused.html", view=view), 409
