"""The check-up of an official account: line by line, as WeChat answers (OA-8)."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from flask import current_app, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.accounts import checkup, queries
from engage.accounts.checkup import BROKEN, CANNOT_TELL, OK, Facts, Line
from engage.accounts.menus import queries as menus
from engage.blueprints.console.subnav import account_pages
from engage.blueprints.faces import moment
from engage.blueprints.guard import ConsoleBlueprint, Staff
from engage.kernel import clock
from engage.kernel.db import unit_of_work
from engage.kernel.errors import NotFound
from engage.notifications import queries as notifications
from engage.notifications.rules import KINDS
from engage.wechat.gateway import Credentials
from engage.wechat.refusals import Refusals

bp = ConsoleBlueprint("console_checkup", __name__, url_prefix="/console/accounts/<int:account_id>/checkup")

TONES = {OK: "good", BROKEN: "bad", CANNOT_TELL: "ended"}


@bp.view("", permission="accounts.manage")
def show(staff: Staff, account_id: int) -> ResponseReturnValue:
    """Show what is looked at; each line asks by itself."""
    with unit_of_work() as work:
        account = queries.account(work, account_id)
    view = {
        "id": account.id,
        "name": account.name,
        "tabs": account_pages(staff, account.id),
        "lines": [{"key": key, "label": gettext(label)} for key, label in checkup.LINES.items()],
    }
    return render_template("console/accounts/checkup.html", view=view)


@bp.view("/<line>", permission="accounts.manage", methods=("POST",))
def look(staff: Staff, account_id: int, line: str) -> ResponseReturnValue:
    """Look at one line."""
    if line not in checkup.LINES:
        raise NotFound(line=line)
    facts = _facts(staff, account_id)
    found = checkup.check(current_app.extensions["wechat"], line, facts)
    view = {"key": line, "label": gettext(checkup.LINES[line]), **_told(found)}
    return render_template("console/accounts/checkup_line.html", view=view)


def _told(found: Line) -> Mapping[str, str]:
    return {
        "tone": TONES[found.verdict],
        "verdict": gettext(checkup.VERDICTS[found.verdict]),
        "sentence": found.sentence,
        "todo": found.todo,
    }


def _facts(staff: Staff, account_id: int) -> Facts:
    refusals: Refusals = current_app.extensions["refusals"]
    with unit_of_work() as work:
        account = queries.account(work, account_id)
        received = queries.last_received(work).get(account_id)
        last = menus.last_published(work, account_id)
        templates = notifications.templates_in_use(work, account_id)
    return Facts(
        account=Credentials(account.app_id, account.secret),
        host=urlsplit(current_app.config["PUBLIC_URL"]).hostname or "",
        verified_at=account.verified_at,
        refused_at=refusals.latest(account.app_id),
        received_at=received,
        templates={gettext(KINDS[kind].label): template for kind, template in templates.items()},
        menu=last.digest if last else None,
        now=clock.now(),
        word=gettext,
        when=lambda at: moment(clock.local(at, staff.house.zone)),
    )
