"""完善资料 (PT-6): what the clinic asks for, handed in once, and what became of it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from marshmallow import EXCLUDE, Schema, ValidationError, fields

from engage.blueprints.guard import PatientBlueprint, Visitor
from engage.blueprints.patient import agreeing
from engage.chat import services
from engage.clinic import queries as clinic
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work
from engage.kernel.errors import N_, Invalid
from engage.patients import profiles, queries, rules, waiting
from engage.patients.errors import PhoneNotVerified
from engage.patients.profiles import FIELDS, Form, Question

if TYPE_CHECKING:
    from engage.patients.models import ProfileSubmission

bp = PatientBlueprint("patient_profile", __name__, url_prefix="/p/<account>/profile")

Errors = Mapping[str, list[str]]

# How a field is typed on a phone: its type, what the browser may fill in.
TYPES: Final = {"birth_date": "date", "email": "email"}
FILLED: Final = {"name": "name", "birth_date": "bday", "email": "email"}
HEARD: Final = (N_("From a friend"), N_("In WeChat"), N_("On a map"), N_("On another site"), N_("Passing by"))


class ProfileIn(Schema):
    """The key made when the page was drawn; the answers are read by what the form asks."""

    class Meta:
        """What else is typed are answers."""

        unknown = EXCLUDE

    key = fields.UUID(required=True)


@bp.view("")
def show(visitor: Visitor) -> ResponseReturnValue:
    """Ask for the profile, or show what became of the one that was handed in."""
    with unit_of_work() as session:
        last = waiting.last_submission(session, visitor.fan_id)
        if last is None or last.state == "rejected" or "change" in request.args:
            return _ask(session, visitor, last)
        view = _standing(visitor, last)
    return render_template("patient/profile/standing.html", view=view)


@bp.view("", methods=("POST",))
def hand_in(visitor: Visitor) -> ResponseReturnValue:
    """Hand the profile in: it waits for an agent."""
    here = url_for("patient_profile.show", account=visitor.account_slug)
    wanting = {} if agreeing.agrees(visitor) else agreeing.missing()
    try:
        key = ProfileIn().load(request.form.to_dict())["key"]
        with unit_of_work() as session:
            services.hand_in(
                session,
                account_id=visitor.account_id,
                fan_id=visitor.fan_id,
                typed=request.form,
                key=key,
                now=clock.now(),
            )
            if wanting:  # nothing is kept, and all that is wrong is said at once
                raise Invalid({})
    except ValidationError:
        return redirect(here, 303)
    except PhoneNotVerified:
        return redirect(_phone_url(visitor), 303)
    except Invalid as refusal:
        errors = {**refusal.fields, **wanting}
        with unit_of_work() as session:
            last = waiting.last_submission(session, visitor.fan_id)
            return _ask(session, visitor, last, typed=request.form, errors=errors), refusal.status
    return redirect(here, 303)


def _ask(
    session: Session,
    visitor: Visitor,
    last: ProfileSubmission | None,
    *,
    typed: Mapping[str, str] | None = None,
    errors: Errors | None = None,
) -> str:
    """Draw the form, with what was typed or handed in before."""
    form = waiting.form(session)
    verified = queries.verified_phone(session, visitor.fan_id)
    proven = verified.phone if verified and rules.still_proves(verified.at, clock.now()) else ""
    given = typed if typed is not None else (waiting.answers(last) if last else {})
    options = _options(session)
    view = {
        "questions": [_question(each, options) for each in form.questions],
        "phone": rules.masked(proven) if proven else "",
        "phone_url": _phone_url(visitor) if form.asks("phone") else "",
        "notice": agreeing.notice(session, visitor.fan_id),
        "needs_phone": not proven and _needs_phone(form),
        "rejected": last.reason if last and last.state == "rejected" else "",
        "submit_url": url_for("patient_profile.hand_in", account=visitor.account_slug),
    }
    told = {key: [gettext(words) for words in sentences] for key, sentences in (errors or {}).items()}
    shown = dict(given) | {"key": str(uuid.uuid4())}
    return render_template("patient/profile/form.html", view=view, form=shown, errors=told)


def _needs_phone(form: Form) -> bool:
    return any(question.key == "phone" and question.required for question in form.questions)


def _options(session: Session) -> Mapping[str, list[dict[str, str]]]:
    """Give what can be chosen, by the name of the question."""
    return {
        "sex": [{"value": key, "label": gettext(word)} for key, word in rules.SEXES.items()],
        "region": [{"value": key, "label": gettext(word)} for key, word in rules.REGIONS.items()],
        "store": [{"value": str(store.id), "label": store.name} for store in clinic.stores(session)],
        "heard": [{"value": gettext(word), "label": gettext(word)} for word in HEARD],
    }


def _question(question: Question, options: Mapping[str, list[dict[str, str]]]) -> dict[str, Any]:
    own = [{"value": option, "label": option} for option in question.options]
    return {
        "key": question.key,
        "label": question.label if question.is_own else gettext(FIELDS[question.key]),
        "required": question.required,
        "type": TYPES.get(question.key, "text"),
        "autocomplete": FILLED.get(question.key, "off"),
        "options": own or options.get(question.key, []),
        "is_long": question.key == "note" or (question.is_own and not own),
        "max": rules.NAME_LENGTH if question.key == "name" else profiles.TEXT_LENGTH,
    }


def _standing(visitor: Visitor, last: ProfileSubmission) -> dict[str, Any]:
    account = visitor.account_slug
    return {
        "waits": last.state == "waiting",
        "change_url": url_for("patient_profile.show", account=account, change=1),
        "me_url": url_for("patient_me.show", account=account),
        "book_url": url_for("patient_booking.choose", account=account),
    }


def _phone_url(visitor: Visitor) -> str:
    """Give where a phone is proven, and from where one comes back to the form."""
    account = visitor.account_slug
    here = url_for("patient_profile.show", account=account)
    return url_for("patient_bind.begin", account=account, another=1, next=here)
