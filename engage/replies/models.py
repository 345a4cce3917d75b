"""Tables of automatic replies."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from engage.kernel.db import Identified, Model, belongs_to
from engage.kernel.leases import Leased
from engage.replies.rules import Content


class ReplyRule(Identified, Model):
    """What an account answers by itself: the one welcome, or a reply to words.

    `answer` holds the words of a `rules.Content`, `file` and `coupon_id` what belongs to it. Keyword
    replies stand in the order of `position` and have `match` and `words`, as they were typed.
    """

    __tablename__ = "reply_rule"
    __table_args__ = (
        belongs_to("official_account", "account_id"),
        belongs_to("coupon", "coupon_id"),
        sa.Index(
            "uq_reply_rule_welcome",
            "tenant_id",
            "account_id",
            unique=True,
            postgresql_where=sa.text("kind = 'welcome'"),
        ),
        sa.Index(None, "tenant_id", "account_id", "position", "id"),
        sa.CheckConstraint(
            "CASE kind WHEN 'welcome' THEN match IS NULL AND words = '{}' "
            "WHEN 'keyword' THEN match IN ('equal', 'contains') AND words <> '{}' ELSE false END",
            name="kind_known",
        ),
        sa.CheckConstraint(
            "CASE answer ->> 'kind' WHEN 'text' THEN true WHEN 'image' THEN file IS NOT NULL "
            "WHEN 'news' THEN true WHEN 'coupon' THEN coupon_id IS NOT NULL ELSE false END",
            name="answer_whole",
        ),
    )

    account_id: Mapped[int]
    kind: Mapped[str]
    position: Mapped[int] = mapped_column(sa.Integer)
    match: Mapped[str | None]
    words: Mapped[list[str]] = mapped_column(ARRAY(sa.Text))
    answer: Mapped[dict[str, Any]]
    coupon_id: Mapped[int | None]
    file: Mapped[str | None]
    is_on: Mapped[bool]
    version: Mapped[int] = mapped_column(sa.Integer)
    created_at: Mapped[dt.datetime]
    changed_at: Mapped[dt.datetime]

    @property
    def content(self) -> Content:
        """What it answers."""
        return Content(**self.answer, file=self.file, coupon_id=self.coupon_id)


class ReplyPicture(Leased, Model):
    """A picture of an account's replies, handed to WeChat by the queue "pictures" and again in time.

    `media_id` is WeChat's, since `uploaded_at`; `reason` says why it took none.
    """

    __tablename__ = "reply_picture"
    __table_args__ = (
        belongs_to("official_account", "account_id"),
        sa.UniqueConstraint("tenant_id", "account_id", "file"),
        sa.Index(
            None, "tenant_id", "queue", "available_at", postgresql_where=sa.text("available_at IS NOT NULL")
        ),
        sa.CheckConstraint("(media_id IS NULL) = (uploaded_at IS NULL)", name="uploaded_is_whole"),
    )

    account_id: Mapped[int]
    file: Mapped[str]
    width: Mapped[int] = mapped_column(sa.Integer)
    height: Mapped[int] = mapped_column(sa.Integer)
    media_id: Mapped[str | None]
    uploaded_at: Mapped[dt.datetime | None]
    reason: Mapped[str | None]
