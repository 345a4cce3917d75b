"""The code at the desk: shown for ten minutes, and what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import current_app, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.accounts import queries as accounts
from engage.blueprints import qr
from engage.blueprints.console.bindings.blueprint import bp
from engage.blueprints.console.people_words import described, fan_called
from engage.blueprints.guard import Staff
from engage.fans import queries as fans
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work
from engage.kernel.errors import NotFound
from engage.patients import queries, rules, services, waiting

if TYPE_CHECKING:
    from engage.accounts.models import OfficialAccount
    from engage.patients.models import BindTicket


@bp.view("/patients/<int:patient_id>/code", permission="people.manage", methods=("POST",))
def make(staff: Staff, patient_id: int) -> ResponseReturnValue:
    """Make a code for a patient and show it; each time another."""
    now = clock.now()
    with unit_of_work() as session:
        patient = queries.patient(session, patient_id)
        reach = _accounts(session, staff)
        account = _chosen(reach)
        ticket, token = services.make_ticket(session, patient_id, by_staff=staff.id, now=now)
        page = url_for("patient_ticket.show", account=account.slug, token=token)
        view = {
            "name": patient.name,
            "sub": described(patient),
            "picture": qr.picture(f"{current_app.config['PUBLIC_URL']}{page}"),
            "account": account.name,
            "minutes": rules.TICKET_LIFE.seconds // 60,
            "others": [{"id": other.id, "name": other.name} for other in reach if other.id != account.id],
            "again_url": url_for("console_bindings.make", patient_id=patient_id),
            "back_url": url_for("console_people.show", patient_id=patient_id),
            "standing": _standing(session, ticket),
        }
    return render_template("console/bindings/code.html", view=view)


@bp.view("/codes/<int:ticket_id>", permission="people.manage", by_itself=True)
def standing(staff: Staff, ticket_id: int) -> ResponseReturnValue:  # noqa: ARG001 the guard has asked already
    """Tell whether the code was scanned; asked every two seconds while it is shown."""
    with unit_of_work() as session:
        view = {"standing": _standing(session, waiting.ticket(session, ticket_id))}
    return render_template("console/bindings/standing.html", view=view)


def _accounts(session: Session, staff: Staff) -> list[OfficialAccount]:
    scope = staff.reach("people.manage")
    return [
        account
        for account in accounts.accounts(session)
        if account.store_id is None or scope.holds(account.store_id)
    ]


def _chosen(reach: list[OfficialAccount]) -> OfficialAccount:
    """Give the account that the form names, else the first.

    Raises:
        NotFound: there is none within reach.
    """
    wanted = request.form.get("account", "")
    for account in reach:
        if not wanted or str(account.id) == wanted:
            return account
    raise NotFound(account=wanted)


def _standing(session: Session, ticket: BindTicket) -> dict[str, Any]:
    """Give how a code stands: it waits, it bound somebody, or it is over."""
    usable = waiting.may_still_use(ticket, clock.now())
    by = ""
    if ticket.used_by_fan_id is not None:
        nickname = fans.names_of(session, [ticket.used_by_fan_id]).get(ticket.used_by_fan_id)
        by = gettext("Bound by %(name)s", name=fan_called(nickname, ticket.used_by_fan_id))
    return {
        "url": url_for("console_bindings.standing", ticket_id=ticket.id) if usable else "",
        "bound": by,
        "patient_url": url_for("console_people.show", patient_id=ticket.patient_id),
    }
