"""The list of patients: filters in the address, words by a form, for names stand in no address."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.blueprints.console.people.blueprint import bp
from engage.blueprints.console.people_words import called, described
from engage.blueprints.console.subnav import people_pages
from engage.blueprints.guard import Staff
from engage.clinic import queries as clinic
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work
from engage.kernel.errors import N_
from engage.patients import listing, queries, rules
from engage.patients.listing import Wanted
from engage.tenancy import queries as tenancy

if TYPE_CHECKING:
    from engage.patients.models import Patient, PatientFact

FOUND: Final = 50
LONGEST_WORDS: Final = 60
YES: Final = "yes"

# When somebody was here last → how many days ago at least, and less than how many.
VISITS: Final[Mapping[str, tuple[int | None, int | None]]] = {
    "30": (None, 30),
    "90": (None, 90),
    "half": (180, None),
    "year": (365, None),
    "never": (None, None),
}
VISIT_WORDS: Final = {
    "30": N_("in the last 30 days"),
    "90": N_("in the last 90 days"),
    "half": N_("more than half a year ago"),
    "year": N_("more than a year ago"),
    "never": N_("never"),
}


@dataclass(frozen=True, slots=True)
class _Names:
    stores: Mapping[int, str]
    consultants: Mapping[int, str]
    zone: str


@bp.view("", permission="people.view")
def index(staff: Staff) -> ResponseReturnValue:
    """Show a page of charts, filtered by what stands in the address."""
    with unit_of_work() as session:
        names = _names(session, staff)
        kept = _kept(request.args, names)
        trail = [cursor for cursor in request.args.get("page", "").split(".") if cursor]
        page = listing.charts(session, _wanted(kept), cursor=trail[-1] if trail else None)
        rows = _rows(session, page.items, names)
    view = {
        "rows": rows,
        "filters": _filters(kept, names),
        "filtered": bool(kept),
        "newer_url": _address(kept, page=".".join(trail[:-1])) if trail else "",
        "older_url": _address(kept, page=".".join([*trail, page.next])) if page.next else "",
    }
    return _list(staff, view)


@bp.view("/find", permission="people.view", methods=("POST",))
def find(staff: Staff) -> ResponseReturnValue:
    """Show whom some words fit; without words, all."""
    words = request.form.get("q", "").replace("\0", "").strip()[:LONGEST_WORDS]
    if not words:
        return redirect(url_for("console_people.index"), 303)
    with unit_of_work() as session:
        rows = _rows(session, queries.search(session, words, limit=FOUND), _names(session, staff))
    return _list(staff, {"rows": rows, "asked": words, "is_cut": len(rows) == FOUND})


def _list(staff: Staff, view: Mapping[str, Any]) -> str:
    return render_template("console/people/list.html", view={**view, "subnav": people_pages(staff)})


def _names(session: Session, staff: Staff) -> _Names:
    stores = {store.id: store.short_name for store in clinic.stores(session)}
    return _Names(stores, tenancy.consultants(session), staff.house.zone)


def _rows(session: Session, people: Sequence[Patient], names: _Names) -> list[dict[str, Any]]:
    facts = queries.facts(session, [person.id for person in people])
    absent = {person.consultant_id for person in people if person.consultant_id} - set(names.consultants)
    consultants = {**names.consultants, **tenancy.names_of(session, absent)}
    return [_row(person, facts.get(person.id), consultants, names) for person in people]


def _row(
    person: Patient, fact: PatientFact | None, consultants: Mapping[int, str], names: _Names
) -> dict[str, Any]:
    last = fact.last_visit_at if fact else None
    return {
        "id": person.id,
        "name": called(person),
        "sub": described(person),
        "store": names.stores.get(person.store_id or 0, ""),
        "consultant": consultants.get(person.consultant_id or 0, ""),
        "last": clock.local(last, names.zone) if last else None,
        "visits": fact.visits if fact else 0,
        "on_treatment": person.on_treatment,
        "is_bound": bool(fact and fact.is_bound),
    }


def _kept(given: Mapping[str, str], names: _Names) -> dict[str, str]:
    """Give the filters of an address; what is not known filters nothing."""
    known = {
        "store": set(map(str, names.stores)),
        "consultant": set(map(str, names.consultants)),
        "source": set(rules.SOURCES),
        "visit": set(VISITS),
        "treated": {YES},
        "unbound": {YES},
    }
    return {key: given[key] for key, values in known.items() if given.get(key) in values}


def _wanted(kept: Mapping[str, str]) -> Wanted:
    now = clock.now()
    at_least, less_than = VISITS.get(kept.get("visit", ""), (None, None))
    return Wanted(
        store_id=int(kept["store"]) if "store" in kept else None,
        consultant_id=int(kept["consultant"]) if "consultant" in kept else None,
        source=kept.get("source"),
        on_treatment="treated" in kept,
        unbound="unbound" in kept,
        never=kept.get("visit") == "never",
        visited_from=now - dt.timedelta(days=less_than) if less_than else None,
        visited_before=now - dt.timedelta(days=at_least) if at_least else None,
    )


def _filters(kept: Mapping[str, str], names: _Names) -> list[dict[str, Any]]:
    choices: tuple[tuple[str, str, Mapping[str, str]], ...] = (
        ("visit", gettext("Last visit"), _worded(VISIT_WORDS)),
        ("store", gettext("Store"), {str(key): name for key, name in names.stores.items()}),
        ("consultant", gettext("Consultant"), {str(key): name for key, name in names.consultants.items()}),
        ("source", gettext("Source"), _worded(rules.SOURCES)),
        ("treated", gettext("On treatment"), {YES: gettext("On treatment")}),
        ("unbound", gettext("WeChat"), {YES: gettext("No WeChat bound")}),
    )
    return [
        {"key": key, "label": label, "options": _options(key, labels, kept)}
        for key, label, labels in choices
        if labels
    ]


def _options(key: str, labels: Mapping[str, str], kept: Mapping[str, str]) -> list[dict[str, Any]]:
    current = kept.get(key, "")
    return [
        {"label": label, "url": _address(kept, **{key: value}), "current": value == current}
        for value, label in {"": gettext("All"), **labels}.items()
    ]


def _worded(words: Mapping[str, str]) -> dict[str, str]:
    return {key: gettext(word) for key, word in words.items()}


def _address(kept: Mapping[str, str], **changed: str) -> str:
    """Give the list's address with something changed; what is empty is left out."""
    chosen: dict[str, Any] = {key: value for key, value in {**kept, **changed}.items() if value}
    return url_for("console_people.index", **chosen)
