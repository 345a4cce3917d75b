"""One's own name, language, password and sessions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

from engage.blueprints.console.refused import sentences
from engage.blueprints.console.staff_form import person_name
from engage.blueprints.faces import LANGUAGES
from engage.blueprints.guard import ConsoleBlueprint, Staff
from engage.kernel import clock
from engage.kernel.db import unit_of_work
from engage.kernel.errors import N_
from engage.tenancy import passwords, queries, second_factor, services
from engage.tenancy.errors import LockedOut, WeakPassword

if TYPE_CHECKING:
    from engage.tenancy.models import StaffSession

bp = ConsoleBlueprint("console_profile", __name__, url_prefix="/console/profile")

MOBILES = ("iPhone", "iPad", "Android")

Errors = Mapping[str, list[str]]


class ProfileIn(Schema):
    """What a person may change of themselves."""

    class Meta:
        """Fields that are not ours, such as the form token, are left out."""

        unknown = EXCLUDE

    name = person_name()
    language = fields.String(
        required=True, validate=validate.OneOf(LANGUAGES, error=N_("Please choose a language."))
    )


@bp.view("", permission="self")
def edit(staff: Staff) -> ResponseReturnValue:
    """Show the profile."""
    return _page(staff)


@bp.view("", permission="self", methods=("POST",))
def update(staff: Staff) -> ResponseReturnValue:
    """Change name and language."""
    form = {name: request.form.get(name, "").strip() for name in ("name", "language")}
    try:
        typed: dict[str, str] = ProfileIn().load(form)
    except ValidationError as error:
        return _page(staff, form=form, errors=sentences(error)), 422
    with unit_of_work() as session:
        services.update_profile(session, staff.id, **typed, now=clock.now())
    flash(gettext("Saved."), "good")
    return redirect(url_for("console_profile.edit"), 303)


@bp.view("/password", permission="self", methods=("POST",))
def change_password(staff: Staff) -> ResponseReturnValue:
    """Change the password and end all other sessions; wrong guesses count as at the log-in."""
    current, chosen, repeated = (
        request.form.get(name, "") for name in ("current_password", "new_password", "repeat_password")
    )
    errors = _password_errors(current, chosen, repeated)
    if errors:
        return _page(staff, password_errors=errors), 422
    try:
        with unit_of_work() as session:
            known = services.begin_login(session, staff.login, now=clock.now())
    except LockedOut as refusal:
        return _page(
            staff, password_errors={"current_password": [gettext(refusal.title) % refusal.data]}
        ), 429
    if not passwords.verify(known[1] if known else None, current):
        return _page(
            staff, password_errors={"current_password": [gettext("This is not your password.")]}
        ), 422
    hashed = passwords.hash_password(chosen)
    with unit_of_work() as session:
        services.set_password(
            session,
            staff.id,
            password_hash=hashed,
            one_time=False,
            by=staff.actor,
            now=clock.now(),
            keep_session=staff.session_id,
        )
    flash(gettext("Your password is changed; your other sessions have ended."), "good")
    way_on = "console_today.index" if staff.must_change_password else "console_profile.edit"
    return redirect(url_for(way_on), 303)


@bp.view("/sessions/<int:session_id>/end", permission="self", methods=("POST",))
def end_session(staff: Staff, session_id: int) -> ResponseReturnValue:
    """End one of one's own sessions."""
    with unit_of_work() as session:
        services.end_session(session, staff.id, session_id, now=clock.now())
    flash(gettext("The session has ended."), "good")
    return redirect(url_for("console_profile.edit"), 303)


def _password_errors(current: str, chosen: str, repeated: str) -> dict[str, list[str]]:
    """Find what is wrong before any password is checked."""
    errors: dict[str, list[str]] = {}
    if not current:
        errors["current_password"] = [gettext("Please fill this in.")]
    try:
        services.check_password(chosen)
    except WeakPassword as refusal:
        errors["new_password"] = [gettext(refusal.title) % refusal.data]
    if chosen == current and "new_password" not in errors:
        errors["new_password"] = [gettext("Please choose another password than until now.")]
    if repeated != chosen:
        errors["repeat_password"] = [gettext("The two new passwords differ.")]
    return errors


def _page(
    staff: Staff,
    *,
    form: Mapping[str, str] | None = None,
    errors: Errors | None = None,
    password_errors: Errors | None = None,
) -> str:
    with unit_of_work() as session:
        sessions = queries.sessions_of(session, staff.id, now=clock.now())
        has_second_factor = second_factor.is_on(session, staff.id)
    view = {
        "second_factor": has_second_factor,
        "must_change_password": staff.must_change_password,
        "sessions": [_session(row, staff) for row in sessions],
    }
    return render_template(
        "console/profile.html",
        view=view,
        form=form or {"name": staff.name, "language": staff.language},
        errors=errors or {},
        password_errors=password_errors or {},
    )


def _session(row: StaffSession, staff: Staff) -> dict[str, Any]:
    return {
        "id": row.id,
        "device": row.browser,
        "mobile": any(name in row.browser for name in MOBILES),
        "started_at": clock.local(row.created_at, staff.house.zone),
        "last_seen_at": clock.local(row.seen_at, staff.house.zone),
        "current": row.id == staff.session_id,
    }
