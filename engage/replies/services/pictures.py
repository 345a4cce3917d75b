"""Pictures of replies: handed to WeChat, which keeps them for three days, and again in time (WeChat §10)."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from engage.kernel import due, leases
from engage.kernel.db import Session
from engage.kernel.leases import Claim
from engage.replies import rules
from engage.replies.models import ReplyPicture, ReplyRule
from engage.replies.rules import QUEUE
from engage.wechat.outcomes import Refused, Unheard
from engage.wechat.rules import Trouble, day_ends_at


@dataclass(frozen=True, slots=True)
class Parcel:
    """A claimed picture, free of the session. After too many attempts that ended their worker not `fresh`."""

    id: int
    lease: uuid.UUID
    account_id: int
    file: str
    fresh: bool


@dataclass(frozen=True, slots=True)
class Uploaded:
    """WeChat keeps the picture under this id."""

    media_id: str


def keep_picture(session: Session, account_id: int, *, file: str, width: int, height: int) -> None:
    """Note a picture of an account's replies; repeating it changes nothing."""
    session.execute(
        insert(ReplyPicture)
        .values(
            queue=QUEUE,
            account_id=account_id,
            file=file,
            width=width,
            height=height,
            tenant_id=session.tenant_id,
        )
        .on_conflict_do_nothing()
    )


def use(session: Session, rule: ReplyRule, *, now: dt.datetime) -> None:
    """Let a worker hand the picture of a reply to WeChat, unless WeChat has it for long enough."""
    if rule.file is None or rule.answer["kind"] != rules.IMAGE or not rule.is_on:
        return
    renewed_after = now - rules.RENEWED_AFTER
    row = session.scalar(
        sa.update(ReplyPicture)
        .where(
            ReplyPicture.account_id == rule.account_id,
            ReplyPicture.file == rule.file,
            ReplyPicture.available_at.is_(None),
            sa.or_(ReplyPicture.uploaded_at.is_(None), ReplyPicture.uploaded_at <= renewed_after),
        )
        .values(available_at=now, attempts=0, lease=None, error=None, reason=None)
        .returning(ReplyPicture.id)
        .execution_options(synchronize_session=False)
    )
    if row is not None:
        due.mark(session, QUEUE, at=now)


def claim_picture(session: Session, *, now: dt.datetime) -> Parcel | None:
    """Take the next picture to hand over; commit before it. One that no reply uses any more is let go."""
    while True:
        claimed = leases.claim(session, ReplyPicture, QUEUE, now=now, batch=1)
        if not claimed:
            return None
        for row in leases.held(session, ReplyPicture, claimed):
            if _is_used(session, row):
                fresh = row.attempts <= leases.ATTEMPTS
                return Parcel(row.id, claimed.lease, row.account_id, row.file, fresh)
            leases.settle(row)
            session.flush()


def settle_picture(
    session: Session, parcel: Parcel, outcome: Uploaded | Refused | Unheard, *, now: dt.datetime
) -> None:
    """Record WeChat's id and when it is renewed; try again later; or say why there is none."""
    for row in leases.held(session, ReplyPicture, Claim(parcel.lease, [parcel.id])):
        if isinstance(outcome, Uploaded):
            leases.settle(row)
            row.media_id, row.uploaded_at, row.reason = outcome.media_id, now, None
            row.attempts, row.available_at = 0, now + rules.RENEWED_AFTER
        elif isinstance(outcome, Refused) and outcome.trouble is Trouble.QUOTA:
            leases.defer(row, day_ends_at(now))
        elif not parcel.fresh:
            leases.give_up(row, _said(outcome))
            row.reason = _said(outcome)
        else:
            row.reason = _said(outcome)
            leases.postpone(row, row.reason, now=now)
        session.flush()


def next_at(session: Session) -> dt.datetime | None:
    """Give when the next picture is to be handed over."""
    return leases.next_at(session, ReplyPicture, QUEUE)


def _is_used(session: Session, picture: ReplyPicture) -> bool:
    used = sa.exists().where(
        ReplyRule.account_id == picture.account_id,
        ReplyRule.file == picture.file,
        ReplyRule.is_on,
        ReplyRule.answer["kind"].astext == rules.IMAGE,
    )
    return session.scalar(sa.select(used)) or False


def _said(outcome: Refused | Unheard) -> str:
    return outcome.why if isinstance(outcome, Unheard) else f"{outcome.errcode} {outcome.errmsg}"[:200]
