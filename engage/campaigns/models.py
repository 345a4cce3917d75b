"""Tables of campaigns: what is planned, whom it reaches, and in which batches they are told."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from engage.campaigns.rules import KINDS, RECIPIENT_STATES, STATES
from engage.kernel.db import Identified, Model, TenantOwned, belongs_to


class Campaign(Identified, Model):
    """A coupon for many, at a time. `account_id` None means the fans of all accounts.

    `audience` says who is meant, as data; who that is in the end stands in rows from the start on. It
    is `missed` if it fell due so long ago that a person has to decide. `version` counts its changes by
    people. `targeted` is how many it was frozen for, `granted` how many of them got their coupon in the
    end. `key` makes of a form that is sent twice one campaign.
    """

    __tablename__ = "campaign"
    __table_args__ = (
        belongs_to("coupon", "coupon_id"),
        belongs_to("official_account", "account_id"),
        belongs_to("staff", "created_by"),
        sa.UniqueConstraint("tenant_id", "key"),
        sa.Index(None, "tenant_id", "state", "starts_at", "id"),
        sa.Index(None, "tenant_id", "starts_at", "id"),
        sa.CheckConstraint(f"kind IN ({', '.join(repr(kind) for kind in KINDS)})", name="kind_known"),
        sa.CheckConstraint(f"state IN ({', '.join(repr(state) for state in STATES)})", name="state_known"),
        sa.CheckConstraint(
            "state NOT IN ('running', 'paused', 'finished') OR started_at IS NOT NULL", name="begun_has_time"
        ),
        sa.CheckConstraint("(state IN ('finished', 'ended')) = (ended_at IS NOT NULL)", name="over_has_time"),
    )

    key: Mapped[uuid.UUID]
    kind: Mapped[str]
    name: Mapped[str]
    coupon_id: Mapped[int]
    account_id: Mapped[int | None]
    audience: Mapped[dict[str, Any]]
    starts_at: Mapped[dt.datetime]
    state: Mapped[str]
    version: Mapped[int] = mapped_column(sa.Integer)
    created_by: Mapped[int | None]
    created_at: Mapped[dt.datetime]
    started_at: Mapped[dt.datetime | None]
    paused_at: Mapped[dt.datetime | None]
    ended_at: Mapped[dt.datetime | None]
    targeted: Mapped[int | None]
    granted: Mapped[int | None]


class Notice(Identified, Model):
    """The batch in which an account's fans are told of a campaign, one for each local day of the run.

    The day stands in it because the message says until when the coupon is valid. Where the account tells
    nobody, `reason` says why, and there is no batch.
    """

    __tablename__ = "campaign_notice"
    __table_args__ = (
        belongs_to("campaign", "campaign_id"),
        belongs_to("official_account", "account_id"),
        belongs_to("notification_batch", "batch_id"),
        sa.UniqueConstraint("tenant_id", "campaign_id", "account_id", "day"),
        sa.CheckConstraint("(batch_id IS NULL) <> (reason IS NULL)", name="told_or_reason"),
    )

    campaign_id: Mapped[int]
    account_id: Mapped[int]
    day: Mapped[dt.date]
    batch_id: Mapped[int | None]
    reason: Mapped[str | None]


class Recipient(TenantOwned, Model):
    """Somebody whom a campaign reaches, frozen at its start: pending → granted, or skipped with the reason.

    What became of the message stands in its own row (kind, campaign, fan); `notice_id` says why there is
    none.
    """

    __tablename__ = "campaign_recipient"
    __table_args__ = (
        belongs_to("campaign", "campaign_id"),
        belongs_to("fan", "fan_id"),
        belongs_to("campaign_notice", "notice_id"),
        sa.Index(None, "tenant_id", "campaign_id", "state", "fan_id"),
        sa.Index(
            None,
            "tenant_id",
            "campaign_id",
            "reason",
            "fan_id",
            postgresql_where=sa.text("reason IS NOT NULL"),
        ),
        sa.Index(None, "tenant_id", "notice_id", "fan_id", postgresql_where=sa.text("notice_id IS NOT NULL")),
        sa.CheckConstraint(
            f"state IN ({', '.join(repr(state) for state in RECIPIENT_STATES)})", name="state_known"
        ),
        sa.CheckConstraint("(state = 'skipped') = (reason IS NOT NULL)", name="skipped_has_reason"),
        sa.CheckConstraint("(state = 'pending') = (at IS NULL)", name="settled_has_time"),
    )

    campaign_id: Mapped[int] = mapped_column(primary_key=True)
    fan_id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int]
    state: Mapped[str]
    reason: Mapped[str | None]
    notice_id: Mapped[int | None]
    at: Mapped[dt.datetime | None]
