"""Tables of fans and their log-ins on patient pages."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped

from engage.kernel.db import Identified, Model, belongs_to


class Fan(Identified, Model):
    """A WeChat follower or visitor, one per account and openid.

    `follow_changed_at` is WeChat's time of the last follow or unfollow, so that events that arrive
    in the wrong order end in the right state.
    """

    __tablename__ = "fan"
    __table_args__ = (
        belongs_to("official_account", "account_id"),
        sa.UniqueConstraint("tenant_id", "account_id", "openid"),
    )

    account_id: Mapped[int]
    openid: Mapped[str]
    following: Mapped[bool]
    follow_changed_at: Mapped[dt.datetime | None]
    first_seen_at: Mapped[dt.datetime]
    last_seen_at: Mapped[dt.datetime]


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
