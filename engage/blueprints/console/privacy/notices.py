"""The clinic's privacy notice (PT-8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.blueprints.console.subnav import settings_pages
from engage.blueprints.faces import moment
from engage.blueprints.guard import ConsoleBlueprint, Staff
from engage.kernel import clock
from engage.kernel.db import unit_of_work
from engage.privacy import queries, rules, services
from engage.privacy.errors import NoticeUnwritten

if TYPE_CHECKING:
    from engage.privacy.models import Notice

bp = ConsoleBlueprint("console_privacy", __name__, url_prefix="/console/privacy")

Errors = Mapping[str, list[str]]


@bp.view("", permission="privacy.manage", everywhere=True)
def edit(staff: Staff) -> ResponseReturnValue:
    """Show the notice as patients read it."""
    with unit_of_work() as session:
        notice = queries.notice(session)
    return _form(staff, notice, notice.text if notice else "", {})


@bp.view("", permission="privacy.manage", methods=("POST",), everywhere=True)
def write(staff: Staff) -> ResponseReturnValue:
    """Publish the notice; patients agree to the new wording when they come again."""
    text = request.form.get("text", "")
    try:
        with unit_of_work() as session:
            services.write_notice(session, text, by=staff.actor, now=clock.now())
    except NoticeUnwritten as refusal:
        with unit_of_work() as session:
            notice = queries.notice(session)
        errors = {"text": [gettext(refusal.title, **refusal.data)]}
        return _form(staff, notice, text, errors), refusal.status
    flash(gettext("Published. Patients are asked to agree to it when they come next."), "good")
    return redirect(url_for("console_privacy.edit"), 303)


def _form(staff: Staff, notice: Notice | None, text: str, errors: Errors) -> str:
    view = {
        "version": notice.version if notice else 0,
        "since": moment(clock.local(notice.written_at, staff.house.zone)) if notice else "",
        "longest": rules.NOTICE_LENGTH,
        "subnav": settings_pages(staff),
    }
    return render_template("console/privacy/notice.html", view=view, form={"text": text}, errors=errors)
