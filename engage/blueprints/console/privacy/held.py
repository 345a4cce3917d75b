"""What is held on one person: a copy of it, and its erasure (PT-8)."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from flask import Response, current_app, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.audit import services as audit
from engage.blueprints.console.people_words import called, fan_called
from engage.blueprints.faces import language, moment
from engage.blueprints.guard import ConsoleBlueprint, Staff
from engage.booking import queries as booking
from engage.fans import queries as fans
from engage.kernel import clock, people
from engage.kernel.db import Session, unit_of_work
from engage.kernel.files import Files
from engage.patients import queries as patients
from engage.privacy import queries, rules, services
from engage.privacy.errors import AppointmentsLeft, CopyGone, WrongNumber
from engage.privacy.holders import everything

if TYPE_CHECKING:
    from engage.privacy.models import PrivacyTask

bp = ConsoleBlueprint("console_held", __name__, url_prefix="/console/people/<int:patient_id>/privacy")

TONES = {"waiting": "waiting", "done": "good", "failed": "bad"}

# Why a task failed that a person can do something about: the code of the refusal → its sentence.
WHYS = {AppointmentsLeft.code: AppointmentsLeft.title}


@bp.view("", permission="privacy.manage", everywhere=True)
def show(staff: Staff, patient_id: int) -> ResponseReturnValue:
    """Show how much is held on a person, the copies that were made, and what erasure does."""
    return _page(staff, patient_id)


@bp.view("/tasks", permission="privacy.manage", everywhere=True)
def tasks(staff: Staff, patient_id: int) -> ResponseReturnValue:
    """Show how copies and erasures stand; asked again while one is under way."""
    with unit_of_work() as session:
        view = _tasks(session, staff, patients.patient(session, patient_id).id)
    return render_template("console/privacy/tasks.html", view=view)


@bp.view("/copy", permission="privacy.manage", methods=("POST",), everywhere=True)
def ask_copy(staff: Staff, patient_id: int) -> ResponseReturnValue:
    """Have a copy made, in the reader's language; a worker does it."""
    with unit_of_work() as session:
        services.ask_copy(session, patient_id, language=language(), by=staff.actor, now=clock.now())
    return redirect(url_for("console_held.show", patient_id=patient_id), 303)


@bp.view("/copy/<int:task_id>", permission="privacy.manage", everywhere=True)
def fetch(staff: Staff, patient_id: int, task_id: int) -> ResponseReturnValue:
    """Give the copy; who fetched it is audited."""
    now = clock.now()
    with unit_of_work() as session:
        task = queries.copy_of(session, patient_id, task_id, now=now)
        if task is None or task.file is None:
            raise CopyGone
        number = patients.patient(session, patient_id).number
        subject = ("patient", patient_id)
        audit.record(session, "patient.copy_fetched", by=staff.actor, subject=subject, now=now)
    files: Files = current_app.extensions["files"]
    content = io.BytesIO(files.get(staff.house.id, task.file))
    answer: Response = send_file(
        content, "application/zip", as_attachment=True, download_name=f"chart-{number}.zip"
    )
    answer.headers["Cache-Control"] = "no-store"
    return answer


@bp.view("/erase", permission="privacy.manage", methods=("POST",), everywhere=True)
def erase(staff: Staff, patient_id: int) -> ResponseReturnValue:
    """Have the person erased; the chart's number is typed so that it is this one."""
    typed = request.form.get("number", "")
    try:
        with unit_of_work() as session:
            services.ask_erasure(session, patient_id, typed=typed, by=staff.actor, now=clock.now())
    except (WrongNumber, AppointmentsLeft) as refusal:
        return _page(staff, patient_id, typed, {"number": [gettext(refusal.title)]}), refusal.status
    flash(gettext("The person is being erased."), "good")
    return redirect(url_for("console_held.show", patient_id=patient_id), 303)


def _page(staff: Staff, patient_id: int, typed: str = "", errors: dict[str, list[str]] | None = None) -> str:
    with unit_of_work() as session:
        person = patients.patient(session, patient_id)
        who = queries.who(session, patient_id)
        view = {
            "name": called(person),
            "number": person.number,
            "is_erased": person.erased_at is not None,
            "is_gone": person.erased_at is not None or person.merged_into_id is not None,
            "person_url": url_for("console_people.show", patient_id=patient_id),
            "held": _held(session, who),
            "fans": [fan_called(fan.nickname, fan.id) for fan in fans.by_ids(session, who.fan_ids).values()],
            "others": len(patients.fans_of_all(session, who.patient_ids) - who.fan_ids),
            "to_come": len(booking.standing_of(session, who.patient_ids)),
            **_tasks(session, staff, patient_id),
        }
        subject = ("patient", patient_id)
        audit.record(session, "patient.viewed", by=staff.actor, subject=subject, now=clock.now())
    return render_template(
        "console/privacy/held.html", view=view, form={"number": typed}, errors=errors or {}
    )


def _held(session: Session, who: people.Who) -> list[dict[str, Any]]:
    """Give how much each table that people can read holds on somebody."""
    found = [(kept.title, people.count(session, kept, who)) for kept in everything() if kept.shown]
    return [{"label": gettext(title), "count": count} for title, count in found if count]


def _tasks(session: Session, staff: Staff, patient_id: int) -> dict[str, Any]:
    rows = [_task(task, staff) for task in queries.tasks_of(session, patient_id)]
    return {
        "tasks": rows,
        "tasks_url": url_for("console_held.tasks", patient_id=patient_id),
        "is_working": any(row["tone"] == "waiting" for row in rows),
    }


def _task(task: PrivacyTask, staff: Staff) -> dict[str, Any]:
    is_there = task.file is not None and task.done_at is not None
    until = task.done_at + rules.COPY_LIFE if task.done_at and is_there else None
    return {
        "label": gettext(rules.TASKS[task.kind]),
        "at": moment(clock.local(task.asked_at, staff.house.zone)),
        "tone": TONES[task.state],
        "state": gettext(rules.TASK_STATES[task.state]),
        "why": gettext(WHYS[task.error]) if task.error in WHYS else "",
        "until": moment(clock.local(until, staff.house.zone)) if until else "",
        "url": url_for("console_held.fetch", patient_id=task.patient_id, task_id=task.id) if until else "",
    }
