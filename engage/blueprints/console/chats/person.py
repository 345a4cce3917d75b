"""Who the fan of a conversation is: for whom they speak, what of theirs waits, visits, what they hold."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from flask import url_for
from flask_babel import gettext, ngettext

from engage.accounts import queries as accounts
from engage.audit import services as audit
from engage.blueprints.console.fans.access import VIEW, may
from engage.blueprints.console.fans.showing import marks
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
from engage.patients import waiting

if TYPE_CHECKING:
    from engage.chat.queries import Row
    from engage.fans.models import Fan
    from engage.patients.models import Patient, PatientFact

COUPONS: Final = 10
# For how long what a fan came to ask about is worth reading.
ASKED_FOR: Final = dt.timedelta(days=3)
# More than anybody has before them; the nearest of each patient is shown.
VISITS: Final = 40


def person_view(
    session: Session, staff: Staff, row: Row, *, now: dt.datetime, is_opened: bool
) -> dict[str, Any]:
    """Give the person beside a conversation, as far as the reader's roles let them know.

    Where it `is_opened`, and not only drawn again, the look at each chart is audited.
    """
    fan = fans.fan(session, row.fan_id)
    zone = staff.house.zone
    sees_visits = staff.may("appointments.view")
    bound = patients.of_fan(session, row.fan_id)
    ids = [one.id for one in bound] if staff.may("people.view") else []
    facts = patients.facts(session, ids)
    if is_opened:
        audit.record_each(session, "patient.viewed", by=staff.actor, kind="patient", subject_ids=ids, now=now)
    nearest = _nearest(session, staff, row.fan_id, now=now) if sees_visits else {}
    return {
        "account": accounts.account(session, row.account_id).name,
        "following": _following(fan, zone, now),
        "patients": [
            _patient(staff, one, nearest.get(one.id)) | {"facts": _came(facts.get(one.id), zone, now)}
            for one in bound
        ],
        "bind_url": _bind_url(staff, fan),
        "profile": _profile(session, staff, row, zone),
        "marks": marks(session, staff, fan) if may(staff, fan, VIEW) else None,
        "fan_url": url_for("console_fans.show", fan_id=fan.id) if may(staff, fan, VIEW) else "",
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
        "facts": [*_asked(session, fan, zone, now), *_facts(fan, row, zone, now)],
    }


def _bind_url(staff: Staff, fan: Fan) -> str:
    if not staff.may("people.manage"):
        return ""
    return url_for("console_bindings.show", fan_id=fan.id)


def _profile(session: Session, staff: Staff, row: Row, zone: str) -> dict[str, str] | None:
    """Give the profile that waits, for who decides on it."""
    if row.profile_id is None or not staff.may("people.manage"):
        return None
    found = waiting.submission(session, row.profile_id)
    return {
        "url": url_for("console_profiles.show", submission_id=found.id),
        "name": waiting.answers(found).get("name", ""),
        "at": moment(clock.local(found.submitted_at, zone)),
    }


def _came(fact: PatientFact | None, zone: str, now: dt.datetime) -> str:
    """Say how often somebody was here, and when last."""
    if fact is None or fact.last_visit_at is None:
        return ""
    visits = ngettext("%(num)s visit", "%(num)s visits", fact.visits)
    last = gettext("last on %(day)s", day=_dated(fact.last_visit_at, zone, now))
    return f"{visits} · {last}"


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


def _asked(session: Session, fan: Fan, zone: str, now: dt.datetime) -> list[dict[str, str]]:
    """Give the store from whose page the fan came to the chat, for a few days."""
    if fan.asked_store_id is None or fan.asked_store_at is None or now - fan.asked_store_at > ASKED_FOR:
        return []
    name = clinic.store(session, fan.asked_store_id).short_name
    at = moment(clock.local(fan.asked_store_at, zone))
    return [
        {
            "label": gettext("Asks about"),
            "value": gettext("%(store)s, since %(moment)s", store=name, moment=at),
        }
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
