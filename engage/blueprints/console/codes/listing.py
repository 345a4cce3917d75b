"""The codes of the clinic, with their scans of the last thirty days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.accounts import queries as accounts
from engage.blueprints.console.codes import shapes
from engage.blueprints.console.codes.blueprint import MANAGE, bp
from engage.blueprints.console.codes.reach import may_change, shown_stores
from engage.blueprints.console.subnav import marketing_pages
from engage.blueprints.guard import Staff
from engage.clinic import queries as clinic
from engage.kernel import clock
from engage.kernel.db import unit_of_work
from engage.kernel.errors import N_
from engage.qrcodes import queries, rules
from engage.qrcodes.queries import Days, Listed, Trend, Wanted

if TYPE_CHECKING:
    from engage.accounts.models import OfficialAccount
    from engage.qrcodes.models import ChannelCode


@bp.view("", permission=MANAGE)
def index(staff: Staff) -> ResponseReturnValue:
    """Show a page of codes, filtered by what stands in the address."""
    kind = _one_of("kind", rules.KINDS, "")
    state = _one_of("state", rules.STATES, rules.ACTIVE)
    trail = [cursor for cursor in request.args.get("page", "").split(".") if cursor]
    days = shapes.last_days(clock.local(clock.now(), staff.house.zone).date(), shapes.TREND_DAYS)
    with unit_of_work() as work:
        wanted = Wanted(state=state, kind=kind, store_ids=shown_stores(staff))
        page = queries.codes(work, wanted, cursor=trail[-1] if trail else None)
        ids = [code.id for code in page.items]
        made, trends = queries.tickets(work, ids), queries.trends(work, ids, days)
        stores = {store.id: store.short_name for store in clinic.stores(work)}
        connected = accounts.accounts(work)
        names = {account.id: account.name for account in connected}
        left = queries.permanent_left(work, names)
        missing = _missing(connected, queries.of_stores(work), stores)
    view = {
        "rows": [_row(code, made, trends, stores, names, days, staff.house.zone) for code in page.items],
        "kinds": _options("kind", {"": N_("All"), **rules.KINDS}, kind, state=state),
        "states": _options("state", rules.STATES, state, kind=kind),
        "filtered": bool(kind or trail) or state != rules.ACTIVE,
        "newer_url": _address(kind=kind, state=state, page=".".join(trail[:-1])) if trail else "",
        "older_url": _address(kind=kind, state=state, page=".".join([*trail, page.next]))
        if page.next
        else "",
        "may_change": may_change(staff),
        "left": _left(left, names),
        "missing": missing if may_change(staff) else [],
        "many_accounts": len(names) > 1,
        "subnav": marketing_pages(staff),
    }
    return render_template("console/codes/list.html", view=view)


def _row(
    code: ChannelCode,
    made: Mapping[int, Listed],
    trends: Mapping[int, Trend],
    stores: Mapping[int, str],
    names: Mapping[int, str],
    days: Days,
    zone: str,
) -> dict[str, Any]:
    about = [
        gettext(rules.KINDS[code.kind]),
        stores.get(code.store_id or 0, ""),
        names[code.account_id] if len(names) > 1 else "",
    ]
    return {
        "id": code.id,
        "name": code.name,
        "about": " · ".join(filter(None, about)),
        "state": shapes.state_of(code),
        "is_retired": code.state == rules.RETIRED,
        "picture": shapes.picture(made.get(code.id), code, zone),
        "bars": shapes.bars(trends.get(code.id), days),
    }


def _left(left: Mapping[int, int], names: Mapping[int, str]) -> list[dict[str, Any]]:
    """Say how many permanent codes each account may have made still."""
    return [
        {"account": names[account_id], "left": shapes.number(count), "is_gone": count == 0}
        for account_id, count in left.items()
    ]


def _missing(
    connected: Sequence[OfficialAccount], codes: Mapping[tuple[int, int], int], stores: Mapping[int, str]
) -> list[dict[str, Any]]:
    """Give the stores without a code of their account, or of the one that stands for all stores."""
    found = []
    for account in connected:
        own = stores if account.store_id is None else {account.store_id: stores[account.store_id]}
        without = [name for store_id, name in own.items() if (account.id, store_id) not in codes]
        if without:
            found.append({"account_id": account.id, "account": account.name, "stores": without})
    return found


def _options(name: str, labels: Mapping[str, str], current: str, **kept: str) -> list[dict[str, Any]]:
    return [
        {"label": gettext(label), "url": _address(**{**kept, name: value}), "current": value == current}
        for value, label in labels.items()
    ]


def _one_of(name: str, known: Mapping[str, str], otherwise: str) -> str:
    asked = request.args.get(name, "")
    return asked if asked in known else otherwise


def _address(**chosen: str) -> str:
    """Give the list's address; what asks nothing is left out."""
    given: dict[str, Any] = {key: value for key, value in chosen.items() if value and value != rules.ACTIVE}
    return url_for("console_codes.index", **given)
