"""Fans who want no messages, who leave, and who are forgotten."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from engage.fans import rules
from engage.fans.models import Fan
from engage.fans.services.knowing import refresh_terms
from engage.kernel import sealing
from engage.kernel.db import Session


def mute(session: Session, fan_id: int, *, now: dt.datetime) -> bool:
    """Note that a fan wants no messages of ours: from the commit on none goes out. False if it was so."""
    return _turn(session, fan_id, Fan.muted_at.is_(None), now)


def unmute(session: Session, fan_id: int) -> bool:
    """Note that a fan may be written to again. False if it was so."""
    return _turn(session, fan_id, Fan.muted_at.is_not(None), None)


def forget_who_left(session: Session, fan_id: int) -> str | None:
    """Forget the name and picture of a fan who follows no more; gives the picture's key, if there was one.

    Who has come back meanwhile is let alone, and an erased fan has nothing left.
    """
    fan = session.scalar(
        sa.select(Fan)
        .where(Fan.id == fan_id, Fan.following.is_(False))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return None if fan is None else forget(session, fan)


def forget(session: Session, fan: Fan) -> str | None:
    """Forget a fan's name and picture; gives the picture's key. Asked again when there is reason to."""
    picture = fan.avatar
    fan.nickname = fan.avatar = fan.ask_profile_at = None
    session.flush()
    refresh_terms(session, [fan])
    return picture


def erased_form(account_id: int, openid: str) -> str:
    """Give what stands in the place of an openid once the person is erased: the same whenever they come."""
    return rules.erased_openid(sealing.index(f"openid {account_id} {openid}"))


def _turn(session: Session, fan_id: int, as_is: sa.ColumnElement[bool], to: dt.datetime | None) -> bool:
    turned = session.scalar(
        sa.update(Fan)
        .where(Fan.id == fan_id, as_is)
        .values(muted_at=to)
        .returning(Fan.id)
        .execution_options(synchronize_session="fetch")
    )
    return turned is not None
