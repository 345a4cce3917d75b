"""Binding by a code that the desk shows (PT-5): whose chart it is, and one button."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.blueprints.guard import PatientBlueprint, Visitor
from engage.blueprints.patient import agreeing
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work
from engage.kernel.errors import DomainError
from engage.patients import queries, rules, services, waiting
from engage.patients.errors import ChartErased, ChartMoved, TicketOver, TicketUsed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from engage.patients.models import BindTicket

bp = PatientBlueprint("patient_ticket", __name__, url_prefix="/p/<account>/bind/<token>")


@bp.view("")
def show(visitor: Visitor, token: str) -> ResponseReturnValue:
    """Show whose chart the code is of; who used it is led to the charts that are bound."""
    return _ask(visitor, token)


@bp.view("", methods=("POST",))
def use(visitor: Visitor, token: str) -> ResponseReturnValue:
    """Bind the chart of the code, once."""
    if not agreeing.agrees(visitor):
        return _ask(visitor, token, errors=agreeing.missing())
    try:
        with unit_of_work() as session:
            services.use_ticket(session, token, fan_id=visitor.fan_id, now=clock.now())
    except (TicketUsed, TicketOver, ChartMoved, ChartErased) as refusal:
        return _over(visitor, refusal)
    return redirect(url_for("patient_bind.done", account=visitor.account_slug), 303)


def _ask(
    visitor: Visitor, token: str, *, errors: Mapping[str, Sequence[str]] | None = None
) -> ResponseReturnValue:
    now = clock.now()
    with unit_of_work() as session:
        ticket = waiting.ticket_of(session, token)
        if _is_mine(session, ticket, visitor):
            return redirect(url_for("patient_bind.done", account=visitor.account_slug))
        patient = queries.patient(session, ticket.patient_id)
        usable = waiting.may_still_use(ticket, now) and not (patient.merged_into_id or patient.erased_at)
        name = rules.veiled(patient.name) if usable else ""
        notice = agreeing.notice(session, visitor.fan_id)
    if not usable:
        return _over(visitor, TicketUsed() if ticket.used_at else TicketOver())
    view = {
        "name": name,
        "notice": notice,
        "submit_url": url_for("patient_ticket.use", account=visitor.account_slug, token=token),
    }
    page = render_template("patient/bind/ticket.html", view=view, errors=errors or {})
    return page, 422 if errors else 200


def _is_mine(session: Session, ticket: BindTicket, visitor: Visitor) -> bool:
    used = ticket.used_by_fan_id == visitor.fan_id
    return used and queries.is_bound(session, visitor.fan_id, ticket.patient_id)


def _over(visitor: Visitor, refusal: DomainError) -> ResponseReturnValue:
    """Say why the code does not bind, and what to do."""
    title = (TicketOver if isinstance(refusal, ChartMoved | ChartErased) else type(refusal)).title
    view: dict[str, Any] = {
        "title": gettext(title),
        "phone_url": url_for("patient_bind.begin", account=visitor.account_slug, another=1),
        "me_url": url_for("patient_me.show", account=visitor.account_slug),
    }
    return render_template("patient/bind/over.html", view=view), refusal.status
