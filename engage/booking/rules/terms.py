"""What a store allows patients who book by themselves (BK-2), as pure functions."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from engage.kernel.errors import N_

DAY_MINUTES: Final = 1440
SLOT_MINUTES: Final = 30
HORIZON_AT_MOST: Final = 365
CHANGE_UNTIL_AT_MOST: Final = dt.timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Terms:
    """What patients may book at a store. Staff are kept to its open time alone.

    Visits begin from minute `earliest` to before minute `latest` of the local day. `notice_days` and
    `horizon_days` count from today, which is 0; `slot_minutes` is what new shifts start with.
    """

    earliest: int = 0
    latest: int = DAY_MINUTES
    slot_minutes: int = SLOT_MINUTES
    notice_days: int = 0
    horizon_days: int = 14
    same_day: bool = True
    change_until: dt.timedelta = dt.timedelta(hours=2)
    approval: bool = False
    self_booking: bool = True


def days(terms: Terms, today: dt.date) -> tuple[dt.date, dt.date]:
    """Give the first and the last date that patients may book; none if the first is after the last."""
    notice = max(terms.notice_days, 0 if terms.same_day else 1)
    return today + dt.timedelta(days=notice), today + dt.timedelta(days=terms.horizon_days)


def is_within(terms: Terms, starts_at: dt.datetime, zone: str) -> bool:
    """Whether a visit begins at a time of day at which patients' visits may begin."""
    shown = starts_at.astimezone(ZoneInfo(zone))
    return terms.earliest <= shown.hour * 60 + shown.minute < terms.latest


def may_begin(terms: Terms, starts_at: dt.datetime, zone: str, *, now: dt.datetime) -> bool:
    """Whether patients may book a visit that begins then, by themselves."""
    tz = ZoneInfo(zone)
    first, last = days(terms, now.astimezone(tz).date())
    on_a_day = first <= starts_at.astimezone(tz).date() <= last
    return terms.self_booking and on_a_day and is_within(terms, starts_at, zone)


def wrong(terms: Terms) -> dict[str, list[str]]:
    """Say what is wrong with terms, by field; nothing, if they can be kept to."""
    found: dict[str, list[str]] = {}
    if not 0 <= terms.earliest < terms.latest <= DAY_MINUTES:
        found["latest"] = [N_("The end comes after the beginning.")]
    if not 5 <= terms.slot_minutes <= 240 or terms.slot_minutes % 5:
        found["slot_minutes"] = [N_("5 to 240 minutes, in steps of 5.")]
    if not 0 <= terms.horizon_days <= HORIZON_AT_MOST:
        found["horizon_days"] = [N_("0 to 365 days.")]
    if not 0 <= terms.notice_days <= terms.horizon_days:
        found["notice_days"] = [N_("Not after the furthest day.")]
    if not dt.timedelta() <= terms.change_until <= CHANGE_UNTIL_AT_MOST:
        found["change_until"] = [N_("At most seven days.")]
    return found
