"""Operations: what the system still has to do, who does it, and what it could not do."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final

import redis
import structlog
from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from rq import Worker
from rq.serializers import JSONSerializer

from engage.accounts import queries as pushes
from engage.audit import services as audit
from engage.blueprints.console.subnav import settings_pages
from engage.blueprints.guard import ConsoleBlueprint, Staff
from engage.chat import queries as chat
from engage.fans import queries as fans
from engage.kernel import clock, doorbell, outbox
from engage.kernel.db import unit_of_work
from engage.kernel.leases import Backlog
from engage.kernel.outbox import OutboxRow
from engage.notifications import queries as notifications
from engage.notifications.rules import STATES
from engage.notifications.services import QUEUE
from engage.patients import queries as patients
from engage.privacy import queries as privacy
from engage.qrcodes import queries as qrcodes
from engage.replies import queries as replies

log = structlog.get_logger()

bp = ConsoleBlueprint("console_operations", __name__, url_prefix="/console/operations")

TONES: Final = {
    "pending": "waiting",
    "sending": "waiting",
    "sent": "confirmed",
    "delivered": "good",
    "failed": "bad",
    "unknown": "bad",
    "skipped": "ended",
}

# What is due later than this is held back: a retry, or calls of WeChat that are spent for the day.
AT_ONCE: Final = dt.timedelta(minutes=1)

# A worker tells RQ that it lives every half minute at the least.
SILENT_AFTER: Final = dt.timedelta(seconds=90)


@bp.view("", permission="operations.view")
def index(staff: Staff) -> ResponseReturnValue:
    """Show messages by state, queues, workers and reactions that were given up."""
    now = clock.now()
    with unit_of_work() as session:
        counts = notifications.counts_by_state(session)
        waiting = Backlog(QUEUE, *notifications.waiting(session, QUEUE), counts.get("failed", 0))
        codes = patients.codes_backlog(session, now=now)
        backlogs = [outbox.backlog(session), waiting, pushes.backlog(session), codes, chat.backlog(session)]
        backlogs.append(qrcodes.waiting_tickets(session, now=now))
        backlogs.append(replies.backlog(session, now=now))
        backlogs.append(fans.tasks_backlog(session))
        backlogs.append(privacy.backlog(session))
        given_up = outbox.given_up(session)
    view = {
        "subnav": settings_pages(staff),
        "deliveries": _deliveries(counts),
        "queues": [_queue(backlog, now, staff.house.zone) for backlog in backlogs],
        "workers": _workers(staff.house.zone),
        "failed": [_failure(row, staff.house.zone) for row in given_up],
    }
    return render_template("console/operations.html", view=view)


@bp.view("/<int:entry_id>/retry", permission="operations.view", methods=("POST",))
def retry(staff: Staff, entry_id: int) -> ResponseReturnValue:
    """Give a reaction that was given up another round of attempts."""
    now = clock.now()
    with unit_of_work() as session:
        outbox.retry(session, entry_id, now=now)
        audit.record(session, "outbox.retried", by=staff.actor, subject=("outbox", entry_id), now=now)
    flash(gettext("It is tried again now."), "good")
    return redirect(url_for("console_operations.index"), 303)


def _deliveries(counts: Mapping[str, int]) -> list[dict[str, Any]]:
    return [
        {"label": gettext(label), "value": counts.get(state, 0), "tone": TONES[state], "url": ""}
        for state, label in STATES.items()
    ]


def _queue(backlog: Backlog, now: dt.datetime, zone: str) -> dict[str, Any]:
    names = {
        "events": gettext("Reactions"),
        "deliveries": gettext("Messages"),
        "pushes": gettext("Pushes of WeChat"),
        "codes": gettext("Codes by text message"),
        "chats": gettext("Replies to fans"),
        "tickets": gettext("Channel code tickets"),
        "pictures": gettext("Pictures of replies"),
        "tagging": gettext("Work on many fans"),
        "privacy": gettext("Copies and erasures"),
    }
    oldest = backlog.oldest_due_at
    return {
        "name": names[backlog.queue],
        "waiting": backlog.waiting,
        "oldest_seconds": max(0, int((now - oldest).total_seconds())) if oldest else None,
        "waits_until": clock.local(oldest, zone) if oldest and oldest - now > AT_ONCE else None,
        "failed": backlog.failed,
    }


def _failure(row: OutboxRow, zone: str) -> dict[str, Any]:
    return {
        "id": row.id,
        "event": row.event,
        "handler": row.handler,
        "attempts": row.attempts,
        "recorded_at": clock.local(row.recorded_at, zone),
        "error": row.error or "",
    }


def _workers(zone: str) -> list[dict[str, Any]]:
    """Give who takes up work; nobody while Redis is away."""
    try:
        found: Sequence[Any] = Worker.all(connection=doorbell.connection(), serializer=JSONSerializer)
    except redis.RedisError as error:
        log.warning("operations.workers_unknown", error=type(error).__name__)
        return []
    return [_worker(worker, zone) for worker in found if worker.last_heartbeat is not None]


def _worker(worker: Any, zone: str) -> dict[str, Any]:
    silent_for = clock.real_now() - worker.last_heartbeat
    return {
        "name": f"{worker.hostname} · {worker.pid}",
        "seen_at": clock.local(clock.now() - silent_for, zone),
        "alive": silent_for < SILENT_AFTER,
        "busy": worker.get_state() == "busy",
    }
