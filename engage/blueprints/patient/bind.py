"""Binding by phone (PT-4, PT-5): a number, the code sent to it, and a name where no chart is known.

Whoever was sent here from another page (`next`) goes on there. What was asked for last stands in the
database, so that a reload, another tab or the way to the text message and back loses nothing.
"""

from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING, Any

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext, ngettext

from engage.blueprints import origin
from engage.blueprints.guard import PatientBlueprint, Visitor
from engage.blueprints.patient import agreeing, detour
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work
from engage.kernel.errors import DomainError
from engage.patients import queries, rules, services
from engage.patients.errors import CodeTooSoon, PhoneNotVerified, TooManyCodes, WrongName, WrongPhone
from engage.patients.rules import Verdict

if TYPE_CHECKING:
    from engage.patients.models import PhoneCode

bp = PatientBlueprint("patient_bind", __name__, url_prefix="/p/<account>/bind")

Errors = dict[str, list[str]]


@bp.view("")
def begin(visitor: Visitor) -> ResponseReturnValue:
    """Ask for the number; who has proven one goes on, or sees who is bound."""
    with unit_of_work() as session:
        onward = "" if "another" in request.args else _onward(session, visitor)
    return redirect(onward) if onward else _ask_phone(visitor)


@bp.view("/code", methods=("POST",))
def send_code(visitor: Visitor) -> ResponseReturnValue:
    """Send a code to the number that was typed, or once more to the last one."""
    typed = request.form.get("phone", "").strip()
    if typed and not agreeing.agrees(visitor):
        return _ask_phone(visitor, phone=typed, errors=agreeing.missing()), 422
    try:
        with unit_of_work() as session:
            asked = queries.last_code(session, visitor.fan_id)
            phone = typed or (asked.phone if asked else "")
            services.request_code(
                session,
                fan_id=visitor.fan_id,
                phone=phone,
                address=origin.address(),
                now=clock.now(),
            )
    except CodeTooSoon as refusal:
        return _too_soon(visitor, typed, refusal)
    except (WrongPhone, TooManyCodes) as refusal:
        return _ask_phone(visitor, phone=typed, errors=_sentence("phone", refusal)), refusal.status
    return redirect(_url("enter_code", visitor), 303)


@bp.view("/code")
def enter_code(visitor: Visitor) -> ResponseReturnValue:
    """Ask for the code that was sent last."""
    return _ask_code(visitor)


@bp.view("", methods=("POST",))
def check(visitor: Visitor) -> ResponseReturnValue:
    """Try the code; the right one binds the charts of the number."""
    typed, now = "".join(request.form.get("code", "").split()), clock.now()
    if not typed:
        return _ask_code(visitor, errors={"code": [gettext("Please type the code.")]}, status=422)
    with unit_of_work() as session:
        asked = queries.last_code(session, visitor.fan_id)
        verdict = rules.EXPIRED
        if asked is not None:
            verdict = services.check_code(
                session, fan_id=visitor.fan_id, phone=asked.phone, code=typed, now=now
            )
        if verdict is rules.RIGHT:
            services.bind_by_phone(session, visitor.fan_id, now=now)
            return redirect(_onward(session, visitor), 303)
    return _ask_code(visitor, code=typed, errors=_told(verdict), status=422)


@bp.view("/name")
def ask_name(visitor: Visitor) -> ResponseReturnValue:
    """Ask who comes, where the number is in no chart."""
    return _ask_name(visitor)


@bp.view("/name", methods=("POST",))
def give_name(visitor: Visitor) -> ResponseReturnValue:
    """Make a chart of this name and bind it, or the charts that the number has meanwhile."""
    name = request.form.get("name", "").strip()
    try:
        with unit_of_work() as session:
            services.chart_for_fan(session, visitor.fan_id, name, how="phone", now=clock.now())
            onward = _onward(session, visitor)
    except PhoneNotVerified:
        return redirect(_url("begin", visitor), 303)
    except WrongName as refusal:
        return _ask_name(visitor, name=name, errors=_sentence("name", refusal), status=refusal.status)
    return redirect(onward, 303)


@bp.view("/done")
def done(visitor: Visitor) -> ResponseReturnValue:
    """Show who is bound, and what can be done now."""
    with unit_of_work() as session:
        bound = queries.of_fan(session, visitor.fan_id)
    if not bound:
        return redirect(_url("begin", visitor))
    view = {
        "people": [
            {"name": patient.name, "phone": rules.masked(patient.phone) if patient.phone else ""}
            for patient in bound
        ],
        "book_url": url_for("patient_booking.choose", account=visitor.account_slug),
        "me_url": url_for("patient_me.show", account=visitor.account_slug),
        "another_url": url_for("patient_bind.begin", account=visitor.account_slug, another=1),
    }
    return render_template("patient/bind/done.html", view=view)


def _ask_phone(visitor: Visitor, *, phone: str = "", errors: Errors | None = None) -> str:
    with unit_of_work() as session:
        notice = agreeing.notice(session, visitor.fan_id)
    submit_url = url_for("patient_bind.send_code", account=visitor.account_slug)
    view = _view(visitor) | {"submit_url": submit_url, "notice": notice}
    return render_template("patient/bind/phone.html", view=view, form={"phone": phone}, errors=errors or {})


def _ask_code(
    visitor: Visitor, *, code: str = "", errors: Errors | None = None, status: int = 200
) -> ResponseReturnValue:
    """Show the code's page; who is through already, as by a second tap, goes on."""
    now = clock.now()
    with unit_of_work() as session:
        asked = queries.last_code(session, visitor.fan_id)
        onward = _onward(session, visitor) if asked and asked.used_at else ""
    if asked is None or onward:
        return redirect(onward or _url("begin", visitor), 303)
    trouble = _trouble(asked, now=now)
    view = _view(visitor) | {
        "phone": rules.masked(asked.phone),
        "over": bool(trouble),
        "wait": max(0, math.ceil((asked.created_at + rules.RESEND_AFTER - now).total_seconds())),
        "minutes": rules.CODE_LIFE // dt.timedelta(minutes=1),
        "submit_url": url_for("patient_bind.check", account=visitor.account_slug),
        "again_url": url_for("patient_bind.send_code", account=visitor.account_slug),
        "change_url": _url("begin", visitor, another=1),
    }
    shown = trouble | (errors or {})
    return render_template("patient/bind/code.html", view=view, form={"code": code}, errors=shown), status


def _ask_name(
    visitor: Visitor, *, name: str = "", errors: Errors | None = None, status: int = 200
) -> ResponseReturnValue:
    here = _url("ask_name", visitor)
    with unit_of_work() as session:
        onward = _onward(session, visitor)
    if onward != here:
        return redirect(onward or _url("begin", visitor), 303)
    view = _view(visitor) | {
        "submit_url": url_for("patient_bind.give_name", account=visitor.account_slug),
        "max": rules.NAME_LENGTH,
    }
    page = render_template("patient/bind/name.html", view=view, form={"name": name}, errors=errors or {})
    return page, status


def _too_soon(visitor: Visitor, typed: str, refusal: CodeTooSoon) -> ResponseReturnValue:
    """A second tap sees the code's page; who asks again there, or for a number of others, is told to wait."""
    with unit_of_work() as session:
        asked = queries.last_code(session, visitor.fan_id)
        is_own = asked is not None and (not typed or queries.phone_of(session, typed) == asked.phone)
    if is_own and typed:
        return redirect(_url("enter_code", visitor), 303)
    if is_own:
        return _ask_code(visitor, errors=_sentence("again", refusal), status=refusal.status)
    return _ask_phone(visitor, phone=typed, errors=_sentence("phone", refusal)), refusal.status


def _onward(session: Session, visitor: Visitor) -> str:
    """Give where a fan goes who has proven a number: to a name, back to `next`, or to who is bound.

    Nowhere, that is to proving it again, where the number's charts were unbound.
    """
    verified = queries.verified_phone(session, visitor.fan_id)
    if verified is None:
        return ""
    charts = queries.of_phone(session, verified.phone)
    if not charts:
        return _profile(visitor) or _url("ask_name", visitor)
    bound = {patient.id for patient in queries.of_fan(session, visitor.fan_id)}
    if bound.isdisjoint(chart.id for chart in charts):
        return ""
    return _next(visitor) or url_for("patient_bind.done", account=visitor.account_slug)


def _profile(visitor: Visitor) -> str:
    """Give `next` if it is the profile, which asks for the name itself: an agent makes that chart."""
    onward = _next(visitor)
    return onward if onward == url_for("patient_profile.show", account=visitor.account_slug) else ""


def _trouble(asked: PhoneCode, *, now: dt.datetime) -> Errors:
    """Say what keeps a code from being of use, seen without a try."""
    if asked.state == "failed":
        return {"code": [gettext("The message could not be sent. Please check the number or try again.")]}
    if asked.used_at or asked.tries >= rules.TRIES:
        return _told(rules.SPENT)
    return _told(rules.EXPIRED) if asked.expires_at <= now else {}


def _told(verdict: Verdict) -> Errors:
    if verdict.outcome == "wrong" and verdict.left:
        return {
            "code": [
                ngettext(
                    "This is not the code. You can try %(num)s more time.",
                    "This is not the code. You can try %(num)s more times.",
                    verdict.left,
                )
            ]
        }
    if verdict.outcome == "expired":
        return {"code": [gettext("This code is too old. Please have a new one sent.")]}
    return {"code": [gettext("This code can no longer be used. Please have a new one sent.")]}


def _sentence(field: str, refusal: DomainError) -> Errors:
    return {field: [gettext(refusal.title) % refusal.data]}


def _view(visitor: Visitor) -> dict[str, Any]:
    return {"next": _next(visitor)}


def _next(visitor: Visitor) -> str:
    """Give the page that was interrupted, if it is one of this account's."""
    return detour.own_page(request.values.get("next", ""), visitor.account_slug)


def _url(view: str, visitor: Visitor, **more: Any) -> str:
    return url_for(f"patient_bind.{view}", account=visitor.account_slug, next=_next(visitor) or None, **more)
