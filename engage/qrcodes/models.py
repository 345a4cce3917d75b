"""Tables of channel codes: the code, the scenes it had, its tickets from WeChat, and the scans."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from engage.kernel.db import Identified, Model, TenantOwned, belongs_to
from engage.kernel.leases import Leased
from engage.qrcodes.rules import BUNDLE_STATES, KINDS, PERMANENT_AT_MOST, STATES, TICKET_STATES


def _one_of(words: Collection[str], name: str, column: str = "state") -> sa.CheckConstraint:
    return sa.CheckConstraint(f"{column} IN ({', '.join(repr(word) for word in words)})", name=name)


class ChannelCode(Identified, Model):
    """A QR code of an account that says where its scanners came from.

    `store_id` and `consultant_id` are given to fans who have none yet. `permanent` says what WeChat is
    asked for; a permanent one becomes temporary where the account has no permanent ones left. `caption`
    is what stands below the printed picture; the name is for staff alone.
    """

    __tablename__ = "channel_code"
    __table_args__ = (
        belongs_to("official_account", "account_id"),
        belongs_to("store", "store_id"),
        belongs_to("staff", "consultant_id"),
        _one_of(KINDS, "kind_known", "kind"),
        _one_of(STATES, "state_known"),
        sa.CheckConstraint("kind <> 'store' OR store_id IS NOT NULL", name="store_code_has_store"),
        sa.CheckConstraint("(state = 'retired') = (retired_at IS NOT NULL)", name="retired_has_time"),
        sa.CheckConstraint("cost_minor >= 0", name="cost_is_none_or_some"),
        sa.Index(
            "uq_channel_code_store",
            "tenant_id",
            "account_id",
            "store_id",
            unique=True,
            postgresql_where=sa.text("kind = 'store' AND state = 'active'"),
        ),
        sa.Index(None, "tenant_id", "state", "id"),
        sa.Index(None, "tenant_id", "store_id", "id"),
        sa.Index(None, "tenant_id", "account_id", "state", "retired_at"),
    )

    account_id: Mapped[int]
    kind: Mapped[str]
    name: Mapped[str]
    caption: Mapped[str]
    scene: Mapped[str]
    permanent: Mapped[bool]
    store_id: Mapped[int | None]
    consultant_id: Mapped[int | None]
    welcome: Mapped[str]
    cost_minor: Mapped[int | None]
    note: Mapped[str]
    state: Mapped[str]
    version: Mapped[int] = mapped_column(sa.Integer)
    created_at: Mapped[dt.datetime]
    retired_at: Mapped[dt.datetime | None]


class ChannelCodeTag(TenantOwned, Model):
    """A tag that everybody who scans the code gets."""

    __tablename__ = "channel_code_tag"
    __table_args__ = (
        belongs_to("channel_code", "code_id", ondelete="CASCADE"),
        belongs_to("tag", "tag_id"),
        sa.Index(None, "tenant_id", "tag_id"),
    )

    code_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    tag_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class SceneUse(Identified, Model):
    """Which code a scene leads to, and from when until when: a permanent scene outlives its code."""

    __tablename__ = "scene_use"
    __table_args__ = (
        belongs_to("official_account", "account_id"),
        belongs_to("channel_code", "code_id"),
        sa.Index(
            "uq_scene_use_now",
            "tenant_id",
            "account_id",
            "scene",
            unique=True,
            postgresql_where=sa.text("until_at IS NULL"),
        ),
        sa.Index(None, "tenant_id", "account_id", "scene", "from_at"),
        sa.Index(None, "tenant_id", "code_id"),
        sa.CheckConstraint("from_at < until_at", name="used_for_a_while"),
    )

    account_id: Mapped[int]
    scene: Mapped[str]
    code_id: Mapped[int]
    from_at: Mapped[dt.datetime]
    until_at: Mapped[dt.datetime | None]


class PermanentCodes(TenantOwned, Model):
    """How many permanent codes an account has at WeChat by our count, which never passes its limit.

    `used_up_at` is when WeChat said that there are no more: other systems may have made some.
    """

    __tablename__ = "permanent_codes"
    __table_args__ = (
        belongs_to("official_account", "account_id"),
        sa.CheckConstraint(f"used BETWEEN 0 AND {PERMANENT_AT_MOST}", name="used_within_limit"),
    )

    account_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    used: Mapped[int] = mapped_column(sa.Integer)
    used_up_at: Mapped[dt.datetime | None]


class ChannelTicket(Leased, Model):
    """What WeChat gave for a code: pending → made, failed with the reason, or dropped with its code.

    One at most waits for a code. A temporary one that is made is followed by one that waits for
    the day of renewal. `url` is what the picture holds.
    """

    __tablename__ = "channel_ticket"
    __table_args__ = (
        belongs_to("channel_code", "code_id"),
        _one_of(TICKET_STATES, "state_known"),
        sa.CheckConstraint(
            "(state = 'made') = (url IS NOT NULL) AND (url IS NULL) = (ticket IS NULL)"
            " AND (url IS NULL) = (made_at IS NULL)",
            name="made_is_whole",
        ),
        sa.CheckConstraint("(state = 'failed') = (reason IS NOT NULL)", name="failed_has_reason"),
        sa.Index(
            "uq_channel_ticket_pending",
            "tenant_id",
            "code_id",
            unique=True,
            postgresql_where=sa.text("state = 'pending'"),
        ),
        sa.Index(None, "tenant_id", "code_id", "id"),
        sa.Index(
            None, "tenant_id", "queue", "available_at", postgresql_where=sa.text("available_at IS NOT NULL")
        ),
        sa.Index("ix_channel_ticket_failed", "tenant_id", "id", postgresql_where=sa.text("state = 'failed'")),
    )

    code_id: Mapped[int]
    state: Mapped[str]
    ticket: Mapped[str | None]
    url: Mapped[str | None]
    reason: Mapped[str | None]
    asked_at: Mapped[dt.datetime]
    made_at: Mapped[dt.datetime | None]
    expires_at: Mapped[dt.datetime | None]


class Scan(Identified, Model):
    """Somebody scanned a code, once per push. `day` is the chain's local day of `at`, WeChat's time.

    `is_new` says that the person began to follow by it and never had before.
    """

    __tablename__ = "scan"
    __table_args__ = (
        belongs_to("channel_code", "code_id"),
        belongs_to("fan", "fan_id"),
        sa.UniqueConstraint("tenant_id", "push_id"),
        sa.Index(None, "tenant_id", "code_id", "day", "fan_id"),
        sa.Index(None, "tenant_id", "code_id", "fan_id", "at"),
        sa.Index(None, "tenant_id", "code_id", "at"),
        sa.Index(None, "tenant_id", "fan_id", "at"),
    )

    code_id: Mapped[int]
    fan_id: Mapped[int]
    push_id: Mapped[int]
    at: Mapped[dt.datetime]
    day: Mapped[dt.date]
    is_new: Mapped[bool]


class PictureBundle(Leased, Model):
    """Pictures of many codes in one ZIP, made by a worker: `file` in `kernel.files`, until `expires_at`."""

    __tablename__ = "picture_bundle"
    __table_args__ = (
        belongs_to("staff", "asked_by"),
        _one_of(BUNDLE_STATES, "state_known"),
        sa.CheckConstraint("(state = 'ready') = (file IS NOT NULL)", name="ready_has_file"),
        sa.CheckConstraint("done BETWEEN 0 AND cardinality(code_ids)", name="done_within"),
        sa.Index(
            None, "tenant_id", "queue", "available_at", postgresql_where=sa.text("available_at IS NOT NULL")
        ),
        sa.Index(None, "tenant_id", "asked_by", "id"),
    )

    asked_by: Mapped[int]
    code_ids: Mapped[list[int]] = mapped_column(ARRAY(sa.BigInteger))
    state: Mapped[str]
    done: Mapped[int] = mapped_column(sa.Integer)
    file: Mapped[str | None]
    asked_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]
