"""What is done with a call: taken, put off, ended with what came of it; then comes the next."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.blueprints.console.calls.blueprint import bp, visible
from engage.blueprints.console.calls.listing import address, asked, wanted
from engage.blueprints.console.calls.showing import sheet
from engage.blueprints.guard import Staff
from engage.booking import services
from engage.booking.errors import NotPossible, Stale
from engage.kernel import clock
from engage.kernel.db import unit_of_work
from engage.kernel.errors import NotAllowed
from engage.tasks import queries, rules
from engage.tasks import services as tasks
from engage.tasks.errors import OutcomeNeeded, TaskOver


@bp.view("/<int:call_id>/take", permission="tasks.work", methods=("POST",))
def take(staff: Staff, call_id: int) -> ResponseReturnValue:
    """Say that one is calling, so that others choose another."""
    with unit_of_work() as session:
        visible(session, staff, call_id)
        taken = tasks.take(session, call_id, by=staff.actor, now=clock.now())
    if not taken:
        return sheet(staff, call_id, notice=gettext("Somebody else is calling already.")), 422
    return redirect(url_for("console_calls.show", call_id=call_id, **asked(request.args)), 303)


@bp.view("/<int:call_id>/later", permission="tasks.work", methods=("POST",))
def put_off(staff: Staff, call_id: int) -> ResponseReturnValue:
    """Nobody answered: it comes back in half an hour."""
    try:
        with unit_of_work() as session:
            visible(session, staff, call_id)
            tasks.put_off(session, call_id, by=staff.actor, now=clock.now())
    except TaskOver as refusal:
        return sheet(staff, call_id, notice=gettext(refusal.title)), 422
    flash(gettext("It comes back in half an hour."), "good")
    return redirect(_next(staff, call_id), 303)


@bp.view("/<int:call_id>/finish", permission="tasks.work", methods=("POST",))
def finish(staff: Staff, call_id: int) -> ResponseReturnValue:
    """Write down what came of it, and show the next one."""
    note = request.form.get("note", "").replace("\0", "").strip()
    if len(note) > rules.NOTE_MAX:
        wrong = {"note": [gettext("At most 200 characters.")]}
        return sheet(staff, call_id, form={"note": note}, errors=wrong), 422
    try:
        with unit_of_work() as session:
            task = visible(session, staff, call_id)
            outcome = request.form.get("outcome", "")
            if outcome in rules.KINDS[task.kind].by_deed:
                raise OutcomeNeeded
            services.finish_call(session, call_id, outcome, note, by=staff.actor, now=clock.now())
    except OutcomeNeeded as refusal:
        wrong = {"note": [gettext(refusal.title)]}
        return sheet(staff, call_id, form={"note": note}, errors=wrong), 422
    except (TaskOver, NotPossible, Stale, NotAllowed) as refusal:
        return sheet(staff, call_id, form={"note": note}, notice=gettext(refusal.title)), 422
    flash(gettext("Noted."), "good")
    return redirect(_next(staff, call_id), 303)


@bp.view("/done", permission="tasks.work")
def done(staff: Staff) -> ResponseReturnValue:  # noqa: ARG001 as all views
    """Say that no call is left."""
    return render_template("console/calls/done.html", view={"list_url": address(asked(request.args))})


def _next(staff: Staff, call_id: int) -> str:
    """Give the next call of the list that is on the screen."""
    kept = asked(request.args)
    with unit_of_work() as session:
        following = queries.next_after(session, wanted(staff, kept, now=clock.now()), but=call_id)
    if following is None or following.state != "open":
        return url_for("console_calls.done", **kept)
    return url_for("console_calls.show", call_id=following.id, **kept)
