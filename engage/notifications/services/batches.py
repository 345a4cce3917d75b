"""Messages to many: worded once, written as rows by set, paused, resumed and closed together (ADR 0012)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert

from engage.accounts import queries as accounts
from engage.fans import queries as fans
from engage.kernel import due
from engage.kernel.db import Session
from engage.kernel.errors import NotFound
from engage.notifications import fields, queries
from engage.notifications.models import Batch, Bundle, Delivery

BULK: Final = "bulk"

# So many messages are claimed, sent and settled together, and come twice to WeChat if a worker dies.
BUNDLE: Final = 500


@dataclass(frozen=True, slots=True)
class NewBatch:
    """One message to many fans of an account; `page` is a path below its patient pages, the same for all."""

    kind: str
    subject_id: int
    account_id: int
    values: Mapping[str, str]
    page: str


class Opened(NamedTuple):
    """The batch, or why there is none: a code of `rules.REASONS`."""

    batch_id: int | None
    reason: str | None


def open_batch(session: Session, new: NewBatch, *, now: dt.datetime) -> Opened:
    """Word a message to many as its account does; `write_many` then says who gets it.

    Not repeated safely by itself: the caller keeps the batch's id with what it is about.

    Raises:
        NotFound: there is no such account.
    """
    account = accounts.account(session, new.account_id)
    wording = queries.wording(session, account.id, new.kind)
    if wording is None or not wording.template_id:
        return Opened(None, "no_template")
    if not wording.enabled:
        return Opened(None, "switched_off")
    data, problems = fields.render(wording.fields, {**new.values, "account": account.name})
    if problems:
        return Opened(None, "bad_wording")
    batch = Batch(
        account_id=account.id,
        kind=new.kind,
        subject_id=new.subject_id,
        template_id=wording.template_id,
        fields=data,
        title=wording.title,
        text=fields.as_read(wording.content, data),
        page=f"/p/{account.slug}/{new.page}",
        state="open",
        created_at=now,
    )
    session.add(batch)
    session.flush()
    return Opened(batch.id, None)


def write_many(
    session: Session, batch_id: int, fan_ids: Sequence[int], *, now: dt.datetime, skip: str | None = None
) -> int:
    """Write the batch's message down for fans, once each however often this runs; gives how many are new.

    Who does not follow the account or wants no messages is skipped, and all are with `skip`, which says
    why. Who is not a fan of the batch's account gets nothing.

    Raises:
        NotFound: there is no such batch.
    """
    batch = session.get(Batch, (session.tenant_id, batch_id))
    if batch is None:
        raise NotFound(batch=batch_id)
    bundles = [] if skip else _new_bundles(session, batch_id, len(fan_ids), now=now)
    written = _writing(batch, fan_ids, bundles, skip, now=now).returning(Delivery.id).cte("written")
    if bundles:
        due.mark(session, BULK, at=now)
    return session.scalar(sa.select(sa.func.count()).select_from(written)) or 0


def pause(session: Session, batch_ids: Collection[int]) -> None:
    """Let no more messages of open batches out; those on their way at this moment arrive."""
    _turn(session, batch_ids, "open", "paused")


def resume(session: Session, batch_ids: Collection[int], *, now: dt.datetime) -> None:
    """Let the messages of paused batches out again."""
    _turn(session, batch_ids, "paused", "open")
    due.mark(session, BULK, at=now)


def close(session: Session, batch_ids: Collection[int], *, now: dt.datetime) -> None:
    """End batches: who was not written to is skipped, and nobody is written to again.

    Bundles that a worker has out are locked by it while they are settled, and end there; `end_lost` ends
    those of a worker that died.
    """
    for state in ("open", "paused"):
        _turn(session, batch_ids, state, "closed")
    waiting = session.execute(
        sa.select(Bundle.id, Bundle.out_since)
        .where(Bundle.batch_id.in_(batch_ids), Bundle.available_at.is_not(None))
        .order_by(Bundle.id)
        .with_for_update()
    )
    end_rest(session, [row.id for row in waiting if row.out_since is None], now=now)


def end_rest(session: Session, bundle_ids: Sequence[int], *, now: dt.datetime) -> None:
    """End what still waits in locked bundles of closed batches: skipped, or unknown once it was tried."""
    these = sa.literal(list(bundle_ids), ARRAY(sa.BigInteger))
    was_tried = Delivery.first_tried_at.is_not(None)
    session.execute(
        sa.update(Delivery)
        .where(Delivery.bundle_id == sa.any_(these), Delivery.available_at.is_not(None))
        .values(
            state=sa.case((was_tried, "unknown"), else_="skipped"),
            reason=sa.case((was_tried, "no_answer"), else_="campaign_ended"),
            available_at=None,
            ended_at=now,
        )
        .execution_options(synchronize_session=False)
    )
    session.execute(
        sa.update(Bundle)
        .where(Bundle.id == sa.any_(these))
        .values(available_at=None, lease=None, out_since=None, out_last=None)
        .execution_options(synchronize_session=False)
    )


def _turn(session: Session, batch_ids: Collection[int], state: str, to: str) -> None:
    session.execute(
        sa.update(Batch)
        .where(Batch.id.in_(batch_ids), Batch.state == state)
        .values(state=to)
        .execution_options(synchronize_session=False)
    )


def _new_bundles(session: Session, batch_id: int, count: int, *, now: dt.datetime) -> list[int]:
    """Make as many bundles as the messages need; one that stays empty is settled by who finds it so."""
    needed = -(-count // BUNDLE)
    if not needed:
        return []
    made = insert(Bundle).values([{"batch_id": batch_id, "available_at": now}] * needed)
    return list(session.scalars(made.returning(Bundle.id)))


def _writing(
    batch: Batch, fan_ids: Sequence[int], bundles: Sequence[int], skip: str | None, *, now: dt.datetime
) -> sa.Insert:
    """Build the statement that writes the rows: one bundle is filled after the other."""
    these = sorted(set(fan_ids))
    bundle_of = [bundles[place // BUNDLE] if bundles else None for place in range(len(these))]
    place = sa.func.unnest(
        sa.literal(these, ARRAY(sa.BigInteger)), sa.literal(bundle_of, ARRAY(sa.BigInteger))
    ).table_valued(sa.column("fan_id", sa.BigInteger), sa.column("bundle_id", sa.BigInteger))
    place = place.render_derived(name="place")
    whom = fans.looked_up(place.c.fan_id)
    goes = sa.literal(skip is None) & whom.c.closed.is_(None)
    moment = sa.literal(now, sa.DateTime(timezone=True))
    rows = {
        "queue": sa.literal(BULK),
        "kind": sa.literal(batch.kind),
        "channel": sa.literal("template"),
        "subject_id": sa.literal(batch.subject_id, sa.BigInteger),
        "subject_version": sa.literal(0, sa.BigInteger),
        "account_id": sa.literal(batch.account_id, sa.BigInteger),
        "fan_id": place.c.fan_id,
        "template_id": sa.literal(""),
        "fields": sa.text("'{}'::jsonb"),
        "title": sa.literal(""),
        "page": sa.literal(""),
        "state": sa.case((goes, "pending"), else_="skipped"),
        "reason": sa.case((goes, None), else_=skip or whom.c.closed),
        "created_at": moment,
        "available_at": sa.case((goes, moment), else_=None),
        "ended_at": sa.case((goes, None), else_=moment),
        "batch_id": sa.literal(batch.id, sa.BigInteger),
        "bundle_id": sa.case((goes, place.c.bundle_id), else_=None),
    }
    columns = [sa.type_coerce(value, Delivery.__table__.c[name].type) for name, value in rows.items()]
    return (
        insert(Delivery)
        .from_select(
            list(rows),
            sa.select(*columns).join_from(place, whom, whom.c.account_id == batch.account_id),
        )
        .on_conflict_do_nothing(
            index_elements=["tenant_id", "kind", "subject_id", "subject_version", "fan_id"]
        )
    )
