"""Publishing: what would change is shown first, and nothing that was made at WeChat is lost silently."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.accounts.menus import differences, rules, sending, services
from engage.accounts.menus.errors import ChangedElsewhere, NotReady, Publishing, Stale
from engage.accounts.menus.rules import ELSEWHERE
from engage.accounts.menus.sending import Changed, Read, Refused, Taken
from engage.accounts.menus.services import Compared
from engage.blueprints.console.menu import form, standing, words
from engage.blueprints.console.menu.blueprint import (
    MANAGE,
    account_of,
    bp,
    credentials,
    gateway,
    pages_of,
)
from engage.blueprints.guard import Staff
from engage.kernel import clock
from engage.kernel.db import unit_of_work

if TYPE_CHECKING:
    from engage.accounts.menus.models import MenuRelease
    from engage.accounts.menus.sending import Outcome

REFUSALS = (Stale, NotReady, ChangedElsewhere, Publishing)


@bp.view("/read", permission=MANAGE, methods=("POST",))
def read(staff: Staff, account_id: int) -> ResponseReturnValue:
    """Ask WeChat what it shows, and tell how the draft stands to it."""
    look(staff, account_id)
    with unit_of_work() as work:
        stands = standing.read(work, staff, account_id)
    view = standing.head(stands, staff) | {"state": standing.state(stands, staff), "is_fresh": True}
    return render_template("console/menu/state.html", view=view)


@bp.view("/publish", permission=MANAGE)
def compare(staff: Staff, account_id: int) -> ResponseReturnValue:
    """Show the page on which both menus are compared; WeChat is asked as it opens."""
    with unit_of_work() as work:
        stands = standing.read(work, staff, account_id)
    return render_template("console/menu/publish.html", view=standing.head(stands, staff))


@bp.view("/compare", permission=MANAGE, methods=("POST",))
def compared(staff: Staff, account_id: int) -> ResponseReturnValue:
    """Ask WeChat what it shows, and tell what would change."""
    outcome = look(staff, account_id)
    with unit_of_work() as work:
        stands = standing.read(work, staff, account_id)
    now_shown = stands.on_the_phones()
    changes = differences.between(now_shown, stands.entries)
    view: dict[str, Any] = {
        **standing.head(stands, staff),
        "state": standing.state(stands, staff),
        "was_read": isinstance(outcome, Read),
        "before": words.phone(now_shown),
        "after": words.phone(rules.shown(stands.entries)),
        "changes": [words.change(one) for one in changes],
        "problems": [words.problem(one) for one in rules.problems(stands.entries)],
        "version": stands.version,
        "digest": stands.digest,
    }
    return render_template("console/menu/compared.html", view=view)


@bp.view("/publish", permission=MANAGE, methods=("POST",))
def publish(staff: Staff, account_id: int) -> ResponseReturnValue:
    """Publish the draft as it was compared."""
    try:
        with unit_of_work() as work:
            account = account_of(work, staff, account_id)
            release = services.ask(
                work, account_id, _compared(), pages=pages_of(account), by=staff.actor, now=clock.now()
            )
    except REFUSALS as refusal:
        return refused(account_id, gettext(refusal.title))
    return send(staff, account_id, release)


@bp.view("/take-over", permission=MANAGE, methods=("POST",))
def take_over(staff: Staff, account_id: int) -> ResponseReturnValue:
    """Take the menu that was made at WeChat into the draft."""
    try:
        with unit_of_work() as work:
            account = account_of(work, staff, account_id)
            services.take_over(
                work, account_id, _compared(), pages=pages_of(account), by=staff.actor, now=clock.now()
            )
    except (Stale, ChangedElsewhere) as refusal:
        return refused(account_id, gettext(refusal.title))
    flash(gettext("The menu made at WeChat is the draft now. Look through it, then publish it."), "good")
    return redirect(url_for("console_menu.edit", account_id=account_id), 303)


def look(staff: Staff, account_id: int) -> Outcome | Read:
    """Ask WeChat what it shows, and note it."""
    outcome = sending.read(gateway(), credentials(staff, account_id))
    with unit_of_work() as work:
        if isinstance(outcome, Read):
            services.seen(work, account_id, outcome.wire, now=clock.now())
        else:
            failure = str(outcome.errcode) if isinstance(outcome, Refused) else ""
            services.unread(work, account_id, failure, now=clock.now())
    return outcome


def send(staff: Staff, account_id: int, release: MenuRelease) -> ResponseReturnValue:
    """Send a release to WeChat, and say what became of it."""
    outcome = sending.publish(
        gateway(), credentials(staff, account_id), release.wire, digest=request.form.get("digest", "")
    )
    with unit_of_work() as work:
        services.settle(work, release.id, outcome, now=clock.now())
    match outcome:
        case Taken():
            flash(gettext("Published. Phones show it within five minutes."), "good")
            return redirect(url_for("console_menu.edit", account_id=account_id), 303)
        case Changed():
            return refused(account_id, words.failure(ELSEWHERE))
        case Refused(errcode=errcode):
            return refused(account_id, words.failure(str(errcode)))
    flash(gettext("WeChat did not answer. Whether it took the menu shows within two minutes."), "bad")
    return redirect(url_for("console_menu.edit", account_id=account_id), 303)


def refused(account_id: int, sentence: str) -> ResponseReturnValue:
    """Go back to comparing, and say why nothing was published."""
    flash(sentence, "bad")
    return redirect(url_for("console_menu.compare", account_id=account_id), 303)


def _compared() -> Compared:
    return Compared(form.version(), request.form.get("digest", ""))
