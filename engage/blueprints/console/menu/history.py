"""What was published before, and going back to it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.accounts.menus import differences, queries, rules, services
from engage.blueprints.console.menu import standing, words
from engage.blueprints.console.menu.blueprint import MANAGE, account_of, bp, pages_of
from engage.blueprints.console.menu.publishing import REFUSALS, refused, send
from engage.blueprints.guard import Staff
from engage.kernel import clock
from engage.kernel.db import unit_of_work
from engage.tenancy import queries as tenancy

if TYPE_CHECKING:
    from engage.accounts.menus.models import MenuRelease

TONES = {"pending": "waiting", "live": "good", "replaced": "ended", "failed": "bad"}


@bp.view("/history", permission=MANAGE)
def index(staff: Staff, account_id: int) -> ResponseReturnValue:
    """Show what was published, newest first."""
    trail = [cursor for cursor in request.args.get("page", "").split(".") if cursor]
    with unit_of_work() as work:
        stands = standing.read(work, staff, account_id)
        page = queries.history(work, account_id, cursor=trail[-1] if trail else None)
        names = tenancy.names_of(work, {one.asked_by for one in page.items if one.asked_by})
    view = {
        **standing.head(stands, staff),
        "rows": [_row(one, names, staff.house.zone) for one in page.items],
        "newer_url": _address(account_id, trail[:-1]) if trail else "",
        "older_url": _address(account_id, [*trail, page.next]) if page.next else "",
    }
    return render_template("console/menu/history.html", view=view)


@bp.view("/history/<int:release_id>", permission=MANAGE)
def show(staff: Staff, account_id: int, release_id: int) -> ResponseReturnValue:
    """Show one release, and what would change if it were published again."""
    with unit_of_work() as work:
        stands = standing.read(work, staff, account_id)
        release = queries.release(work, account_id, release_id)
        names = tenancy.names_of(work, {release.asked_by} if release.asked_by else ())
    entries = rules.unpacked(release.entries)
    changes = differences.between(stands.on_the_phones(), entries)
    view = {
        **standing.head(stands, staff),
        "release": _row(release, names, staff.house.zone),
        "phone": words.phone(rules.shown(entries)),
        "before": words.phone(stands.on_the_phones()),
        "changes": [words.change(one) for one in changes],
        "problems": [words.problem(one) for one in rules.problems(entries)],
        "is_foreign": stands.is_foreign,
        "is_pending": stands.pending is not None,
        "digest": stands.digest,
    }
    return render_template("console/menu/release.html", view=view)


@bp.view("/history/<int:release_id>/restore", permission=MANAGE, methods=("POST",))
def restore(staff: Staff, account_id: int, release_id: int) -> ResponseReturnValue:
    """Publish an earlier menu again."""
    digest = request.form.get("digest", "")
    try:
        with unit_of_work() as work:
            account = account_of(work, staff, account_id)
            release = services.restore(
                work,
                account_id,
                release_id,
                digest,
                pages=pages_of(account),
                by=staff.actor,
                now=clock.now(),
            )
    except REFUSALS as refusal:
        return refused(account_id, gettext(refusal.title))
    return send(staff, account_id, release)


def _row(release: MenuRelease, names: Mapping[int, str], zone: str) -> dict[str, Any]:
    state = rules.STATES[release.state]
    return {
        "id": release.id,
        "at": _local(release.asked_at, zone),
        "by": names.get(release.asked_by, "") if release.asked_by else gettext("Set-up"),
        "tone": TONES[release.state],
        "state": gettext(state),
        "reason": words.failure(release.reason) if release.reason else "",
        "is_restored": release.restores_id is not None,
        "is_live": release.state == "live",
        "names": " · ".join(entry.name for entry in rules.shown(rules.unpacked(release.entries))),
    }


def _local(at: dt.datetime, zone: str) -> dt.datetime:
    return clock.local(at, zone)


def _address(account_id: int, trail: list[str]) -> str:
    kept: dict[str, Any] = {"page": ".".join(trail)} if trail else {}
    return url_for("console_menu.index", account_id=account_id, **kept)
