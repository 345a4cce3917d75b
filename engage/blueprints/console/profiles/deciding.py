"""Deciding on a profile: make a chart, add it to one, or say why not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from flask import current_app, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

from engage.accounts import queries as accounts
from engage.blueprints.console.profiles import words
from engage.blueprints.console.profiles.blueprint import bp, visible
from engage.blueprints.console.profiles.showing import page
from engage.blueprints.console.refused import sentences
from engage.blueprints.guard import Staff
from engage.chat import services
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work
from engage.kernel.errors import DomainError, Invalid
from engage.patients.errors import ChartErased, ChartMoved, NoReason, ProfileChanged, ProfileDecided
from engage.patients.profiles import OF_THE_CHART
from engage.patients.services import Decision

REFUSALS: Final = (ChartErased, ChartMoved, NoReason, ProfileChanged, ProfileDecided)
MOST: Final = 2**62


class DecisionIn(Schema):
    """Which version of the profile was on the screen."""

    class Meta:
        """What else a browser sends is of no interest."""

        unknown = EXCLUDE

    version = fields.Integer(required=True, validate=validate.Range(1, MOST))


class AttachIn(DecisionIn):
    """The chart that was chosen, and what of it is replaced."""

    patient = fields.Integer(required=True, validate=validate.Range(1, MOST))
    replace = fields.List(fields.String(validate=validate.OneOf(OF_THE_CHART)), load_default=list)


@bp.view("/<int:submission_id>/create", permission="people.manage", methods=("POST",))
def create(staff: Staff, submission_id: int) -> ResponseReturnValue:
    """Make a chart of it and bind it."""

    def work(session: Session) -> str:
        decision, _told = _decision(session, staff, submission_id, DecisionIn())
        name = services.create_from(session, decision, now=clock.now()).name
        return str(gettext("A chart is made for %(name)s and bound.", name=name))

    return _done(staff, submission_id, work)


@bp.view("/<int:submission_id>/attach", permission="people.manage", methods=("POST",))
def attach(staff: Staff, submission_id: int) -> ResponseReturnValue:
    """Add it to a chart and bind that."""

    def work(session: Session) -> str:
        decision, told = _decision(session, staff, submission_id, AttachIn())
        replace, now = told["replace"], clock.now()
        name = services.attach(session, decision, told["patient"], replace=replace, now=now).name
        return str(gettext("It is added to the chart of %(name)s, which is bound.", name=name))

    return _done(staff, submission_id, work)


@bp.view("/<int:submission_id>/reject", permission="people.manage", methods=("POST",))
def reject(staff: Staff, submission_id: int) -> ResponseReturnValue:
    """Say why it is not taken; the patient reads it."""
    reason = request.form.get("reason", "")

    def work(session: Session) -> str:
        decision, _told = _decision(session, staff, submission_id, DecisionIn())
        account = accounts.account(session, visible(session, staff, submission_id).account_id)
        page_url = current_app.config["PUBLIC_URL"] + url_for("patient_profile.show", account=account.slug)
        services.reject(session, decision, reason, page_url=page_url, now=clock.now())
        return str(gettext("The profile is not taken; the patient is told why."))

    return _done(staff, submission_id, work, typed=reason)


def _done(
    staff: Staff, submission_id: int, work: Callable[[Session], str], *, typed: str = ""
) -> ResponseReturnValue:
    """Do it and show the profile again; where somebody was faster, say so on it."""
    try:
        with unit_of_work() as session:
            told = work(session)
    except REFUSALS as refusal:
        return _refused(staff, submission_id, refusal, typed)
    flash(told, "good")
    return redirect(url_for("console_profiles.show", submission_id=submission_id), 303)


def _refused(staff: Staff, submission_id: int, refusal: DomainError, typed: str) -> ResponseReturnValue:
    return page(staff, submission_id, notice=gettext(refusal.title) % refusal.data, typed=typed), 422


def _decision(
    session: Session, staff: Staff, submission_id: int, schema: Schema
) -> tuple[Decision, dict[str, Any]]:
    """Give who decides on what, and the rest of the form.

    Raises:
        NotFound: the profile is not for them to see.
        Invalid: the form is not ours.
    """
    row = visible(session, staff, submission_id)
    typed = {name: values if name == "replace" else values[0] for name, values in request.form.lists()}
    try:
        told: dict[str, Any] = schema.load(typed)
    except ValidationError as error:
        raise Invalid(sentences(error)) from error
    return Decision(row.id, told["version"], staff.id, memo=words.memo(session, row)), told
