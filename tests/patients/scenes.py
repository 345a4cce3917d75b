"""A chain whose fans may prove phones and be bound."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from engage.accounts import services as accounts
from engage.audit.services import OPERATOR
from engage.fans import services as fans
from engage.kernel.db import Session, tenant_scope, unit_of_work
from engage.kernel.outbox import OutboxRow
from engage.patients import services
from engage.patients.models import Patient, PhoneCode
from engage.patients.services import NewChart, codes
from tests.conftest import Chain

# Three in the afternoon in Shanghai.
NOW = dt.datetime(2026, 11, 22, 7, tzinfo=dt.UTC)
PHONE = "13800001234"
STORED = "+8613800001234"
CLINIC_WIFI = "203.0.113.7"


@dataclass(frozen=True, slots=True)
class People:
    """A chain, its account, and fans who follow."""

    chain: Chain
    account_id: int
    account_slug: str
    fan_ids: tuple[int, ...]


def make_people(chain: Chain, *, fan_count: int = 2, now: dt.datetime = NOW) -> People:
    """Set the scene through services, committed."""
    new = accounts.NewAccount(
        app_id=f"wx-{chain.slug}",
        slug=f"a-{chain.slug}",
        name="康美口腔",
        secret="secret",
        token="token",
        encoding_aes_key="abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
        mode="plain",
    )
    with tenant_scope(chain.id), unit_of_work() as session:
        account = accounts.connect(session, new, by=OPERATOR, now=now)
        fan_ids = tuple(
            fans.follow(session, account.id, f"openid-{number}", changed_at=now, now=now)
            for number in range(fan_count)
        )
    return People(chain, account.id, new.slug, fan_ids)


def ask(session: Session, fan_id: int, *, phone: str = PHONE, now: dt.datetime = NOW) -> str:
    """Ask for a code, and give the one that is to be sent."""
    codes.request_code(session, fan_id=fan_id, phone=phone, address=CLINIC_WIFI, now=now)
    return latest(session).code


def latest(session: Session) -> PhoneCode:
    """Give the code that was asked for last."""
    session.flush()
    return session.scalars(sa.select(PhoneCode).order_by(PhoneCode.id.desc()).limit(1)).one()


def prove(session: Session, fan_id: int, *, phone: str = PHONE, now: dt.datetime = NOW) -> None:
    """Let a fan prove a phone."""
    code = ask(session, fan_id, phone=phone, now=now)
    verdict = codes.check_code(session, fan_id=fan_id, phone=phone, code=code, now=now)
    assert verdict.outcome == "right"


def chart(session: Session, name: str = "王小红", phone: str | None = PHONE, **known: Any) -> Patient:
    """Make a chart at the desk."""
    new = NewChart(name=name, phone=phone, source="desk", **known)
    return services.create_chart(session, new, by=OPERATOR, now=NOW)


def recorded(session: Session, event: str) -> list[dict[str, Any]]:
    """Give the payloads of an event, one per time it was recorded."""
    rows = session.execute(
        sa.select(OutboxRow.event_id, OutboxRow.payload)
        .where(OutboxRow.event == event)
        .order_by(OutboxRow.id)
    )
    return list({row.event_id: row.payload for row in rows}.values())
