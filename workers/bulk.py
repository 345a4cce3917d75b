"""Sending to many: a bundle of messages at a time, each batch in turn (ADR 0012)."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import structlog
from flask import current_app

from engage.accounts import queries as accounts
from engage.fans import queries as fans
from engage.kernel import clock, doorbell, due
from engage.kernel.db import unit_of_work
from engage.notifications import services
from engage.notifications.services import Limits, Load
from engage.wechat.gateway import Card, Credentials, Gateway, Letter, WeChatError
from engage.wechat.outcomes import NotSent, Outcome, Refused

log = structlog.get_logger()

# After that other tenants have their turn, and after the other number whatever waits in another queue; the
# ring at the end calls a worker again.
TURN_SECONDS: Final = 10.0
GIVES_WAY_SECONDS: Final = 1.0
# As many calls at once as the pace needs where an answer takes a tenth of a second.
CONNECTIONS_AT_LEAST: Final = 10
CONNECTIONS_AT_MOST: Final = 200


@dataclass(frozen=True, slots=True)
class _Mail:
    """A load with all that sending needs."""

    load: Load
    account: Credentials
    card: Card
    letters: list[Letter]


def drain() -> None:
    """Send the tenant's messages to many, for some seconds at most."""
    begun = time.monotonic()
    with unit_of_work() as session:
        marks = due.seen(session, services.BULK, now=clock.now())
        allowed = services.limits(session)
        services.end_lost(session, now=clock.now())
        turns = deque(services.open_batches(session, now=clock.now()))
    connections = max(CONNECTIONS_AT_LEAST, min(CONNECTIONS_AT_MOST, allowed.per_second // 10))
    while turns and not _is_over(time.monotonic() - begun):
        batch_id = turns.popleft()
        mail = _claimed(batch_id, allowed)
        if mail is not None:
            _send(mail, connections)
            turns.append(batch_id)
    with unit_of_work() as session:
        now = clock.now()
        next_at = services.next_bulk_at(session, now=now)
        due.answered(session, services.BULK, marks, next_at=next_at)
        if next_at is not None and next_at <= now:
            due.ring(session, services.BULK)


def _is_over(seconds: float) -> bool:
    """Whether somebody else is to have the worker now."""
    return seconds >= TURN_SECONDS or (seconds >= GIVES_WAY_SECONDS and doorbell.others_wait(services.BULK))


def _claimed(batch_id: int, allowed: Limits) -> _Mail | None:
    """Take the batch's next load; from this commit on it counts as on its way."""
    with unit_of_work() as session:
        load = services.claim_bulk(session, batch_id, allowed, now=clock.now())
        if load is None:
            return None
        account = accounts.account(session, load.account_id)
        openids = fans.openids(session, [one.fan_id for one in load.addressees])
        letters = [
            Letter(one.id, openids[one.fan_id], f"engage-{session.tenant_id}-{one.id}")
            for one in load.addressees
        ]
    card = Card(load.template_id, load.fields, f"{current_app.config['PUBLIC_URL']}{load.page}")
    return _Mail(load, Credentials(account.app_id, account.secret), card, letters)


def _send(mail: _Mail, connections: int) -> None:
    """Send a load with no transaction open, and settle it."""
    gateway: Gateway = current_app.extensions["wechat"]
    outcomes: Mapping[int, Outcome | NotSent] = {}
    refused = None
    if mail.letters:
        try:
            outcomes = gateway.send_templates(
                mail.account,
                mail.letters,
                card=mail.card,
                may_go=lambda: _may_go(mail.load),
                connections=connections,
            )
        except WeChatError as error:
            refused = Refused(error.errcode, error.errmsg)
            log.warning("bulk.refused", app_id=mail.account.app_id, errcode=error.errcode)
    with unit_of_work() as session:
        services.settle_bulk(session, mail.load, outcomes, now=clock.now(), refused=refused)


def _may_go(load: Load) -> bool:
    """Ask whether the batch was paused or closed meanwhile."""
    with unit_of_work() as session:
        return services.is_open(session, load.batch_id)
