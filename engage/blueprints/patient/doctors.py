"""The chain's doctors: who they are, where they see patients, and when next (BK-3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import render_template, url_for
from flask.typing import ResponseReturnValue

from engage.blueprints.faces import moment
from engage.blueprints.guard import PatientBlueprint, Visitor
from engage.blueprints.patient.booking.times import times_url, who_of
from engage.blueprints.patient.store_list import photo_url
from engage.booking import queries as booking
from engage.clinic import queries as clinic
from engage.kernel import clock
from engage.kernel.db import unit_of_work

if TYPE_CHECKING:
    from engage.clinic.models import Doctor

bp = PatientBlueprint("patient_doctors", __name__, url_prefix="/p/<account>/doctors")


@bp.view("")
def index(visitor: Visitor) -> ResponseReturnValue:
    """Show the doctors whom patients may choose, and the experts, in the clinic's order."""
    with unit_of_work() as session:
        doctors = [one for one in clinic.doctors(session) if _is_open(one)]
    view = {
        "doctors": [
            _words(visitor, one)
            | {"url": url_for("patient_doctors.show", account=visitor.account_slug, doctor_id=one.id)}
            for one in doctors
        ],
        "stores_url": url_for("patient_stores.index", account=visitor.account_slug),
    }
    return render_template("patient/doctors/list.html", view=view)


@bp.view("/<int:doctor_id>")
def show(visitor: Visitor, doctor_id: int) -> ResponseReturnValue:
    """Show one doctor: portrait, words, and the next free times at each store."""
    now, account = clock.now(), visitor.account_slug
    with unit_of_work() as session:
        doctor = clinic.doctor(session, doctor_id)
        stores = clinic.shown_stores(session)
        free = booking.next_free(session, doctor_id, stores, now=now)
    places = [
        {
            "name": store.short_name,
            "url": url_for("patient_stores.show", account=account, store_id=store.id),
            "times": [
                {
                    "label": moment(local := clock.local(at, store.zone)),
                    "url": times_url(visitor, store.id, who_of(doctor_id), day=local.date().isoformat()),
                }
                for at in (free[store.id] if doctor.bookable else ())
            ],
        }
        for store in stores
        if store.id in free
    ]
    soonest = min(
        (store for store in stores if doctor.bookable and free.get(store.id)),
        key=lambda store: free[store.id][0],
        default=None,
    )
    view = {
        "doctor": _words(visitor, doctor) | {"introduction": doctor.introduction},
        "bookable": doctor.bookable,
        "places": places,
        "book_url": times_url(visitor, soonest.id, who_of(doctor_id)) if soonest else "",
        "doctors_url": url_for("patient_doctors.index", account=account),
        "stores_url": url_for("patient_stores.index", account=account),
    }
    return render_template("patient/doctors/show.html", view=view)


def _is_open(doctor: Doctor) -> bool:
    return doctor.bookable or doctor.is_expert


def _words(visitor: Visitor, doctor: Doctor) -> dict[str, Any]:
    return {
        "name": doctor.name,
        "title": doctor.title,
        "good_at": doctor.good_at,
        "is_expert": doctor.is_expert,
        "portrait_url": photo_url(visitor.account_slug, doctor.portrait),
    }
