"""What patients are asked for: which questions, in which order, which must be answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.blueprints.console.profiles.blueprint import bp
from engage.blueprints.console.profiles.words import labelled
from engage.blueprints.guard import Staff
from engage.kernel import clock
from engage.kernel.db import unit_of_work
from engage.kernel.errors import Invalid, Malformed
from engage.patients import profiles, services, waiting
from engage.patients.errors import FormStale
from engage.patients.profiles import FIELDS, OWN_QUESTIONS, Form, Question

MANAGE: Final = "clinic.manage"
# Which questions are answered by choosing.
CHOSEN: Final = frozenset({"sex", "region", "store", "heard"})


@bp.view("/form", permission=MANAGE, everywhere=True)
def design(_staff: Staff) -> ResponseReturnValue:
    """Show what is asked now."""
    with unit_of_work() as session:
        form = waiting.form(session)
    return _page(form)


@bp.view("/form", permission=MANAGE, everywhere=True, methods=("POST",))
def save(staff: Staff) -> ResponseReturnValue:
    """Ask this from now on; what was handed in stays as it was asked."""
    wished = Form(_version(), _read())
    try:
        with unit_of_work() as session:
            services.save_form(
                session, wished.questions, version=wished.version, by_staff=staff.id, now=clock.now()
            )
    except Invalid as refusal:
        told = {key: [gettext(words) for words in said] for key, said in refusal.fields.items()}
        return _page(wished, errors=told), 422
    except FormStale as refusal:
        return _page(wished, errors={"questions": [gettext(refusal.title)]}), 422
    flash(gettext("Saved. Patients are asked this from now on."), "good")
    return redirect(url_for("console_profiles.design"), 303)


@bp.view("/form/preview", permission=MANAGE, everywhere=True, methods=("POST",))
def preview(_staff: Staff) -> ResponseReturnValue:
    """Show the questions as the phone shows them."""
    return render_template("console/profiles/preview.html", view={"preview": _preview(_read())})


def _page(form: Form, *, errors: Mapping[str, Sequence[str]] | None = None) -> str:
    own = sum(question.is_own for question in form.questions)
    rest = [Question(key) for key in FIELDS if not form.asks(key)]
    view = {
        "version": form.version,
        "rows": [_row(question, asked=True) for question in form.questions]
        + [_row(question, asked=False) for question in rest],
        "blanks": [_row(Question(profiles.new_key()), asked=True) for _number in range(OWN_QUESTIONS - own)],
        "label_max": profiles.LABEL_LENGTH,
        "preview": _preview(form.questions),
    }
    return render_template("console/profiles/form.html", view=view, errors=errors or {})


def _row(question: Question, *, asked: bool) -> dict[str, Any]:
    return {
        "key": question.key,
        "label": question.label if question.is_own else gettext(FIELDS[question.key]),
        "is_own": question.is_own,
        "asked": asked,
        "required": question.required,
        "options": "\n".join(question.options),
        "fixed": question.key == "name",
    }


def _preview(questions: Sequence[Question]) -> list[dict[str, Any]]:
    return [
        {
            "label": labelled(question) or gettext("Your question"),
            "required": question.required or question.key == "name",
            "chosen": question.key in CHOSEN or bool(question.options),
            "is_long": question.key == "note" or (question.is_own and not question.options),
        }
        for question in questions
    ]


def _read() -> tuple[Question, ...]:
    """Give the questions as the form holds them, in its order."""
    asked, required = set(request.form.getlist("ask")), set(request.form.getlist("must"))
    return tuple(
        Question(
            key,
            key in required,
            request.form.get(f"label-{key}", ""),
            tuple(filter(str.strip, request.form.get(f"options-{key}", "").splitlines())),
        )
        for key in request.form.getlist("key")
        if key in asked or key == "name"
    )


def _version() -> int:
    """Give the form's version that was on the screen.

    Raises:
        Malformed: the form is not ours.
    """
    text = request.form.get("version", "")
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise Malformed
    return int(text)
