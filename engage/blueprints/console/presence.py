"""The heartbeat of an open console: who is online (CH-1)."""

from __future__ import annotations

from flask.typing import ResponseReturnValue

from engage.blueprints.guard import ConsoleBlueprint, Staff
from engage.chat import presence
from engage.kernel import clock
from engage.kernel.db import unit_of_work

bp = ConsoleBlueprint("console_presence", __name__, url_prefix="/console")


@bp.view("/presence", permission="self", methods=("POST",), by_itself=True)
def beat(staff: Staff) -> ResponseReturnValue:
    """Note that the person's browser is open; the log-in ends all the same when nobody uses it."""
    with unit_of_work() as session:
        presence.beat(session, staff.id, staff.session_id, now=clock.now())
    return "", 204
