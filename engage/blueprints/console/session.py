"""Logging in and out of the console, and what the top bar remembers: store and language."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass
from typing import Final

from flask import Response, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from werkzeug.wrappers import Response as AnyResponse

from engage.blueprints.faces import LANGUAGE_COOKIE, LANGUAGES
from engage.blueprints.guard import (
    STAFF_COOKIE_SECONDS,
    ConsoleBlueprint,
    Staff,
    cookie_options,
    cookie_value,
    current_staff,
    staff_cookie,
)
from engage.chat import presence
from engage.kernel import clock, directory, ids
from engage.kernel.db import Session, tenant_scope, unit_of_work
from engage.kernel.errors import DomainError, NotAllowed, NotLoggedIn
from engage.tenancy import passwords, queries, second_factor, services
from engage.tenancy.errors import LockedOut, WrongCode, WrongLogin

bp = ConsoleBlueprint("console_session", __name__, url_prefix="/console")

HALF_WAY: Final = "second_step"
HALF_WAY_LIFE: Final = dt.timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Known:
    """Whose password fitted; `password` tells whether it is still the same."""

    tenant_id: int
    staff_id: int
    login: str
    password: str
    asks_for_code: bool


@bp.open("/login", reason="the log-in itself")
def login() -> ResponseReturnValue:
    """Show the form; somebody who is logged in goes on."""
    following = request.args.get("next", "")
    try:
        current_staff()
    except NotLoggedIn:
        return render_template("console/login.html", form={"next": following}, errors={}, refusal="")
    return redirect(_safe(following))


@bp.open("/login", reason="the log-in itself", methods=("POST",))
def log_in() -> ResponseReturnValue:
    """Check the password and open a session with a new id."""
    form = {name: request.form.get(name, "") for name in ("username", "next")}
    password = request.form.get("password", "")
    errors = {
        name: [gettext("Please fill this in.")]
        for name, value in (("username", form["username"]), ("password", password))
        if not value.strip()
    }
    if errors:
        return render_template("console/login.html", form=form, errors=errors, refusal=""), 422
    try:
        known = _known(form["username"].strip().lower(), password)
        return _ask_for_code(known, form["next"]) if known.asks_for_code else _enter(known, form["next"])
    except (WrongLogin, LockedOut) as refusal:
        return _refuse(form, refusal)


@bp.open("/login/code", reason="the second half of the log-in")
def code() -> ResponseReturnValue:
    """Ask for the code of the authenticator app; who has not typed the password is led to it."""
    half = _half_way()
    if half is None:
        return redirect(url_for("console_session.login"))
    return render_template("console/login_code.html", login=half[0].login, errors={})


@bp.open("/login/code", reason="the second half of the log-in", methods=("POST",))
def check_code() -> ResponseReturnValue:
    """Check the code; wrong ones count as wrong passwords do."""
    half = _half_way()
    if half is None:
        return redirect(url_for("console_session.login"), 303)
    known, following = half
    try:
        _check_code(known, request.form.get("code", ""))
        return _enter(known, following)
    except WrongLogin:
        session.pop(HALF_WAY)
        return redirect(url_for("console_session.login"), 303)
    except (WrongCode, LockedOut) as refusal:
        errors = {"code": [gettext(refusal.title) % refusal.data]}
        page = render_template("console/login_code.html", login=known.login, errors=errors)
        return page, refusal.status


def _check_code(known: Known, typed: str) -> None:
    """Count the attempt, then look at the code: many at once come no further than one after the other.

    Raises:
        LockedOut: too many wrong passwords and codes in a row.
        WrongLogin: the person was disabled, or the password changed, since it was typed.
        WrongCode: the code is wrong or was used.
    """
    with tenant_scope(known.tenant_id):
        with unit_of_work() as work:
            found = services.begin_login(work, known.login, now=clock.now())
        if found is None or ids.digest(found[1]) != known.password:
            raise WrongLogin
        with unit_of_work() as work:
            if not second_factor.accepts(work, known.staff_id, typed, now=clock.real_now()):
                raise WrongCode


def _ask_for_code(known: Known, following: str) -> ResponseReturnValue:
    until = (clock.real_now() + HALF_WAY_LIFE).timestamp()
    session[HALF_WAY] = {**asdict(known), "next": following, "until": until}
    return redirect(url_for("console_session.code"), 303)


def _half_way() -> tuple[Known, str] | None:
    """Give whose password was typed here a moment ago, and where they wanted to go."""
    kept = dict(session.get(HALF_WAY, {}))
    if kept.pop("until", 0) < clock.real_now().timestamp():
        return None
    following: str = kept.pop("next")
    return Known(**kept), following


def _enter(known: Known, following: str) -> ResponseReturnValue:
    """Open a session with a new id and go on to where the person wanted to go.

    Raises:
        WrongLogin: the person was disabled meanwhile.
    """
    with tenant_scope(known.tenant_id), unit_of_work() as work:
        token = services.finish_login(work, known.staff_id, browser=_browser(), now=clock.now())
        _note_presence(work, token)
    session.clear()
    answer = redirect(_safe(following), 303)
    value = cookie_value(known.tenant_id, token)
    answer.set_cookie(staff_cookie(), value, max_age=STAFF_COOKIE_SECONDS, **cookie_options())
    return answer


def _known(login: str, password: str) -> Known:
    """Give whose log-in and password these are.

    Raises:
        WrongLogin: unknown, disabled, or the password does not fit.
        LockedOut: too many wrong passwords in a row.
    """
    with unit_of_work() as work:
        tenant_id = directory.tenant_of(work, "login", login)
    if tenant_id is None:
        passwords.verify(None, password)
        raise WrongLogin
    with tenant_scope(tenant_id):
        with unit_of_work() as work:
            found = services.begin_login(work, login, now=clock.now())
        if not passwords.verify(found[1] if found else None, password) or found is None:
            raise WrongLogin
        with unit_of_work() as work:
            asks_for_code = second_factor.is_on(work, found[0])
    return Known(tenant_id, found[0], login, ids.digest(found[1]), asks_for_code)


def _note_presence(work: Session, token: str) -> None:
    opened = queries.live_session(work, ids.digest(token), now=clock.now())
    if opened is not None:
        row, person, _ = opened
        presence.beat(work, person.id, row.id, now=clock.now())


def _refuse(form: dict[str, str], refusal: DomainError) -> ResponseReturnValue:
    sentence = gettext(refusal.title) % refusal.data
    return render_template("console/login.html", form=form, errors={}, refusal=sentence), refusal.status


@bp.view("/logout", permission="self", methods=("POST",))
def logout(staff: Staff) -> ResponseReturnValue:
    """End this session."""
    with unit_of_work() as work:
        services.end_session(work, staff.id, staff.session_id, now=clock.now())
        presence.leave(work, staff.session_id)
    session.clear()
    answer = redirect(url_for("console_session.login"), 303)
    answer.delete_cookie(staff_cookie(), path="/")
    return answer


@bp.view("/store", permission="self", methods=("POST",))
def switch_store(staff: Staff) -> ResponseReturnValue:
    """Narrow the console to one of the person's stores, or widen it to all of them."""
    store_id = request.form.get("store_id", type=int)
    if store_id is not None and store_id not in {store.id for store in staff.stores}:
        raise NotAllowed
    with unit_of_work() as work:
        services.choose_store(work, staff.session_id, store_id)
    return redirect(_safe(request.form.get("next", "")), 303)


@bp.open("/language", reason="the log-in page has the switch too", methods=("POST",))
def switch_language() -> ResponseReturnValue:
    """Remember the language, on the person where there is one, else in the browser."""
    chosen = request.form.get("locale", "")
    answer = redirect(_safe(request.form.get("next", "")), 303)
    if chosen in LANGUAGES:
        _remember(chosen, answer)
    return answer


def _remember(chosen: str, answer: Response | AnyResponse) -> None:
    answer.set_cookie(LANGUAGE_COOKIE, chosen, max_age=365 * 24 * 3600, **cookie_options())
    try:
        staff = current_staff()
    except NotLoggedIn:
        return
    with tenant_scope(staff.house.id), unit_of_work() as work:
        services.update_profile(work, staff.id, name=staff.name, language=chosen, now=clock.now())


def _safe(following: str) -> str:
    """Give a page of this console; an address elsewhere is not followed."""
    if not following.startswith("/console/") or "\\" in following or not following.isprintable():
        return url_for("console_today.index")
    return following


def _browser() -> str:
    """Name the browser and system roughly, so that a person knows their own log-ins."""
    agent = request.user_agent.string
    browser = next((name for name in ("Edg", "Firefox", "Chrome", "Safari") if name in agent), "Browser")
    system = next(
        (name for name in ("iPhone", "iPad", "Android", "Windows", "Mac OS", "Linux") if name in agent), ""
    )
    return f"{'Edge' if browser == 'Edg' else browser} · {system}".rstrip(" ·")
