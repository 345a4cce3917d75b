"""Staff: the list, one person in the drawer, the form, and who may log in (CR-10)."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flask import flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from marshmallow import ValidationError

from engage.blueprints.console import toasts
from engage.blueprints.console.refused import sentences
from engage.blueprints.console.staff_form import StaffIn, grant_strings, read_grants, role_rows
from engage.blueprints.console.subnav import settings_pages
from engage.blueprints.guard import ConsoleBlueprint, Staff
from engage.chat import presence
from engage.clinic import queries as clinic
from engage.kernel import clock, sealing
from engage.kernel.db import Session, unit_of_work
from engage.kernel.directory import NameTaken
from engage.kernel.errors import N_, DomainError
from engage.tenancy import passwords, queries, second_factor, services
from engage.tenancy.errors import LastOwner
from engage.tenancy.rules import ROLES, Grant
from engage.tenancy.services import StaffDetails

if TYPE_CHECKING:
    from engage.tenancy.models import Staff as Person

bp = ConsoleBlueprint("console_staff", __name__, url_prefix="/console/staff")

STATES = {"active": N_("Active"), "disabled": N_("Disabled")}
LANGUAGE_NAMES = {"zh_Hans": "中文", "en": "English"}
LONGEST_WORDS = 40
ONE_TIME = "one_time_password"

StoreNames = Mapping[int, str]


@bp.view("", permission="staff.view")
def index(staff: Staff) -> ResponseReturnValue:
    """Show a page of staff, filtered by what stands in the address."""
    state, role = _chosen("state", STATES), _chosen("role", ROLES)
    words = request.args.get("q", "").replace("\0", "").strip()[:LONGEST_WORDS]
    trail = [cursor for cursor in request.args.get("page", "").split(".") if cursor]
    with unit_of_work() as work:
        page = queries.list_staff(
            work,
            state=state or None,
            role=role or None,
            words=words,
            cursor=trail[-1] if trail else None,
        )
        grants = queries.grants_of(work, [person.id for person in page.items])
        stores = _store_names(work)
        online = presence.online(work, staff.reach("staff.view"), now=clock.now())
    kept = {key: value for key, value in {"state": state, "role": role, "q": words}.items() if value}
    view = {
        "rows": [
            _row(person, grants.get(person.id, ()), stores, staff.house.zone)
            | {"online": person.id in online}
            for person in page.items
        ],
        "q": words,
        "keep": {key: value for key, value in kept.items() if key != "q"},
        "filters": _filters(kept),
        "filtered": bool(kept),
        "newer_url": _address(kept, page=".".join(trail[:-1])) if trail else "",
        "older_url": _address(kept, page=".".join([*trail, page.next])) if page.next else "",
        "subnav": settings_pages(staff),
    }
    return render_template("console/staff/list.html", view=view)


@bp.view("/<int:staff_id>", permission="staff.view")
def show(staff: Staff, staff_id: int) -> ResponseReturnValue:
    """Show one person, in the drawer or on a page."""
    with unit_of_work() as work:
        person = queries.staff_member(work, staff_id)
        held = queries.grants_of(work, [staff_id]).get(staff_id, ())
        sessions = len(queries.sessions_of(work, staff_id, now=clock.now()))
        stores = _store_names(work)
        has_second_factor = second_factor.is_on(work, staff_id)
    view = {
        "id": person.id,
        "name": person.name,
        "login": person.login,
        "state": person.state,
        "language": LANGUAGE_NAMES[person.language],
        "last_seen_at": _local(person, staff.house.zone),
        "sessions": sessions,
        "grants": _grants(held, stores),
        "is_self": person.id == staff.id,
        "second_factor": has_second_factor,
        "one_time_password": _told_once(person.id),
    }
    return render_template("console/staff/drawer.html", view=view)


@bp.view("/new", permission="staff.manage")
def new(_staff: Staff) -> ResponseReturnValue:
    """Show an empty form."""
    return _form({"language": "zh_Hans", "grants": []}, {})


@bp.view("/new", permission="staff.manage", methods=("POST",))
def create(staff: Staff) -> ResponseReturnValue:
    """Make a member of staff with a password that works once."""
    try:
        details = _details()
    except ValidationError as error:
        return _form(_typed(), sentences(error)), 422
    password = services.one_time_password()
    hashed = passwords.hash_password(password)
    try:
        with unit_of_work() as work:
            person = services.create_staff(
                work, details, password_hash=hashed, one_time=True, by=staff.actor, now=clock.now()
            )
    except NameTaken as refusal:
        return _form(_typed(), {"login": [gettext(refusal.title)]}), 409
    _tell_once(person.id, password)
    flash(gettext("%(name)s may log in now.", name=person.name), "good")
    return redirect(url_for("console_staff.show", staff_id=person.id), 303)


@bp.view("/<int:staff_id>/edit", permission="staff.manage")
def edit(_staff: Staff, staff_id: int) -> ResponseReturnValue:
    """Show the form filled with what is known."""
    with unit_of_work() as work:
        person = queries.staff_member(work, staff_id)
        held = queries.grants_of(work, [staff_id]).get(staff_id, ())
    form = {"name": person.name, "language": person.language, "grants": grant_strings(held)}
    return _form(form, {}, person=person)


@bp.view("/<int:staff_id>/edit", permission="staff.manage", methods=("POST",))
def update(staff: Staff, staff_id: int) -> ResponseReturnValue:
    """Change name, language and roles; the log-in stays."""
    with unit_of_work() as work:
        person = queries.staff_member(work, staff_id)
    try:
        details = _details(login=person.login.partition("@")[0])
    except ValidationError as error:
        return _form(_typed(), sentences(error), person=person), 422
    try:
        with unit_of_work() as work:
            services.update_staff(work, staff_id, details, by=staff.actor, now=clock.now())
    except LastOwner as refusal:
        return _form(_typed(), {"grants": [gettext(refusal.title)]}, person=person), 409
    flash(gettext("Saved."), "good")
    return redirect(url_for("console_staff.index"), 303)


@bp.view("/<int:staff_id>/disable", permission="staff.manage", methods=("POST",))
def disable(staff: Staff, staff_id: int) -> ResponseReturnValue:
    """Keep a person from logging in."""
    try:
        with unit_of_work() as work:
            person = services.disable_staff(work, staff_id, by=staff.actor, now=clock.now())
    except LastOwner as refusal:
        return _back(staff_id, refusal=refusal)
    undo = url_for("console_staff.enable", staff_id=staff_id)
    toasts.say(gettext("%(name)s cannot log in any more.", name=person.name), undo)
    return _back(staff_id)


@bp.view("/<int:staff_id>/enable", permission="staff.manage", methods=("POST",))
def enable(staff: Staff, staff_id: int) -> ResponseReturnValue:
    """Let a person log in again."""
    with unit_of_work() as work:
        person = services.enable_staff(work, staff_id, by=staff.actor, now=clock.now())
    flash(gettext("%(name)s may log in now.", name=person.name), "good")
    return _back(staff_id)


@bp.view("/<int:staff_id>/password", permission="staff.manage", methods=("POST",))
def reset_password(staff: Staff, staff_id: int) -> ResponseReturnValue:
    """Give a person a new password that works once; one's own is changed in the profile."""
    if staff_id == staff.id:
        return redirect(url_for("console_profile.edit"), 303)
    password = services.one_time_password()
    hashed = passwords.hash_password(password)
    with unit_of_work() as work:
        services.set_password(
            work, staff_id, password_hash=hashed, one_time=True, by=staff.actor, now=clock.now()
        )
    _tell_once(staff_id, password)
    return _back(staff_id)


@bp.view("/<int:staff_id>/second-factor/off", permission="staff.manage", methods=("POST",))
def turn_off_second_factor(staff: Staff, staff_id: int) -> ResponseReturnValue:
    """Let somebody who lost the phone log in with the password alone."""
    with unit_of_work() as work:
        person = queries.staff_member(work, staff_id)
        second_factor.turn_off(work, staff_id, by=staff.actor, now=clock.now())
    flash(
        gettext("%(name)s logs in with the password alone until they set it up again.", name=person.name),
        "good",
    )
    return _back(staff_id)


def _row(person: Person, held: Sequence[Grant], stores: StoreNames, zone: str) -> dict[str, Any]:
    return {
        "id": person.id,
        "name": person.name,
        "login": person.login,
        "roles": [gettext(ROLES[role]) for role in dict.fromkeys(grant.role for grant in held)],
        "stores": _places({grant.store_id for grant in held}, stores),
        "state": person.state,
        "last_seen_at": _local(person, zone),
    }


def _grants(held: Sequence[Grant], stores: StoreNames) -> list[dict[str, Any]]:
    """Give the stores of each role, roles in the order of the table."""
    places = {role: {grant.store_id for grant in held if grant.role == role} for role in ROLES}
    return [
        {"role": gettext(ROLES[role]), "stores": _places(ids, stores)} for role, ids in places.items() if ids
    ]


def _places(store_ids: Iterable[int | None], stores: StoreNames) -> list[str]:
    """Name stores in the clinic's order; None stands for all of them."""
    wanted = set(store_ids)
    if None in wanted:
        return [gettext("All stores")]
    return [name for store_id, name in stores.items() if store_id in wanted]


def _store_names(work: Session) -> StoreNames:
    return {store.id: store.short_name for store in clinic.stores(work)}


def _local(person: Person, zone: str) -> Any:
    return clock.local(person.last_seen_at, zone) if person.last_seen_at else None


def _filters(kept: Mapping[str, str]) -> list[dict[str, Any]]:
    return [
        {"key": "state", "label": gettext("State"), "options": _options("state", STATES, kept)},
        {"key": "role", "label": gettext("Role"), "options": _options("role", ROLES, kept)},
    ]


def _chosen(key: str, known: Mapping[str, str]) -> str:
    """Give the filter's value in the address; what is not known filters nothing."""
    value = request.args.get(key, "")
    return value if value in known else ""


def _options(key: str, labels: Mapping[str, str], kept: Mapping[str, str]) -> list[dict[str, Any]]:
    current = kept.get(key, "")
    return [
        {
            "label": gettext(label),
            "url": _address(kept, **{key: value}),
            "current": value == current,
        }
        for value, label in {"": N_("All"), **labels}.items()
    ]


def _address(kept: Mapping[str, str], **changed: str) -> str:
    """Give the list's address with something changed; what is empty is left out."""
    chosen: dict[str, Any] = {key: value for key, value in {**kept, **changed}.items() if value}
    return url_for("console_staff.index", **chosen)


def _typed() -> dict[str, Any]:
    return {
        "name": request.form.get("name", "").strip(),
        "login": request.form.get("login", "").strip(),
        "language": request.form.get("language", ""),
        "grants": request.form.getlist("grants"),
    }


def _details(**known: str) -> StaffDetails:
    """Read the form; `known` is what is not typed.

    Raises:
        ValidationError: with the sentences of every wrong field.
    """
    typed: dict[str, Any] = StaffIn().load({**_typed(), **known})
    with unit_of_work() as work:
        stores = frozenset(_store_names(work))
    return StaffDetails(
        login=typed["login"],
        name=typed["name"],
        language=typed["language"],
        grants=read_grants(typed["grants"], stores),
    )


def _form(form: Mapping[str, Any], errors: Mapping[str, list[str]], *, person: Person | None = None) -> str:
    with unit_of_work() as work:
        stores = _store_names(work)
    view = {
        "id": person.id if person else None,
        "name": person.name if person else "",
        "roles": role_rows(),
        "stores": [{"id": store_id, "name": name} for store_id, name in stores.items()],
    }
    return render_template("console/staff/form.html", view=view, form=form, errors=errors)


def _back(staff_id: int, *, refusal: DomainError | None = None) -> ResponseReturnValue:
    if refusal is not None:
        flash(gettext(refusal.title), "bad")
    return redirect(url_for("console_staff.show", staff_id=staff_id), 303)


def _tell_once(staff_id: int, password: str) -> None:
    """Keep a password for the next page alone: encrypted, for the cookie can be read by its browser."""
    sealed = base64.urlsafe_b64encode(sealing.seal(password)).decode()
    session[ONE_TIME] = {"staff_id": staff_id, "sealed": sealed}


def _told_once(staff_id: int) -> str:
    kept = session.get(ONE_TIME)
    if kept is None or kept["staff_id"] != staff_id:
        return ""
    del session[ONE_TIME]
    return sealing.unseal(base64.urlsafe_b64decode(kept["sealed"]))
