"""The second factor of one's own log-in: set up with an authenticator app, and turned off (PL-2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.blueprints import qr
from engage.blueprints.guard import ConsoleBlueprint, Staff
from engage.kernel import clock
from engage.kernel.db import unit_of_work
from engage.kernel.errors import DomainError
from engage.tenancy import second_factor, services
from engage.tenancy.errors import LockedOut, SecondFactorIsOn, WrongCode, WrongLogin

bp = ConsoleBlueprint("console_second_factor", __name__, url_prefix="/console/profile/second-factor")

GROUP = 4  # letters of the secret that are read at once


@bp.view("", permission="self")
def show(staff: Staff) -> ResponseReturnValue:
    """Show whether it is on, or what the app reads while it is being set up."""
    return _page(staff)


@bp.view("", permission="self", methods=("POST",))
def begin(staff: Staff) -> ResponseReturnValue:
    """Draw a secret for the app; a second press draws another."""
    try:
        with unit_of_work() as session:
            second_factor.begin(session, staff.id)
    except SecondFactorIsOn as refusal:
        flash(gettext(refusal.title), "bad")
    return redirect(url_for("console_second_factor.show"), 303)


@bp.view("/confirm", permission="self", methods=("POST",))
def confirm(staff: Staff) -> ResponseReturnValue:
    """Turn it on with the app's first code, and show the recovery codes this once."""
    try:
        with unit_of_work() as session:
            typed = request.form.get("code", "")
            codes = second_factor.confirm(session, staff.id, typed, now=clock.real_now())
    except WrongCode as refusal:
        return _page(staff, errors={"code": [gettext(refusal.title)]}), refusal.status
    return _page(staff, codes=codes)


@bp.view("/off", permission="self", methods=("POST",))
def turn_off(staff: Staff) -> ResponseReturnValue:
    """Turn it off with a code; wrong ones count as at the log-in."""
    try:
        with unit_of_work() as session:
            services.begin_login(session, staff.login, now=clock.now())
        with unit_of_work() as session:
            if not second_factor.accepts(
                session, staff.id, request.form.get("code", ""), now=clock.real_now()
            ):
                raise WrongCode
            second_factor.turn_off(session, staff.id, by=staff.actor, now=clock.now())
            services.forget_attempts(session, staff.id)
    except (WrongCode, LockedOut, WrongLogin) as refusal:
        return _page(staff, errors=_beside_the_code(refusal)), refusal.status
    flash(gettext("Your log-in asks for the password alone again."), "good")
    return redirect(url_for("console_second_factor.show"), 303)


def _beside_the_code(refusal: DomainError) -> Mapping[str, Sequence[str]]:
    return {"code": [gettext(refusal.title) % refusal.data]}


def _page(
    staff: Staff, *, codes: Sequence[str] = (), errors: Mapping[str, Sequence[str]] | None = None
) -> str:
    with unit_of_work() as session:
        secret = second_factor.secret_to_confirm(session, staff.id)
        view = {
            "is_on": second_factor.is_on(session, staff.id),
            "codes": codes,
            "codes_left": second_factor.recovery_codes_left(session, staff.id),
            "picture": "",
        }
    if secret:
        address = second_factor.address_of(
            secret, login=staff.login, issuer=f"Engage {staff.house.short_name}"
        )
        view |= {"picture": qr.picture(address), "secret": _in_groups(secret)}
    return render_template("console/second_factor.html", view=view, errors=errors or {})


def _in_groups(secret: str) -> str:
    return " ".join(secret[begin : begin + GROUP] for begin in range(0, len(secret), GROUP))
