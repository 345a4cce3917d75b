"""Whether the process lives, and whether it can serve."""

from __future__ import annotations

import redis
import sqlalchemy as sa
from flask import redirect, url_for
from flask.typing import ResponseReturnValue

from engage.blueprints.guard import OpenBlueprint
from engage.kernel import doorbell
from engage.kernel.db import unit_of_work

bp = OpenBlueprint("health", __name__)


@bp.open("/", reason="leads to the console's own door")
def root() -> ResponseReturnValue:
    """Lead whoever types the bare address to the console."""
    return redirect(url_for("console_today.index"))


@bp.open("/healthz", reason="tells nothing but that the process answers")
def healthz() -> ResponseReturnValue:
    """Answer while the process lives."""
    return {"status": "ok"}


@bp.open("/readyz", reason="tells load balancers whether to send requests here")
def readyz() -> ResponseReturnValue:
    """Answer 200 when the database answers; Redis may be away, then work waits for the clock."""
    with unit_of_work() as session:
        session.execute(sa.text("select 1"))
    return {"status": "ok", "redis": _redis()}


def _redis() -> str:
    try:
        doorbell.connection().ping()
    except redis.RedisError:
        return "away"
    return "ok"
