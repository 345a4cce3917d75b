"""Reading the menus that WeChat shows: daily, and after a publishing that was cut off."""

from __future__ import annotations

from flask import current_app

from engage.accounts import queries as accounts
from engage.accounts.menus import rules, sending, services
from engage.accounts.menus.sending import Read, Refused
from engage.kernel import clock, due
from engage.kernel.db import unit_of_work
from engage.wechat.gateway import Credentials


def drain() -> None:
    """Read the tenant's menus that are due, one after the other."""
    with unit_of_work() as session:
        marks = due.seen(session, rules.QUEUE, now=clock.now())
    while True:
        with unit_of_work() as session:
            account_id = services.claim(session, now=clock.now())
        if account_id is None:
            break
        _read(account_id)
    with unit_of_work() as session:
        due.answered(session, rules.QUEUE, marks, next_at=services.next_at(session))


def _read(account_id: int) -> None:
    with unit_of_work() as session:
        account = accounts.account(session, account_id)
        credentials = Credentials(account.app_id, account.secret)
    outcome = sending.read(current_app.extensions["wechat"], credentials)
    with unit_of_work() as session:
        now = clock.now()
        if isinstance(outcome, Read):
            services.seen(session, account_id, outcome.wire, now=now)
            services.read_next(session, account_id, at=now + rules.READ_EVERY)
        else:
            failure = str(outcome.errcode) if isinstance(outcome, Refused) else ""
            services.unread(session, account_id, failure, now=now)
            services.read_next(session, account_id, at=now + rules.READ_AGAIN_AFTER)
