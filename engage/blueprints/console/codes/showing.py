"""One code: its picture, its funnel, its days, what it cost for each who came."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flask import render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.accounts import queries as accounts
from engage.blueprints.console.codes import shapes
from engage.blueprints.console.codes.blueprint import MANAGE, bp
from engage.blueprints.console.codes.reach import may_change, visible
from engage.blueprints.console.codes.shapes import SPANS, Asked
from engage.blueprints.console.subnav import marketing_pages
from engage.blueprints.faces import day
from engage.blueprints.guard import Staff
from engage.clinic import queries as clinic
from engage.fans import queries as fans
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work
from engage.kernel.money import Money
from engage.qrcodes import queries, rules
from engage.qrcodes.queries import Days
from engage.qrcodes.rules import STEPS, Funnel
from engage.tenancy import queries as tenancy

if TYPE_CHECKING:
    from engage.qrcodes.models import ChannelCode

# Beyond so many days a chart shows weeks.
DAYS_IN_A_CHART = 31
WEEK = 7


@bp.view("/<int:code_id>", permission=MANAGE)
def show(staff: Staff, code_id: int) -> ResponseReturnValue:
    """Show one code in the span of days that the address asks for."""
    zone = staff.house.zone
    today = clock.local(clock.now(), zone).date()
    asked = shapes.asked_days(today)
    with unit_of_work() as work:
        code = visible(work, staff, code_id)
        days = asked.days or Days(min(clock.local(code.created_at, zone).date(), today), today)
        counted = queries.funnel(work, code_id, asked.days)
        ever = counted if asked.days is None else queries.funnel(work, code_id)
        by_day = queries.by_day(work, code_id, days)
        made = queries.tickets(work, [code_id]).get(code_id)
        facts = _facts(work, code, zone)
        currency = tenancy.tenant(work).currency
    view = {
        "id": code.id,
        "name": code.name,
        "about": gettext(rules.KINDS[code.kind]),
        "state": shapes.state_of(code),
        "is_retired": code.state == rules.RETIRED,
        "picture": shapes.picture(made, code, zone),
        "permanent": code.permanent,
        "facts": facts,
        "welcome": code.welcome,
        "note": code.note,
        "spans": _spans(code_id, asked),
        "range": {"from": days.begin.isoformat(), "until": days.end.isoformat(), "max": today.isoformat()},
        "funnel": _funnel(code_id, counted, asked),
        "scans": counted.scans,
        "was_scanned": bool(ever.scans),
        "points": _points(by_day, days, today),
        "costs": _costs(code.cost_minor, ever, currency, staff.language),
        "fans_url": url_for("console_fans.index", source=code_id, follow="any")
        if staff.may("fans.view")
        else "",
        "may_change": may_change(staff),
        "subnav": marketing_pages(staff),
    }
    return render_template("console/codes/show.html", view=view)


def _funnel(code_id: int, counted: Funnel, asked: Asked) -> list[dict[str, Any]]:
    """Give the steps with their bars: each a part of the persons, the first split into new and old."""
    steps = [
        ("people", counted.people),
        ("bound", counted.bound),
        ("booked", counted.booked),
        ("came", counted.came),
    ]
    rows = []
    for step, count in steps:
        part = 100 * count / counted.people if counted.people else 0
        rows.append(
            {
                "step": step,
                "label": gettext(STEPS[step]),
                "count": shapes.number(count),
                "percent": round(part),
                "width": round(part, 2),
                "url": _people_url(code_id, step, asked),
            }
        )
    split = 100 * counted.new / counted.people if counted.people else 0
    rows[0] |= {
        "new_width": round(split, 2),
        "new": shapes.number(counted.new),
        "old": shapes.number(counted.old),
        "new_url": _people_url(code_id, "new", asked),
        "old_url": _people_url(code_id, "old", asked),
    }
    return rows


def _people_url(code_id: int, step: str, asked: Asked) -> str:
    given: dict[str, Any] = {"step": step, **asked.arguments}
    return url_for("console_codes.people", code_id=code_id, **given)


def _spans(code_id: int, asked: Asked) -> list[dict[str, Any]]:
    return [
        {
            "label": gettext(label),
            "url": url_for("console_codes.show", code_id=code_id, span=span),
            "current": span == asked.span,
        }
        for span, label in SPANS.items()
    ]


def _points(by_day: Mapping[Any, tuple[int, int]], days: Days, today: Any) -> list[dict[str, Any]]:
    """Give the bars of the chart: a day each, or a week each where they would be too many."""
    each = days.each()
    width = 1 if len(each) <= DAYS_IN_A_CHART else WEEK
    if len(each) > DAYS_IN_A_CHART * WEEK:
        width = -(-len(each) // DAYS_IN_A_CHART)
    points = []
    for begin in range(0, len(each), width):
        part = each[begin : begin + width]
        label = day(part[0]) if width == 1 else f"{day(part[0])} – {day(part[-1])}"
        points.append(
            {
                "label": label,
                "short": f"{part[0].month}/{part[0].day}",
                "sub": "",
                "value": sum(by_day.get(one, (0, 0))[0] for one in part),
                "part": sum(by_day.get(one, (0, 0))[1] for one in part),
                "url": "",
                "now": today in part,
            }
        )
    return points


def _costs(cost_minor: int | None, ever: Funnel, currency: str, language: str) -> list[dict[str, str]]:
    """Give what the code cost, in all and for each person who came so far, since it was made."""
    if cost_minor is None:
        return []
    each = (
        (gettext("Per new fan"), rules.per_person(cost_minor, ever.new)),
        (gettext("Per bound patient"), rules.per_person(cost_minor, ever.bound)),
        (gettext("Per arrived patient"), rules.per_person(cost_minor, ever.came)),
    )
    return [
        {"label": gettext("Cost in all"), "value": Money(cost_minor, currency).format(language)},
        *(
            {"label": label, "value": "" if minor is None else Money(minor, currency).format(language)}
            for label, minor in each
        ),
    ]


def _facts(work: Session, code: ChannelCode, zone: str) -> list[dict[str, str]]:
    stores = {store.id: store.short_name for store in clinic.stores(work)}
    people = tenancy.names_of(work, {code.consultant_id} - {None})  # type: ignore[arg-type]
    tag_ids = queries.tag_ids(work, [code.id]).get(code.id, frozenset())
    tags = fans.tags(work, tag_ids)
    comma = gettext(", ")
    return [
        {"label": gettext("Account"), "value": accounts.account(work, code.account_id).name},
        {"label": gettext("Store"), "value": stores.get(code.store_id or 0, "")},
        {"label": gettext("Consultant"), "value": people.get(code.consultant_id or 0, "")},
        {"label": gettext("Tags"), "value": comma.join(sorted(tag.name for tag in tags.values()))},
        {"label": gettext("Made"), "value": day(clock.local(code.created_at, zone).date())},
    ]
