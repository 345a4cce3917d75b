"""Asking WeChat for the tickets of channel codes: claimed, asked with no transaction open, settled."""

from __future__ import annotations

import time
from typing import Final

from flask import current_app

from engage.accounts import queries as accounts
from engage.kernel import clock, due
from engage.kernel.db import unit_of_work
from engage.qrcodes import rules
from engage.qrcodes.services import tickets
from engage.qrcodes.services.tickets import Order
from engage.wechat.answers import QrCode
from engage.wechat.gateway import Credentials, WeChatError, WeChatUnreachable
from engage.wechat.outcomes import Refused, Unheard

# Asking takes up to 22 seconds when WeChat hangs, token and code; a batch must end within its lease.
BATCH: Final = 2

# After that other queues have their turn; the clock rings again.
SECONDS: Final = 20.0


def drain() -> None:
    """Ask for the tenant's due tickets, a batch at a time; what is left leaves a mark."""
    with unit_of_work() as session:
        marks = due.seen(session, rules.TICKETS, now=clock.now())
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        with unit_of_work() as session:
            orders = tickets.claim(session, now=clock.now(), batch=BATCH)
            owners = {order.account_id: accounts.account(session, order.account_id) for order in orders}
        if not orders:
            break
        for order in orders:
            owner = owners[order.account_id]
            outcome = _ask(order, Credentials(owner.app_id, owner.secret))
            with unit_of_work() as session:
                tickets.settle(session, order, outcome, now=clock.now())
    with unit_of_work() as session:
        due.answered(session, rules.TICKETS, marks, next_at=tickets.next_at(session))


def _ask(order: Order, account: Credentials) -> QrCode | Refused | Unheard:
    """Ask for a code's ticket. Asked twice, a permanent scene gives the same and a temporary one another."""
    gateway = current_app.extensions["wechat"]
    try:
        made: QrCode = gateway.create_qr(account, scene=order.scene, seconds=order.seconds)
    except WeChatError as refusal:
        return Refused(refusal.errcode, refusal.errmsg)
    except WeChatUnreachable as silence:
        return Unheard(str(silence))
    return made
