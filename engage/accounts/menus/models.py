"""Tables of menus: the draft, the releases, and what WeChat showed when it was last asked."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from engage.accounts.menus.rules import STATES
from engage.kernel.db import Identified, Model, TenantOwned, belongs_to


class MenuDraft(TenantOwned, Model):
    """The menu that people work on, one per account; `entries` as `rules.packed` writes them."""

    __tablename__ = "menu_draft"
    __table_args__ = (
        belongs_to("official_account", "account_id"),
        belongs_to("staff", "saved_by"),
    )

    account_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    entries: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    version: Mapped[int] = mapped_column(sa.Integer)
    saved_by: Mapped[int | None]
    saved_at: Mapped[dt.datetime]


class MenuRelease(Identified, Model):
    """A menu on its way to WeChat, or taken by it: pending → live → replaced, or failed.

    `wire` is what was sent, `digest` that of what WeChat shows for it. One at a time is on its way,
    one at most is live; none is while WeChat shows a menu that was made elsewhere.
    """

    __tablename__ = "menu_release"
    __table_args__ = (
        belongs_to("official_account", "account_id"),
        belongs_to("staff", "asked_by"),
        belongs_to("menu_release", "restores_id"),
        sa.Index(None, "tenant_id", "account_id", "id"),
        sa.Index(
            "uq_menu_release_pending",
            "tenant_id",
            "account_id",
            unique=True,
            postgresql_where=sa.text("state = 'pending'"),
        ),
        sa.Index(
            "uq_menu_release_live",
            "tenant_id",
            "account_id",
            unique=True,
            postgresql_where=sa.text("state = 'live'"),
        ),
        sa.CheckConstraint(f"state IN ({', '.join(repr(state) for state in STATES)})", name="state_known"),
        sa.CheckConstraint("(state = 'pending') = (settled_at IS NULL)", name="settled_has_time"),
        sa.CheckConstraint("(state = 'failed') = (reason IS NOT NULL)", name="failed_has_reason"),
    )

    account_id: Mapped[int]
    entries: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    wire: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    digest: Mapped[str]
    state: Mapped[str]
    reason: Mapped[str | None]
    restores_id: Mapped[int | None]
    asked_by: Mapped[int | None]
    asked_at: Mapped[dt.datetime]
    settled_at: Mapped[dt.datetime | None]


class MenuLive(TenantOwned, Model):
    """What WeChat shows, as it was last read; without `read_at` nobody has asked yet.

    `release_id` is the release it is, nothing for a menu made elsewhere and for none at all.
    `failure` says why the last reading failed: WeChat's error, or empty where no answer came.
    """

    __tablename__ = "menu_live"
    __table_args__ = (
        belongs_to("official_account", "account_id"),
        belongs_to("menu_release", "release_id"),
        sa.Index(None, "tenant_id", "next_read_at"),
    )

    account_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    wire: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    digest: Mapped[str]
    read_at: Mapped[dt.datetime | None]
    release_id: Mapped[int | None]
    next_read_at: Mapped[dt.datetime]
    failure: Mapped[str | None]
