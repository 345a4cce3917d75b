"""A visit as a calendar file (BK-7): where and when, and nothing of what for."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from icalendar import Alarm, Calendar, Event

REMIND_BEFORE = dt.timedelta(hours=2)

_STATUS = {"requested": "TENTATIVE", "cancelled": "CANCELLED"}


@dataclass(frozen=True, slots=True)
class Entry:
    """What a phone's calendar is told of a visit; `summary` and `place` in the reader's language."""

    tenant_id: int
    appointment_id: int
    version: int
    state: str
    starts_at: dt.datetime
    ends_at: dt.datetime
    summary: str
    place: str


def ics(entry: Entry, *, now: dt.datetime) -> bytes:
    """Give the file. A later one of the same visit replaces the earlier, or strikes it out if cancelled."""
    event = Event()
    event.add("uid", f"appointment-{entry.tenant_id}-{entry.appointment_id}@engage")
    event.add("sequence", entry.version)
    event.add("dtstamp", now.astimezone(dt.UTC))
    event.add("dtstart", entry.starts_at.astimezone(dt.UTC))
    event.add("dtend", entry.ends_at.astimezone(dt.UTC))
    event.add("summary", entry.summary)
    event.add("location", entry.place)
    event.add("status", _STATUS.get(entry.state, "CONFIRMED"))
    if entry.state != "cancelled":
        event.add_component(_reminder(entry.summary))
    calendar = Calendar()
    calendar.add("prodid", "-//Engage//Booking//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add_component(event)
    written: bytes = calendar.to_ical()
    return written


def _reminder(summary: str) -> Alarm:
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", summary)
    alarm.add("trigger", -REMIND_BEFORE)
    return alarm
