"""The list of fans, filtered by what stands in the address (PT-1); how many they are is asked for apart."""

from __future__ import annotations

from typing import Any, Final

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.audiences import filters
from engage.audiences import queries as audiences
from engage.audiences.filters import Filter
from engage.blueprints.console import filter_bar
from engage.blueprints.console.fans import shapes, words
from engage.blueprints.console.fans.access import MANAGE, VIEW, may
from engage.blueprints.console.fans.blueprint import bp
from engage.blueprints.console.fans.shapes import Names
from engage.blueprints.console.subnav import people_pages
from engage.blueprints.guard import Staff
from engage.fans import queries
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work

FOUND: Final = 40
LONGEST: Final = 40
TASKS: Final = 3


@bp.view("", permission=VIEW)
def index(staff: Staff) -> ResponseReturnValue:
    """Show a page of fans."""
    asked = filters.parse(request.args.items(multi=True))
    order = request.args.get("order", queries.ORDER)
    order = order if order in queries.ORDERS else queries.ORDER
    trail = [cursor for cursor in request.args.get("page", "").split(".") if cursor]
    with unit_of_work() as work:
        among = audiences.matching(asked, scope=staff.scope(VIEW), now=clock.now())
        page = queries.page(work, among, order=order, cursor=trail[-1] if trail else None)
        names = Names.of(work, staff, page.items)
        view = _page(work, staff) | {
            "rows": [shapes.row(fan, names) for fan in page.items],
            "filters": filter_bar.bar(work, asked, staff),
        }
    view |= {
        "filtered": asked != filters.EVERYBODY,
        "order": "" if order == queries.ORDER else order,
        "orders": [
            {"label": gettext(label), "url": address(asked, order=key), "current": key == order}
            for key, label in words.ORDERS.items()
        ],
        "here": address(asked, order=order, trail=trail),
        "count_url": url_for("console_fans.count", **words.arguments(asked)),
        "newer_url": address(asked, order=order, trail=trail[:-1]) if trail else "",
        "older_url": address(asked, order=order, trail=[*trail, page.next]) if page.next else "",
        "acts": _acts(staff),
        "all_acts": _all_acts(staff, asked),
    }
    return render_template("console/fans/list.html", view=view)


@bp.view("/count", permission=VIEW)
def count(staff: Staff) -> ResponseReturnValue:
    """Say how many match, exactly up to some; asked for by the page once it is there."""
    asked = filters.parse(request.args.items(multi=True))
    with unit_of_work() as work:
        among = audiences.matching(asked, scope=staff.scope(VIEW), now=clock.now())
        number = queries.count_some(work, among)
    return render_template("console/fans/count.html", view={"words": words.about(number)})


@bp.view("/find", permission=VIEW)
def finding(_staff: Staff) -> ResponseReturnValue:
    """Lead to the list, where the field is that is written in."""
    return redirect(url_for("console_fans.index"))


@bp.view("/find", permission=VIEW, methods=("POST",))
def find(staff: Staff) -> ResponseReturnValue:
    """Look for fans by name, remark or short code; what was typed stands in no address."""
    typed = request.form.get("q", "").replace("\0", "").strip()[:LONGEST]
    if not typed:
        return redirect(url_for("console_fans.index"), 303)
    with unit_of_work() as work:
        found = [fan for fan in queries.search(work, typed, limit=FOUND) if may(staff, fan, VIEW)]
        names = Names.of(work, staff, found)
        view = _page(work, staff) | {
            "asked": typed,
            "rows": [shapes.row(fan, names) for fan in found],
            "here": "",
            "acts": _acts(staff),
        }
    return render_template("console/fans/list.html", view=view)


def address(asked: Filter, *, order: str = queries.ORDER, trail: list[str] | None = None) -> str:
    """Give the list's address: the filter, the order, and the pages before."""
    more: dict[str, Any] = {} if order == queries.ORDER else {"order": order}
    if trail:
        more["page"] = ".".join(trail)
    return url_for("console_fans.index", **words.arguments(asked), **more)


def _page(work: Session, staff: Staff) -> dict[str, Any]:
    return {
        "subnav": people_pages(staff),
        "tasks": [words.task(task) for task in queries.tasks_of(work, staff.id, limit=TASKS)],
        "may_tag": staff.reach("tags.manage").everywhere,
    }


def _acts(staff: Staff) -> list[dict[str, str]]:
    if not staff.may(MANAGE):
        return []
    return [{"key": key, "label": gettext(label)} for key, label in words.ACTS.items()]


def _all_acts(staff: Staff, asked: Filter) -> list[dict[str, str]]:
    acts = [
        {"label": gettext(label), "url": url_for("console_fans.bulk", do=key, **words.arguments(asked))}
        for key, label in (words.ACTS if staff.may(MANAGE) else {}).items()
    ]
    if staff.may("fans.export"):
        url = url_for("console_fans.bulk", do="export", **words.arguments(asked))
        acts.append({"label": gettext(words.EXPORT), "url": url})
    return acts
