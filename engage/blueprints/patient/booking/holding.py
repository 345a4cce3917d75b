"""Holding a time for five minutes, who comes and what for, and the booking itself (BK-6)."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from marshmallow import ValidationError
from werkzeug.datastructures import MultiDict

from engage.audit.services import Actor
from engage.blueprints.guard import PatientBlueprint, Visitor
from engage.blueprints.patient.booking import choosing, refusals
from engage.blueprints.patient.booking.forms import HeldIn, HeldTimeIn, KeyIn, TimeIn, sentences
from engage.blueprints.patient.booking.refusals import Choice, Road
from engage.blueprints.patient.booking.times import Place, doctor_id_of, place_of, times_url, who_of
from engage.booking import queries, services
from engage.booking.errors import KeyReused, NotOffered
from engage.booking.services import Book, Wish
from engage.clinic import queries as clinic
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work
from engage.kernel.errors import DomainError, NotFound
from engage.patients import queries as patients
from engage.patients import services as charts
from engage.patients.errors import PhoneNotVerified, TooManyCharts, WrongName

if TYPE_CHECKING:
    from engage.booking.models import Hold

bp = PatientBlueprint("patient_hold", __name__, url_prefix="/p/<account>/booking")

# What a hold books has a key that follows from the hold: a double tap books once, and the page of a
# hold that is gone finds what it became. The fan is part of every key, so that nobody can use up the
# key of another's booking.
_KEYS: Final = uuid.UUID("6f1c2a52-6a9c-4b39-9f0e-3f1f6d1d5a70")

# What is said beside a field, for another answer helps.
_FIELD_OF: Final[Mapping[type[DomainError], str]] = {
    WrongName: "name",
    TooManyCharts: "name",
    NotOffered: "item_id",
}


@bp.view("/<int:store_id>/<who>", methods=("POST",))
def hold(visitor: Visitor, store_id: int, who: str) -> ResponseReturnValue:
    """Hold the chosen time, and go on to who is coming; a lost race shows what is nearest."""
    doctor_id = doctor_id_of(who)
    try:
        wished = TimeIn().load(request.form)
    except ValidationError as error:
        page = choosing.times_page(visitor, store_id, who, form={}, errors=sentences(error))
        return page, 422
    choice = Choice(store_id, doctor_id, wished["starts_at"])
    wish = Wish(visitor.fan_id, store_id, doctor_id, choice.starts_at)
    try:
        with unit_of_work() as session:
            held = services.hold(session, wish, now=clock.now())
    except refusals.REFUSED as refusal:
        return refusals.page(Road(visitor), choice, refusal)
    return redirect(_held_url(visitor, held.id, choice), 303)


@bp.view("/held/<int:hold_id>")
def show(visitor: Visitor, hold_id: int) -> ResponseReturnValue:
    """Ask who is coming and what for, while the time is held."""
    return _show(visitor, hold_id, form=MultiDict(), errors={})


@bp.view("/held/<int:hold_id>", methods=("POST",))
def book_held(visitor: Visitor, hold_id: int) -> ResponseReturnValue:
    """Book the time that is held; if it is held no longer but still free, that too."""
    try:
        wished = HeldIn().load(request.form)
    except ValidationError as error:
        return _show(visitor, hold_id, form=request.form, errors=sentences(error))
    choice = Choice(wished["store_id"], doctor_id_of(wished["who"]), wished["starts_at"])
    wished |= {"key": _key_of(visitor, hold_id), "hold_id": hold_id}
    try:
        return _book(visitor, choice, wished)
    except tuple(_FIELD_OF) as error:
        wrong = {_FIELD_OF[type(error)]: [gettext(error.title)]}
        return _show(visitor, hold_id, form=request.form, errors=wrong)


@bp.view("/<int:store_id>/<who>/book", methods=("POST",))
def book(visitor: Visitor, store_id: int, who: str) -> ResponseReturnValue:
    """Book in one step, without a hold: time, patient and what for come together."""
    doctor_id = doctor_id_of(who)
    try:
        wished = KeyIn().load(request.form)
        wished["key"] = uuid.uuid5(wished["key"], str(visitor.fan_id))
        return _book(visitor, Choice(store_id, doctor_id, wished["starts_at"]), wished)
    except ValidationError as error:
        errors = sentences(error)
    except tuple(_FIELD_OF) as error:
        errors = {"form": [gettext(error.title)]}
    return choosing.times_page(visitor, store_id, who, form={}, errors=errors), 422


def _book(visitor: Visitor, choice: Choice, wished: dict[str, Any]) -> ResponseReturnValue:
    now, key = clock.now(), wished["key"]
    try:
        with unit_of_work() as session:
            book = Book(
                key=key,
                patient_id=_patient(session, visitor, wished, now),
                store_id=choice.store_id,
                doctor_id=choice.doctor_id,
                starts_at=choice.starts_at,
                item_id=wished["item_id"],
                complaint=wished["complaint"],
                channel="wechat",
                fan_id=visitor.fan_id,
                hold_id=wished.get("hold_id"),
            )
            made = services.book(session, book, by=Actor("fan", visitor.fan_id), now=now).id
    except PhoneNotVerified:
        hold_id = wished.get("hold_id")
        back = _held_url(visitor, hold_id, choice) if hold_id else _times_url(visitor, choice)
        return redirect(_bind_url(visitor, back, another=1), 303)
    except KeyReused:  # somebody went back and sent the form again: it is booked
        with unit_of_work() as session:
            made = _made(session, visitor, key)
    except refusals.REFUSED as refusal:
        return refusals.page(Road(visitor), choice, refusal)
    return redirect(_visit_url(visitor, made), 303)


def _patient(session: Session, visitor: Visitor, wished: Mapping[str, Any], now: dt.datetime) -> int:
    """Give who comes: one of those the visitor speaks for, or somebody new of this name."""
    patient_id: int | None = wished["patient_id"]
    if patient_id is None:
        return charts.add_relative(session, visitor.fan_id, wished["name"], now=now).id
    return patient_id


def _show(
    visitor: Visitor, hold_id: int, *, form: MultiDict[str, str], errors: dict[str, list[str]]
) -> ResponseReturnValue:
    now = clock.now()
    with unit_of_work() as session:
        held = queries.held(session, hold_id, visitor.fan_id)
        if held is None or held.expires_at <= now:
            made = queries.by_key(session, _key_of(visitor, hold_id))
            return redirect(_visit_url(visitor, made.id)) if made else _expired(visitor, held)
        people = patients.of_fan(session, visitor.fan_id)
        here = _held_url(visitor, hold_id, _choice(held))
        if not people:
            return redirect(_bind_url(visitor, here))
        place = place_of(session, held.store_id, held.doctor_id)
        is_verified = patients.verified_phone(session, visitor.fan_id) is not None
        offers = _offers(session, place)
        presets = [preset.text for preset in clinic.complaints(session)]
    view = {
        **_held_view(place, held, now),
        "times_url": _times_url(visitor, _choice(held)),
        "people": [{"id": person.id, "name": person.name} for person in people],
        "bind_url": "" if is_verified else _bind_url(visitor, here),
        "offers": offers,
        "complaints": presets,
        "submit_url": url_for("patient_hold.book_held", account=visitor.account_slug, hold_id=hold_id),
    }
    page = render_template("patient/booking/held.html", view=view, form=_typed(form), errors=errors)
    return page, 422 if errors else 200


def _held_view(place: Place, held: Hold, now: dt.datetime) -> dict[str, Any]:
    """Give the time that is held, how long still, and what the form says of it."""
    left = int((held.expires_at - now).total_seconds())
    return {
        "visit": {"moment": place.at(held.starts_at), "doctor": place.name, "store": place.store.short_name},
        "left": left,
        "left_label": f"{left // 60}:{left % 60:02}",
        "hidden": {
            "store_id": held.store_id,
            "who": place.who,
            "starts_at": clock.local(held.starts_at, place.store.zone).isoformat(),
        },
    }


def _expired(visitor: Visitor, held: Hold | None) -> ResponseReturnValue:
    """Say that the time is kept no longer; of a hold that is swept, the page's address tells which."""
    if held:
        return refusals.expired(visitor, _choice(held))
    try:
        asked = HeldTimeIn().load(request.args)
        choice = Choice(asked["store_id"], doctor_id_of(asked["who"]), asked["starts_at"])
    except (ValidationError, NotFound):
        return refusals.expired(visitor, None)
    return refusals.expired(visitor, choice)


def _typed(form: MultiDict[str, str]) -> dict[str, Any]:
    """Give what was typed, so that it stays through an error."""
    typed = {name: form.get(name, "") for name in ("patient_id", "name", "item_id", "words")}
    return typed | {"complaints": form.getlist("complaint")}


def _offers(session: Session, place: Place) -> list[dict[str, Any]]:
    """Give what a store offers, under its headings."""
    headings = {category.id: category.name for category in clinic.categories(session)}
    found = clinic.items(session, store_id=place.store.id, enabled_only=True)
    return [
        {
            "name": headings[category_id],
            "offered": [
                {"id": item.id, "name": item.name, "minutes": item.minutes, "why": item.why} for item in items
            ],
        }
        for category_id, items in groupby(found, key=lambda item: item.category_id)
    ]


def _made(session: Session, visitor: Visitor, key: uuid.UUID) -> int:
    """Give what a key booked, if it is the visitor's.

    Raises:
        NotFound: it is another's.
    """
    made = queries.by_key(session, key)
    if made is None:
        raise NotFound
    return queries.appointment(session, made.id, fan_id=visitor.fan_id).id


def _key_of(visitor: Visitor, hold_id: int) -> uuid.UUID:
    return uuid.uuid5(_KEYS, f"{visitor.house.id} {visitor.fan_id} {hold_id}")


def _choice(held: Hold) -> Choice:
    return Choice(held.store_id, held.doctor_id, held.starts_at)


def _times_url(visitor: Visitor, choice: Choice) -> str:
    return times_url(visitor, choice.store_id, who_of(choice.doctor_id))


def _held_url(visitor: Visitor, hold_id: int, choice: Choice) -> str:
    return url_for(
        "patient_hold.show",
        account=visitor.account_slug,
        hold_id=hold_id,
        store_id=choice.store_id,
        who=who_of(choice.doctor_id),
        starts_at=choice.starts_at.isoformat(),
    )


def _bind_url(visitor: Visitor, back: str, **more: Any) -> str:
    """Give the way over the phone's verification, and back; `another` asks whose proof is old too."""
    return url_for("patient_bind.begin", account=visitor.account_slug, next=back, **more)


def _visit_url(visitor: Visitor, appointment_id: int) -> str:
    return url_for("patient_visits.show", account=visitor.account_slug, appointment_id=appointment_id)
