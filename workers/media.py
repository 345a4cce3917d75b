"""Fetching the files that fans sent, before WeChat forgets them (WeChat §10)."""

from __future__ import annotations

import time

from flask import current_app

from engage.accounts import queries as accounts
from engage.chat import rules, services
from engage.chat.services import Errand, Fetched
from engage.kernel import clock, due
from engage.kernel.db import Session, unit_of_work
from engage.wechat.gateway import Credentials, WeChatError, WeChatUnreachable
from engage.wechat.outcomes import Refused, Unheard

# Fetching one takes up to 22 seconds when WeChat hangs, token and file; a batch must end within its lease.
BATCH = 2

# A worker that WeChat keeps waiting for files must not keep a reply waiting; the clock rings again.
SECONDS = 30.0

_LOST = Unheard("each attempt ended its worker")


def drain() -> None:
    """Fetch the tenant's due files, a batch at a time; what is left leaves a mark."""
    with unit_of_work() as session:
        marks = due.seen(session, rules.MEDIA, now=clock.now())
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        with unit_of_work() as session:
            errands = services.claim_media(session, now=clock.now(), batch=BATCH)
            owners = {errand.id: _account(session, errand) for errand in errands}
        if not errands:
            break
        for errand in errands:
            outcome = _fetch(session.tenant_id, errand, owners[errand.id]) if errand.fresh else _LOST
            with unit_of_work() as session:
                services.settle_media(session, errand, outcome, now=clock.now())
    with unit_of_work() as session:
        due.answered(session, rules.MEDIA, marks, next_at=services.media_next_at(session))


def _account(session: Session, errand: Errand) -> Credentials:
    account = accounts.account(session, errand.account_id)
    return Credentials(account.app_id, account.secret)


def _fetch(tenant_id: int, errand: Errand, account: Credentials) -> Fetched | Refused | Unheard:
    try:
        media = current_app.extensions["wechat"].download_media(account, errand.media_id)
    except WeChatError as refusal:
        return Refused(refusal.errcode, refusal.errmsg)
    except WeChatUnreachable as silence:
        return Unheard(str(silence))
    return Fetched(current_app.extensions["files"].put(tenant_id, media.content))
