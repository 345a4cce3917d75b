"""Codes as pages show them: their picture's standing, their bars, a span of days."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from flask import request
from flask_babel import format_decimal, gettext

from engage.blueprints.faces import day
from engage.kernel import clock
from engage.kernel.errors import N_
from engage.qrcodes import rules
from engage.qrcodes.queries import Days, Listed, Trend

if TYPE_CHECKING:
    from engage.qrcodes.models import ChannelCode

# The spans that are offered, in days; "" is since the code was made.
SPANS: Final = {"7": N_("7 days"), "30": N_("30 days"), "90": N_("90 days"), "": N_("All the time")}
USUAL: Final = "30"
TREND_DAYS: Final = 30
_LONGEST: Final = dt.timedelta(days=3660)


@dataclass(frozen=True, slots=True)
class Asked:
    """The span of days that an address asks for: one of those offered, or from a day until a day."""

    days: Days | None
    span: str | None
    arguments: Mapping[str, str]


def asked_days(today: dt.date) -> Asked:
    """Read the span of days from the address; what cannot be read is the usual one."""
    begin, end = _day("from"), _day("until")
    if begin is not None and end is not None and dt.timedelta(0) <= end - begin <= _LONGEST:
        arguments = {"from": begin.isoformat(), "until": end.isoformat()}
        return Asked(Days(begin, end), None, arguments)
    span = request.args.get("span", USUAL)
    span = span if span in SPANS else USUAL
    days = None if span == "" else last_days(today, int(span))
    return Asked(days, span, {"span": span})


def last_days(today: dt.date, number: int) -> Days:
    """Give the last days, today among them."""
    return Days(today - dt.timedelta(days=number - 1), today)


def picture(listed: Listed | None, code: ChannelCode, zone: str) -> dict[str, Any]:
    """Say how a code's picture stands, and what to mind before it is printed."""
    now = clock.now()
    is_retired = code.state == rules.RETIRED
    if listed is None or listed.url is None:
        failed = bool(listed and listed.reason)
        words = gettext("No picture yet") if failed else gettext("WeChat is making it…")
        return {
            "is_there": False,
            "is_waiting": not failed and not is_retired,
            "until": None,
            "state": {"tone": "bad" if failed else "waiting", "label": words},
            **_reason(listed),
        }
    standing = rules.life_left(listed.expires_at, now)
    until = clock.local(listed.expires_at, zone).date() if listed.expires_at else None
    labels = {
        "lasting": ("good", gettext("Permanent")),
        "fine": ("confirmed", gettext("Until %(day)s", day=day(until)) if until else ""),
        "ending": ("waiting", gettext("Until %(day)s", day=day(until)) if until else ""),
        "over": ("bad", gettext("Expired")),
    }
    tone, label = labels[standing]
    return {
        "is_there": standing != "over",
        "is_waiting": standing == "over" and not is_retired and not listed.reason,
        "until": until,
        "state": {"tone": tone, "label": label},
        **_reason(listed),
    }


def _reason(listed: Listed | None) -> dict[str, str]:
    reason = (listed and listed.reason) or ""
    return {"reason": str(gettext(rules.REASONS[reason])) if reason in rules.REASONS else ""}


def bars(trend: Trend | None, days: Days) -> dict[str, Any]:
    """Give a small picture of scans by day: a bar each, as parts of the highest, and what it says."""
    scans = trend.scans if trend else {}
    highest = max(scans.values(), default=0)
    each = [scans.get(one, 0) for one in days.each()]
    total = sum(each)
    return {
        "heights": [round(20 * count / highest, 2) if highest else 0 for count in each],
        "total": number(total),
        "people": number(trend.people if trend else 0),
        "words": gettext("%(scans)s scans in the last %(days)s days", scans=number(total), days=len(each)),
    }


def state_of(code: ChannelCode) -> dict[str, str]:
    """Give whether a code is in use, for drawing."""
    tone = "good" if code.state == rules.ACTIVE else "ended"
    return {"tone": tone, "label": gettext(rules.STATES[code.state])}


def number(value: int) -> str:
    """Write a number with its thousands apart."""
    return str(format_decimal(value))


def _day(name: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(request.args.get(name, ""))
    except ValueError:
        return None
