"""Pushes that did not take effect while WeChat waited: receipts, and what took too long."""

from __future__ import annotations

from flask import current_app

from engage.accounts import services as journal
from engage.accounts.rules import PUSHES
from engage.inbound import rules
from engage.inbound import services as inbound
from engage.kernel import clock, due
from engage.kernel.db import unit_of_work


def drain() -> None:
    """Let the tenant's due pushes take effect, a batch at a time, each push once."""
    begun = clock.now()
    with unit_of_work() as session:
        marks = due.seen(session, PUSHES, now=begun)
    while True:
        with unit_of_work() as session:
            claimed = journal.claim(session, now=clock.now(), due_by=begun)
        if not claimed:
            break
        with unit_of_work(statement_ms=rules.STATEMENT_MS) as session:
            inbound.catch_up(session, claimed, public_url=current_app.config["PUBLIC_URL"], now=clock.now())
    with unit_of_work() as session:
        due.answered(session, PUSHES, marks, next_at=journal.next_at(session))
