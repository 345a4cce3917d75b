"""Conditions on fans and statements of their ids, of which audiences are made.

Comparison and equality alone, for row-level security lets an index serve nothing else.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa

from engage.fans.models import Fan, FanTag, Tag, TagGroup
from engage.kernel.db import Session

Condition = sa.ColumnElement[bool]


def chosen(*conditions: Condition) -> sa.Select[int, int]:
    """Build the statement of the fans for whom all is true, as `fan_id` and `account_id`."""
    return sa.select(Fan.id.label("fan_id"), Fan.account_id.label("account_id")).where(*conditions)


def among(these: sa.Select[int], fan_id: Any = Fan.id) -> Condition:
    """Whether a fan is one of those that a statement gives; `fan_id` is another statement's column."""
    return fan_id.in_(these)  # type: ignore[no-any-return]


def not_among(these: sa.Select[int], fan_id: Any = Fan.id) -> Condition:
    """Whether a fan is none of those that a statement gives."""
    rows = these.subquery()
    return ~sa.exists().where(rows.c[0] == fan_id)


def tagged(tag_ids: Collection[int]) -> sa.Select[int]:
    """Build the statement of who has any of some tags."""
    return sa.select(FanTag.fan_id).where(_one_of(FanTag.tag_id, tag_ids))


def follows(*, is_so: bool) -> Condition:
    """Whether a fan follows, or does not."""
    return sa.and_(Fan.following) if is_so else ~Fan.following


def of_account(account_id: int) -> Condition:
    """Whether a fan is one of an account's."""
    return Fan.account_id == account_id


def of_stores(store_ids: Collection[int]) -> Condition:
    """Whether a fan belongs to one of some stores."""
    return _one_of(Fan.store_id, store_ids)


def seen_at_stores(store_ids: Collection[int]) -> Condition:
    """Whether staff of some stores see a fan: one of theirs, or of no store."""
    return Fan.store_id.is_(None) | _one_of(Fan.store_id, store_ids)


def of_consultants(staff_ids: Collection[int]) -> Condition:
    """Whether a fan is cared for by one of some consultants."""
    return _one_of(Fan.consultant_id, staff_ids)


def from_codes(code_ids: Collection[int]) -> Condition:
    """Whether a fan came by one of some channel codes."""
    return _one_of(Fan.source_code_id, code_ids)


def sent_by(fan_ids: Collection[int]) -> Condition:
    """Whether a fan was sent by one of some others."""
    return _one_of(Fan.referrer_fan_id, fan_ids)


def was_sent(*, is_so: bool) -> Condition:
    """Whether a fan was sent by another, or was not."""
    return Fan.referrer_fan_id.is_not(None) if is_so else Fan.referrer_fan_id.is_(None)


def seen_since(at: dt.datetime) -> Condition:
    """Whether a fan was in contact with the account from a moment on."""
    return Fan.last_seen_at >= at


def new_since(at: dt.datetime) -> Condition:
    """Whether a fan was seen first from a moment on."""
    return Fan.first_seen_at >= at


def tags(session: Session) -> Sequence[sa.Row[str, int, str]]:
    """Give the tags to choose from, as the group's name, id and name, in their order."""
    group = (TagGroup.tenant_id == Tag.tenant_id) & (TagGroup.id == Tag.group_id)
    return session.execute(
        sa.select(TagGroup.name.label("group"), Tag.id, Tag.name)
        .join(TagGroup, group)
        .where(Tag.archived_at.is_(None))
        .order_by(TagGroup.position, TagGroup.id, Tag.position, Tag.id)
    ).all()


def _one_of(column: Any, ids: Collection[int]) -> Condition:
    return column.in_(sorted(ids))  # type: ignore[no-any-return]
