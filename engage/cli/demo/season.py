"""What bends the weeks of the demo: holidays, special days, closures, and what stores allow."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Final

from engage.audit.services import OPERATOR
from engage.booking import queries as booking
from engage.booking import services as visits
from engage.cli.demo.history import Known
from engage.clinic import queries, services
from engage.clinic.queries import Welcome
from engage.clinic.rules import Special
from engage.clinic.services import ClosureDetails
from engage.kernel import clock
from engage.kernel.db import Session

HOUR: Final = 60
# Which stores close on public holidays; the others say in their calendar that they are open.
HOLIDAYS: Final = {"xuhui": "as_usual", "pudong": "closed", "jingan": "as_usual"}
# Patients of this store ask, and the desk says yes.
ASKED_FIRST: Final = "jingan"
WELCOME: Final = Welcome(ask_for="前台李娜", bring="身份证和医保卡")
# Days ahead of special days; no visit of a test or of a first look falls on them.
ANNIVERSARY, TRAINING = 9, 11
LOOKED_AHEAD: Final = dt.timedelta(days=60)


def announce(session: Session, *, zone: str, now: dt.datetime) -> None:
    """Say how stores keep public holidays, what they do on special days, and whom new patients ask for."""
    stores = {store.slug: store.id for store in queries.stores(session)}
    today = clock.local(now, zone).date()
    for slug, choice in HOLIDAYS.items():
        services.keep_holidays(session, stores[slug], country="CN", on_holidays=choice, by=OPERATOR, now=now)
        services.set_welcome(session, stores[slug], WELCOME, by=OPERATOR, now=now)
    for slug, ahead, special in (
        ("jingan", ANNIVERSARY, Special("周年店庆", ((10 * HOUR, 16 * HOUR),))),
        ("pudong", TRAINING, Special("全员培训")),
    ):
        if not queries.special_days(session, stores[slug], today, today + LOOKED_AHEAD):
            day = today + dt.timedelta(days=ahead)
            services.set_special_day(session, stores[slug], day, special, by=OPERATOR, now=now)


def restrict(session: Session, known: Known, *, zone: str, now: dt.datetime) -> None:
    """Close some times, after visits were booked in one of them; let one store approve what is booked."""
    terms = booking.terms(session, known.stores[ASKED_FIRST])
    allowed = replace(terms, approval=True)
    visits.set_terms(session, known.stores[ASKED_FIRST], allowed, by=OPERATOR, now=now)
    begin, _ = clock.day_bounds(clock.local(now, zone).date(), zone)
    is_closed = bool(queries.closures_between(session, None, begin, begin + LOOKED_AHEAD))
    if is_closed or not known.knows(doctors=("林志远",), items=("冷光美白",)):
        return
    for details in _closures(known, begin, clock.local(begin, zone).date()):
        services.add_closure(session, details, by=OPERATOR, now=now)


def _closures(known: Known, begin: dt.datetime, today: dt.date) -> list[ClosureDetails]:
    day, hour = dt.timedelta(days=1), dt.timedelta(hours=1)
    return [
        ClosureDetails(
            doctor_id=known.doctors["林志远"],
            starts_at=begin + 8 * day + 13 * hour,
            ends_at=begin + 8 * day + 18 * hour,
            reason="学术会议",
        ),
        ClosureDetails(
            store_id=known.stores["jingan"],
            weekday=3,
            from_minute=18 * HOUR,
            to_minute=20 * HOUR,
            from_date=today + 7 * day,
            reason="每周病例讨论",
        ),
        ClosureDetails(
            store_id=known.stores["xuhui"],
            item_id=known.items["冷光美白"],
            starts_at=begin + 7 * day,
            ends_at=begin + 10 * day,
            reason="设备检修",
        ),
    ]
