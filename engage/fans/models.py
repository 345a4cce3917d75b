"""Tables of fans and their log-ins on patient pages."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from engage.kernel.db import Identified, Model, belongs_to
from engage.kernel.sealing import Sealed


class Fan(Identified, Model):
    """A WeChat follower or visitor, one per account and openid.

    `follow_changed_at` is WeChat's time of the last follow or unfollow, so that events that arrive
    in the wrong order end in the right state.

    WeChat gives `nickname` and picture only with the person's consent on a page (WeChat §8);
    `avatar` is the key of the picture's bytes in `kernel.files`, and before `ask_profile_at` the
    person is not asked for them again.
    """

    __tablename__ = "fan"
    __table_args__ = (
        belongs_to("official_account", "account_id"),
        sa.UniqueConstraint("tenant_id", "account_id", "openid"),
        sa.Index(None, "tenant_id", "first_seen_at"),
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
