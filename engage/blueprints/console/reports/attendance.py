"""How visits were kept: the rate over weeks and by every dimension, with the line at 75 % (BK-15)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import render_template
from flask.typing import ResponseReturnValue
from flask_babel import format_decimal, gettext

from engage.blueprints.console.reports.alarms import alarms
from engage.blueprints.console.reports.asked import SPANS, Asked
from engage.blueprints.console.reports.blueprint import VIEW, bp
from engage.blueprints.console.reports.shapes import Names, days_words, groups, percent, wait_words, weeks
from engage.blueprints.guard import Staff
from engage.booking import queries as booking
from engage.booking.rules import CHANNELS
from engage.booking.rules.attendance import ENOUGH, LINE_PERCENT, OUTCOMES, Attendance
from engage.kernel import clock
from engage.kernel.db import unit_of_work
from engage.reporting import queries


@bp.view("/attendance", permission=VIEW)
def attendance(staff: Staff) -> ResponseReturnValue:
    """Show what became of the visits that the address asks for."""
    zone, scope, now = staff.house.zone, staff.scope(VIEW), clock.now()
    within = None if scope.everywhere else scope.store_ids
    with unit_of_work() as session:
        names = Names.read(session, scope)
        asked = names.asked(today=clock.local(now, zone).date())
        which = asked.which(zone, within, now=now)
        counted = booking.outcomes(session, which)
        beside = queries.beside(session, which)
        alarming = alarms(session, staff, now=now)
    total = counted["all"].get(None, Attendance())
    view = {
        "lead": days_words(asked),
        "figures": _figures(asked, total),
        "beside": _beside(asked, total, beside),
        "weeks": weeks(asked, counted["week"]),
        "groups": groups(asked, counted, names),
        "has_any": bool(sum(getattr(total, outcome) for outcome in OUTCOMES)),
        "alarms": alarming,
        "filters": _filters(asked, names),
        "range": {
            "from": asked.days.first.isoformat(),
            "until": asked.days.last.isoformat(),
            "keep": {k: v for k, v in asked.kept().items() if k not in {"span", "from", "until"}},
        },
        "is_narrowed": asked.is_narrowed,
        "all_url": asked.url(store=None, doctor=None, item=None, channel="", lead="", person="", outcome=""),
        "export_url": asked.url("export"),
        "line": LINE_PERCENT,
        "enough": ENOUGH,
    }
    return render_template("console/reports/attendance.html", view=view)


def _figures(asked: Asked, total: Attendance) -> list[dict[str, Any]]:
    """Give the rate and what it is made of, then what is counted apart."""
    rate = {
        "label": gettext("Kept"),
        "value": percent(total.percent),
        "tone": "bad" if total.is_alarming else "good" if total.due else "ended",
        "url": "",
    }
    due = {"label": gettext("Due"), "value": format_decimal(total.due), "tone": "confirmed", "url": ""}
    tones = {"kept": "good", "no_show": "bad", "late": "bad"}
    return [
        rate,
        due,
        *(
            {
                "label": gettext(OUTCOMES[outcome]),
                "value": format_decimal(getattr(total, outcome)),
                "tone": tones.get(outcome, "ended"),
                "url": asked.url("visits", outcome=outcome),
            }
            for outcome in OUTCOMES
            if outcome != "open"
        ),
    ]


def _beside(asked: Asked, total: Attendance, beside: queries.Beside) -> list[dict[str, str]]:
    """Give what explains a rate: how full the days were, what was not noted, who was called."""
    promised = 100 * total.promised / total.due if total.due else None
    called = 100 * beside.called / total.no_show if total.no_show else None
    return [
        {
            "label": gettext("Doctors' open time taken"),
            "value": percent(beside.filled.percent),
            "about": gettext("of what rosters and opening hours offered"),
            "url": "",
        },
        {
            "label": gettext("Promised to come"),
            "value": percent(promised),
            "about": gettext("of those who were due"),
            "url": "",
        },
        {
            "label": gettext("Called after not coming"),
            "value": percent(called),
            "about": gettext("of those who did not come"),
            "url": asked.url("visits", outcome="no_show"),
        },
        {
            "label": gettext("Without an outcome"),
            "value": str(format_decimal(total.open)),
            "about": gettext("past visits that nobody has noted"),
            "url": asked.url("visits", outcome="open") if total.open else "",
        },
        {
            "label": gettext("Wait after checking in"),
            "value": wait_words(beside.wait),
            "about": gettext("until treatment: half of all waited no longer"),
            "url": "",
        },
    ]


def _filters(asked: Asked, names: Names) -> list[dict[str, Any]]:
    spans = [
        {"label": gettext(label), "url": asked.url(span=span), "current": span == asked.span}
        for span, label in SPANS.items()
    ]
    found = [{"key": "span", "label": gettext("Time"), "options": spans}]
    if len(names.stores) > 1:
        found.append(_filter(asked, "store", gettext("Store"), names.stores))
    found.append(_filter(asked, "doctor", gettext("Doctor"), names.doctors))
    channels = {key: gettext(label) for key, label in CHANNELS.items()}
    found.append(_filter(asked, "channel", gettext("Channel"), channels))
    found.append(_filter(asked, "item", gettext("Item"), names.items))
    return found


def _filter(asked: Asked, key: str, label: str, names: Mapping[Any, str]) -> dict[str, Any]:
    nothing: Any = "" if key == "channel" else None
    rows: list[tuple[Any, str]] = [(nothing, gettext("All")), *names.items()]
    options = [
        {"label": name, "url": asked.url(**{key: value}), "current": getattr(asked, key) == value}
        for value, name in rows
    ]
    return {"key": key, "label": label, "options": options}
