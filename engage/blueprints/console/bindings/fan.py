"""For whom a fan speaks: search a chart and bind it, or make one; opened beside the chat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

from engage.blueprints.console.bindings.blueprint import bp, fan_in_reach
from engage.blueprints.console.people_words import called, described, fan_called
from engage.blueprints.console.refused import sentences
from engage.blueprints.guard import Staff
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work
from engage.kernel.errors import N_, Invalid
from engage.patients import queries, rules, services
from engage.patients.errors import ChartErased, ChartMoved, WrongName, WrongPhone
from engage.patients.services import NewChart

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from engage.fans.models import Fan
    from engage.patients.models import Binding, Patient

FOUND: Final = 8
LONGEST: Final = 40
HITS: Final = "bind-hits"  # what the words found, on the page


TWICE: Final = N_("This phone has a chart already, see above. Is it somebody else? Then press once more.")


class BindIn(Schema):
    """The chart to bind."""

    class Meta:
        """What else a browser sends is of no interest."""

        unknown = EXCLUDE

    patient = fields.Integer(required=True, validate=validate.Range(1, 2**62))


class NewIn(Schema):
    """Who is to have a chart."""

    class Meta:
        """What else a browser sends is of no interest."""

        unknown = EXCLUDE

    name = fields.String(required=True, validate=validate.Length(min=1, error=N_("Please write a name.")))
    phone = fields.String(load_default="")


@bp.view("/fans/<int:fan_id>", permission="people.manage")
def show(staff: Staff, fan_id: int) -> ResponseReturnValue:
    """Show for whom a fan speaks, and charts to choose from."""
    return _page(staff, fan_id)


@bp.view("/fans/<int:fan_id>/charts", permission="people.manage", methods=("POST",))
def find(staff: Staff, fan_id: int) -> ResponseReturnValue:
    """Give the charts that the words fit; on the page for who pressed Enter. Posted: names stand in no
    address.
    """
    if request.headers.get("HX-Target") != HITS:
        return _page(staff, fan_id)
    with unit_of_work() as session:
        fan = fan_in_reach(session, staff, fan_id)
        view = {"hits": _hits(session, fan, _words()), "asked": bool(_words())}
    return render_template("console/bindings/hits.html", view=view)


@bp.view("/fans/<int:fan_id>", permission="people.manage", methods=("POST",))
def bind(staff: Staff, fan_id: int) -> ResponseReturnValue:
    """Let the fan speak for a patient; of two at once one binds, and both see it."""
    try:
        with unit_of_work() as session:
            fan_in_reach(session, staff, fan_id)
            patient_id = BindIn().load(request.form.to_dict())["patient"]
            chart = services.present(session, patient_id)
            services.bind(
                session,
                fan_id=fan_id,
                patient_id=patient_id,
                how="chat",
                by=staff.actor,
                now=clock.now(),
            )
    except ValidationError as error:
        raise Invalid(sentences(error)) from error
    except (ChartMoved, ChartErased) as refusal:
        return _page(staff, fan_id, notice=gettext(refusal.title) % refusal.data), refusal.status
    flash(gettext("%(name)s is bound.", name=chart.name), "good")
    return redirect(url_for("console_bindings.show", fan_id=fan_id), 303)


@bp.view("/fans/<int:fan_id>/new", permission="people.manage", methods=("POST",))
def create(staff: Staff, fan_id: int) -> ResponseReturnValue:
    """Make a chart and bind it. Where the phone has one already, that one is shown first."""
    form = {name: request.form.get(name, "").strip() for name in ("name", "phone")}
    try:
        with unit_of_work() as session:
            fan_in_reach(session, staff, fan_id)
            told = NewIn().load(form)
            alike = _alike(session, form["phone"])
            name = "" if alike else _make(session, staff, fan_id, told)
    except ValidationError as error:
        return _page(staff, fan_id, form=form, errors=sentences(error)), 422
    except (WrongName, WrongPhone) as refusal:
        field = "name" if isinstance(refusal, WrongName) else "phone"
        return _page(staff, fan_id, form=form, errors={field: [gettext(refusal.title)]}), refusal.status
    if alike:
        return _page(staff, fan_id, form=form, errors={"phone": [gettext(TWICE)]}, alike=alike), 422
    flash(gettext("A chart is made for %(name)s and bound.", name=name), "good")
    return redirect(url_for("console_bindings.show", fan_id=fan_id), 303)


def _make(session: Session, staff: Staff, fan_id: int, told: Mapping[str, str]) -> str:
    now = clock.now()
    new = NewChart(name=told["name"], phone=told["phone"] or None, source="wechat")
    chart = services.create_chart(session, new, by=staff.actor, now=now)
    services.bind(session, fan_id=fan_id, patient_id=chart.id, how="chat", by=staff.actor, now=now)
    return chart.name


def _alike(session: Session, phone: str) -> Sequence[Patient]:
    """Give the charts that a phone has already, unless they were shown for it before.

    Raises:
        WrongPhone: no such number can exist.
    """
    if not phone or request.form.get("anyway") == phone:
        return ()
    return queries.of_phone(session, queries.phone_of(session, phone))


def _page(
    staff: Staff,
    fan_id: int,
    *,
    form: Mapping[str, str] | None = None,
    errors: Mapping[str, list[str]] | None = None,
    notice: str = "",
    alike: Sequence[Patient] = (),
) -> str:
    with unit_of_work() as session:
        fan = fan_in_reach(session, staff, fan_id)
        verified = queries.verified_phone(session, fan_id)
        view = {
            "name": fan_called(fan.nickname, fan.id),
            "url": url_for("console_bindings.show", fan_id=fan_id),
            "find_url": url_for("console_bindings.find", fan_id=fan_id),
            "new_url": url_for("console_bindings.create", fan_id=fan_id),
            "bound": _bound(session, staff, fan),
            "hits": _hits(session, fan, _words(), alike),
            "asked": bool(_words()),
            "anyway": form["phone"] if form and alike else "",
            "q": _words(),
            "proven": rules.masked(verified.phone) if verified else "",
            "notice": notice,
        }
    return render_template("console/bindings/fan.html", view=view, form=form or {}, errors=errors or {})


def _bound(session: Session, staff: Staff, fan: Fan) -> list[dict[str, str]]:
    bound = queries.bindings_of_fan(session, fan.id)
    return [_spoken_for(staff, binding, patient) for binding, patient in bound]


def _spoken_for(staff: Staff, binding: Binding, patient: Patient) -> dict[str, str]:
    since = clock.local(binding.bound_at, staff.house.zone).date().isoformat()
    return {
        "name": called(patient),
        "sub": described(patient),
        "how": gettext("%(how)s, since %(day)s", how=gettext(rules.WAYS[binding.how]), day=since),
        "url": url_for("console_people.show", patient_id=patient.id),
        "end_url": url_for("console_bindings.end", binding_id=binding.id, at="fan"),
    }


def _hits(session: Session, fan: Fan, words: str, alike: Sequence[Patient] = ()) -> list[dict[str, Any]]:
    """Give charts to bind: `alike`, else what the words fit, else those of the phone the fan has proven."""
    verified = queries.verified_phone(session, fan.id)
    found = queries.search(session, words, limit=FOUND) if words and not alike else alike
    if not found and not words and verified is not None:
        found = queries.of_phone(session, verified.phone)[:FOUND]
    bound = {patient.id for patient in queries.of_fan(session, fan.id)}
    return [
        {
            "id": patient.id,
            "name": called(patient),
            "sub": described(patient),
            "is_bound": patient.id in bound,
            "bind_url": url_for("console_bindings.bind", fan_id=fan.id),
        }
        for patient in found
    ]


def _words() -> str:
    return request.form.get("q", "").replace("\0", "").strip()[:LONGEST]
