"""Visits outside open time or more than places, until somebody has moved or cancelled each (BK-1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.blueprints.console.calendar.blueprint import AHEAD, bp
from engage.blueprints.guard import Staff
from engage.booking import queries as booking
from engage.clinic import queries as clinic
from engage.kernel import clock
from engage.kernel.db import unit_of_work
from engage.kernel.errors import N_

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engage.booking.queries import Left
    from engage.clinic.models import Store

WHYS: Final = {
    booking.OUTSIDE: N_("Outside open time"),
    booking.CROWDED: N_("More visits than places"),
}


@bp.view("/outside", permission="appointments.view")
def outside(staff: Staff) -> ResponseReturnValue:
    """List the visits to come that are to be moved, at the stores the person sees."""
    now = clock.now()
    scope = staff.reach("appointments.view")
    with unit_of_work() as work:
        stores = [store for store in clinic.stores(work) if scope.holds(store.id)]
        store = next((store for store in stores if str(store.id) == request.args.get("store")), None)
        doctor = next(
            (one for one in clinic.doctors(work) if str(one.id) == request.args.get("doctor")), None
        )
        left = booking.outside(
            work,
            begin=now,
            end=now + AHEAD,
            store_ids={store.id} if store else {store.id for store in stores},
            doctor_id=doctor.id if doctor else None,
        )
    view = {
        "rows": _rows(left, stores),
        "stores": _choices(stores, store),
        "doctor": doctor.name if doctor else "",
        "all_url": url_for("console_calendar.outside"),
    }
    return render_template("console/calendar/outside.html", view=view)


def _rows(left: Sequence[Left], stores: Sequence[Store]) -> list[dict[str, Any]]:
    zones = {store.id: store.zone for store in stores}
    return [
        {
            "id": row.id,
            "patient": row.patient_name,
            "starts_at": clock.local(row.starts_at, zones[row.store_id]),
            "doctor": row.doctor or gettext("any doctor"),
            "store": row.store,
            "item": row.item,
            "why": gettext(WHYS[why]),
        }
        for row, why in ((one.row, one.why) for one in left)
    ]


def _choices(stores: Sequence[Store], chosen: Store | None) -> list[dict[str, Any]]:
    everywhere = {
        "label": gettext("All stores"),
        "url": url_for("console_calendar.outside"),
        "current": chosen is None,
    }
    return [
        everywhere,
        *(
            {
                "label": store.short_name,
                "url": url_for("console_calendar.outside", store=store.id),
                "current": store is chosen,
            }
            for store in stores
        ),
    ]
