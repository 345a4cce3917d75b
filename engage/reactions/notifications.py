"""Reactions that write messages to patients."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from engage.accounts import queries as accounts
from engage.booking import queries as booking
from engage.clinic import queries as clinic
from engage.fans import queries as fans
from engage.kernel import clock, settings
from engage.kernel.db import Session
from engage.notifications import services as notifications
from engage.notifications.services import Message


def tell_booked(session: Session, payload: Mapping[str, Any], *, now: dt.datetime) -> None:
    """Tell the fan that the appointment stands (NT-1, appointment created). Safe to repeat."""
    appointment = booking.appointment(session, payload["appointment_id"])
    fan = fans.fan(session, appointment.fan_id)
    account = accounts.account(session, fan.account_id)
    store = clinic.store(session, appointment.store_id)
    template_id = account.templates.get("appointment_created", "")
    message = Message(
        kind="appointment_created",
        channel="template",
        subject_id=appointment.id,
        subject_version=appointment.version,
        account_id=account.id,
        fan_id=fan.id,
        template_id=template_id,
        fields={
            "thing1": store.short_name[:20],
            "thing2": clinic.doctor(session, appointment.doctor_id).name[:20],
            "time3": f"{clock.local(appointment.starts_at, store.zone):%Y-%m-%d %H:%M}",
        },
        page=f"/p/{account.slug}/appointments/{appointment.id}",
    )
    skip = None
    if not settings.get(session, notifications.APPOINTMENT_CREATED):
        skip = "switched_off"
    elif not template_id:
        skip = "no_template"
    elif not fan.following:
        skip = "not_following"
    notifications.write(session, message, now=now, skip=skip)
