"""Codes sent to phones: asked for, sent by a worker, typed in again."""

from __future__ import annotations

import datetime as dt
import hmac
import math
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from engage.kernel import clock, due, leases, outbox, sealing
from engage.kernel.db import Session
from engage.kernel.leases import Claim
from engage.patients import queries, rules
from engage.patients.errors import CodeTooSoon, TooManyCodes, WrongPhone
from engage.patients.models import FanPhone, PhoneCode, PhoneLimit
from engage.patients.rules import QUEUE, Fate, Verdict
from engage.tenancy import queries as tenancy


@dataclass(frozen=True, slots=True)
class Envelope:
    """A claimed code, free of the session, for the sender."""

    id: int
    phone: str
    code: str


def request_code(session: Session, *, fan_id: int, phone: str, address: str, now: dt.datetime) -> None:
    """Let a worker send a fan a code for a phone as it was typed; earlier ones stop counting.

    Whether there is a chart of the phone changes nothing.

    Raises:
        WrongPhone: no text message reaches such a number.
        CodeTooSoon: one was asked for less than a minute ago; `seconds` are left.
        TooManyCodes: the phone, the fan, or the address of the network, has had its codes of the day.
    """
    stored = queries.phone_of(session, phone)
    if not rules.takes_texts(stored):
        raise WrongPhone
    today = clock.local(now, tenancy.tenant(session).zone).date()
    _count(session, f"phone {stored}", today, most=rules.A_DAY_PER_PHONE, apart=rules.RESEND_AFTER, now=now)
    _count(session, f"fan {fan_id}", today, most=rules.A_DAY_PER_FAN, now=now)
    _count(session, f"address {address}", today, most=rules.A_DAY_PER_ADDRESS, now=now)
    session.add(
        PhoneCode(
            queue=QUEUE,
            available_at=now,
            fan_id=fan_id,
            phone=stored,
            phone_index=sealing.index(stored),
            code=f"{secrets.randbelow(10**rules.CODE_DIGITS):0{rules.CODE_DIGITS}}",
            state="pending",
            created_at=now,
            expires_at=now + rules.CODE_LIFE,
        )
    )
    due.mark(session, QUEUE, at=now)


def check_code(session: Session, *, fan_id: int, phone: str, code: str, now: dt.datetime) -> Verdict:
    """Try a code on the latest that was asked for; commit whatever comes of it, for the try counts.

    The right one counts once: the phone is then the fan's, and `patients.phone_verified` is recorded.

    Raises:
        WrongPhone: no such number can exist.
    """
    stored = queries.phone_of(session, phone)
    latest = _latest(fan_id, stored)
    tried = _try(session, latest, now=now)
    if tried is None:
        return _why_not(session, latest, now=now)
    if not hmac.compare_digest(tried.code.encode(), code.strip().encode()):
        return rules.wrong(tried.tries)
    session.execute(
        sa.update(PhoneCode)
        .where(PhoneCode.id == tried.id)
        .values(used_at=now)
        .execution_options(synchronize_session=False)
    )
    _prove(session, fan_id, stored, now=now)
    return rules.RIGHT


def claim(session: Session, *, now: dt.datetime, batch: int) -> tuple[Claim, Sequence[Envelope]]:
    """Take codes to send; commit before sending.

    One that was taken before and never settled may have been sent: it becomes `unknown` and is not
    sent again. One that is over by now is not sent at all.
    """
    claimed = leases.claim(session, PhoneCode, QUEUE, now=now, batch=batch)
    envelopes = []
    for row in leases.held(session, PhoneCode, claimed):
        if row.attempts > 1:
            _end(row, Fate("unknown", "no_answer"))
        elif row.expires_at <= now:
            _end(row, Fate("failed", "expired"))
        else:
            envelopes.append(Envelope(row.id, row.phone, row.code))
    return claimed, envelopes


def settle(session: Session, claimed: Claim, fates: Mapping[int, Fate]) -> None:
    """Record what became of each code that was sent; those claimed by another meanwhile are left alone."""
    for row in leases.held(session, PhoneCode, Claim(claimed.lease, list(fates))):
        _end(row, fates[row.id])


def next_at(session: Session) -> dt.datetime | None:
    """Give when the next code is due."""
    return leases.next_at(session, PhoneCode, QUEUE)


def _end(row: PhoneCode, fate: Fate) -> None:
    leases.settle(row)
    row.state, row.reason = fate.state, fate.reason


def _count(
    session: Session,
    what: str,
    today: dt.date,
    *,
    most: int,
    apart: dt.timedelta | None = None,
    now: dt.datetime,
) -> None:
    """Count one request by one statement, which changes nothing where a limit is reached.

    Of two requests at once, the one that asked first may be counted last: neither the day nor the time
    goes back.
    """
    key, limit = sealing.index(what), PhoneLimit
    fresh = insert(limit).values(key=key, day=today, count=1, last_at=now)
    rested = sa.true() if apart is None else limit.last_at <= now - apart
    counted = session.execute(
        fresh.on_conflict_do_update(
            index_elements=["tenant_id", "key"],
            set_={
                "day": sa.func.greatest(limit.day, today),
                "count": sa.case((limit.day >= today, limit.count + 1), else_=1),
                "last_at": sa.func.greatest(limit.last_at, now),
            },
            where=sa.and_(rested, sa.or_(limit.day < today, limit.count < most)),
        ).returning(limit.count)
    ).one_or_none()
    if counted is None:
        _refuse(session, key, today, most=most, apart=apart, now=now)


def _refuse(
    session: Session, key: bytes, today: dt.date, *, most: int, apart: dt.timedelta | None, now: dt.datetime
) -> None:
    limit = session.get_one(PhoneLimit, (session.tenant_id, key), populate_existing=True)
    if apart is None or (limit.day >= today and limit.count >= most):
        raise TooManyCodes
    raise CodeTooSoon(seconds=math.ceil((limit.last_at + apart - now).total_seconds()))


def _try(session: Session, latest: sa.Select[int], *, now: dt.datetime) -> Any:
    """Count a try by one statement, which nobody else passes before this transaction ends; None if the
    code may not be tried any more.
    """
    return session.execute(
        sa.update(PhoneCode)
        .where(
            PhoneCode.id == latest.scalar_subquery(),
            PhoneCode.used_at.is_(None),
            PhoneCode.expires_at > now,
            PhoneCode.tries < rules.TRIES,
        )
        .values(tries=PhoneCode.tries + 1)
        .returning(PhoneCode.id, PhoneCode.code, PhoneCode.tries)
        .execution_options(synchronize_session=False)
    ).one_or_none()


def _latest(fan_id: int, phone: str) -> sa.Select[int]:
    return (
        sa.select(PhoneCode.id)
        .where(PhoneCode.fan_id == fan_id, PhoneCode.phone_index == sealing.index(phone))
        .order_by(PhoneCode.id.desc())
        .limit(1)
    )


def _why_not(session: Session, latest: sa.Select[int], *, now: dt.datetime) -> Verdict:
    code = session.scalar(sa.select(PhoneCode).where(PhoneCode.id == latest.scalar_subquery()))
    if code is None or (code.used_at is None and code.expires_at <= now):
        return rules.EXPIRED
    return rules.SPENT


def _prove(session: Session, fan_id: int, phone: str, *, now: dt.datetime) -> None:
    proven = {"phone": phone, "phone_index": sealing.index(phone), "verified_at": now}
    session.execute(
        insert(FanPhone)
        .values(fan_id=fan_id, **proven)
        .on_conflict_do_update(index_elements=["tenant_id", "fan_id"], set_=proven)
    )
    outbox.record(session, "patients.phone_verified", now=now, fan_id=fan_id)
