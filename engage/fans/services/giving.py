"""Fans get tags: one statement however many they are."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert

from engage.fans.models import FanTag, Tag
from engage.kernel.db import Session


def give(
    session: Session, tag_ids: Collection[int], fan_ids: Collection[int], *, how: str, now: dt.datetime
) -> Sequence[sa.Row[int, int]]:
    """Give fans tags that they do not have yet; gives tag and fan of each that was given.

    The tags stay as they are until the transaction ends: one that was deleted is given to nobody.
    """
    live = sa.select(Tag.id).where(Tag.id.in_(sorted(tag_ids)), Tag.archived_at.is_(None))
    these = session.scalars(live.order_by(Tag.id).with_for_update(read=True)).all()
    fans = (
        sa.func.unnest(sa.literal(sorted(fan_ids), ARRAY(sa.BigInteger)))
        .table_valued("fan_id")
        .render_derived()
    )
    pairs = (
        sa.select(Tag.id, fans.c.fan_id, sa.literal(now, sa.DateTime(timezone=True)), sa.literal(how))
        .join(fans, sa.true())
        .where(Tag.id.in_(these))
        .order_by(Tag.id, fans.c.fan_id)  # two who give the same wait for each other in one order
    )
    rows = insert(FanTag).from_select(["tag_id", "fan_id", "added_at", "how"], pairs)
    return session.execute(rows.on_conflict_do_nothing().returning(FanTag.tag_id, FanTag.fan_id)).all()
