"""A fan's own page: name and picture where they agreed to show them, and their visits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from flask import Response, current_app, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.blueprints.faces import moment
from engage.blueprints.guard import PatientBlueprint, Visitor
from engage.booking import queries
from engage.booking.rules import STATES, TONES
from engage.clinic import queries as clinic
from engage.fans import queries as fans
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work
from engage.kernel.errors import NotFound
from engage.kernel.files import Files
from engage.wechat import pictures

if TYPE_CHECKING:
    from engage.booking.models import Appointment

bp = PatientBlueprint("patient_me", __name__, url_prefix="/p/<account>/me")

SHOWN = 20


@bp.view("", profile=True)
def show(visitor: Visitor) -> ResponseReturnValue:
    """Show who the fan is to us, and the visits booked by them."""
    with unit_of_work() as session:
        fan = fans.fan(session, visitor.fan_id)
        found = queries.of_fan(session, fan.id, now=clock.now(), limit=SHOWN)
        coming, earlier = (_visits(session, visitor, appointments) for appointments in found)
    view = {
        "name": fan.nickname or "",
        "avatar_url": url_for("patient_me.avatar", account=visitor.account_slug) if fan.avatar else "",
        "book_url": url_for("patient_booking.choose", account=visitor.account_slug),
        "coming": coming,
        "earlier": earlier,
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


def _visits(session: Session, visitor: Visitor, found: Sequence[Appointment]) -> list[dict[str, Any]]:
    stores = {store.id: store for store in clinic.stores(session)}
    doctors, _ = clinic.names(session, {row.doctor_id for row in found}, ())
    return [
        {
            "url": url_for(
                "patient_booking.show", account=visitor.account_slug, appointment_id=appointment.id
            ),
            "moment": moment(clock.local(appointment.starts_at, stores[appointment.store_id].zone)),
            "name": appointment.patient_name,
            "doctor": doctors[appointment.doctor_id],
            "store": stores[appointment.store_id].short_name,
            "state": {"tone": TONES[appointment.state], "label": gettext(STATES[appointment.state])},
        }
        for appointment in found
    ]
