"""Stores that keep too few of their visits, as a sentence each; on the report and on Today."""

from __future__ import annotations

import datetime as dt
from typing import Any

from flask import url_for
from flask_babel import gettext

from engage.blueprints.console.reports.blueprint import VIEW
from engage.blueprints.console.reports.shapes import percent
from engage.blueprints.guard import Staff
from engage.kernel.db import Session
from engage.reporting import queries


def alarms(session: Session, staff: Staff, *, now: dt.datetime) -> list[dict[str, Any]]:
    """Give the alarms of the stores that somebody sees reports of; nothing to others."""
    if not staff.may(VIEW):
        return []
    scope, names = staff.scope(VIEW), {store.id: store.name for store in staff.stores}
    within = None if scope.everywhere else scope.store_ids
    return [
        {
            "words": gettext(
                "%(store)s kept %(share)s of %(due)s visits in the last 30 days.",
                store=names[store_id],
                share=percent(found.percent),
                due=found.due,
            ),
            "url": url_for("console_reports.attendance", store=store_id),
        }
        for store_id, found in queries.alarms(
            session, zone=staff.house.zone, store_ids=within, now=now
        ).items()
    ]
