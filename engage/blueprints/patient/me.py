"""A fan's own page: who they are to us, the patients they speak for, and each one's next visit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Response, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.audit.services import Actor
from engage.blueprints.faces import moment
from engage.blueprints.guard import PatientBlueprint, Visitor
from engage.booking import queries as booking
from engage.booking.queries import Row
from engage.booking.rules import OPEN, STATES, TONES
from engage.clinic import queries as clinic
from engage.fans import queries as fans
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work
from engage.kernel.errors import NotFound
from engage.kernel.files import Files
from engage.patients import queries as patients
from engage.patients import rules, services
from engage.wechat import pictures

if TYPE_CHECKING:
    from engage.patients.models import Patient

bp = PatientBlueprint("patient_me", __name__, url_prefix="/p/<account>/me")

# More than anybody has booked; the nearest of each patient is among them.
LOOKED_AT = 50


@bp.view("", profile=True)
def show(visitor: Visitor) -> ResponseReturnValue:
    """Show who the fan is to us, and for whom they speak."""
    with unit_of_work() as session:
        fan = fans.fan(session, visitor.fan_id)
        bound = patients.of_fan(session, fan.id)
        coming, _earlier = booking.of_fan(session, fan.id, now=clock.now(), limit=LOOKED_AT)
        zones = {store.id: store.zone for store in clinic.stores(session)}
    nearest = {row.patient_id: row for row in reversed(coming) if row.state in OPEN}
    account = visitor.account_slug
    view = {
        "name": fan.nickname or "",
        "avatar_url": url_for("patient_me.avatar", account=account) if fan.avatar else "",
        "people": [_person(visitor, patient, nearest.get(patient.id), zones) for patient in bound],
        "was_unbound": "unbound" in request.args,
        "book_url": url_for("patient_booking.choose", account=account),
        "coupons_url": url_for("patient_coupons.index", account=account),
        "visits_url": url_for("patient_visits.index", account=account),
        "stores_url": url_for("patient_stores.index", account=account),
        "profile_url": url_for("patient_profile.show", account=account),
        "privacy_url": url_for("patient_privacy.show", account=account),
        "bind_url": url_for("patient_bind.begin", account=account, another=1 if bound else None),
    }
    return render_template("patient/me.html", view=view)


@bp.view("/avatar")
def avatar(visitor: Visitor) -> ResponseReturnValue:
    """Give the fan's own picture; its key tells a browser whether it changed, or another fan looks."""
    with unit_of_work() as session:
        key = fans.fan(session, visitor.fan_id).avatar
    if key is None:
        raise NotFound(avatar=visitor.fan_id)
    files: Files = current_app.extensions["files"]
    content = files.get(visitor.house.id, key)
    answer = Response(
        content, content_type=pictures.kind_of(content), headers={"Cache-Control": "private, no-cache"}
    )
    answer.set_etag(key)
    return answer.make_conditional(request)


@bp.view("/patients/<int:patient_id>/unbind")
def ask_unbind(visitor: Visitor, patient_id: int) -> ResponseReturnValue:
    """Say what follows when the fan no longer speaks for a patient; the back button after it leads on."""
    with unit_of_work() as session:
        _check_was_bound(session, visitor, patient_id)
        patient = patients.patient(session, patient_id)
        is_bound = patients.is_bound(session, visitor.fan_id, patient_id)
    if not is_bound:
        return redirect(url_for("patient_me.show", account=visitor.account_slug))
    view = {
        "name": patient.name,
        "submit_url": url_for("patient_me.unbind", account=visitor.account_slug, patient_id=patient_id),
        "me_url": url_for("patient_me.show", account=visitor.account_slug),
    }
    return render_template("patient/bind/unbind.html", view=view)


@bp.view("/patients/<int:patient_id>/unbind", methods=("POST",))
def unbind(visitor: Visitor, patient_id: int) -> ResponseReturnValue:
    """Let the fan speak for a patient no more; the binding stays in the history."""
    by = Actor("fan", visitor.fan_id)
    with unit_of_work() as session:
        _check_was_bound(session, visitor, patient_id)
        services.unbind(session, fan_id=visitor.fan_id, patient_id=patient_id, by=by, now=clock.now())
    return redirect(url_for("patient_me.show", account=visitor.account_slug, unbound=1), 303)


def _check_was_bound(session: Session, visitor: Visitor, patient_id: int) -> None:
    if not patients.was_bound(session, visitor.fan_id, patient_id):
        raise NotFound(patient=patient_id)


def _person(visitor: Visitor, patient: Patient, row: Row | None, zones: dict[int, str]) -> dict[str, Any]:
    account = visitor.account_slug
    return {
        "name": patient.name,
        "phone": rules.masked(patient.phone) if patient.phone else "",
        "unbind_url": url_for("patient_me.ask_unbind", account=account, patient_id=patient.id),
        "visit": row and _visit(account, row, zones[row.store_id]),
    }


def _visit(account: str, row: Row, zone: str) -> dict[str, Any]:
    return {
        "url": url_for("patient_visits.show", account=account, appointment_id=row.id),
        "moment": moment(clock.local(row.starts_at, zone)),
        "where": " · ".join(filter(None, (row.doctor, row.store))),
        "state": {"tone": TONES[row.state], "label": gettext(STATES[row.state])},
    }
