"""Who the fan of a conversation is: for whom they speak, the visits to come, what they hold."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from flask import url_for
from flask_babel import gettext

from engage.accounts import queries as accounts
from engage.blueprints.console.people_words import described
from engage.blueprints.coupon_card import dated
from engage.blueprints.faces import day, moment
from engage.blueprints.guard import Staff
from engage.booking import queries as booking
from engage.booking.rules import OPEN
from engage.clinic import queries as clinic
from engage.coupons import queries as coupons
from engage.fans import queries as fans
from engage.kernel import clock
from engage.kernel.db import Session
from engage.patients import queries as patients

if TYPE_CHECKING:
    from engage.chat.queries import Row
    from engage.fans.models import Fan
    from engage.patients.models import Patient

COUPONS: Final = 10
# More than anybody has before them; the nearest of each patient is shown.
VISITS: Final = 40


def person_view(session: Session, staff: Staff, row: Row, *, now: dt.datetime) -> dict[str, Any]:
    """Give the person beside a conversation, as far as the reader's roles let them know."""
    fan = fans.fan(session, row.fan_id)
    zone = staff.house.zone
    sees_visits = staff.may("appointments.view")
    nearest = _nearest(session, staff, row.fan_id, now=now) if sees_visits else {}
    return {
        "account": accounts.account(session, row.account_id).name,
        "following": _following(fan, zone, now),
        "patients": [
            _patient(staff, one, nearest.get(one.id)) for one in patients.of_fan(session, row.fan_id)
        ],
        "sees_visits": sees_visits,
        "new_url": url_for("console_appointments.new") if staff.may("appointments.manage") else "",
        "coupons": [
            {
                "name": held.name,
                "until": gettext(
                    "Valid until %(day)s",
                    day=day(clock.local(held.valid_until - dt.timedelta(seconds=1), zone).date()),
                ),
            }
            for held in coupons.of_fan(session, row.fan_id, now, COUPONS)
        ],
        "facts": _facts(fan, row, zone, now),
    }


def _following(fan: Fan, zone: str, now: dt.datetime) -> str:
    """Say since when the fan follows; nothing for who does not."""
    if not fan.following:
        return ""
    since = fan.follow_changed_at or fan.first_seen_at
    return str(gettext("Follows since %(day)s", day=_dated(since, zone, now)))


def _facts(fan: Fan, row: Row, zone: str, now: dt.datetime) -> list[dict[str, str]]:
    return [
        {
            "label": gettext("Dedicated agent"),
            "value": row.dedicated or gettext("Nobody yet"),
        },
        {
            "label": gettext("First seen"),
            "value": _dated(fan.first_seen_at, zone, now),
        },
    ]


def _dated(at: dt.datetime, zone: str, now: dt.datetime) -> str:
    return dated(clock.local(at, zone).date(), clock.local(now, zone).date())


def _patient(staff: Staff, person: Patient, visit: Mapping[str, str] | None) -> dict[str, Any]:
    may_see, may_book = staff.may("people.view"), staff.may("appointments.manage")
    return {
        "name": person.name,
        "sub": described(person),
        "url": url_for("console_people.show", patient_id=person.id) if may_see else "",
        "visit": visit,
        "new_url": url_for("console_appointments.new", patient=person.id) if may_book else "",
    }


def _nearest(
    session: Session, staff: Staff, fan_id: int, *, now: dt.datetime
) -> Mapping[int, Mapping[str, str]]:
    """Give the next visit of each of the fan's patients, at stores whose visits the reader may see."""
    coming, _earlier = booking.of_fan(session, fan_id, now=now, limit=VISITS)
    scope = staff.reach("appointments.view")
    zones = {store.id: store.zone for store in clinic.stores(session)}
    return {
        visit.patient_id: {
            "url": url_for("console_appointments.show", appointment_id=visit.id),
            "when": moment(clock.local(visit.starts_at, zones[visit.store_id])),
            "sub": " · ".join(filter(None, (visit.item, visit.doctor, visit.store))),
        }
        for visit in reversed(coming)
        if visit.state in OPEN and scope.holds(visit.store_id)
    }
