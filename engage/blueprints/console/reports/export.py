"""The attendance report as an Excel file: the figures, and each dimension on a sheet of its own."""

from __future__ import annotations

import io
from typing import Final

from flask import send_file
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.blueprints.console.reports import sheets
from engage.blueprints.console.reports.blueprint import VIEW, bp
from engage.blueprints.console.reports.shapes import Names
from engage.blueprints.guard import Staff
from engage.booking import queries as booking
from engage.kernel import clock
from engage.kernel.db import unit_of_work
from engage.reporting import services

EXCEL: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@bp.view("/attendance/file", permission=VIEW)
def export(staff: Staff) -> ResponseReturnValue:
    """Give what the page shows as a file; that somebody took it is audited."""
    zone, scope, now = staff.house.zone, staff.scope(VIEW), clock.now()
    with unit_of_work() as session:
        names = Names.read(session, scope)
        asked = names.asked(today=clock.local(now, zone).date())
        which = asked.which(zone, None if scope.everywhere else scope.store_ids, now=now)
        counted = booking.outcomes(session, which)
        services.note_taken(session, by=staff.actor, now=now)
    content = sheets.write(asked, counted, names)
    name = f"{gettext('Attendance')}-{asked.days.first:%Y%m%d}-{asked.days.last:%Y%m%d}.xlsx"
    answer = send_file(io.BytesIO(content), EXCEL, as_attachment=True, download_name=name)
    answer.headers["Cache-Control"] = "private, no-store"
    return answer
