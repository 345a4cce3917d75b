"""Copies, erasures and files to remove, one task at a time."""

from __future__ import annotations

import datetime as dt
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any, Final

from flask import current_app, render_template
from flask_babel import force_locale, gettext

from engage.kernel import clock, due
from engage.kernel.db import Session, unit_of_work
from engage.kernel.errors import DomainError, NotFound
from engage.kernel.files import Files
from engage.kernel.leases import Attempt
from engage.patients import queries as patients
from engage.privacy import services
from engage.privacy.rules import QUEUE
from engage.privacy.services import Errand, Section
from engage.tenancy import queries as tenancy

# A person's rows stand in tables of many millions, of which not all have an index for this.
STATEMENT_MS: Final = 10 * 60 * 1000

# First bytes of a file → how it is called.
_ENDINGS: Final = ((b"\xff\xd8", "jpg"), (b"\x89PNG", "png"), (b"GIF8", "gif"), (b"#!AMR", "amr"))


def drain() -> None:
    """Do the tenant's due tasks until none is left."""
    with unit_of_work() as session:
        marks = due.seen(session, QUEUE, now=clock.now())
        services.expire(session, now=clock.now())
    while errands := _claim():
        for errand in errands:
            _TASKS[errand.kind](errand)
    with unit_of_work() as session:
        due.answered(session, QUEUE, marks, next_at=services.next_at(session))


def _claim() -> Sequence[Errand]:
    with unit_of_work() as session:
        return services.claim(session, now=clock.now())


def _copy(errand: Errand) -> None:
    """Make a copy: read in one transaction, written with none open."""
    now = clock.now()
    with unit_of_work(statement_ms=STATEMENT_MS) as session:
        task = services.held(session, errand)
        if task is None or task.patient_id is None:
            return
        attempt = Attempt(session, task, now=now)
        with attempt:
            bundle = _collected(session, task.patient_id, errand.language, now)
        services.note_failure(task)
    if not attempt.succeeded:
        return
    key = _files().put(session.tenant_id, bundle)
    with unit_of_work() as session:
        task = services.held(session, errand)
        if task is not None:
            task.file = key
            services.settle(task, now=clock.now())


def _erase(errand: Errand) -> None:
    """Erase somebody in one transaction; what stands in the way by now ends it."""
    now = clock.now()
    with unit_of_work(statement_ms=STATEMENT_MS) as session:
        task = services.held(session, errand)
        if task is None:
            return
        with Attempt(session, task, now=now):
            try:
                services.carry_out(session, task, now=now)
            except DomainError as refusal:
                services.refuse(task, refusal.code, now=now)
        services.note_failure(task)


def _remove(errand: Errand) -> None:
    """Remove files that no row names; a repeat finds them gone."""
    with unit_of_work(statement_ms=STATEMENT_MS) as session:
        task = services.held(session, errand)
        keys = [] if task is None else services.unused(session, task.files)
    for key in keys:
        _files().delete(session.tenant_id, key)
    with unit_of_work() as session:
        task = services.held(session, errand)
        if task is not None:
            services.settle(task, now=clock.now())


_TASKS: Final = {"export": _copy, "erase": _erase, "files": _remove}


def _files() -> Files:
    files: Files = current_app.extensions["files"]
    return files


def _collected(session: Session, patient_id: int, language: str, now: dt.datetime) -> bytes:
    """Give the ZIP: a file of JSON for each feature, files, and a page to read all of it."""
    house = tenancy.tenant(session)
    found = services.sections(session, patient_id)
    names = services.names(session)
    with force_locale(language):
        page = render_template(
            "copies/person.html",
            language=language,
            clinic=house.name,
            number=patients.patient(session, patient_id).number,
            made_at=clock.local(now, house.zone),
            sections=[_read(section, names, house.zone) for section in found],
        )
    return _zipped(session.tenant_id, page, found)


def _zipped(tenant_id: int, page: str, found: Sequence[Section]) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as bundle:
        bundle.writestr("index.html", page)
        for holder in dict.fromkeys(section.holder for section in found):
            tables = {section.table: section.rows for section in found if section.holder == holder}
            bundle.writestr(f"{holder}.json", json.dumps(tables, ensure_ascii=False, indent=1, default=str))
        for key in {key for section in found for key in section.files}:
            try:
                content = _files().get(tenant_id, key)
            except NotFound:
                continue  # removed since
            bundle.writestr(f"files/{key[:16]}.{_ending(content)}", content)
    return whole.getvalue()


def _ending(content: bytes) -> str:
    return next((ending for first, ending in _ENDINGS if content.startswith(first)), "bin")


def _read(section: Section, names: Mapping[str, Mapping[int, str]], zone: str) -> dict[str, Any]:
    """Give a table as the page shows it, in the language that is set."""
    return {
        "title": gettext(section.title),
        "heads": [gettext(label) for label in section.labels.values()],
        "rows": [
            [_told(section, name, row[name], names, zone) for name in section.labels] for row in section.rows
        ],
    }


def _told(section: Section, name: str, value: Any, names: Mapping[str, Mapping[int, str]], zone: str) -> str:
    """Give one value in words."""
    if value is None or value == "":
        return ""
    if isinstance(value, str) and value in section.words.get(name, {}):
        return str(gettext(section.words[name][value]))
    if name in names:
        return names[name].get(value, str(value))
    if isinstance(value, dt.datetime):
        return clock.local(value, zone).strftime("%Y-%m-%d %H:%M")
    if isinstance(value, bool):
        return str(gettext("Yes") if value else gettext("No"))
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
