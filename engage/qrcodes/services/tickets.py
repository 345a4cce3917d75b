"""Tickets: what WeChat makes of a code. Asked for, claimed, made with no transaction open, settled."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from engage.kernel import due, leases
from engage.kernel.db import Session
from engage.kernel.leases import Claim
from engage.qrcodes import queries, rules
from engage.qrcodes.models import ChannelCode, ChannelTicket, PermanentCodes
from engage.qrcodes.rules import TICKETS
from engage.wechat.answers import QrCode
from engage.wechat.outcomes import Refused, Unheard
from engage.wechat.rules import Trouble, day_ends_at

# These pass by themselves.
_NOT_NOW = (Trouble.BUSY, Trouble.TOKEN)


@dataclass(frozen=True, slots=True)
class Order:
    """A ticket to ask WeChat for, free of the session; temporary with its `seconds`."""

    id: int
    lease: uuid.UUID
    code_id: int
    account_id: int
    scene: str
    seconds: int | None


def ask(session: Session, code_id: int, *, at: dt.datetime, now: dt.datetime) -> None:
    """Let a worker ask for a code's ticket at a time; who waits already is brought forward, never put off."""
    table = ChannelTicket
    row = insert(table).values(queue=TICKETS, available_at=at, code_id=code_id, state="pending", asked_at=now)
    session.execute(
        row.on_conflict_do_update(
            index_elements=["tenant_id", "code_id"],
            index_where=sa.text("state = 'pending'"),
            set_={"available_at": sa.func.least(table.available_at, row.excluded.available_at)},
        )
    )
    due.mark(session, TICKETS, at=at)


def drop(session: Session, code_id: int) -> None:
    """Let nobody ask for a code's ticket any more."""
    session.execute(
        sa.update(ChannelTicket)
        .where(ChannelTicket.code_id == code_id, ChannelTicket.state == "pending")
        .values(state="dropped", available_at=None, lease=None)
        .execution_options(synchronize_session=False)
    )


def again(session: Session, code_id: int, *, now: dt.datetime) -> None:
    """Ask once more for the ticket of a code in use, as somebody wishes it; repeating asks once.

    Raises:
        NotFound: no such code.
    """
    code = queries.locked(session, code_id)
    if code.state == rules.ACTIVE:
        ask(session, code_id, at=now, now=now)


def claim(session: Session, *, now: dt.datetime, batch: int) -> Sequence[Order]:
    """Take tickets to ask for; commit before asking."""
    claimed = leases.claim(session, ChannelTicket, TICKETS, now=now, batch=batch)
    codes = session.execute(
        sa.select(ChannelTicket.id, ChannelCode)
        .join(
            ChannelCode,
            (ChannelCode.tenant_id == ChannelTicket.tenant_id) & (ChannelCode.id == ChannelTicket.code_id),
        )
        .where(ChannelTicket.id.in_(claimed.ids))
        .order_by(ChannelTicket.id)
    )
    lifetime = int(rules.LONGEST_LIFE.total_seconds())
    return [
        Order(
            ticket_id,
            claimed.lease,
            code.id,
            code.account_id,
            code.scene,
            None if code.permanent else lifetime,
        )
        for ticket_id, code in codes
    ]


def settle(session: Session, order: Order, outcome: QrCode | Refused | Unheard, *, now: dt.datetime) -> None:
    """Keep the ticket, try again later, or say why there is none."""
    code = queries.locked(session, order.code_id)  # before its ticket, as whoever retires it does
    for row in leases.held(session, ChannelTicket, Claim(order.lease, [order.id])):
        if isinstance(outcome, QrCode):
            _made(session, row, outcome, now=now)
        elif isinstance(outcome, Unheard):
            _not_now(row, outcome.why, now=now)
        elif outcome.trouble is Trouble.QUOTA:
            leases.defer(row, day_ends_at(now))
        elif outcome.trouble in _NOT_NOW:
            _not_now(row, f"{outcome.errcode} {outcome.errmsg}", now=now)
        elif outcome.errcode == rules.USED_UP and order.seconds is None:
            _make_temporary(session, code, now=now)
            leases.defer(row, now)
        else:
            reason = "set_up" if outcome.trouble is Trouble.SET_UP else "refused"
            _fail(row, reason, f"{outcome.errcode} {outcome.errmsg}")
        session.flush()


def next_at(session: Session) -> dt.datetime | None:
    """Give when the next ticket is to be asked for."""
    return leases.next_at(session, ChannelTicket, TICKETS)


def _made(session: Session, row: ChannelTicket, qr: QrCode, *, now: dt.datetime) -> None:
    row.state, row.ticket, row.url, row.made_at = "made", qr.ticket, qr.url, now
    leases.settle(row)
    if qr.seconds is not None:
        row.expires_at = now + dt.timedelta(seconds=qr.seconds)
        session.flush()  # one at most may wait, and this one does no more
        ask(session, row.code_id, at=rules.renewed_at(row.expires_at), now=now)


def _not_now(row: ChannelTicket, said: str, *, now: dt.datetime) -> None:
    if not leases.postpone(row, said, now=now):
        row.state, row.reason = "failed", "silent"


def _fail(row: ChannelTicket, reason: str, said: str) -> None:
    leases.give_up(row, said)
    row.state, row.reason = "failed", reason


def _make_temporary(session: Session, code: ChannelCode, *, now: dt.datetime) -> None:
    """WeChat has no permanent codes left for the account: this one and those after it are temporary."""
    code.permanent, code.version = False, code.version + 1
    session.execute(
        sa.update(PermanentCodes)
        .where(PermanentCodes.account_id == code.account_id)
        .values(used=sa.func.greatest(PermanentCodes.used - 1, 0), used_up_at=now)
        .execution_options(synchronize_session=False)
    )
