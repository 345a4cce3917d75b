"""Making a chart and changing one (PT-3)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.audit import services as audit
from engage.blueprints.console.people.blueprint import bp
from engage.blueprints.console.people.form import BESIDE, SOURCES, empty, filled, read, typed
from engage.blueprints.console.people_words import described
from engage.blueprints.guard import Staff
from engage.clinic import queries as clinic
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work
from engage.patients import queries, rules, services
from engage.patients.errors import ChartErased, ChartMoved, StaleChart, WrongEmail, WrongName, WrongPhone
from engage.tenancy import queries as tenancy

if TYPE_CHECKING:
    from engage.patients.models import Patient

Errors = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class _Choices:
    """What the form lets one choose from."""

    stores: Mapping[int, str]
    consultants: Mapping[int, str]
    today: dt.date


@bp.view("/new", permission="people.manage")
def new(staff: Staff) -> ResponseReturnValue:
    """Show the form of somebody new."""
    with unit_of_work() as session:
        choices = _choices(session, staff)
    return _form(empty(staff.store_id), {}, choices)


@bp.view("/new", permission="people.manage", methods=("POST",))
def create(staff: Staff) -> ResponseReturnValue:
    """Make a chart. Where the phone has one already, that one is shown first: it may be the same person."""
    form = typed()
    with unit_of_work() as session:
        choices = _choices(session, staff)
        wished, errors = read(form, **_among(choices))
        errors |= _refused(session, form)
        alike = () if errors else _alike(session, form)
    if wished is None or errors:
        return _form(form, errors, choices), 422
    if alike:
        return _form(form, {}, choices, alike=alike), 422
    with unit_of_work() as session:
        made = services.create_chart(session, wished, by=staff.actor, now=clock.now())
    flash(gettext("Chart No. %(number)s is made.", number=made.number), "good")
    return redirect(url_for("console_people.show", patient_id=made.id), 303)


@bp.view("/<int:patient_id>/edit", permission="people.manage")
def edit(staff: Staff, patient_id: int) -> ResponseReturnValue:
    """Show the form filled with what is known, the phone masked; the look is audited."""
    with unit_of_work() as session:
        person = queries.patient(session, patient_id)
        choices = _choices(session, staff, person)
        if person.merged_into_id is not None or person.erased_at is not None:
            return redirect(url_for("console_people.show", patient_id=patient_id), 303)
        audit.record(
            session, "patient.viewed", by=staff.actor, subject=("patient", patient_id), now=clock.now()
        )
    return _form(filled(person), {}, choices, person=person, version=str(person.version))


@bp.view("/<int:patient_id>/edit", permission="people.manage", methods=("POST",))
def update(staff: Staff, patient_id: int) -> ResponseReturnValue:
    """Change a chart, unless somebody else did since the form was drawn."""
    form, version = typed(), request.form.get("version", "")
    with unit_of_work() as session:
        person = queries.patient(session, patient_id)
        choices = _choices(session, staff, person)
        wished, errors = read(form, **_among(choices), phone=person.phone)
        errors |= _refused(session, form)
    if wished is None or errors:
        return _form(form, errors, choices, person=person, version=version), 422
    try:
        with unit_of_work() as session:
            services.change_chart(
                session, patient_id, wished, version=_number(version), by=staff.actor, now=clock.now()
            )
    except StaleChart as refusal:
        return _stale(staff, form, choices, patient_id), refusal.status
    except (ChartMoved, ChartErased) as refusal:
        flash(gettext(refusal.title) % refusal.data, "bad")
        return redirect(url_for("console_people.show", patient_id=patient_id), 303)
    flash(gettext("Saved."), "good")
    return redirect(url_for("console_people.show", patient_id=patient_id), 303)


def _stale(staff: Staff, form: Mapping[str, str], choices: _Choices, patient_id: int) -> str:
    """Show the form as it was typed, beside it what others wrote; to save again overwrites it. A look."""
    with unit_of_work() as session:
        person = queries.patient(session, patient_id)
        audit.record(
            session, "patient.viewed", by=staff.actor, subject=("patient", patient_id), now=clock.now()
        )
    now = filled(person)
    theirs = [
        {"label": label, "value": _shown(name, now[name], choices) or gettext("empty")}
        for name, label in _labels().items()
        if now[name] != form[name]
    ]
    return _form(form, {}, choices, person=person, version=str(person.version), theirs=theirs)


def _shown(name: str, value: str, choices: _Choices) -> str:
    """Give a field's value as a person reads it."""
    words: Mapping[str, str] = {
        "sex": rules.SEXES,
        "region": rules.REGIONS,
        "store": {str(key): label for key, label in choices.stores.items()},
        "consultant": {str(key): label for key, label in choices.consultants.items()},
        "on_treatment": {"yes": "✓"},
    }.get(name, {})
    if name in {"sex", "region"} and value in words:
        return str(gettext(words[value]))
    return words.get(value, value)


def _labels() -> dict[str, str]:
    return {
        "family_name": gettext("Family name"),
        "given_name": gettext("Given name"),
        "middle_name": gettext("Middle name"),
        "email": gettext("E-mail"),
        "sex": gettext("Sex"),
        "birth_date": gettext("Date of birth"),
        "region": gettext("Region"),
        "store": gettext("Store"),
        "consultant": gettext("Consultant"),
        "on_treatment": gettext("On treatment"),
        "memo": gettext("Memo"),
    }


def _choices(session: Session, staff: Staff, person: Patient | None = None) -> _Choices:
    return _Choices(
        {store.id: store.short_name for store in clinic.stores(session)},
        tenancy.consultants(session, and_also=person.consultant_id if person else None),
        clock.local(clock.now(), staff.house.zone).date(),
    )


def _among(choices: _Choices) -> dict[str, Any]:
    return {"stores": choices.stores, "consultants": choices.consultants, "today": choices.today}


def _refused(session: Session, form: Mapping[str, str]) -> dict[str, list[str]]:
    """Say at once all that the service would refuse, one after the other: name, phone and e-mail."""
    parts = (form["family_name"], form["middle_name"], form["given_name"])
    checks: tuple[Callable[[], object], ...] = (
        lambda: rules.composed(*parts),
        lambda: form["phone"] and not form["no_phone"] and queries.phone_of(session, form["phone"]),
        lambda: form["email"] and rules.mail(form["email"]),
    )
    said = {}
    for check in checks:
        try:
            check()
        except (WrongName, WrongPhone, WrongEmail) as refusal:
            said[BESIDE[type(refusal)]] = [gettext(refusal.title)]
    return said


def _alike(session: Session, form: Mapping[str, str]) -> Sequence[Patient]:
    """Give the charts of the same phone, unless they were shown for it before."""
    phone = form["phone"]
    if not phone or request.form.get("anyway", "").strip() == phone:
        return ()
    return queries.of_phone(session, queries.phone_of(session, phone))


def _number(version: str) -> int:
    """Read the version that the form was drawn from; what nobody wrote there is none."""
    return int(version) if version.isascii() and version.isdecimal() and len(version) < 10 else 0


def _form(
    form: Mapping[str, str],
    errors: Errors,
    choices: _Choices,
    *,
    person: Patient | None = None,
    version: str = "",
    alike: Sequence[Patient] = (),
    theirs: Sequence[Mapping[str, str]] = (),
) -> str:
    view = {
        "id": person.id if person else None,
        "name": person.name if person else "",
        "phone": rules.masked(person.phone) if person and person.phone else "",
        "version": version,
        "labels": _labels(),
        "sexes": _options(rules.SEXES),
        "regions": _options(rules.REGIONS),
        "sources": _options({key: rules.SOURCES[key] for key in SOURCES}),
        "stores": [{"value": str(key), "label": label} for key, label in choices.stores.items()],
        "consultants": [{"value": str(key), "label": label} for key, label in choices.consultants.items()],
        "today": choices.today.isoformat(),
        "memo_length": rules.MEMO_LENGTH,
        "alike": [
            {
                "name": one.name,
                "sub": described(one),
                "url": url_for("console_people.show", patient_id=one.id),
            }
            for one in alike
        ],
        "theirs": theirs,
    }
    return render_template("console/people/form.html", view=view, form=form, errors=errors)


def _options(labels: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"value": value, "label": gettext(label)} for value, label in labels.items()]
