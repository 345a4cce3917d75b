"""The journal: what WeChat pushed, what was answered, what came of it; replay by hand (OA-2)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.accounts import queries, rules, services
from engage.accounts.rules import PUSH_STATES
from engage.audit import services as audit
from engage.blueprints.console.journal_kinds import name_of
from engage.blueprints.console.subnav import settings_pages
from engage.blueprints.guard import ConsoleBlueprint, Staff
from engage.fans import queries as fans
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work

if TYPE_CHECKING:
    from engage.accounts.models import Push

bp = ConsoleBlueprint("console_journal", __name__, url_prefix="/console/journal")

TONES: Final = {"done": "good", "waiting": "waiting", "failed": "bad"}

AccountNames = Mapping[int, str]


@bp.view("", permission="journal.view")
def index(staff: Staff) -> ResponseReturnValue:
    """Show a page of pushes, filtered by what stands in the address."""
    trail = [cursor for cursor in request.args.get("page", "").split(".") if cursor]
    with unit_of_work() as work:
        accounts = {account.id: account.name for account in queries.accounts(work)}
        kinds = queries.kinds(work)
        kept = _kept(accounts, kinds)
        page = queries.journal(
            work,
            account_id=int(kept["account"]) if "account" in kept else None,
            kind=kept.get("kind", ""),
            state=kept.get("state", ""),
            cursor=trail[-1] if trail else None,
        )
        names = fans.nicknames(work, {(push.account_id, push.openid) for push in page.items})
    view = {
        "rows": [
            _row(push, accounts, staff.house.zone)
            | {"who": names.get((push.account_id, push.openid), push.openid)}
            for push in page.items
        ],
        "has_accounts": bool(accounts),
        "many_accounts": len(accounts) > 1,
        "filters": _filters(kept, accounts, kinds),
        "filtered": bool(kept),
        "newer_url": _address(kept, page=".".join(trail[:-1])) if trail else "",
        "older_url": _address(kept, page=".".join([*trail, page.next])) if page.next else "",
        "subnav": settings_pages(staff),
    }
    return render_template("console/journal/list.html", view=view)


@bp.view("/<int:push_id>", permission="journal.view")
def show(staff: Staff, push_id: int) -> ResponseReturnValue:
    """Show one push as it came, in the drawer or on a page; the look is audited, for patients wrote it."""
    with unit_of_work() as work:
        push = queries.push(work, push_id)
        view = _outcome(work, push, staff.house.zone)
        audit.record(work, "push.viewed", by=staff.actor, subject=("push", push_id), now=clock.now())
    view |= {"body": rules.indented(push.body), "reply": rules.indented(push.reply), "late": push.late}
    return render_template("console/journal/drawer.html", view=view)


@bp.view("/<int:push_id>/outcome", permission="journal.view")
def outcome(staff: Staff, push_id: int) -> ResponseReturnValue:
    """Show what came of a push, and nothing of what it says."""
    with unit_of_work() as work:
        view = _outcome(work, queries.push(work, push_id), staff.house.zone)
    return render_template("console/journal/outcome.html", view=view)


@bp.view("/<int:push_id>/replay", permission="journal.view", methods=("POST",))
def replay(staff: Staff, push_id: int) -> ResponseReturnValue:
    """Let a push take effect again."""
    with unit_of_work() as work:
        services.replay(work, push_id, by=staff.actor, now=clock.now())
    flash(gettext("It takes effect again in a moment."), "good")
    return redirect(url_for("console_journal.show", push_id=push_id), 303)


def _row(push: Push, accounts: AccountNames, zone: str) -> dict[str, Any]:
    state = rules.push_state(available_at=push.available_at, error=push.error)
    return {
        "id": push.id,
        "kind": gettext(name_of(push.kind)),
        "openid": push.openid,
        "account": accounts[push.account_id],
        "received_at": clock.local(push.received_at, zone),
        "took": _took(push.received_at, push.handled_at),
        "state": gettext(PUSH_STATES[state]),
        "tone": TONES[state],
    }


def _outcome(work: Session, push: Push, zone: str) -> dict[str, Any]:
    account = queries.account(work, push.account_id)
    fan = fans.by_openid(work, push.account_id, push.openid)
    return _row(push, {account.id: account.name}, zone) | {
        "raw_kind": push.kind,
        "fan": (fan.nickname or push.openid) if fan else "",
        "handled_at": clock.local(push.handled_at, zone) if push.handled_at else None,
        "attempts": push.attempts,
        "error": push.error or "",
    }


def _took(received_at: dt.datetime, handled_at: dt.datetime | None) -> str:
    """Write how long it took to take effect; empty for what has not yet."""
    if handled_at is None:
        return ""
    milliseconds = max(0, round((handled_at - received_at).total_seconds() * 1000))
    if milliseconds == 0:
        taken: str = gettext("at once")
    elif milliseconds < 10_000:
        taken = gettext("%(n)s ms", n=milliseconds)
    else:
        taken = gettext("%(n)s s", n=milliseconds // 1000)
    return taken


def _kept(accounts: AccountNames, kinds: Sequence[str]) -> dict[str, str]:
    """Give the filters in the address; what is not known filters nothing."""
    chosen = {
        "state": (request.args.get("state", ""), PUSH_STATES),
        "kind": (request.args.get("kind", ""), kinds),
        "account": (request.args.get("account", ""), {str(account_id) for account_id in accounts}),
    }
    return {key: value for key, (value, known) in chosen.items() if value in known}


def _filters(kept: Mapping[str, str], accounts: AccountNames, kinds: Sequence[str]) -> list[dict[str, Any]]:
    choices = {
        "state": (gettext("State"), {state: gettext(label) for state, label in PUSH_STATES.items()}),
        "kind": (gettext("Kind"), {kind: gettext(name_of(kind)) for kind in kinds}),
        "account": (gettext("Account"), {str(account_id): name for account_id, name in accounts.items()}),
    }
    return [
        {"key": key, "label": label, "options": _options(key, labels, kept)}
        for key, (label, labels) in choices.items()
        if len(labels) > 1
    ]


def _options(key: str, labels: Mapping[str, str], kept: Mapping[str, str]) -> list[dict[str, Any]]:
    current = kept.get(key, "")
    return [
        {"label": label, "url": _address(kept, **{key: value}), "current": value == current}
        for value, label in {"": gettext("All"), **labels}.items()
    ]


def _address(kept: Mapping[str, str], **changed: str) -> str:
    """Give the list's address with something changed; what is empty is left out."""
    chosen: dict[str, Any] = {key: value for key, value in {**kept, **changed}.items() if value}
    return url_for("console_journal.index", **chosen)
