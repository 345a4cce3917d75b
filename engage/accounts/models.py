"""Tables of official accounts and the journal of pushes."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from engage.kernel.db import Identified, Model, belongs_to
from engage.kernel.sealing import Sealed


class OfficialAccount(Identified, Model):
    """A WeChat service account (公众号) of the chain."""

    __tablename__ = "official_account"
    __table_args__ = (sa.UniqueConstraint("tenant_id", "app_id"), sa.UniqueConstraint("tenant_id", "slug"))

    app_id: Mapped[str]
    slug: Mapped[str]
    name: Mapped[str]
    secret: Mapped[str] = mapped_column(Sealed)
    token: Mapped[str] = mapped_column(Sealed)
    encoding_aes_key: Mapped[str] = mapped_column(Sealed)
    welcome: Mapped[str]
    # Kind of notification → the account's template id at WeChat.
    templates: Mapped[dict[str, Any]]
    created_at: Mapped[dt.datetime]


class Push(Identified, Model):
    """One message or event as WeChat pushed it, once per `push_key`; `reply` is what was answered.

    `handled_at` is empty while a worker has still to take it up (send receipts only: all else is
    done in the transaction that journalled it, or through events).
    """

    __tablename__ = "wechat_push"
    __table_args__ = (
        belongs_to("official_account", "account_id"),
        sa.UniqueConstraint("tenant_id", "account_id", "push_key"),
        sa.Index(
            "ix_wechat_push_unhandled", "tenant_id", "id", postgresql_where=sa.text("handled_at IS NULL")
        ),
    )

    account_id: Mapped[int]
    push_key: Mapped[str]
    kind: Mapped[str]
    body: Mapped[str]
    reply: Mapped[str]
    received_at: Mapped[dt.datetime]
    handled_at: Mapped[dt.datetime | None]
