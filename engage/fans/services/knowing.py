"""What the clinic knows of a fan beyond WeChat: remark, store, consultant, where they came from."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert

from engage.audit import services as audit
from engage.audit.services import Actor
from engage.fans import queries, rules
from engage.fans.models import Fan, FanTerm
from engage.kernel import sealing
from engage.kernel.db import Session


def set_remark(session: Session, fan_id: int, text: str, *, by: Actor, now: dt.datetime) -> None:
    """Keep what staff call a fan, and let it be found by that; nothing takes it away.

    Raises:
        NotFound: no such fan.
        WrongRemark: it is too long.
    """
    remark = rules.remark(text)
    fan = queries.locked(session, fan_id)
    if fan.remark == remark:
        return
    fan.remark = remark
    session.flush()
    refresh_terms(session, [fan])
    audit.record(session, "fan.updated", by=by, subject=("fan", fan_id), now=now, fields=["remark"])


def assign_store(
    session: Session, fan_ids: Collection[int], store_id: int | None, *, by: Actor, now: dt.datetime
) -> int:
    """Let fans belong to a store, None to none; gives how many did not before."""
    return _assign(session, fan_ids, "store_id", store_id, by=by, now=now)


def assign_consultant(
    session: Session, fan_ids: Collection[int], staff_id: int | None, *, by: Actor, now: dt.datetime
) -> int:
    """Let a member of staff look after fans, None nobody; gives how many it is new for."""
    return _assign(session, fan_ids, "consultant_id", staff_id, by=by, now=now)


def fill_store(session: Session, fan_id: int, store_id: int) -> bool:
    """Let a fan belong to a store who belongs to none yet; says whether that is new."""
    return _fill(session, fan_id, Fan.store_id.is_(None), store_id=store_id)


def ask_about_store(session: Session, fan_id: int, store_id: int, *, now: dt.datetime) -> None:
    """Keep the store whose page a fan leaves for the chat; who belongs to no store yet belongs to it.

    A store the fan belongs to stays: staff read in the chat which one is asked about.
    """
    fill_store(session, fan_id, store_id)
    session.execute(
        sa.update(Fan)
        .where(Fan.id == fan_id)
        .values(asked_store_id=store_id, asked_store_at=now)
        .execution_options(synchronize_session="fetch")
    )


def fill_consultant(session: Session, fan_id: int, staff_id: int) -> bool:
    """Let somebody look after a fan whom nobody looks after yet; says whether that is new."""
    return _fill(session, fan_id, Fan.consultant_id.is_(None), consultant_id=staff_id)


def record_source(
    session: Session,
    fan_id: int,
    *,
    code_id: int | None = None,
    referrer_fan_id: int | None = None,
    now: dt.datetime,  # noqa: ARG001 as all services
) -> bool:
    """Keep the code or person a fan came by first; later ones change nothing. Says whether it is new.

    Nobody is sent by themselves.
    """
    sent_by = None if referrer_fan_id == fan_id else referrer_fan_id
    if code_id is None and sent_by is None:
        return False
    unknown = Fan.source_code_id.is_(None) & Fan.referrer_fan_id.is_(None)
    return _fill(session, fan_id, unknown, source_code_id=code_id, referrer_fan_id=sent_by)


def record_unionid(session: Session, fan_id: int, unionid: str) -> None:
    """Keep what tells WeChat's person on all accounts of one owner."""
    session.execute(
        sa.update(Fan)
        .where(Fan.id == fan_id)
        .values(unionid=unionid, unionid_index=sealing.index(f"unionid {unionid}"))
        .execution_options(synchronize_session=False)
    )


def refresh_terms(session: Session, fans: Sequence[Fan]) -> None:
    """Write again what fans are found by, in two statements however many they are."""
    ids = sa.literal([fan.id for fan in fans], ARRAY(sa.BigInteger))
    session.execute(
        sa.delete(FanTerm).where(FanTerm.fan_id == sa.any_(ids)).execution_options(synchronize_session=False)
    )
    rows = [
        {"tenant_id": session.tenant_id, "term": term, "fan_id": fan.id}
        for fan in fans
        for term in sorted(rules.terms_of(fan.nickname, fan.remark))
    ]
    if rows:
        session.execute(insert(FanTerm).on_conflict_do_nothing(), rows)


def refresh_terms_from(session: Session, *, after: int, limit: int) -> Sequence[int]:
    """Write again what some fans with a name are found by, the next after the id `after`; gives who they are.

    Names are sealed: what an upgrade searches by more, no migration can write.
    """
    named = sa.or_(Fan.nickname.is_not(None), Fan.remark.is_not(None))
    fans = session.scalars(
        sa.select(Fan)
        .where(Fan.id > after, named)
        .order_by(Fan.id)
        .limit(limit)
        .with_for_update(key_share=True)
    ).all()
    if fans:
        refresh_terms(session, fans)
    return [fan.id for fan in fans]


def _assign(
    session: Session,
    fan_ids: Collection[int],
    column: str,
    value: int | None,
    *,
    by: Actor,
    now: dt.datetime,
) -> int:
    attribute = getattr(Fan, column)
    queries.lock_all(session, fan_ids)
    ids = sa.literal(sorted(fan_ids), ARRAY(sa.BigInteger))
    changed = session.scalars(
        sa.update(Fan)
        .where(Fan.id == sa.any_(ids), attribute.is_distinct_from(value))
        .values({column: value})
        .returning(Fan.id)
        .execution_options(synchronize_session=False)
    ).all()
    audit.record_each(
        session, "fan.updated", by=by, kind="fan", subject_ids=sorted(changed), now=now, fields=[column]
    )
    return len(changed)


def _fill(session: Session, fan_id: int, unknown: sa.ColumnElement[bool], **values: Any) -> bool:
    """Set what is not known yet, by one statement: of two at once the first stands."""
    filled = session.execute(
        sa.update(Fan)
        .where(Fan.id == fan_id, unknown)
        .values(**values)
        .returning(Fan.id)
        .execution_options(synchronize_session=False)
    )
    return filled.first() is not None
