"""The waiting list on the phone (BK-17): asking to be told, what is offered, and the answer."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any, Final

from babel.dates import get_day_names
from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale, gettext
from marshmallow import ValidationError
from werkzeug.datastructures import MultiDict

from engage.audit.services import Actor
from engage.blueprints.faces import moment
from engage.blueprints.guard import PatientBlueprint, Visitor
from engage.blueprints.patient.booking import refusals
from engage.blueprints.patient.booking.refusals import Choice, Road
from engage.blueprints.patient.booking.times import Place, doctor_id_of, place_of, times_url, who_of
from engage.blueprints.patient.waiting_heads import head_of
from engage.blueprints.waiting_words import (
    CHOOSE,
    DAYS,
    EVERY_DAY,
    PARTS,
    WishIn,
    later_of,
    moving_of,
    when_of,
)
from engage.booking import services
from engage.booking.errors import (
    NotOffered,
    NotPossible,
    OfferOver,
    Stale,
    TooLate,
    TooManyWishes,
    WindowOver,
)
from engage.booking.queries import waiting as queries
from engage.booking.queries.waiting import WishRow
from engage.booking.rules import PATIENT
from engage.booking.services import Wanted
from engage.clinic import queries as clinic
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work
from engage.kernel.errors import NotFound
from engage.patients import queries as patients

bp = PatientBlueprint("patient_waiting", __name__, url_prefix="/p/<account>/waiting")

# Fields whose sentences stand beside them.
_SHOWN: Final = frozenset({"patient_id", "weekdays", "from_date", "to_date", "item_id"})


@bp.view("/new")
def ask(visitor: Visitor) -> ResponseReturnValue:
    """Ask whom, and when somebody could come."""
    return _form(visitor, form=MultiDict(), errors={})


@bp.view("/new", methods=("POST",))
def add(visitor: Visitor) -> ResponseReturnValue:
    """Put somebody on the list."""
    try:
        wished = WishIn().load(request.form)
    except ValidationError as error:
        return _form(visitor, form=request.form, errors=_sentences(error))
    wanted = Wanted(
        key=uuid.uuid5(wished["key"], f"{visitor.fan_id}"),
        patient_id=wished["patient_id"],
        store_id=wished["store_id"],
        doctor_id=doctor_id_of(wished["doctor"]),
        window=wished["window"],
        item_id=wished["item_id"],
        fan_id=visitor.fan_id,
    )
    try:
        with unit_of_work() as session:
            made = services.add_wish(session, wanted, by=_actor(visitor), now=clock.now()).id
    except (WindowOver, TooManyWishes) as refusal:
        return _form(visitor, form=request.form, errors={"form": [gettext(refusal.title)]})
    except NotOffered as refusal:
        return _form(visitor, form=request.form, errors={"item_id": [gettext(refusal.title)]})
    return redirect(wish_url(visitor, made), 303)


@bp.view("/<int:wish_id>")
def show(visitor: Visitor, wish_id: int) -> ResponseReturnValue:
    """Show a wish, and what is offered to it."""
    return _page(visitor, wish_id)


@bp.view("/<int:wish_id>/accept", methods=("POST",))
def accept(visitor: Visitor, wish_id: int) -> ResponseReturnValue:
    """Book what is offered, or move the visit there that the form names."""
    offer_id, moving = request.form.get("offer", 0, type=int), moving_of(request.form)
    with unit_of_work() as session:
        queries.wish(session, wish_id, fan_id=visitor.fan_id)
        offer = _offer(session, wish_id, offer_id)
    try:
        with unit_of_work() as session:
            by = _actor(visitor)
            visit = services.accept_offer(session, offer_id, instead=moving, by=by, now=clock.now()).id
    except (OfferOver, Stale, TooLate, NotPossible) as refusal:
        return _page(visitor, wish_id, notice=gettext(refusal.title)), 409
    except (*refusals.REFUSED, NotOffered) as refusal:
        road = Road(visitor, moving.appointment_id, moving.version) if moving else Road(visitor)
        return refusals.page(road, Choice(offer.store_id, offer.doctor_id, offer.starts_at), refusal)
    return redirect(url_for("patient_visits.show", account=visitor.account_slug, appointment_id=visit), 303)


@bp.view("/<int:wish_id>/decline", methods=("POST",))
def decline(visitor: Visitor, wish_id: int) -> ResponseReturnValue:
    """Give back what is offered, and wait on."""
    offer_id = request.form.get("offer", 0, type=int)
    try:
        with unit_of_work() as session:
            queries.wish(session, wish_id, fan_id=visitor.fan_id)
            _offer(session, wish_id, offer_id)
            services.decline_offer(session, offer_id, by=_actor(visitor), now=clock.now())
    except OfferOver as refusal:
        return _page(visitor, wish_id, notice=gettext(refusal.title)), 409
    return redirect(wish_url(visitor, wish_id), 303)


@bp.view("/<int:wish_id>/leave", methods=("POST",))
def leave(visitor: Visitor, wish_id: int) -> ResponseReturnValue:
    """Take the wish off the list."""
    with unit_of_work() as session:
        services.leave_list(session, wish_id, by=_actor(visitor), now=clock.now())
    return redirect(wish_url(visitor, wish_id), 303)


def lines(visitor: Visitor, rows: Sequence[WishRow]) -> list[dict[str, Any]]:
    """Give wishes as the list of visits shows them."""
    return [
        {
            "url": wish_url(visitor, row.wish.id),
            "name": row.patient,
            "where": _where(row),
            "when": when_of(row),
            "offer": moment(clock.local(row.offer.starts_at, row.zone)) if row.offer else "",
        }
        for row in rows
    ]


def wish_url(visitor: Visitor, wish_id: int) -> str:
    """Give a wish's page."""
    return url_for("patient_waiting.show", account=visitor.account_slug, wish_id=wish_id)


def _form(
    visitor: Visitor, *, form: MultiDict[str, str], errors: dict[str, list[str]]
) -> ResponseReturnValue:
    store_id = request.values.get("store", type=int) or form.get("store_id", 0, type=int)
    asked = request.values.get("doctor") or form.get("doctor") or who_of(None)
    now = clock.now()
    with unit_of_work() as session:
        place = place_of(session, store_id, doctor_id_of(asked))
        people = patients.of_fan(session, visitor.fan_id)
        if not people:
            back = url_for("patient_waiting.ask", account=visitor.account_slug, store=store_id, doctor=asked)
            return redirect(url_for("patient_bind.begin", account=visitor.account_slug, next=back))
        items = clinic.items(session, store_id=store_id, enabled_only=True)
    view = {
        "doctors": _doctors(place),
        "store": place.store.short_name,
        "people": [{"id": str(person.id), "name": person.name} for person in people],
        "items": [{"id": str(item.id), "name": item.name} for item in items],
        "parts": [{"value": name, "label": gettext(words)} for name, (_b, _e, words) in PARTS.items()],
        "weekdays": sorted(get_day_names("abbreviated", locale=get_locale()).items()),
        "back_url": times_url(visitor, store_id, place.who),
        "today": clock.local(now, place.store.zone).date().isoformat(),
    }
    page = render_template(
        "patient/waiting/ask.html", view=view, form=_typed(form, place, now), errors=errors
    )
    return page, 422 if errors else 200


def _doctors(place: Place) -> list[dict[str, str]]:
    anybody = {"value": who_of(None), "label": gettext("Whoever is free")}
    if place.doctor is None:
        return [anybody]
    return [{"value": place.who, "label": place.name}, anybody]


def _typed(form: MultiDict[str, str], place: Place, now: dt.datetime) -> dict[str, Any]:
    """Give what was typed; a new form begins with two weeks, every day, at any time."""
    today = clock.local(now, place.store.zone).date()
    first = max(_date(request.args.get("day", "")) or today, today)
    return {
        "key": form.get("key") or str(uuid.uuid4()),
        "store_id": str(place.store.id),
        "doctor": form.get("doctor") or place.who,
        "patient_id": form.get("patient_id", ""),
        "item_id": form.get("item_id", ""),
        "weekdays": [int(value) for value in form.getlist("weekdays") if value.isdecimal()]
        if form
        else EVERY_DAY,
        "part": form.get("part") or "any",
        "from_date": form.get("from_date") or first.isoformat(),
        "to_date": form.get("to_date") or (first + dt.timedelta(days=DAYS)).isoformat(),
    }


def _page(visitor: Visitor, wish_id: int, *, notice: str = "") -> str:
    now = clock.now()
    with unit_of_work() as session:
        wish = queries.wish(session, wish_id, fan_id=visitor.fan_id)
        (row,) = queries.wish_rows(session, [wish])
        last = queries.last_offer(session, wish_id)
        later = queries.later_visit(session, row, who=PATIENT, now=now)
    visit_id = last.appointment_id if last and wish.state == "booked" else None
    view = {
        "head": head_of(row, last, now=now),
        "state": "open" if row.offer else wish.state,
        "notice": notice,
        "name": row.patient,
        "where": _where(row),
        "store": row.store,
        "item": row.item,
        "when": when_of(row),
        "offer": _offer_view(visitor, row) if row.offer else None,
        "instead": later_of(later, row.zone),
        "leave_url": url_for("patient_waiting.leave", account=visitor.account_slug, wish_id=wish_id),
        "visits_url": url_for("patient_visits.index", account=visitor.account_slug),
        "visit_url": visit_id
        and url_for("patient_visits.show", account=visitor.account_slug, appointment_id=visit_id),
        "times_url": times_url(visitor, wish.store_id, who_of(wish.doctor_id)),
    }
    return render_template("patient/waiting/show.html", view=view)


def _offer_view(visitor: Visitor, row: WishRow) -> dict[str, Any]:
    offer = row.offer
    if offer is None:
        raise NotFound
    account = visitor.account_slug
    return {
        "id": offer.id,
        "moment": moment(clock.local(offer.starts_at, row.zone)),
        "doctor": row.offered_doctor,
        "accept_url": url_for("patient_waiting.accept", account=account, wish_id=row.wish.id),
        "decline_url": url_for("patient_waiting.decline", account=account, wish_id=row.wish.id),
    }


def _offer(session: Session, wish_id: int, offer_id: int) -> Any:
    """Give an offer of a wish.

    Raises:
        NotFound: there is none, or it is another wish's.
    """
    found = queries.offer(session, offer_id)
    if found.wish_id != wish_id:
        raise NotFound(offer=offer_id)
    return found


def _where(row: WishRow) -> str:
    return " · ".join((row.doctor or gettext("Whoever is free"), row.store))


def _sentences(error: ValidationError) -> dict[str, list[str]]:
    """Give the sentences of each field; those of hidden ones stand above the form."""
    found: dict[str, list[str]] = {}
    said = error.messages if isinstance(error.messages, dict) else {"form": error.messages}
    for name, texts in said.items():
        listed = texts if isinstance(texts, list) else [CHOOSE]
        found.setdefault(name if name in _SHOWN else "form", []).extend(map(gettext, listed))
    return found


def _date(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None


def _actor(visitor: Visitor) -> Actor:
    return Actor("fan", visitor.fan_id)
