"""Handing the pictures of automatic replies to WeChat, and again before it forgets them (WeChat §10)."""

from __future__ import annotations

import time

from flask import current_app

from engage.accounts import queries as accounts
from engage.kernel import clock, due
from engage.kernel.db import unit_of_work
from engage.replies import services
from engage.replies.rules import QUEUE
from engage.replies.services import Parcel, Uploaded
from engage.wechat.gateway import Credentials, WeChatError, WeChatUnreachable
from engage.wechat.outcomes import Refused, Unheard

# A worker that WeChat keeps waiting must not keep others waiting; the clock rings again.
SECONDS = 30.0

_LOST = Unheard("each attempt ended its worker")


def drain() -> None:
    """Hand over the tenant's due pictures, one at a time; what is left leaves a mark."""
    with unit_of_work() as session:
        marks = due.seen(session, QUEUE, now=clock.now())
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        with unit_of_work() as session:
            parcel = services.claim_picture(session, now=clock.now())
            if parcel is None:
                break
            account = accounts.account(session, parcel.account_id)
        credentials = Credentials(account.app_id, account.secret)
        outcome = _upload(session.tenant_id, parcel, credentials) if parcel.fresh else _LOST
        with unit_of_work() as session:
            services.settle_picture(session, parcel, outcome, now=clock.now())
    with unit_of_work() as session:
        due.answered(session, QUEUE, marks, next_at=services.next_at(session))


def _upload(tenant_id: int, parcel: Parcel, account: Credentials) -> Uploaded | Refused | Unheard:
    content = current_app.extensions["files"].get(tenant_id, parcel.file)
    try:
        # WeChat refuses names that are not of plain letters (WeChat §10).
        media_id = current_app.extensions["wechat"].upload_media(
            account, kind="image", content=content, name="reply.jpg"
        )
    except WeChatError as refusal:
        return Refused(refusal.errcode, refusal.errmsg)
    except WeChatUnreachable as silence:
        return Unheard(str(silence))
    return Uploaded(media_id)
