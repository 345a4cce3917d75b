"""Tags and their groups, and who has them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from engage.audit import services as audit
from engage.audit.services import Actor
from engage.fans import rules
from engage.fans.errors import GroupInUse, Stale, TagExists
from engage.fans.models import FanTag, Tag, TagGroup
from engage.fans.services import tasks
from engage.fans.services.giving import give
from engage.kernel import outbox
from engage.kernel.db import Session
from engage.kernel.errors import NotFound

Row = TypeVar("Row", TagGroup, Tag)


def create_group(session: Session, name: str, *, by: Actor, now: dt.datetime) -> TagGroup:
    """Add a group of tags at the end.

    Raises:
        WrongTagName: the name is empty or too long.
        TagExists: another group has it.
    """
    group = TagGroup(name=rules.tag_name(name), position=_next(session, TagGroup), version=1)
    _add(session, group)
    audit.record(session, "tag_group.created", by=by, subject=("tag_group", group.id), now=now)
    return group


def rename_group(
    session: Session, group_id: int, name: str, *, version: int, by: Actor, now: dt.datetime
) -> None:
    """Rename a group.

    Raises:
        NotFound: no such group.
        Stale: it was changed meanwhile.
        WrongTagName: the name is empty or too long.
        TagExists: another group has it.
    """
    group = _locked(session, TagGroup, group_id, version)
    _change(session, group, name=rules.tag_name(name))
    audit.record(
        session, "tag_group.updated", by=by, subject=("tag_group", group_id), now=now, fields=["name"]
    )


def delete_group(session: Session, group_id: int, *, by: Actor, now: dt.datetime) -> None:
    """Delete a group without tags; repeating changes nothing.

    Raises:
        NotFound: there never was such a group.
        GroupInUse: tags stand below it.
    """
    group = session.scalar(sa.select(TagGroup).where(TagGroup.id == group_id).with_for_update())
    if group is None:
        raise NotFound(tag_group=group_id)
    if group.archived_at is not None:
        return
    if session.scalar(sa.select(sa.exists().where(Tag.group_id == group_id, Tag.archived_at.is_(None)))):
        raise GroupInUse
    group.archived_at = now
    audit.record(session, "tag_group.deleted", by=by, subject=("tag_group", group_id), now=now)


def create_tag(session: Session, group_id: int, name: str, *, by: Actor, now: dt.datetime) -> Tag:
    """Add a tag at the end of its group.

    Raises:
        NotFound: no such group.
        WrongTagName: the name is empty or too long.
        TagExists: another tag of the group has it.
    """
    group = _locked(session, TagGroup, group_id)
    last = _next(session, Tag, Tag.group_id == group.id)
    tag = Tag(group_id=group.id, name=rules.tag_name(name), position=last, version=1)
    _add(session, tag)
    audit.record(session, "tag.created", by=by, subject=("tag", tag.id), now=now)
    return tag


def change_tag(
    session: Session, tag_id: int, name: str, group_id: int, *, version: int, by: Actor, now: dt.datetime
) -> None:
    """Rename a tag, or put it below another group, at the end; who has it keeps it.

    Raises:
        NotFound: no such tag or group.
        Stale: it was changed meanwhile.
        WrongTagName: the name is empty or too long.
        TagExists: another tag of the group has it.
    """
    group = _locked(session, TagGroup, group_id)
    tag = _locked(session, Tag, tag_id, version)
    values: dict[str, Any] = {"name": rules.tag_name(name)}
    if tag.group_id != group.id:
        values |= {"group_id": group.id, "position": _next(session, Tag, Tag.group_id == group.id)}
    _change(session, tag, **values)
    audit.record(session, "tag.updated", by=by, subject=("tag", tag_id), now=now, fields=["name", "group_id"])


def delete_tag(session: Session, tag_id: int, *, by: Actor, now: dt.datetime) -> None:
    """Delete a tag: nobody is offered it any more, and a worker takes it from all who have it.

    Repeating changes nothing.

    Raises:
        NotFound: there never was such a tag.
    """
    tag = session.scalar(sa.select(Tag).where(Tag.id == tag_id).with_for_update())
    if tag is None:
        raise NotFound(tag=tag_id)
    if tag.archived_at is not None:
        return
    tag.archived_at = now
    tag.version += 1
    tasks.take_away(session, tag_id, by=by, now=now)
    audit.record(session, "tag.deleted", by=by, subject=("tag", tag_id), now=now)


def move_group(session: Session, group_id: int, *, up: bool, by: Actor, now: dt.datetime) -> None:
    """Let a group change places with its neighbour.

    Raises:
        NotFound: no such group.
    """
    rows = sa.select(TagGroup).where(TagGroup.archived_at.is_(None))
    _move(session, rows, group_id, up=up, by=by, now=now)


def move_tag(session: Session, tag_id: int, *, up: bool, by: Actor, now: dt.datetime) -> None:
    """Let a tag change places with its neighbour in the group.

    Raises:
        NotFound: no such tag.
    """
    group = sa.select(Tag.group_id).where(Tag.id == tag_id).scalar_subquery()
    rows = sa.select(Tag).where(Tag.group_id == group, Tag.archived_at.is_(None))
    _move(session, rows, tag_id, up=up, by=by, now=now)


def add(
    session: Session,
    tag_ids: Collection[int],
    fan_ids: Collection[int],
    *,
    how: str,
    by: Actor,
    now: dt.datetime,
) -> int:
    """Give fans tags that they do not have yet; gives how many were given.

    A tag that is being deleted is given to nobody. For one fan `fan.tagged` is recorded.
    """
    given = give(session, tag_ids, fan_ids, how=how, now=now)
    for tag_id, fan_id in _told_of(given, fan_ids):
        outbox.record(session, "fan.tagged", now=now, fan_id=fan_id, tag_id=tag_id)
    _note(session, "fan.tagged", given, by=by, now=now)
    return len(given)


def remove(
    session: Session, tag_ids: Collection[int], fan_ids: Collection[int], *, by: Actor, now: dt.datetime
) -> int:
    """Take tags from fans; gives how many were taken. For one fan `fan.untagged` is recorded."""
    these = sa.literal(sorted(fan_ids), ARRAY(sa.BigInteger))
    taken = session.execute(
        sa.delete(FanTag)
        .where(FanTag.tag_id.in_(sorted(tag_ids)), FanTag.fan_id == sa.any_(these))
        .returning(FanTag.tag_id, FanTag.fan_id)
        .execution_options(synchronize_session=False)
    ).all()
    for tag_id, fan_id in _told_of(taken, fan_ids):
        outbox.record(session, "fan.untagged", now=now, fan_id=fan_id, tag_id=tag_id)
    _note(session, "fan.untagged", taken, by=by, now=now)
    return len(taken)


def _told_of(pairs: Sequence[sa.Row[int, int]], fan_ids: Collection[int]) -> list[tuple[int, int]]:
    """Give the tags and fans of which an event tells: of one fan alone."""
    return sorted((pair.tag_id, pair.fan_id) for pair in pairs) if len(fan_ids) == 1 else []


def _note(
    session: Session, action: str, pairs: Sequence[sa.Row[int, int]], *, by: Actor, now: dt.datetime
) -> None:
    """Write down whose tags were changed."""
    changed = sorted({pair.fan_id for pair in pairs})
    audit.record_each(session, action, by=by, kind="fan", subject_ids=changed, now=now, fields=["tags"])


def _add(session: Session, row: TagGroup | Tag) -> None:
    """Insert, unless the name is taken: the unique index decides between two at once."""
    try:
        with session.begin_nested():
            session.add(row)
            session.flush()
    except sa.exc.IntegrityError as error:
        raise TagExists from error


def _change(session: Session, row: TagGroup | Tag, **values: Any) -> None:
    try:
        with session.begin_nested():
            for name, value in values.items():
                setattr(row, name, value)
            row.version += 1
            session.flush()
    except sa.exc.IntegrityError as error:
        raise TagExists from error


def _locked(session: Session, model: type[Row], row_id: int, version: int | None = None) -> Row:
    row = session.scalar(sa.select(model).where(model.id == row_id).with_for_update())
    if row is None:
        raise NotFound(**{model.__tablename__: row_id})
    if row.archived_at is not None or (version is not None and row.version != version):
        raise Stale
    return row


def _next(session: Session, model: type[TagGroup | Tag], *among: sa.ColumnElement[bool]) -> int:
    last = session.scalar(sa.select(sa.func.max(model.position)).where(*among))
    return 0 if last is None else last + 1


def _move(
    session: Session, of: sa.Select[Row], row_id: int, *, up: bool, by: Actor, now: dt.datetime
) -> None:
    locked = session.scalars(of.with_for_update()).all()
    rows = sorted(locked, key=lambda row: (row.position, row.id))
    at = next((index for index, row in enumerate(rows) if row.id == row_id), None)
    if at is None:
        raise NotFound(row=row_id)
    to = at - 1 if up else at + 1
    if not 0 <= to < len(rows):
        return
    kind = rows[at].__tablename__
    rows[at], rows[to] = rows[to], rows[at]
    for position, row in enumerate(rows):
        row.position = position
    audit.record(session, f"{kind}.moved", by=by, subject=(kind, row_id), now=now, fields=["position"])
