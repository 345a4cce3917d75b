"""Settling messages by the finish events that WeChat pushed; the callback only journals them."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from engage.accounts import queries as accounts
from engage.accounts.services import RECEIPTS
from engage.kernel import clock, due
from engage.kernel.db import Session, unit_of_work
from engage.notifications import services as notifications
from engage.wechat import callbacks

if TYPE_CHECKING:
    from engage.accounts.models import Push

BATCH = 500
AGAIN_AFTER = dt.timedelta(seconds=2)
# A receipt can overtake the settling of its own message, but not by this much.
LARGEST_ID = 2**63 - 1
GIVE_UP_AFTER = dt.timedelta(minutes=15)


def drain() -> None:
    """Take up the tenant's waiting receipts; those whose message is not settled yet wait a little.

    Receipts of messages that others sent from the same account never find theirs: each batch begins
    after the one before, so that they hold nobody up.
    """
    with unit_of_work() as session:
        marks = due.seen(session, RECEIPTS, now=clock.now())
    after, waiting = 0, False
    while True:
        with unit_of_work() as session:
            pushes = accounts.unhandled_receipts(session, after=after, limit=BATCH)
            now = clock.now()
            for push in pushes:
                if _settle(session, push, now=now) or now - push.received_at > GIVE_UP_AFTER:
                    push.handled_at = now
                else:
                    waiting = True
        if len(pushes) < BATCH:
            break
        after = pushes[-1].id
    with unit_of_work() as session:
        due.answered(session, RECEIPTS, marks, next_at=clock.now() + AGAIN_AFTER if waiting else None)


def _settle(session: Session, push: Push, *, now: dt.datetime) -> bool:
    message = callbacks.parse(push.body.encode())
    msg_id = str(message.fields.get("MsgID", ""))
    if not msg_id.isdecimal() or int(msg_id[:30]) > LARGEST_ID:
        return True
    status = str(message.fields.get("Status", ""))
    return notifications.finished(session, push.account_id, int(msg_id), status, now=now)
