"""Settling messages by the finish events that WeChat pushed; the callback only journals them."""

from __future__ import annotations

import datetime as dt

from engage.accounts import queries as accounts
from engage.accounts.models import Push
from engage.accounts.services import RECEIPTS
from engage.kernel import clock, due
from engage.kernel.db import Session, unit_of_work
from engage.notifications import services as notifications
from engage.wechat import callbacks

BATCH = 500
AGAIN_AFTER = dt.timedelta(seconds=2)
# A receipt can overtake the settling of its own message, but not by this much.
GIVE_UP_AFTER = dt.timedelta(minutes=15)


def drain() -> None:
    """Take up the tenant's waiting receipts; those whose message is not settled yet wait a little."""
    with unit_of_work() as session:
        marks = due.seen(session, RECEIPTS, now=clock.now())
    with unit_of_work() as session:
        now = clock.now()
        for push in accounts.unhandled_receipts(session, limit=BATCH):
            if _settle(session, push, now=now) or now - push.received_at > GIVE_UP_AFTER:
                push.handled_at = now
        session.flush()
        more = accounts.oldest_unhandled(session) is not None
        due.answered(session, RECEIPTS, marks, next_at=now + AGAIN_AFTER if more else None)


def _settle(session: Session, push: Push, *, now: dt.datetime) -> bool:
    message = callbacks.parse(push.body.encode())
    msg_id = str(message.fields.get("MsgID", ""))
    if not msg_id.isdecimal():
        return True
    status = str(message.fields.get("Status", ""))
    return notifications.finished(session, push.account_id, int(msg_id), status, now=now)
