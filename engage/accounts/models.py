"""Tables of official accounts and the journal of pushes."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from engage.accounts.rules import MODES
from engage.kernel.db import Identified, Model, belongs_to
from engage.kernel.leases import Leased
from engage.kernel.sealing import Sealed


class OfficialAccount(Identified, Model):
    """A WeChat service account (公众号) of the chain, or of one of its stores.

    `mode` is how WeChat is told to push (WeChat §1); `verified_at` is when WeChat last checked the
    address of our callback.
    """

    __tablename__ = "official_account"
    __table_args__ = (
        sa.UniqueConstraint("tenant_id", "app_id"),
        sa.UniqueConstraint("tenant_id", "slug"),
        sa.UniqueConstraint("tenant_id", "store_id"),
        belongs_to("store", "store_id"),
        sa.CheckConstraint(f"mode IN ({', '.join(repr(mode) for mode in MODES)})", name="mode_known"),
    )

    app_id: Mapped[str]
    slug: Mapped[str]
    name: Mapped[str]
    secret: Mapped[str] = mapped_column(Sealed)
    token: Mapped[str] = mapped_column(Sealed)
    encoding_aes_key: Mapped[str] = mapped_column(Sealed)
    mode: Mapped[str]
    store_id: Mapped[int | None]
    created_at: Mapped[dt.datetime]
    verified_at: Mapped[dt.datetime | None]


class Push(Leased, Model):
    """One message or event as WeChat pushed it, once per `push_key`; `reply` is the XML answered.

    Most are done with when they are journalled: `handled_at` is set, `available_at` is not. What is
    left to a worker waits under a lease. `late` says that the answer did not carry the reply, so
    that it follows as a customer-service message. `stamp` (of time stamp and nonce) and
    `body_digest` tell a repeat from a forgery with the signature of another push; the first pushes
    ever kept have no stamp.

    No foreign key leads to the account: each push would lock its row, and no account is ever removed.
    """

    __tablename__ = "wechat_push"
    __table_args__ = (
        sa.UniqueConstraint("tenant_id", "account_id", "push_key"),
        sa.UniqueConstraint("tenant_id", "account_id", "stamp"),
        sa.Index(
            None, "tenant_id", "queue", "available_at", postgresql_where=sa.text("available_at IS NOT NULL")
        ),
        sa.Index(None, "tenant_id", "account_id", "id"),
        sa.Index(None, "tenant_id", "kind", "id"),
        sa.Index("ix_wechat_push_failed", "tenant_id", "id", postgresql_where=sa.text("error IS NOT NULL")),
    )

    account_id: Mapped[int]
    push_key: Mapped[str]
    stamp: Mapped[str | None]
    body_digest: Mapped[str]
    kind: Mapped[str]
    openid: Mapped[str]
    body: Mapped[str]
    reply: Mapped[str]
    late: Mapped[bool]
    received_at: Mapped[dt.datetime]
    handled_at: Mapped[dt.datetime | None]
