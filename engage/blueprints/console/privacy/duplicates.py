"""Charts that may be one person's, and merging two of them, shown before it is done (PT-7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.audit import services as audit
from engage.blueprints.console.people_words import called
from engage.blueprints.console.subnav import people_pages
from engage.blueprints.faces import moment
from engage.blueprints.guard import ConsoleBlueprint, Staff
from engage.clinic import queries as clinic
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work
from engage.kernel.errors import DomainError
from engage.patients import persons
from engage.patients import queries as patients
from engage.patients.errors import StaleChart
from engage.patients.rules import REGIONS, SEXES, masked
from engage.privacy import queries, rules, services
from engage.privacy.errors import AlreadyMerged, AppointmentsOverlap
from engage.privacy.services import Preview
from engage.tenancy import queries as tenancy

if TYPE_CHECKING:
    from engage.patients.models import Patient
    from engage.privacy.models import DuplicatePair

bp = ConsoleBlueprint("console_duplicates", __name__, url_prefix="/console/people/duplicates")

REFUSALS: Final = (StaleChart, AlreadyMerged, AppointmentsOverlap)


@bp.view("", permission="people.merge", everywhere=True)
def index(staff: Staff) -> ResponseReturnValue:
    """Show charts that may be one person's, in pairs."""
    trail = [cursor for cursor in request.args.get("page", "").split(".") if cursor]
    with unit_of_work() as session:
        page = queries.pairs(session, trail[-1] if trail else None)
        ids = {patient_id for pair in page.items for patient_id in (pair.first_id, pair.second_id)}
        charts = patients.patients(session, ids)
        facts = patients.facts(session, ids)
    view = {
        "rows": [_pair(pair, charts, {one: facts[one].visits for one in facts}) for pair in page.items],
        "newer_url": _page(trail[:-1]) if trail else "",
        "older_url": _page([*trail, page.next]) if page.next else "",
        "told_apart": _told_apart(request.args.get("apart", "")),
        "subnav": people_pages(staff),
    }
    return render_template("console/privacy/duplicates.html", view=view)


@bp.view(
    "/<int:patient_id>/<int:other_patient_id>/apart",
    permission="people.merge",
    methods=("POST",),
    everywhere=True,
)
def tell_apart(staff: Staff, patient_id: int, other_patient_id: int) -> ResponseReturnValue:
    """Remember that two charts are two persons; it can be undone."""
    with unit_of_work() as session:
        services.dismiss(session, patient_id, other_patient_id, by=staff.actor, now=clock.now())
    return redirect(url_for("console_duplicates.index", apart=f"{patient_id}-{other_patient_id}"), 303)


@bp.view(
    "/<int:patient_id>/<int:other_patient_id>/undo",
    permission="people.merge",
    methods=("POST",),
    everywhere=True,
)
def suspect_again(staff: Staff, patient_id: int, other_patient_id: int) -> ResponseReturnValue:
    """Show the two in the list again."""
    with unit_of_work() as session:
        services.suspect_again(session, patient_id, other_patient_id, by=staff.actor, now=clock.now())
    return redirect(url_for("console_duplicates.index"), 303)


@bp.view("/<int:patient_id>", permission="people.merge", everywhere=True)
def choose(_staff: Staff, patient_id: int) -> ResponseReturnValue:
    """Ask which chart is the same person's: one of those that look so, or one by its number."""
    number = request.args.get("number", "").strip()
    with unit_of_work() as session:
        chart = patients.patient(session, patient_id)
        pairs = queries.twins_of(session, patient_id)
        twins = patients.patients(session, {_other(pair, patient_id) for pair in pairs})
        other = persons.of_number(session, int(number)) if _is_number(number) else None
    if other is not None and other.id != patient_id:
        return redirect(_merge_url(patient_id, other.id))
    errors = {"number": [gettext("No other chart has this number.")]} if number else {}
    view = {
        "chart": _shown(chart),
        "back_url": url_for("console_people.show", patient_id=patient_id),
        "twins": [
            _shown(twins[_other(pair, patient_id)])
            | {
                "why": [gettext(rules.REASONS[reason]) for reason in pair.reasons],
                "url": _merge_url(patient_id, _other(pair, patient_id)),
            }
            for pair in pairs
        ],
    }
    page = render_template("console/privacy/choose.html", view=view, form={"number": number}, errors=errors)
    return page, 422 if errors else 200


@bp.view("/<int:patient_id>/<int:other_patient_id>", permission="people.merge", everywhere=True)
def compare(staff: Staff, patient_id: int, other_patient_id: int) -> ResponseReturnValue:
    """Show what merging the second chart into the first would do; looking at both is audited."""
    return _comparison(staff, patient_id, other_patient_id)


@bp.view(
    "/<int:patient_id>/<int:other_patient_id>", permission="people.merge", methods=("POST",), everywhere=True
)
def merge(staff: Staff, patient_id: int, other_patient_id: int) -> ResponseReturnValue:
    """Merge the second chart into the first, for good."""
    taken = {name for name in rules.CHOICES if request.form.get(name) == "drop"}
    versions = (_version("keep_version"), _version("drop_version"))
    try:
        with unit_of_work() as session:
            services.merge(
                session,
                patient_id,
                other_patient_id,
                taken=taken,
                versions=versions,
                by=staff.actor,
                now=clock.now(),
            )
    except REFUSALS as refusal:
        return _refused(staff, patient_id, other_patient_id, refusal)
    flash(gettext("Merged. All that hung on the other chart hangs on this one."), "good")
    return redirect(url_for("console_people.show", patient_id=patient_id), 303)


def _refused(staff: Staff, patient_id: int, other_id: int, refusal: DomainError) -> ResponseReturnValue:
    """Show both as they are now; where they were merged meanwhile, the chart that is left."""
    if isinstance(refusal, AlreadyMerged):
        flash(gettext(refusal.title), "bad")
        return redirect(url_for("console_people.show", patient_id=patient_id), 303)
    return _comparison(staff, patient_id, other_id, refusal=refusal), refusal.status


def _comparison(staff: Staff, patient_id: int, other_id: int, refusal: DomainError | None = None) -> str:
    with unit_of_work() as session:
        shown = services.preview(session, patient_id, other_id)
        names = _names(session)
        for chart in (shown.keep, shown.drop):
            subject = ("patient", chart.id)
            audit.record(session, "patient.viewed", by=staff.actor, subject=subject, now=clock.now())
    view = {
        "keep": _shown(shown.keep),
        "drop": _shown(shown.drop),
        "fields": _fields(shown, names),
        "moves": [{"label": gettext(title), "count": count} for title, count in shown.moves],
        "clashes": [moment(clock.local(at, staff.house.zone)) for at in shown.clashes],
        "shared_fans": shown.shared_fans,
        "versions": (shown.keep.version, shown.drop.version),
        "swap_url": _merge_url(other_id, patient_id),
        "refusal": gettext(refusal.title) if refusal else "",
        "visits_url": url_for("console_people.show", patient_id=other_id),
    }
    return render_template("console/privacy/compare.html", view=view)


def _names(session: Session) -> Mapping[str, Mapping[Any, str]]:
    """Give what codes and ids in a chart mean, by field."""
    return {
        "sex": {code: gettext(word) for code, word in SEXES.items()},
        "region": {code: gettext(word) for code, word in REGIONS.items()},
        "store_id": {store.id: store.name for store in clinic.stores(session)},
        "consultant_id": tenancy.all_names(session),
    }


def _fields(shown: Preview, names: Mapping[str, Mapping[Any, str]]) -> list[dict[str, Any]]:
    """Give the fields that either chart knows: a choice where both do and differ."""
    keep, drop = rules.known(shown.keep), rules.known(shown.drop)
    return [
        {
            "name": name,
            "label": gettext(label),
            "keep": _value(name, keep[name], names),
            "drop": _value(name, drop[name], names),
            "differs": name in shown.differing,
            "filled": name in shown.filled,
        }
        for name, label in rules.CHOICES.items()
        if keep[name] or drop[name]
    ]


def _value(name: str, value: Any, names: Mapping[str, Mapping[Any, str]]) -> str:
    if not value:
        return ""
    if name == "phone":
        return masked(value)
    return str(names[name].get(value, value)) if name in names else str(value)


def _pair(pair: DuplicatePair, charts: Mapping[int, Patient], visits: Mapping[int, int]) -> dict[str, Any]:
    """Give a pair; the older chart is offered as the one that stays."""
    one, two = charts[pair.first_id], charts[pair.second_id]
    return {
        "charts": [_shown(chart) | {"visits": visits.get(chart.id, 0)} for chart in (one, two)],
        "why": [gettext(label) for reason, label in rules.REASONS.items() if reason in pair.reasons],
        "merge_url": _merge_url(one.id, two.id),
        "apart_url": url_for("console_duplicates.tell_apart", patient_id=one.id, other_patient_id=two.id),
    }


def _shown(chart: Patient) -> dict[str, Any]:
    return {
        "name": called(chart),
        "number": chart.number,
        "phone": masked(chart.phone) if chart.phone else "",
        "born": chart.birth_date.isoformat() if chart.birth_date else "",
        "url": url_for("console_people.show", patient_id=chart.id),
    }


def _told_apart(text: str) -> str:
    """Give where the last decision is undone, if the address tells of one."""
    one, _, other = text.partition("-")
    if not (_is_number(one) and _is_number(other)):
        return ""
    return url_for("console_duplicates.suspect_again", patient_id=int(one), other_patient_id=int(other))


def _other(pair: DuplicatePair, patient_id: int) -> int:
    return pair.second_id if pair.first_id == patient_id else pair.first_id


def _merge_url(keep_id: int, drop_id: int) -> str:
    return url_for("console_duplicates.compare", patient_id=keep_id, other_patient_id=drop_id)


def _page(trail: list[str]) -> str:
    return url_for("console_duplicates.index", page=".".join(trail) or None)


def _version(name: str) -> int:
    text = request.form.get(name, "")
    return int(text) if _is_number(text) else 0


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= patients.LONGEST_NUMBER
