"""Messages of staff to fans: sent one by one, in the order of each conversation."""

from __future__ import annotations

import time

from flask import current_app

from engage.accounts import queries as accounts
from engage.chat import rules, services
from engage.chat.services import Parcel
from engage.fans import queries as fans
from engage.kernel import clock, due
from engage.kernel.db import Session, unit_of_work
from engage.wechat.gateway import Credentials, WeChatError, WeChatUnreachable
from engage.wechat.outcomes import Outcome, Refused, Sent, Unheard
from engage.wechat.outgoing import Content, Image, Text
from engage.wechat.rules import BUSY

# A job that hangs on WeChat must end by itself, not be ended while a message is out; the clock rings again.
SECONDS = 120.0

_LOST = Unheard("its worker ended while it was out")


def drain() -> None:
    """Send the tenant's due messages; each is settled before the next of its conversation goes."""
    with unit_of_work() as session:
        marks = due.seen(session, rules.OUTGOING, now=clock.now())
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        with unit_of_work() as session:
            parcel = services.claim(session, now=clock.now())
            letter = None if parcel is None else _addressed(session, parcel)
        if parcel is None or letter is None:
            break
        outcome = _send(session.tenant_id, parcel, *letter) if parcel.fresh else _LOST
        with unit_of_work() as session:
            services.settle(session, parcel, outcome, now=clock.now())
    with unit_of_work() as session:
        due.answered(session, rules.OUTGOING, marks, next_at=services.next_at(session))


def _addressed(session: Session, parcel: Parcel) -> tuple[Credentials, str]:
    account = accounts.account(session, parcel.account_id)
    return Credentials(account.app_id, account.secret), fans.fan(session, parcel.fan_id).openid


def _send(tenant_id: int, parcel: Parcel, account: Credentials, openid: str) -> Outcome:
    gateway = current_app.extensions["wechat"]
    try:
        message = _content(tenant_id, parcel, account)
    except WeChatUnreachable as silence:
        return Refused(BUSY, str(silence))  # a picture that WeChat may have reaches nobody by itself
    except WeChatError as refusal:
        return Refused(refusal.errcode, refusal.errmsg)
    try:
        gateway.send_custom(account, openid=openid, message=message)
    except WeChatError as refusal:
        return Refused(refusal.errcode, refusal.errmsg)
    except WeChatUnreachable as silence:
        return Unheard(str(silence))
    return Sent(None)


def _content(tenant_id: int, parcel: Parcel, account: Credentials) -> Content:
    if parcel.file is None:
        return Text(parcel.text or "")
    content = current_app.extensions["files"].get(tenant_id, parcel.file)
    name = f"{parcel.id}.jpg"
    return Image(
        current_app.extensions["wechat"].upload_media(account, kind="image", content=content, name=name)
    )
