"""Tables of fans: who they are, their log-ins on patient pages, their tags, and work on many of them."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from engage.fans.rules import HOW, TASK_STATES, TASKS
from engage.kernel.db import Identified, Model, TenantOwned, belongs_to
from engage.kernel.leases import Leased
from engage.kernel.sealing import Sealed


def _one_of(column: str, words: Iterable[str], name: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(f"{column} IN ({', '.join(repr(word) for word in words)})", name=name)


class Fan(Identified, Model):
    """A WeChat follower or visitor, one per account and openid.

    `follow_changed_at` is WeChat's time of the last follow or unfollow, so that events that arrive
    in the wrong order end in the right state.

    WeChat gives `nickname` and picture only with the person's consent on a page (WeChat §8);
    `avatar` is the key of the picture's bytes in `kernel.files`, and before `ask_profile_at` the
    person is not asked for them again. Since `muted_at` the person wants no messages of ours.

    `source_code_id` is the channel code that was scanned first, `referrer_fan_id` who sent them; neither
    changes once it is known. `remark` is what staff call the person. `asked_store_id` is the store from
    whose page they last came to the chat, at `asked_store_at`. `last_seen_at` is right to the minute.
    """

    __tablename__ = "fan"
    __table_args__ = (
        belongs_to("official_account", "account_id"),
        sa.UniqueConstraint("tenant_id", "account_id", "openid"),
        belongs_to("store", "store_id"),
        belongs_to("staff", "consultant_id"),
        belongs_to("fan", "referrer_fan_id"),
        sa.Index(None, "tenant_id", "first_seen_at", "id"),
        sa.Index(None, "tenant_id", "last_seen_at", "id"),
        sa.Index(
            "ix_fan_followers",
            "tenant_id",
            "id",
            postgresql_include=["account_id"],
            postgresql_where=sa.text("following"),
        ),
        sa.Index(None, "tenant_id", "store_id", postgresql_where=sa.text("store_id IS NOT NULL")),
        sa.Index(None, "tenant_id", "consultant_id", postgresql_where=sa.text("consultant_id IS NOT NULL")),
        sa.Index(None, "tenant_id", "source_code_id", postgresql_where=sa.text("source_code_id IS NOT NULL")),
        sa.Index(
            None, "tenant_id", "referrer_fan_id", postgresql_where=sa.text("referrer_fan_id IS NOT NULL")
        ),
        sa.Index(None, "tenant_id", "unionid_index", postgresql_where=sa.text("unionid_index IS NOT NULL")),
        sa.CheckConstraint("(unionid IS NULL) = (unionid_index IS NULL)", name="unionid_is_indexed"),
        sa.CheckConstraint("referrer_fan_id <> id", name="referred_by_another"),
        belongs_to("store", "asked_store_id"),
        sa.CheckConstraint("(asked_store_id IS NULL) = (asked_store_at IS NULL)", name="asked_at_some_time"),
    )

    account_id: Mapped[int]
    openid: Mapped[str]
    following: Mapped[bool]
    follow_changed_at: Mapped[dt.datetime | None]
    first_seen_at: Mapped[dt.datetime]
    last_seen_at: Mapped[dt.datetime]
    nickname: Mapped[str | None] = mapped_column(Sealed)
    avatar: Mapped[str | None]
    ask_profile_at: Mapped[dt.datetime | None]
    muted_at: Mapped[dt.datetime | None]
    remark: Mapped[str | None] = mapped_column(Sealed)
    unionid: Mapped[str | None] = mapped_column(Sealed)
    unionid_index: Mapped[bytes | None]
    store_id: Mapped[int | None]
    consultant_id: Mapped[int | None]
    source_code_id: Mapped[int | None]
    referrer_fan_id: Mapped[int | None]
    asked_store_id: Mapped[int | None]
    asked_store_at: Mapped[dt.datetime | None]


class FanTerm(TenantOwned, Model):
    """What a fan is searched by: nickname and remark, from each beginning, and as they sound."""

    __tablename__ = "fan_term"
    __table_args__ = (
        belongs_to("fan", "fan_id", ondelete="CASCADE"),
        sa.Index(None, "tenant_id", "fan_id"),
    )

    term: Mapped[str] = mapped_column(sa.Text(collation="C"), primary_key=True)
    fan_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class FanSession(Identified, Model):
    """A fan's log-in on one browser; the cookie holds a token, the row its digest."""

    __tablename__ = "fan_session"
    __table_args__ = (
        belongs_to("fan", "fan_id", ondelete="CASCADE"),
        sa.UniqueConstraint("tenant_id", "token_digest"),
    )

    fan_id: Mapped[int]
    token_digest: Mapped[str]
    created_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]


class TagGroup(Identified, Model):
    """A heading for tags; `version` counts its changes. One that was deleted keeps its row."""

    __tablename__ = "tag_group"
    __table_args__ = (
        sa.Index(
            "uq_tag_group_name",
            "tenant_id",
            "name",
            unique=True,
            postgresql_where=sa.text("archived_at IS NULL"),
        ),
    )

    name: Mapped[str]
    position: Mapped[int] = mapped_column(sa.Integer)
    archived_at: Mapped[dt.datetime | None]
    version: Mapped[int] = mapped_column(sa.Integer)


class Tag(Identified, Model):
    """A word that fans are marked with. One that was deleted keeps its row, without any fan."""

    __tablename__ = "tag"
    __table_args__ = (
        belongs_to("tag_group", "group_id"),
        sa.Index(
            "uq_tag_name",
            "tenant_id",
            "group_id",
            "name",
            unique=True,
            postgresql_where=sa.text("archived_at IS NULL"),
        ),
    )

    group_id: Mapped[int]
    name: Mapped[str]
    position: Mapped[int] = mapped_column(sa.Integer)
    archived_at: Mapped[dt.datetime | None]
    version: Mapped[int] = mapped_column(sa.Integer)


class FanTag(TenantOwned, Model):
    """A fan has a tag; `how` it came."""

    __tablename__ = "fan_tag"
    __table_args__ = (
        belongs_to("tag", "tag_id"),
        belongs_to("fan", "fan_id"),
        sa.Index(None, "tenant_id", "fan_id", "tag_id"),
        _one_of("how", HOW, "how_known"),
    )

    tag_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    fan_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    added_at: Mapped[dt.datetime]
    how: Mapped[str]


class FanTask(Leased, Model):
    """Work on all fans that match a filter, by a worker, in the order of their ids up to `reached`.

    `data` says what is done, `scope` which stores' fans whoever asked may see. `done` of `total` had their
    turn. An export ends with a
    `file`, a key of `kernel.files`, until `expires_at`. `key` makes of a form that is sent twice one task.
    """

    __tablename__ = "fan_task"
    __table_args__ = (
        belongs_to("staff", "made_by"),
        sa.UniqueConstraint("tenant_id", "key"),
        sa.Index(
            None, "tenant_id", "queue", "available_at", postgresql_where=sa.text("available_at IS NOT NULL")
        ),
        sa.Index(None, "tenant_id", "made_by", "id"),
        sa.Index("ix_fan_task_file", "tenant_id", "expires_at", postgresql_where=sa.text("file IS NOT NULL")),
        _one_of("kind", TASKS, "kind_known"),
        _one_of("state", TASK_STATES, "state_known"),
        sa.CheckConstraint("(file IS NULL) = (expires_at IS NULL)", name="file_expires"),
        sa.CheckConstraint(
            "(state IN ('finished', 'failed')) = (ended_at IS NOT NULL)", name="ended_has_time"
        ),
    )

    key: Mapped[uuid.UUID]
    kind: Mapped[str]
    data: Mapped[dict[str, Any]]
    filter: Mapped[dict[str, Any]]
    scope: Mapped[dict[str, Any]]
    state: Mapped[str]
    reached: Mapped[int]
    done: Mapped[int]
    total: Mapped[int | None]
    made_by: Mapped[int | None]
    made_at: Mapped[dt.datetime]
    ended_at: Mapped[dt.datetime | None]
    file: Mapped[str | None]
    expires_at: Mapped[dt.datetime | None]
