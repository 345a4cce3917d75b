"""Rosters and special days from Excel or CSV: a template, a look, then all of it or nothing (BK-20)."""

from __future__ import annotations

import base64
import binascii
import csv
import io
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from flask import make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale, gettext, ngettext

from engage.blueprints.console import toasts
from engage.blueprints.console.calendar import import_undo
from engage.blueprints.console.calendar.blueprint import after, bp, left_outside
from engage.blueprints.guard import Staff
from engage.booking import queries as booking
from engage.clinic import queries, services, tables
from engage.clinic.errors import ImportChanged, ImportClash, NoTable
from engage.clinic.rules import imports
from engage.clinic.rules.imports import Wrong
from engage.clinic.services import Imported
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work
from engage.kernel.errors import N_, NotFound

# As long as the longest table, packed into the page between a look and the decision.
_UNPACKED_AT_MOST: Final = 4 * tables.BYTES_AT_MOST
_WRONG_SHOWN: Final = 200
_EXCEL: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_CLASH: Final = N_("The doctor has another shift at that time.")


@dataclass(frozen=True, slots=True)
class Kind:
    """What can be brought by a table."""

    title: str
    lead: str
    columns: Sequence[tuple[str, str, str]]
    example: Sequence[str]


KINDS: Final[Mapping[str, Kind]] = {
    "rosters": Kind(
        N_("Import rosters"),
        N_("A line for each shift. Shifts that are there stay; those that are the same are left out."),
        imports.ROSTER_COLUMNS,
        ("", "", "2026-12-01", "09:00", "12:00", "30", "1"),
    ),
    "days": Kind(
        N_("Import special days"),
        N_("A line for each day, or two with a break. Without times the store is closed."),
        imports.DAY_COLUMNS,
        ("", "2027-02-06", "春节", "", ""),
    ),
}


@bp.view("/imports", permission="clinic.manage")
def import_form(_staff: Staff) -> ResponseReturnValue:
    """Ask for the file."""
    return _page(_sheet())


@bp.view("/imports/template", permission="clinic.manage")
def import_template(staff: Staff) -> ResponseReturnValue:
    """Give a workbook to fill in, with the names of a doctor and a store as an example."""
    sheet = _sheet()
    chosen = KINDS[sheet]
    column = 1 if str(get_locale()).startswith("zh") else 2
    with unit_of_work() as work:
        names = {
            "doctor": next((one.name for one in queries.doctors(work)), ""),
            "store": next((one.short_name for one in _stores(work, staff)), ""),
        }
    head = [names_of[column] for names_of in chosen.columns]
    line = [
        names.get(key, example) or example
        for (key, *_), example in zip(chosen.columns, chosen.example, strict=True)
    ]
    answer = make_response(tables.workbook([head, line]))
    answer.headers["Content-Type"] = _EXCEL
    answer.headers["Content-Disposition"] = f'attachment; filename="{sheet}.xlsx"'
    return answer


@bp.view("/imports", permission="clinic.manage", methods=("POST",))
def look(staff: Staff) -> ResponseReturnValue:
    """Say what the file would bring, and what is wrong with which line; nothing is kept."""
    sheet = _sheet()
    file = request.files.get("file")
    try:
        lines = tables.read(file.stream.read(tables.BYTES_AT_MOST + 1) if file else b"")
    except NoTable as refusal:
        return _page(sheet, refused=gettext(refusal.title)), 422
    with unit_of_work() as work:
        tried = work.begin_nested()
        result, wrong = _bring(work, staff, sheet, lines)
        tried.rollback()
    status = 422 if wrong else 200
    return _page(sheet, result=result, wrong=wrong, packed="" if wrong else _pack(lines)), status


@bp.view("/imports/confirm", permission="clinic.manage", methods=("POST",))
def confirm(staff: Staff) -> ResponseReturnValue:
    """Take it over, all of it or nothing: it is read again, for much may have changed meanwhile."""
    sheet = _sheet()
    lines, now = _unpack(request.form.get("packed", "")), clock.now()
    with unit_of_work() as work:
        tried = work.begin_nested()
        result, wrong = _bring(work, staff, sheet, lines)
        if wrong:
            tried.rollback()
            return _page(sheet, result=result, wrong=wrong), 409
        tried.commit()
        scope = staff.reach("clinic.manage")
        outside = left_outside(work, now=now) if scope.everywhere else 0
    told = ngettext("%(num)s line taken over.", "%(num)s lines taken over.", result.added)
    page = url_for("console_rosters.index") if sheet == "rosters" else url_for("console_stores.index")
    return after(staff, told, outside, page, undo_url=_undo_url(sheet, result))


@bp.view("/imports/restore", permission="clinic.manage", methods=("POST",))
def take_back(staff: Staff) -> ResponseReturnValue:
    """Take back what a table brought; the address says what that was."""
    sheet, now = _sheet(), clock.now()
    were = request.args.get("were", "")
    page = url_for("console_rosters.index" if sheet == "rosters" else "console_stores.index")
    try:
        with unit_of_work() as work:
            mine = {one.id for one in _stores(work, staff)}
            if sheet == "rosters":
                ids, mark = import_undo.read_rosters(were)
                services.take_back_rosters(work, ids, mark, store_ids=mine, by=staff.actor, now=now)
            else:
                former, mark = import_undo.read_days(were)
                services.take_back_days(work, former, mark, store_ids=mine, by=staff.actor, now=now)
            scope = staff.reach("clinic.manage")
            outside = left_outside(work, now=now) if scope.everywhere else 0
    except ImportChanged as refusal:
        toasts.say(gettext(refusal.title), tone="bad")
        return redirect(page, 303)
    return after(staff, gettext("As it was before."), outside, page)


def _undo_url(sheet: str, result: Imported) -> str:
    """Give the address that takes an import back, if it brought anything and it can be told so shortly."""
    if not result.added:
        return ""
    rosters = sheet == "rosters"
    were = (
        import_undo.write_rosters(result.ids, result.mark)
        if rosters
        else import_undo.write_days(result.former, result.mark)
    )
    return url_for("console_calendar.take_back", sheet=sheet, were=were) if were else ""


def _bring(
    work: Session, staff: Staff, sheet: str, lines: Sequence[tables.Line]
) -> tuple[Imported, Sequence[Wrong]]:
    """Bring what the lines say, if none is wrong."""
    stores = _names([(one.id, {one.name, one.short_name, one.slug}) for one in _stores(work, staff)])
    by, now = staff.actor, clock.now()
    if sheet == "days":
        days, wrong = imports.read_days(lines, stores)
        return (Imported(0, 0) if wrong else services.import_days(work, days, by=by, now=now)), wrong
    doctors = _names([(one.id, {one.name}) for one in queries.doctors(work)])
    slots = {store_id: one.slot_minutes for store_id, one in booking.terms_of(work, stores.values()).items()}
    shifts, wrong = imports.read_rosters(lines, doctors, stores, slots)
    if wrong:
        return Imported(0, 0), wrong
    try:
        with work.begin_nested():
            return services.import_rosters(work, shifts, by=by, now=now), ()
    except ImportClash as refusal:
        return Imported(0, 0), [(line, _CLASH, "") for line in refusal.data["lines"]]


def _names(ones: Sequence[tuple[int, set[str]]]) -> Mapping[str, int]:
    """Give ids by name; a name that two have is left out."""
    counted = Counter(name for _, names in ones for name in names)
    return {name: id_ for id_, names in ones for name in names if counted[name] == 1}


def _stores(work: Session, staff: Staff) -> list[Any]:
    scope = staff.reach("clinic.manage")
    return [one for one in queries.stores(work) if scope.holds(one.id)]


def _page(
    sheet: str,
    *,
    result: Imported | None = None,
    wrong: Sequence[Wrong] = (),
    packed: str = "",
    refused: str = "",
) -> str:
    chosen = KINDS[sheet]
    view = {
        "sheet": sheet,
        "title": gettext(chosen.title),
        "lead": gettext(chosen.lead),
        "result": result,
        "packed": packed,
        "refused": refused,
        "wrong": [
            {"line": line, "sentence": gettext(sentence), "text": text}
            for line, sentence, text in wrong[:_WRONG_SHOWN]
        ],
        "more": max(0, len(wrong) - _WRONG_SHOWN),
        "back_url": url_for("console_rosters.index")
        if sheet == "rosters"
        else url_for("console_stores.index"),
        "back": gettext("Rosters") if sheet == "rosters" else gettext("Stores"),
    }
    return render_template("console/calendar/import.html", view=view)


def _pack(lines: Sequence[tables.Line]) -> str:
    """Pack a table into a field of the page: the file itself is gone after this answer."""
    written = io.StringIO()
    csv.writer(written).writerows([number, *cells] for number, cells in lines)
    return base64.b64encode(zlib.compress(written.getvalue().encode())).decode()


def _unpack(packed: str) -> list[tables.Line]:
    """Unpack what `_pack` packed.

    Raises:
        NoTable: somebody else did.
    """
    try:
        unpacking = zlib.decompressobj()
        text = unpacking.decompress(base64.b64decode(packed, validate=True), _UNPACKED_AT_MOST).decode()
        lines: list[tables.Line] = [(int(row[0]), row[1:]) for row in csv.reader(io.StringIO(text))]
    except (binascii.Error, zlib.error, ValueError, IndexError, csv.Error) as error:
        raise NoTable(at_most=tables.LINES_AT_MOST) from error
    if not lines or len(lines) > tables.LINES_AT_MOST + 1:
        raise NoTable(at_most=tables.LINES_AT_MOST)
    return lines


def _sheet() -> str:
    """Give what is to be imported, as the address says."""
    sheet = request.args.get("sheet", "rosters")
    if sheet not in KINDS:
        raise NotFound
    return sheet
