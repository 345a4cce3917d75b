"""The day of a store by doctor, to print and hang up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from flask import render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.blueprints.console.appointments.asked import looked_at
from engage.blueprints.console.appointments.blueprint import bp
from engage.blueprints.guard import Staff
from engage.booking import queries
from engage.booking.queries import Row
from engage.booking.rules import STATES
from engage.kernel import clock
from engage.kernel.db import unit_of_work


@bp.view("/sheet", permission="appointments.view")
def printed(staff: Staff) -> ResponseReturnValue:
    """Show the sheet of a day: each doctor's visits in the order of time, with room for a mark."""
    now = clock.now()
    with unit_of_work() as session:
        asked, stores, doctors = looked_at(session, staff, now=now)
        store = stores.get(asked.store or 0) or next(iter(stores.values()), None)
        rows: Sequence[Row] = ()
        if store is not None:
            begin, end = clock.day_bounds(asked.day, store.zone)
            rows = queries.between(
                session,
                begin=begin,
                end=end,
                store_ids=frozenset({store.id}),
                doctor_id=asked.doctor,
                states=[state for state in STATES if state != "cancelled"],
            )
    zone = store.zone if store else staff.house.zone
    view = {
        "store": store.short_name if store else "",
        "day": asked.day,
        "printed": clock.local(now, zone),
        "doctors": _by_doctor(rows, doctors, zone),
        "back_url": asked.url(view="board"),
    }
    return render_template("console/appointments/sheet.html", view=view)


def _by_doctor(rows: Sequence[Row], doctors: Mapping[int, str], zone: str) -> list[dict[str, Any]]:
    """Give the visits of each doctor in the clinic's order; those without a doctor come last."""
    order = {doctor_id: number for number, doctor_id in enumerate(doctors)}

    def place(row: Row) -> int:
        return order.get(row.doctor_id or 0, len(order))

    return [
        {"name": one[0].doctor or gettext("No doctor named"), "visits": [_visit(row, zone) for row in one]}
        for one in (list(rows) for _, rows in groupby(sorted(rows, key=place), key=place))
    ]


def _visit(row: Row, zone: str) -> dict[str, Any]:
    return {
        "time": clock.local(row.starts_at, zone),
        "until": clock.local(row.ends_at, zone),
        "patient": row.patient_name,
        "item": row.item,
        "words": " · ".join(filter(None, (row.complaint, row.note))),
        "state": gettext(STATES[row.state]),
    }
