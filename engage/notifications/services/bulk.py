"""Sending to many: a bundle is claimed, sent with no transaction open, and settled, each by set (ADR 0012).

Statements a bundle, and none a message: whoever works here counts them in thousands a second.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from engage.fans import queries as fans
from engage.kernel import leases
from engage.kernel.db import Session
from engage.notifications import rules
from engage.notifications.models import Batch, Bundle, Delivery, Pace
from engage.notifications.services import pace
from engage.notifications.services.batches import BUNDLE, end_rest
from engage.notifications.services.pace import Limits
from engage.wechat.outcomes import NotSent, Outcome, Refused, Sent, Unheard
from engage.wechat.rules import Trouble, day_ends_at


@dataclass(frozen=True, slots=True)
class Addressee:
    """One message of a load: to whom it goes, and what happened to it before."""

    id: int
    fan_id: int
    attempts: int
    first_tried_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Load:
    """What a worker has out: messages of one bundle, free of the session, and what they say."""

    bundle_id: int
    batch_id: int
    account_id: int
    lease: uuid.UUID
    claimed_at: dt.datetime
    template_id: str
    fields: Mapping[str, str]
    page: str
    addressees: Sequence[Addressee]


def open_batches(session: Session, *, now: dt.datetime) -> Sequence[int]:
    """Give the open batches that have messages to send now, the oldest first."""
    is_due = sa.exists().where(
        Bundle.tenant_id == Batch.tenant_id, Bundle.batch_id == Batch.id, Bundle.available_at <= now
    )
    return session.scalars(sa.select(Batch.id).where(Batch.state == "open", is_due).order_by(Batch.id)).all()


def is_open(session: Session, batch_id: int) -> bool:
    """Whether messages of a batch may go out."""
    return session.scalar(sa.select(Batch.state).where(Batch.id == batch_id)) == "open"


def claim_bulk(session: Session, batch_id: int, allowed: Limits, *, now: dt.datetime) -> Load | None:
    """Take messages of a batch's next bundle to send, as many as the account's pace allows now.

    Commit before sending: from then on they count as tried, whatever happens to the worker. None if
    nothing is due, another worker has what is, the batch is not open or the account has to wait. A load
    without messages is settled like any other.
    """
    found = session.execute(
        sa.select(
            Bundle.id,
            Bundle.attempts,
            Bundle.out_since,
            Bundle.out_last,
            Batch.account_id,
            Batch.template_id,
            Batch.fields,
            Batch.page,
        )
        .join(Batch, (Batch.tenant_id == Bundle.tenant_id) & (Batch.id == Bundle.batch_id))
        .where(Bundle.batch_id == batch_id, Bundle.available_at <= now, Batch.state == "open")
        .order_by(Bundle.available_at, Bundle.id)
        .limit(1)
        .with_for_update(of=Bundle, skip_locked=True)
    ).one_or_none()
    if found is None:
        return None
    if found.out_since is not None:
        _note_the_lost(session, found)
    if found.attempts:
        _give_up_the_late(session, found.id, now=now)
    due = _due(session, found.id, now=now)
    taken = pace.take(session, found.account_id, len(due), allowed, now=now) if due else 0
    if due and not taken:
        return None
    load = Load(
        found.id,
        batch_id,
        found.account_id,
        uuid.uuid4(),
        now,
        found.template_id,
        found.fields,
        found.page,
        due[:taken],
    )
    session.execute(
        sa.update(Bundle)
        .where(Bundle.id == found.id)
        .values(
            lease=load.lease,
            available_at=now + leases.LEASE,
            attempts=Bundle.attempts + 1,
            out_since=now,
            out_last=due[taken - 1].id if due else None,
        )
        .execution_options(synchronize_session=False)
    )
    return load


def settle_bulk(
    session: Session,
    load: Load,
    outcomes: Mapping[int, Outcome | NotSent],
    *,
    now: dt.datetime,
    refused: Refused | None = None,
) -> None:
    """Record what became of a load's messages; those without an outcome were not sent.

    A worker whose lease ran out meanwhile settles nothing: the bundle is another's. `refused` is what
    WeChat said before anything went out.
    """
    if not _is_held(session, load):
        return
    sent = {key: became.msg_id for key, became in outcomes.items() if isinstance(became, Sent)}
    if sent:
        _note_sent(session, load, sent, now=now)
    turns = [
        turn
        for one in load.addressees
        if (turn := _turn(one, outcomes.get(one.id), load.claimed_at, now=now)) is not None
    ]
    if turns:
        _note_turns(session, turns)
    pace.give_back(session, load.account_id, _unused(load, outcomes), now=now)
    if until := _waits_until(outcomes, refused, now=now):
        pace.hold(session, load.account_id, until)
    # A statement after the bundle's lock sees a batch that was closed before.
    if session.scalar(sa.select(Batch.state).where(Batch.id == load.batch_id)) == "closed":
        end_rest(session, [load.bundle_id], now=now)
    else:
        _put_back(session, load.bundle_id)


def end_lost(session: Session, *, now: dt.datetime) -> None:
    """End what a worker that died had out of batches that were closed meanwhile: nobody claims it again."""
    lost = session.execute(
        sa.select(Bundle.id, Bundle.out_since, Bundle.out_last)
        .join(Batch, (Batch.tenant_id == Bundle.tenant_id) & (Batch.id == Bundle.batch_id))
        .where(Batch.state == "closed", Bundle.available_at <= now)
        .order_by(Bundle.id)
        .with_for_update(of=Bundle, skip_locked=True)
    ).all()
    for bundle in lost:
        _note_the_lost(session, bundle)
    if lost:
        end_rest(session, [bundle.id for bundle in lost], now=now)


def next_bulk_at(session: Session, *, now: dt.datetime) -> dt.datetime | None:
    """Give when the next message to many may go out, or what a dead worker had is to be ended.

    None if none waits in an open batch, and no worker has any of a closed one out.
    """
    allowed = pace.limits(session)
    is_closed = Batch.state == "closed"
    waiting = session.execute(
        sa.select(
            Batch.account_id, is_closed.label("is_closed"), sa.func.min(Bundle.available_at).label("at")
        )
        .join(Bundle, (Bundle.tenant_id == Batch.tenant_id) & (Bundle.batch_id == Batch.id))
        .where(Batch.state != "paused", Bundle.available_at.is_not(None))
        .group_by(Batch.account_id, is_closed)
    ).all()
    paces = {row.account_id: row for row in session.scalars(sa.select(Pace))} if waiting else {}
    times = (
        row.at if row.is_closed else max(row.at, pace.goes_on_at(paces.get(row.account_id), allowed, now=now))
        for row in waiting
    )
    return min(times, default=None)


def _note_the_lost(session: Session, bundle: Any) -> None:
    """A worker died with the bundle: what it took may have been sent since then."""
    session.execute(
        sa.update(Delivery)
        .where(
            Delivery.bundle_id == bundle.id,
            Delivery.available_at <= bundle.out_since,
            Delivery.id <= bundle.out_last,
            Delivery.first_tried_at.is_(None),
        )
        .values(state="sending", reason="unheard", first_tried_at=bundle.out_since)
        .execution_options(synchronize_session=False)
    )


def _give_up_the_late(session: Session, bundle_id: int, *, now: dt.datetime) -> None:
    """What was first tried too long ago is never sent blindly (design §3.5)."""
    session.execute(
        sa.update(Delivery)
        .where(
            Delivery.bundle_id == bundle_id,
            Delivery.available_at.is_not(None),
            Delivery.first_tried_at <= now - rules.REPEAT_WITHIN,
        )
        .values(state="unknown", reason="no_answer", available_at=None, ended_at=now)
        .execution_options(synchronize_session=False)
    )


def _due(session: Session, bundle_id: int, *, now: dt.datetime) -> Sequence[Addressee]:
    """Give what of a locked bundle goes out; who is not to be written to any more is skipped."""
    closed = fans.closed(Delivery.fan_id).label("closed")
    found = session.execute(
        sa.select(Delivery.id, Delivery.fan_id, Delivery.attempts, Delivery.first_tried_at, closed)
        .where(Delivery.bundle_id == bundle_id, Delivery.available_at <= now)
        .order_by(Delivery.id)
        .limit(BUNDLE)
    ).all()
    gone = {row.id: row.closed for row in found if row.closed is not None}
    if gone:
        _skip(session, gone, now=now)
    return [Addressee(*row[:-1]) for row in found if row.id not in gone]


def _skip(session: Session, reasons: Mapping[int, str], *, now: dt.datetime) -> None:
    """End messages to people who left or want none; what was tried before may have arrived."""
    was_tried = Delivery.first_tried_at.is_not(None)
    session.execute(
        sa.update(Delivery)
        .where(Delivery.id == sa.any_(sa.literal(list(reasons), ARRAY(sa.BigInteger))))
        .values(
            state=sa.case((was_tried, "unknown"), else_="skipped"),
            reason=sa.case((was_tried, "no_answer"), else_=sa.case(reasons, value=Delivery.id)),
            available_at=None,
            ended_at=now,
        )
        .execution_options(synchronize_session=False)
    )


def _is_held(session: Session, load: Load) -> bool:
    held = sa.select(Bundle.id).where(Bundle.id == load.bundle_id, Bundle.lease == load.lease)
    return session.scalar(held.with_for_update()) is not None


def _note_sent(session: Session, load: Load, sent: Mapping[int, int | None], *, now: dt.datetime) -> None:
    taken = (
        sa.func.unnest(
            sa.literal(list(sent), ARRAY(sa.BigInteger)),
            sa.literal(list(sent.values()), ARRAY(sa.BigInteger)),
        )
        .table_valued("id", "msg_id")
        .render_derived(name="taken")
    )
    session.execute(
        sa.update(Delivery)
        .where(Delivery.id == taken.c.id, Delivery.available_at.is_not(None))
        .values(
            state="sent",
            reason=None,
            msg_id=taken.c.msg_id,
            first_tried_at=sa.func.coalesce(Delivery.first_tried_at, load.claimed_at),
            sent_at=now,
            available_at=None,
        )
        .execution_options(synchronize_session=False)
    )


@dataclass(frozen=True, slots=True)
class _Turn:
    """How a message stands that did not go well; without `available_at` it is over."""

    id: int
    state: str
    reason: str
    attempts: int
    first_tried_at: dt.datetime | None
    available_at: dt.datetime | None
    ended_at: dt.datetime | None


def _turn(
    one: Addressee, outcome: Outcome | NotSent | None, claimed_at: dt.datetime, *, now: dt.datetime
) -> _Turn | None:
    """Say how a message stands after its turn; None where it was taken, or did not have it."""
    match outcome:
        case Unheard():
            return _unheard(one, one.first_tried_at or claimed_at, now=now)
        case Refused():
            return _refused(one, outcome, now=now)
        case _:
            return None


def _unheard(one: Addressee, first_tried_at: dt.datetime, *, now: dt.datetime) -> _Turn:
    attempts = one.attempts + 1
    again_at = now + leases.backoff(attempts)
    if attempts < leases.ATTEMPTS and again_at - first_tried_at < rules.REPEAT_WITHIN:
        return _Turn(one.id, "sending", "unheard", attempts, first_tried_at, again_at, None)
    return _Turn(one.id, "unknown", "no_answer", attempts, first_tried_at, None, now)


def _refused(one: Addressee, refusal: Refused, *, now: dt.datetime) -> _Turn:
    reason, attempts = f"{refusal.errcode} {refusal.errmsg}"[:200], one.attempts + 1
    was_out = one.first_tried_at is not None
    if refusal.trouble is Trouble.QUOTA and not was_out:
        return _Turn(one.id, "pending", reason, one.attempts, None, day_ends_at(now), None)
    if refusal.trouble in rules.NOT_NOW and attempts < leases.ATTEMPTS:
        again_at, state = now + leases.backoff(attempts), "sending" if was_out else "pending"
        return _Turn(one.id, state, reason, attempts, one.first_tried_at, again_at, None)
    # An earlier try that went unheard may have arrived, whatever is said of this one.
    return _Turn(one.id, "unknown" if was_out else "failed", reason, attempts, one.first_tried_at, None, now)


# Columns of `_Turn` and their types, as arrays of one statement.
_COLUMNS: Final[Mapping[str, Any]] = {
    "id": sa.BigInteger(),
    "state": sa.Text(),
    "reason": sa.Text(),
    "attempts": sa.Integer(),
    "first_tried_at": sa.DateTime(timezone=True),
    "available_at": sa.DateTime(timezone=True),
    "ended_at": sa.DateTime(timezone=True),
}


def _note_turns(session: Session, turns: Sequence[_Turn]) -> None:
    arrays = (
        sa.literal([getattr(turn, name) for turn in turns], ARRAY(kind)) for name, kind in _COLUMNS.items()
    )
    columns = (sa.column(name, kind) for name, kind in _COLUMNS.items())
    told = sa.func.unnest(*arrays).table_valued(*columns).render_derived(name="told")
    session.execute(
        sa.update(Delivery)
        .where(Delivery.id == told.c.id, Delivery.available_at.is_not(None))
        .values({name: told.c[name] for name in _COLUMNS if name != "id"})
        .execution_options(synchronize_session=False)
    )


def _unused(load: Load, outcomes: Mapping[int, Outcome | NotSent]) -> int:
    return sum(isinstance(outcomes.get(one.id, _NOT_SENT), NotSent) for one in load.addressees)


_NOT_SENT: Final = NotSent()


def _waits_until(
    outcomes: Mapping[int, Outcome | NotSent], refused: Refused | None, *, now: dt.datetime
) -> dt.datetime | None:
    """Say how long the account has to wait by what WeChat answered, if it does."""
    tried = [became for became in outcomes.values() if not isinstance(became, NotSent)]
    troubles = {became.trouble for became in (*tried, refused) if isinstance(became, Refused)}
    if Trouble.QUOTA in troubles:
        return day_ends_at(now)
    if Trouble.SET_UP in troubles:
        return now + rules.MENDED_AFTER
    is_away = tried and len(tried) < len(outcomes) and not any(isinstance(became, Sent) for became in tried)
    return now + rules.BACK_AFTER if is_away or refused else None


def _put_back(session: Session, bundle_id: int) -> None:
    """Let the bundle wait for its next message, or end with its last."""
    next_at = (
        sa.select(sa.func.min(Delivery.available_at))
        .where(Delivery.bundle_id == bundle_id, Delivery.available_at.is_not(None))
        .scalar_subquery()
    )
    session.execute(
        sa.update(Bundle)
        .where(Bundle.id == bundle_id)
        .values(available_at=next_at, lease=None, out_since=None, out_last=None)
        .execution_options(synchronize_session=False)
    )
